#ifndef LICTOR_DNS_REPLY_H
#define LICTOR_DNS_REPLY_H

/**
 * An answer under construction, written over the query behind its question.
 *
 * Sections are written in their order; nothing written is taken back. Callers check that a record
 * fits before they emit it.
 */

#include <string.h>

#include "dataplane/dns/dns_layout.h"
#include "dataplane/dns/dns_query.h"
#include "dataplane/dns/dns_random.h"

struct dns_reply {
        const struct dns_env *env;
        const struct dns_query *query;
        uint8_t *data;
        uint32_t at;         /* where the next record goes */
        uint32_t limit;      /* records end here; room for EDNS is kept behind it */
        uint32_t capacity;   /* of the buffer */
        uint32_t answer_max; /* records in the answer section */
        uint32_t domain_at;  /* where the main domain is written out for pointers; 0: nowhere */
        uint16_t counts[3];
        uint16_t edns_length; /* 0 without EDNS */
        bool full_owners;     /* no compression */
        bool truncated;       /* answers were left out for want of room or by the UDP limit */
};

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

/** Write the EDNS record, for which room was kept. */
void dns_reply_edns(struct dns_reply *reply, enum dns_rcode rcode);

/** A header without question or records. */
void dns_reply_error(struct dns_message *message, enum dns_rcode rcode);

/** The zone's SOA, where there is room for it. */
void dns_reply_soa(struct dns_reply *reply, enum dns_section section);

/** Write the main domain as the next record's owner; returns the bytes it took. */
uint32_t dns_reply_domain_owner(struct dns_reply *reply);
uint32_t dns_reply_domain_owner_size(const struct dns_reply *reply);

static inline uint32_t dns_reply_room(const struct dns_reply *reply)
{
        return reply->limit - reply->at;
}

/* Bytes a record with a two-byte owner takes when the question's name owns it. */
static inline uint32_t dns_reply_size(const struct dns_reply *reply, uint32_t length)
{
        return reply->full_owners ? length - 2 + reply->query->name_length : length;
}

/*
 * Copy a record, in whole words where the buffer has room for them: the source always has
 * DNS_PAYLOAD_SLACK spare bytes, and what is written too much is overwritten or cut off.
 */
static inline void dns_reply_copy(struct dns_reply *reply, const uint8_t *record, uint32_t length)
{
        uint8_t *to = reply->data + reply->at;

        if (reply->at + length + DNS_PAYLOAD_SLACK <= reply->capacity)
                for (uint32_t i = 0; i < length; i += 16)
                        memcpy(to + i, record + i, 16);
        else
                memcpy(to, record, length);
        reply->at += length;
}

/* Emit a record the question's name owns. Returns the offset of its type field minus two. */
static inline uint32_t dns_reply_emit(struct dns_reply *reply, enum dns_section section,
                                      const uint8_t *record, uint32_t length)
{
        if (reply->full_owners) {
                memcpy(reply->data + reply->at, reply->data + DNS_HEADER_LENGTH,
                       reply->query->name_length);
                reply->at += reply->query->name_length - 2u;
                memcpy(reply->data + reply->at + 2, record + 2, length - 2);
                reply->at += length;
        } else {
                dns_reply_copy(reply, record, length);
        }
        reply->counts[section]++;
        return reply->at - length;
}

/* Bytes the answer's EDNS record takes. */
static inline uint32_t dns_reply_edns_length(const struct dns_query *query)
{
        if (!query->has_edns)
                return 0;
        return DNS_OPT_LENGTH + (query->has_ecs ? DNS_ECS_HEADER + query->ecs.length : 0);
}

/** Begin an answer; nothing is written before the first emit, so a punt may still follow. */
static inline void dns_reply_open(struct dns_reply *reply, const struct dns_env *env,
                                  const struct dns_message *message, const struct dns_query *query)
{
        uint32_t limit = message->capacity, edns = dns_reply_edns_length(query);

        reply->env = env;
        reply->query = query;
        reply->data = message->data;
        reply->at = query->end;
        reply->capacity = message->capacity;
        reply->answer_max = UINT32_MAX;
        reply->domain_at = 0;
        reply->truncated = false;
        reply->full_owners = env->zone->disable_compression;
        memset(reply->counts, 0, sizeof(reply->counts));
        if (env->transport == DNS_UDP) {
                uint32_t size = DNS_UDP_PLAIN_MAX;

                if (query->udp_size > size)
                        size = query->udp_size;
                else
                        reply->answer_max = env->zone->udp_answer_limit;
                if (size < limit)
                        limit = size;
        }
        // Only a buffer cut to the query's size can lack this room, when the subnet's option grows
        // in its answer; that one then goes without EDNS.
        if (query->end + edns > limit)
                edns = 0;
        reply->edns_length = (uint16_t)edns;
        reply->limit = limit - edns;
}

/* Opcode, RD and CD of the query; a notification's answer copies only the opcode. */
static inline unsigned dns_echoed_flags(const uint8_t *data)
{
        unsigned flags = load_be16(data + 2);

        if ((flags & DNS_FLAG_OPCODE) != 0)
                return flags & DNS_FLAG_OPCODE;
        return flags & (DNS_FLAG_RD | DNS_FLAG_CD);
}

/** Add EDNS, write the header, and set the message's length, rcode and verdict. */
static inline void dns_reply_close(struct dns_reply *reply, struct dns_message *message,
                                   enum dns_rcode rcode)
{
        const struct dns_zone *zone = reply->env->zone;
        uint8_t *data = reply->data;
        unsigned flags = dns_echoed_flags(data) | zone->answer_flags | (unsigned)rcode;

        if (reply->edns_length != 0)
                dns_reply_edns(reply, rcode);
        if (rcode == DNS_SERVFAIL)
                flags |= DNS_FLAG_RA;
        else if (rcode != DNS_REFUSED)
                flags |= DNS_FLAG_AA;
        if (reply->truncated && zone->enable_truncate)
                flags |= DNS_FLAG_TC;
        store_be16(data + 2, (uint16_t)flags);
        store_be32(data + 4, 1u << 16 | reply->counts[DNS_ANSWER]);
        store_be32(data + 8,
                   (uint32_t)reply->counts[DNS_AUTHORITY] << 16 | reply->counts[DNS_ADDITIONAL]);
        message->length = (uint16_t)reply->at;
        message->rcode = (uint8_t)rcode;
        message->verdict = DNS_ANSWERED;
}

#endif
