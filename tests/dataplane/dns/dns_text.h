#ifndef LICTOR_TEST_DNS_TEXT_H
#define LICTOR_TEST_DNS_TEXT_H

/**
 * DNS messages as text, so that expectations read like dig's output.
 *
 * One line a fact: "NOERROR qr aa rd", "? NAME TYPE" for the question, then a line a record with a
 * sign for its section: "=" answer, "^" authority, "+" additional. Each section's lines are sorted.
 *
 *      NOERROR qr aa rd
 *      ? web.service.consul. SRV
 *      = web.service.consul. 5 SRV 1 1 8080 alpha.node.dc1.consul.
 *      + alpha.node.dc1.consul. 5 A 10.0.1.1
 *      + . OPT 1400
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_TEXT_MAX (1u << 20)

/**
 * Decode a message strictly: every count, name, pointer and length is checked, and nothing may
 * follow the last record. returns  false for a message that is not sound; @text then says why.
 */
bool dns_text_decode(const uint8_t *data, size_t length, char *text, size_t size);

/* A question to encode. */
struct dns_text_query {
        const char *name; /* dotted; "." is the root */
        uint16_t type;
        uint16_t edns;  /* size to advertise; 0 for none */
        uint16_t flags; /* besides RD */
        const uint8_t *options;
        uint16_t option_length;
        bool no_rd;
};

#define DNS_TEXT_ID 0xbeefu

/** Encode a question. returns  its length. */
size_t dns_text_encode(const struct dns_text_query *query, uint8_t *data, size_t size);

/** Number of a type by name, e.g. "SRV" or "TYPE65". */
uint16_t dns_text_type(const char *name);

/** Sort the lines of each section of an expectation, as dns_text_decode does. */
void dns_text_sort(char *text);

#endif
