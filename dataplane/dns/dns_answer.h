#ifndef LICTOR_DNS_ANSWER_H
#define LICTOR_DNS_ANSWER_H

/** From a parsed question and what was found for it to the finished answer. */

#include "dataplane/dns/dns_reply.h"

/**
 * Answer one message.
 * @entry  what the question's key found, or NULL.
 */
void dns_answer(const struct dns_env *env, struct dns_message *message,
                const struct dns_query *query, const struct svc_entry *entry);

/**
 * Answer a question that is ready with what is ready for it, and say how the message's sum changed.
 * returns  false when it cannot be done so; nothing is written then.
 */
bool dns_answer_ready(const struct dns_env *env, struct dns_message *message,
                      const struct dns_query *query, const struct dns_payload *payload);

/* Address records of one or both families. */
struct dns_addresses {
        const uint8_t *a;
        const uint8_t *aaaa;
        uint32_t a_count;
        uint32_t aaaa_count;
};

/** What an ANY question finds. */
static inline struct dns_addresses dns_any_addresses(const struct dns_payload *payload)
{
        const struct dns_lists *lists = dns_payload_lists(payload);
        const struct dns_more_lists *more = dns_payload_more(payload);

        return (struct dns_addresses){
            .a = dns_payload_at(payload, more == NULL ? lists->a_at : more->any_a_at),
            .aaaa = dns_payload_at(payload, more == NULL ? lists->aaaa_at : more->any_aaaa_at),
            .a_count = more == NULL ? lists->a_count : more->any_a_count,
            .aaaa_count = more == NULL ? lists->aaaa_count : more->any_aaaa_count,
        };
}

/** The i-th of them, A before AAAA, and its length. */
static inline const uint8_t *dns_address_record(const struct dns_addresses *addresses, uint32_t i,
                                                uint32_t *length)
{
        if (i < addresses->a_count) {
                *length = DNS_RECORD_A_LENGTH;
                return addresses->a + (size_t)i * DNS_RECORD_A_LENGTH;
        }
        *length = DNS_RECORD_AAAA_LENGTH;
        return addresses->aaaa + (size_t)(i - addresses->a_count) * DNS_RECORD_AAAA_LENGTH;
}

/** Answer SERVFAIL what would have to be looked up. */
void dns_answer_failed(const struct dns_env *env, struct dns_message *message,
                       const struct dns_query *query);

/* Whose name owns the records of blocks. */
enum dns_block_owner { DNS_OWNER_QUESTION, DNS_OWNER_DOMAIN };

/**
 * Emit up to @max blocks in random order, then what belongs beside them into the additional
 * section. As many as fit together with their glue, of which metadata is left out where it would
 * cost a record; the first goes without glue when it must.
 */
void dns_reply_blocks(struct dns_reply *reply, const struct dns_payload *payload,
                      enum dns_section section, enum dns_block_owner owner, uint32_t max);

/* Following names inside the zone. */
struct dns_alias {
        const struct dns_payload *first; /* where the chain began */
        enum dns_section section;
        bool ttl_fixed; /* a service in the chain lends its TTL to all that follows */
        uint32_t ttl_s;
        uint32_t records_left;
};

/** @ttl_s  of the record that holds the name. */
struct dns_alias dns_alias_begin(const struct dns_reply *reply, const struct dns_payload *first,
                                 enum dns_section section, uint32_t ttl_s);

/**
 * Append what an ANY question for a name inside the zone finds, through at most three names.
 * @target_at  where that name stands, written in full, in the answer.
 */
void dns_alias_follow(struct dns_reply *reply, struct dns_alias *alias, uint32_t target_at);

#endif
