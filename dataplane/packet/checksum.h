#ifndef LICTOR_CHECKSUM_H
#define LICTOR_CHECKSUM_H

/**
 * The Internet checksum (RFC 1071). Sums are taken over words as they lie in memory, which gives
 * the same bytes on either endianness; results are loaded and stored without byte swapping.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lictor/bytes.h"

/**
 * Add n bytes to a running sum. An odd last byte is padded with zero, so only the last piece of a
 * sum may be odd.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t n);

/** Fold a running sum to 16 bits, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
        sum = (sum & 0xffffffffu) + (sum >> 32);
        sum = (sum & 0xffffffffu) + (sum >> 32);
        sum = (sum & 0xffffu) + (sum >> 16);
        sum = (sum & 0xffffu) + (sum >> 16);
        return (uint16_t)sum;
}

static inline uint16_t checksum_load(const uint8_t *p)
{
        uint16_t word;

        memcpy(&word, p, sizeof(word));
        return word;
}

static inline void checksum_store(uint8_t *p, uint16_t word)
{
        memcpy(p, &word, sizeof(word));
}

/** A host-order value as the word it is on the wire. */
static inline uint16_t checksum_word(uint16_t value)
{
        uint8_t bytes[2];

        store_be16(bytes, value);
        return checksum_load(bytes);
}

static inline uint32_t checksum_load32(const uint8_t *p)
{
        uint32_t word;

        memcpy(&word, p, sizeof(word));
        return word;
}

/** The sum of an IPv4 header without options: five words, worth inlining. */
static inline uint64_t checksum_ipv4_header(const uint8_t *ip)
{
        return (uint64_t)checksum_load32(ip) + checksum_load32(ip + 4) + checksum_load32(ip + 8) +
               checksum_load32(ip + 12) + checksum_load32(ip + 16);
}

/**
 * The pseudo-header's sum (RFC 768, RFC 8200 8.1): addresses, protocol and upper-layer length.
 * @ip  the IPv4 or IPv6 header; only its addresses are read.
 */
uint64_t checksum_pseudo_header(const uint8_t *ip, uint8_t ip_version, uint8_t protocol,
                                uint16_t length);

/** Change one 16-bit word under a complemented checksum (RFC 1624, equation 3). */
uint16_t checksum_replace(uint16_t checksum, uint16_t from, uint16_t to);

#endif
