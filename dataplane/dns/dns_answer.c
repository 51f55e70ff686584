#include "dataplane/dns/dns_answer.h"

#include <string.h>

static uint32_t least(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static void close_without_data(struct dns_reply *reply, struct dns_message *message,
                               enum dns_rcode rcode)
{
        dns_reply_soa(reply, DNS_AUTHORITY);
        dns_reply_close(reply, message, rcode);
}

// Random addresses, as many as limits and room allow.
static void emit_many(struct dns_reply *reply, const struct dns_addresses *addresses)
{
        uint32_t picks[DNS_CHOICE_WINDOW];
        uint32_t total = addresses->a_count + addresses->aaaa_count;
        uint32_t wanted = least(total, reply->env->zone->a_record_limit);
        uint32_t count = least(wanted, least(reply->answer_max, DNS_CHOICE_WINDOW));
        uint32_t smallest = addresses->a_count > 0 ? DNS_RECORD_A_LENGTH : DNS_RECORD_AAAA_LENGTH;
        uint32_t length, emitted = 0;

        count = least(count, dns_reply_room(reply) / dns_reply_size(reply, smallest));
        dns_choose(reply->env->random, total, count, picks);
        for (; emitted < count; emitted++) {
                const uint8_t *record = dns_address_record(addresses, picks[emitted], &length);

                if (dns_reply_room(reply) < dns_reply_size(reply, length))
                        break;
                dns_reply_emit(reply, DNS_ANSWER, record, length);
        }
        if (emitted < wanted)
                reply->truncated = true;
}

static inline void emit_addresses(struct dns_reply *reply, const struct dns_addresses *addresses)
{
        const uint8_t *record;
        uint32_t length;

        if (addresses->a_count + addresses->aaaa_count != 1) {
                emit_many(reply, addresses);
                return;
        }
        record = dns_address_record(addresses, 0, &length);
        if (reply->answer_max > 0 && dns_reply_room(reply) >= dns_reply_size(reply, length))
                dns_reply_emit(reply, DNS_ANSWER, record, length);
        else
                reply->truncated = true;
}

// A random one of the CNAMEs, and what it leads to. Returns false when only the slow path can.
static bool emit_cname(struct dns_reply *reply, const struct dns_payload *payload)
{
        const struct dns_env *env = reply->env;
        uint32_t count = dns_payload_cname_count(payload);
        uint32_t pick = count == 1 ? 0 : dns_random_below(env->random, count);
        const struct dns_block *block = &dns_payload_cnames(payload)[pick];
        const uint8_t *wire = dns_block_wire(block);
        uint32_t at;

        if (!env->follow_aliases && ((block->flags & DNS_BLOCK_ALIAS) != 0 || env->zone->recursion))
                return false;
        if (reply->answer_max == 0 ||
            dns_reply_room(reply) < dns_reply_size(reply, block->record_length)) {
                reply->truncated = true;
                return true;
        }
        at = dns_reply_emit(reply, DNS_ANSWER, wire, block->record_length);
        if ((block->flags & DNS_BLOCK_ALIAS) != 0) {
                struct dns_alias alias =
                    dns_alias_begin(reply, payload, DNS_ANSWER, load_be32(wire + DNS_RECORD_TTL));

                dns_alias_follow(reply, &alias, at + block->target);
        }
        return true;
}

static inline struct dns_addresses select_addresses(const struct dns_payload *payload,
                                                    uint16_t type)
{
        const struct dns_lists *lists = dns_payload_lists(payload);
        struct dns_addresses none = {0};

        switch (type) {
        case DNS_TYPE_A:
                none.a = dns_payload_at(payload, lists->a_at);
                none.a_count = lists->a_count;
                return none;
        case DNS_TYPE_AAAA:
                none.aaaa = dns_payload_at(payload, lists->aaaa_at);
                none.aaaa_count = lists->aaaa_count;
                return none;
        case DNS_TYPE_ANY:
        case DNS_TYPE_TXT:
                return dns_any_addresses(payload);
        default:
                return none;
        }
}

static bool needs_slow_path(const struct dns_env *env, const struct dns_payload *payload)
{
        if (env->follow_aliases)
                return false;
        return (payload->flags & DNS_PAYLOAD_SRV_ALIAS) != 0 ||
               (env->zone->recursion && (payload->flags & DNS_PAYLOAD_SRV_FOREIGN) != 0);
}

static inline void answer_service(const struct dns_env *env, struct dns_message *message,
                                  const struct dns_query *query, const struct dns_payload *payload)
{
        struct dns_reply reply;

        dns_reply_open(&reply, env, message, query);
        if (query->type == DNS_TYPE_SRV && dns_payload_lists(payload)->block_count > 0) {
                if (payload->flags != 0 && needs_slow_path(env, payload)) {
                        message->verdict = DNS_PUNT;
                        return;
                }
                dns_reply_blocks(&reply, payload, DNS_ANSWER, DNS_OWNER_QUESTION, UINT32_MAX);
        } else {
                struct dns_addresses addresses = select_addresses(payload, query->type);

                if (addresses.a_count + addresses.aaaa_count > 0) {
                        emit_addresses(&reply, &addresses);
                } else if (dns_payload_cname_count(payload) == 0 || query->type == DNS_TYPE_SRV) {
                        close_without_data(&reply, message, DNS_NOERROR);
                        return;
                } else if (!emit_cname(&reply, payload)) {
                        message->verdict = DNS_PUNT;
                        return;
                }
        }
        dns_reply_close(&reply, message, DNS_NOERROR);
}

// A node has one address of each family, or a CNAME, and its metadata as TXT.
static void answer_node(const struct dns_env *env, struct dns_message *message,
                        const struct dns_query *query, const struct dns_payload *payload)
{
        struct dns_addresses addresses = select_addresses(payload, query->type);
        bool only_txt = query->type == DNS_TYPE_TXT;
        struct dns_reply reply;

        dns_reply_open(&reply, env, message, query);
        if (!only_txt && dns_payload_cname_count(payload) > 0) {
                if (!emit_cname(&reply, payload)) {
                        message->verdict = DNS_PUNT;
                        return;
                }
        } else if (!only_txt && addresses.a_count + addresses.aaaa_count > 0) {
                emit_addresses(&reply, &addresses);
        }
        if (only_txt || query->type == DNS_TYPE_ANY)
                dns_reply_blocks(&reply, payload, DNS_ANSWER, DNS_OWNER_QUESTION, UINT32_MAX);
        else if (env->zone->node_meta_txt)
                dns_reply_blocks(&reply, payload, DNS_ADDITIONAL, DNS_OWNER_QUESTION, UINT32_MAX);
        dns_reply_close(&reply, message, DNS_NOERROR);
}

static void answer_reverse(const struct dns_env *env, struct dns_message *message,
                           const struct dns_query *query, const struct dns_payload *payload)
{
        struct dns_reply reply;

        if (payload == NULL && env->zone->recursion && !env->answer_all) {
                message->verdict = DNS_PUNT;
                return;
        }
        dns_reply_open(&reply, env, message, query);
        if (payload == NULL) {
                dns_reply_close(&reply, message, DNS_SERVFAIL);
                return;
        }
        dns_reply_blocks(&reply, payload, DNS_ANSWER, DNS_OWNER_QUESTION, UINT32_MAX);
        if (query->type == DNS_TYPE_SOA)
                dns_reply_soa(&reply, DNS_AUTHORITY);
        dns_reply_close(&reply, message, DNS_NOERROR);
}

static void answer_zone(const struct dns_env *env, struct dns_message *message,
                        const struct dns_query *query, const struct dns_payload *servers)
{
        enum dns_section section = DNS_ANSWER;
        struct dns_reply reply;

        dns_reply_open(&reply, env, message, query);
        if (query->type == DNS_TYPE_SOA) {
                section = DNS_AUTHORITY;
                if (reply.answer_max > 0)
                        dns_reply_soa(&reply, DNS_ANSWER);
                reply.truncated = reply.counts[DNS_ANSWER] == 0;
        }
        if (servers != NULL)
                dns_reply_blocks(&reply, servers, section, DNS_OWNER_DOMAIN, DNS_NS_MAX);
        dns_reply_close(&reply, message, DNS_NOERROR);
}

// The record of an addr name is made on the spot, whatever the type asked for; its owner lies
// under the main domain.
static void answer_address(const struct dns_env *env, struct dns_message *message,
                           const struct dns_query *query)
{
        const struct dns_domain *domain = dns_zone_main(env->zone);
        const uint8_t *text = query->text + DNS_QUERY_NAME;
        uint16_t type = query->address_length == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
        bool as_asked;
        uint32_t owner_length;
        struct dns_reply reply;
        uint8_t *to;

        dns_reply_open(&reply, env, message, query);
        if (query->domain_offset + domain->length > (int)DNS_NAME_MAX) {
                close_without_data(&reply, message, DNS_NXDOMAIN);
                return;
        }
        as_asked = !reply.full_owners && query->main_domain &&
                   memcmp(text, reply.data + DNS_HEADER_LENGTH, query->name_length) == 0;
        owner_length = as_asked ? 2u : (uint32_t)query->domain_offset + domain->length;
        if (reply.answer_max == 0 ||
            dns_reply_room(&reply) < owner_length + 10 + query->address_length) {
                reply.truncated = true;
                dns_reply_close(&reply, message, DNS_NOERROR);
                return;
        }
        to = reply.data + reply.at;
        if (as_asked) {
                store_be16(to, DNS_POINTER_QUESTION);
        } else {
                memcpy(to, text, query->domain_offset);
                memcpy(to + query->domain_offset, domain->name.wire, domain->length);
        }
        to += owner_length;
        store_be16(to, type);
        store_be16(to + 2, DNS_CLASS_IN);
        store_be32(to + 4, env->zone->node_ttl_s);
        store_be16(to + 8, query->address_length);
        memcpy(to + 10, query->address, query->address_length);
        reply.at += owner_length + 10 + query->address_length;
        reply.counts[DNS_ANSWER]++;
        dns_reply_close(&reply, message, DNS_NOERROR);
}

static void answer_plainly(const struct dns_env *env, struct dns_message *message,
                           const struct dns_query *query, enum dns_rcode rcode)
{
        struct dns_reply reply;

        dns_reply_open(&reply, env, message, query);
        if (rcode == DNS_NXDOMAIN)
                dns_reply_soa(&reply, DNS_AUTHORITY);
        dns_reply_close(&reply, message, rcode);
}

// Without EDNS, as Consul does: whoever asks for a foreign name is not talking to a server for it.
static void answer_refused(const struct dns_env *env, struct dns_message *message,
                           const struct dns_query *query)
{
        struct dns_reply reply;

        dns_reply_open(&reply, env, message, query);
        reply.edns_length = 0;
        dns_reply_close(&reply, message, DNS_REFUSED);
}

// Resolvers remember that a name does not exist, but not that nobody knows.
static void answer_missing(const struct dns_env *env, struct dns_message *message,
                           const struct dns_query *query)
{
        unsigned flags;

        if (!env->zone->unready && !env->unreached) {
                answer_plainly(env, message, query, DNS_NXDOMAIN);
                return;
        }
        answer_plainly(env, message, query, DNS_SERVFAIL);
        // It is this server's failure, no other resolver's.
        flags = load_be16(message->data + 2) & ~(unsigned)DNS_FLAG_RA;
        store_be16(message->data + 2, (uint16_t)(flags | env->zone->answer_flags | DNS_FLAG_AA));
}

static void answer_found(const struct dns_env *env, struct dns_message *message,
                         const struct dns_query *query, const struct svc_entry *entry)
{
        const struct dns_payload *payload = entry == NULL ? NULL : dns_payload_of(entry);

        switch (query->kind) {
        case DNS_KIND_REVERSE:
                answer_reverse(env, message, query, payload);
                return;
        case DNS_KIND_NAMESERVERS:
                answer_zone(env, message, query, payload);
                return;
        default:
                break;
        }
        if (payload == NULL && query->kind == DNS_KIND_QUERY && env->zone->query_templates &&
            !env->answer_all)
                message->verdict = DNS_PUNT;
        else if (payload == NULL)
                answer_missing(env, message, query);
        else
                answer_node(env, message, query, payload);
}

void dns_answer_failed(const struct dns_env *env, struct dns_message *message,
                       const struct dns_query *query)
{
        answer_plainly(env, message, query, DNS_SERVFAIL);
}

void dns_answer(const struct dns_env *env, struct dns_message *message,
                const struct dns_query *query, const struct svc_entry *entry)
{
        if (entry != NULL && query->kind <= DNS_KIND_QUERY) {
                answer_service(env, message, query, dns_payload_of(entry));
                return;
        }
        switch ((enum dns_action)query->action) {
        case DNS_LOOK_UP:
                answer_found(env, message, query, entry);
                return;
        case DNS_SAY_NXDOMAIN:
                answer_plainly(env, message, query, DNS_NXDOMAIN);
                return;
        case DNS_SAY_ELSEWHERE:
                if (env->zone->datacenters && !env->answer_all)
                        message->verdict = DNS_PUNT;
                else
                        answer_missing(env, message, query);
                return;
        case DNS_SAY_NOTHING:
                answer_plainly(env, message, query, DNS_NOERROR);
                return;
        case DNS_SAY_ADDRESS:
                answer_address(env, message, query);
                return;
        case DNS_SAY_UNSUPPORTED:
                answer_plainly(env, message, query, DNS_NOTIMP);
                return;
        case DNS_SAY_NO_REVERSE:
                answer_reverse(env, message, query, NULL);
                return;
        case DNS_SAY_FOREIGN:
                if (env->zone->recursion && env->answer_all)
                        answer_plainly(env, message, query, DNS_SERVFAIL);
                else if (env->zone->recursion)
                        message->verdict = DNS_PUNT;
                else
                        answer_refused(env, message, query);
                return;
        case DNS_SAY_ERROR:
                dns_reply_error(message, (enum dns_rcode)query->rcode);
                return;
        case DNS_SAY_VERDICT:
                message->verdict = query->verdict;
                return;
        }
}
