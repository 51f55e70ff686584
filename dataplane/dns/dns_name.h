#ifndef LICTOR_DNS_NAME_H
#define LICTOR_DNS_NAME_H

/* Names as text and on the wire. Text has no escapes: labels are whatever stands between dots. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dns/dns_wire.h"
#include "lictor/bytes.h"

/* A wire name under construction, and room for whole-word loads behind it. */
struct dns_name {
        uint16_t length;
        uint8_t wire[DNS_NAME_MAX + 9];
};

/**
 * Append the labels of a dotted text; a final dot is accepted. An empty text appends nothing.
 * returns  0, or -EINVAL for an empty or long label or a long name (one byte is kept for the root).
 */
int dns_name_append(struct dns_name *name, const char *text);

/** Append finished wire bytes, e.g. a domain with its root. returns 0 or -EINVAL when too long. */
int dns_name_append_wire(struct dns_name *name, const uint8_t *wire, size_t length);

/** A complete name, root included, from text. returns 0, or -EINVAL as above or when empty. */
int dns_name_from_text(struct dns_name *name, const char *text);

/** ASCII letters to lower case; length bytes are below 'A' and stay as they are (RFC 4343). */
void dns_name_lower(struct dns_name *name);

/* Lower-case eight bytes at once, without branches. */
static inline uint64_t dns_lower_word(uint64_t word)
{
        const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
        uint64_t low_bits = word & ~high;
        uint64_t from_a = low_bits + (0x80 - 'A') * ones;
        uint64_t beyond_z = low_bits + (0x80 - 'Z' - 1) * ones;

        return word | ((from_a ^ beyond_z) & ~word & high) >> 2;
}

/*
 * Lower-case n bytes (n > 0) from source to target, eight at a time. The last word overlaps the one
 * before it, so nothing behind the source is read; instead up to seven bytes before source are
 * read and before target are written.
 */
static inline void dns_lower_copy(uint8_t *target, const uint8_t *source, size_t n)
{
        uint64_t word;

        for (size_t i = 0; i + 8 <= n; i += 8) {
                word = dns_lower_word(load_u64(source + i));
                memcpy(target + i, &word, sizeof(word));
        }
        word = dns_lower_word(load_u64(source + n - 8));
        memcpy(target + n - 8, &word, sizeof(word));
}

/* Whether a word in any case is, under a mask, one in lower case. Most come in lower case. */
static inline bool dns_word_is(uint64_t any, uint64_t lower, uint64_t mask)
{
        return ((any ^ lower) & mask) == 0 || ((dns_lower_word(any) ^ lower) & mask) == 0;
}

/* Lower-case n bytes in whole words: up to seven more are read, and written. */
static inline void dns_lower_words(uint8_t *target, const uint8_t *source, size_t n)
{
        for (size_t i = 0; i < n; i += 8) {
                uint64_t word = dns_lower_word(load_u64(source + i));

                memcpy(target + i, &word, sizeof(word));
        }
}

/* Whether n bytes in any case are those given in lower case. */
static inline bool dns_equals_lower(const uint8_t *any, const uint8_t *lower, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint8_t upper = any[i] >= 'A' && any[i] <= 'Z' ? 'a' - 'A' : 0;

                if (any[i] + upper != lower[i])
                        return false;
        }
        return true;
}

#endif
