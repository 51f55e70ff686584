#ifndef LICTOR_DNS_LAYOUT_H
#define LICTOR_DNS_LAYOUT_H

/**
 * What a table entry holds: records in wire format, ready to be copied into an answer.
 *
 * First comes the head, with all that nearly every answer needs to know of the records right behind
 * it; then those records; and last the lists, which lead any other answer to its records. So an A
 * answer of a service with one instance reads one cache line of its entry, an SRV answer two.
 *
 * Every record begins with a two-byte owner, the pointer to the question's name; an answer that
 * needs another owner replaces it. Offsets are in bytes from the payload's first byte. Behind every
 * record there are DNS_PAYLOAD_SLACK readable bytes, so that copies may run in whole words.
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
#define DNS_PAYLOAD_MORE        0x10u /* struct dns_more_lists follows the lists */

/*
 * Questions whose answer is ready: the same records every time, copied in one piece. Such a piece
 * is an A record, or an SRV record and then its target's address.
 */
enum dns_ready { DNS_READY_A, DNS_READY_SRV, DNS_READY_COUNT, DNS_NOT_READY = DNS_READY_COUNT };

/* As many bytes are copied at once, and readable from where a piece begins. */
#define DNS_READY_COPY 64u

struct dns_payload {
        uint8_t kind;  /* enum dns_kind */
        uint8_t flags; /* DNS_PAYLOAD_* */
        /* Of each ready answer: its records' checksum_add sum, with the second's owner zero. */
        uint16_t ready_sum[DNS_READY_COUNT];
        uint8_t ready_length[DNS_READY_COUNT]; /* 0: there is none */
        uint8_t ready_at[DNS_READY_COUNT];
        uint8_t ready_second[DNS_READY_COUNT]; /* where in it a second record begins, or 0 */
        uint32_t lists;                        /* offset of struct dns_lists */
};
static_assert(sizeof(struct dns_payload) == 16, "with key and A record a head fills a cache line");

/* Address records of one family follow one another; so do blocks. Every at is an offset. */
struct dns_lists {
        uint32_t a_count;
        uint32_t a_at;
        uint32_t aaaa_count;
        uint32_t aaaa_at;
        uint32_t block_count; /* SRV of services, TXT of nodes, PTR, NS */
        uint32_t block_at;
};

/* What few entries have, behind the lists. Without it ANY finds the address records above. */
struct dns_more_lists {
        uint32_t any_a_count;
        uint32_t any_a_at;
        uint32_t any_aaaa_count;
        uint32_t any_aaaa_at;
        uint32_t cname_count;
        uint32_t cname_at; /* of blocks */
};

/* Of a block: where its name leads. */
#define DNS_BLOCK_ALIAS   0x01u /* inside the zone */
#define DNS_BLOCK_FOREIGN 0x02u /* a host name outside */

/* One record, and what belongs beside it in the additional section. */
struct dns_block {
        /* From the block to record_length bytes of record, node_length of the node's name, glue. */
        int32_t wire_at;
        uint32_t group;       /* index of the first block with the same glue */
        uint32_t glue_length; /* bytes of the glue as sent with compression */
        uint16_t record_length;
        uint16_t glue_count;
        uint8_t target; /* offset of the name inside the record */
        uint8_t flags;  /* DNS_BLOCK_* */
        uint8_t node_length;
        uint8_t unused;
};
static_assert(sizeof(struct dns_block) == 20, "blocks are packed");

/* Whose name owns a record of glue: held where its owner will be written. An address is first. */
enum dns_glue_owner { DNS_GLUE_TARGET, DNS_GLUE_NODE };

static inline const struct dns_payload *dns_payload_of(const struct svc_entry *entry)
{
        return (const struct dns_payload *)(const void *)svc_entry_payload(entry);
}

static inline const uint8_t *dns_payload_at(const struct dns_payload *payload, uint32_t offset)
{
        return (const uint8_t *)payload + offset;
}

static inline const struct dns_lists *dns_payload_lists(const struct dns_payload *payload)
{
        return (const struct dns_lists *)(const void *)dns_payload_at(payload, payload->lists);
}

/* Or NULL. */
static inline const struct dns_more_lists *dns_payload_more(const struct dns_payload *payload)
{
        if ((payload->flags & DNS_PAYLOAD_MORE) == 0)
                return NULL;
        return (const struct dns_more_lists *)(const void *)(dns_payload_lists(payload) + 1);
}

static inline uint32_t dns_payload_cname_count(const struct dns_payload *payload)
{
        const struct dns_more_lists *more = dns_payload_more(payload);

        return more == NULL ? 0 : more->cname_count;
}

static inline const struct dns_block *dns_payload_blocks(const struct dns_payload *payload)
{
        return (const struct dns_block *)(const void *)dns_payload_at(
            payload, dns_payload_lists(payload)->block_at);
}

/* Where there are any. */
static inline const struct dns_block *dns_payload_cnames(const struct dns_payload *payload)
{
        return (const struct dns_block *)(const void *)dns_payload_at(
            payload, dns_payload_more(payload)->cname_at);
}

static inline const uint8_t *dns_block_wire(const struct dns_block *block)
{
        return (const uint8_t *)block + block->wire_at;
}

static inline uint32_t dns_glue_length(const uint8_t *glue)
{
        return DNS_RECORD_DATA + load_be16(glue + DNS_RECORD_DATA - 2);
}

static inline enum dns_glue_owner dns_glue_owner(const uint8_t *glue)
{
        return (enum dns_glue_owner)glue[1];
}

#endif
