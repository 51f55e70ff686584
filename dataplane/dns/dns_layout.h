#ifndef LICTOR_DNS_LAYOUT_H
#define LICTOR_DNS_LAYOUT_H

/**
 * What a table entry holds: records in wire format, ready to be copied into an answer.
 *
 * Every record begins with a two-byte owner, the pointer to the question's name; an answer that
 * needs another owner replaces it. Offsets are in bytes from the payload's first byte. Address
 * records have fixed sizes; the others are blocks found through an index of 32-bit offsets.
 * The payload ends with DNS_PAYLOAD_SLACK spare bytes, so that copies may run in whole words.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dns/dns_key.h"

#define DNS_PAYLOAD_SLACK 16u

/* Of a payload: what its blocks need that few do. */
#define DNS_PAYLOAD_SRV_ALIAS   0x01u /* a service's SRV target lies inside the zone */
#define DNS_PAYLOAD_SRV_FOREIGN 0x02u /* one is a host name outside the zone */
#define DNS_PAYLOAD_SHARED_GLUE 0x04u /* several blocks have one target */
#define DNS_PAYLOAD_META_GLUE   0x08u /* metadata stands beside some block */

struct dns_payload {
        uint8_t kind;  /* enum dns_kind */
        uint8_t flags; /* DNS_PAYLOAD_* */
        uint16_t unused;
        uint32_t a_count;     /* A records, right behind this header */
        uint32_t aaaa_count;  /* AAAA records, behind those */
        uint32_t any_a_count; /* the A part of what ANY answers; may be the same records */
        uint32_t any_a;       /* their offset */
        uint32_t any_aaaa_count;
        uint32_t any_aaaa;
        uint32_t block_count; /* SRV of services, TXT of nodes, PTR, NS */
        uint32_t blocks;      /* offset of their index */
        uint32_t cname_count;
        uint32_t cnames;
};
static_assert(sizeof(struct dns_payload) == 44, "a one-instance A answer needs two cache lines");

/* Of a block: where its name leads. */
#define DNS_BLOCK_ALIAS   0x01u /* inside the zone */
#define DNS_BLOCK_FOREIGN 0x02u /* a host name outside */

/* One record, and what belongs beside it in the additional section. Four-byte aligned. */
struct dns_block {
        uint32_t group;       /* index of the first block with the same glue */
        uint32_t glue_length; /* bytes of the glue as sent with compression */
        uint16_t record_length;
        uint16_t glue_count;
        uint8_t target; /* offset of the name inside the record */
        uint8_t flags;  /* DNS_BLOCK_* */
        uint8_t node_length;
        uint8_t unused;
        /* record_length bytes of record, node_length bytes of the node's name, then the glue. */
        uint8_t wire[];
};
static_assert(offsetof(struct dns_block, wire) == 16, "records start behind a 16-byte header");

/* Glue records follow one another, an address first, each behind this header; unaligned. */
enum dns_glue_owner { DNS_GLUE_TARGET, DNS_GLUE_NODE };

struct dns_glue {
        uint8_t length[2]; /* big-endian, of the record */
        uint8_t owner;     /* enum dns_glue_owner */
        uint8_t wire[];
};
static_assert(offsetof(struct dns_glue, wire) == 3, "glue is packed");

static inline const struct dns_payload *dns_payload_of(const struct svc_entry *entry)
{
        return (const struct dns_payload *)(const void *)svc_entry_payload(entry);
}

static inline const uint8_t *dns_payload_at(const struct dns_payload *payload, uint32_t offset)
{
        return (const uint8_t *)payload + offset;
}

static inline const uint8_t *dns_payload_a(const struct dns_payload *payload)
{
        return (const uint8_t *)(payload + 1);
}

static inline const uint8_t *dns_payload_aaaa(const struct dns_payload *payload)
{
        return dns_payload_a(payload) + (size_t)payload->a_count * DNS_RECORD_A_LENGTH;
}

/* @index  payload->blocks or payload->cnames. */
static inline const struct dns_block *dns_payload_block(const struct dns_payload *payload,
                                                        uint32_t index, uint32_t i)
{
        const uint32_t *offsets = (const uint32_t *)(const void *)dns_payload_at(payload, index);

        return (const struct dns_block *)(const void *)dns_payload_at(payload, offsets[i]);
}

#endif
