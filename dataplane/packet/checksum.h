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

/*
 * One's complement addition: what is carried out of the top comes back in at the bottom, so that no
 * sum ever loses a carry, and a word of eight bytes costs two instructions.
 */
static inline uint64_t checksum_add_word(uint64_t sum, uint64_t word)
{
        sum += word;
        return sum + (sum < word);
}

/* The last n bytes before end, 1 to 8, as the first ones of a word; eight before end are read. */
static inline uint64_t checksum_load_last(const uint8_t *end, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return load_u64(end - 8) >> 8 * (8 - n);
#else
        return load_u64(end - 8) << 8 * (8 - n);
#endif
}

/* checksum_add of at least eight bytes. */
static inline uint64_t checksum_add_long(uint64_t sum, const uint8_t *data, size_t n)
{
        const uint8_t *end = data + n;
        uint64_t other = 0;

        // Two sums, for each waits for its own carry.
        for (; end - data > 16; data += 16) {
                sum = checksum_add_word(sum, load_u64(data));
                other = checksum_add_word(other, load_u64(data + 8));
        }
        if (end - data > 8) {
                sum = checksum_add_word(sum, load_u64(data));
                data += 8;
        }
        other = checksum_add_word(other, checksum_load_last(end, (size_t)(end - data)));
        return checksum_add_word(sum, other);
}

/**
 * Add n bytes to a running sum. An odd last byte is padded with zero, so only the last piece of a
 * sum may be odd.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t n);

/** Fold a running sum to 16 bits, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
        uint32_t half;

        // Adding a word to itself with its halves exchanged leaves their one's complement sum in
        // the upper half.
        sum += sum >> 32 | sum << 32;
        half = (uint32_t)(sum >> 32);
        half += half >> 16 | half << 16;
        return (uint16_t)(half >> 16);
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
