#include "dataplane/dns/dns_answer.h"

#include <string.h>

#define NAMES_MAX     3u // Consul follows a chain through as many names
#define PLAIN_RECORDS 5u // and without EDNS adds as many records to a service's

struct dns_alias dns_alias_begin(const struct dns_reply *reply, const struct dns_payload *first,
                                 enum dns_section section, uint32_t ttl_s)
{
        bool service = first->kind != DNS_KIND_NODE;

        return (struct dns_alias){
            .first = first,
            .section = section,
            .ttl_fixed = service,
            .ttl_s = ttl_s,
            .records_left = service && !reply->query->has_edns ? PLAIN_RECORDS : UINT32_MAX,
        };
}

// The length of an uncompressed name already checked and written.
static uint32_t name_length_at(const uint8_t *name)
{
        uint32_t length = 0;

        while (name[length] != 0)
                length += name[length] + 1u;
        return length + 1;
}

// Emit a record owned by a name that stands at owner_at. Returns where, or 0 when it is left out.
static uint32_t emit_below(struct dns_reply *reply, struct dns_alias *alias, uint32_t owner_at,
                           const uint8_t *record, uint32_t length)
{
        bool pointer = !reply->full_owners && owner_at < DNS_POINTER_REACH;
        uint32_t owner = pointer ? 2 : name_length_at(reply->data + owner_at);
        uint32_t at;

        if (alias->records_left == 0)
                return 0;
        if ((alias->section == DNS_ANSWER && reply->counts[DNS_ANSWER] >= reply->answer_max) ||
            dns_reply_room(reply) < length - 2 + owner) {
                reply->truncated |= alias->section == DNS_ANSWER;
                return 0;
        }
        at = reply->at + owner - 2;
        if (pointer)
                store_be16(reply->data + reply->at, (uint16_t)(DNS_POINTER | owner_at));
        else
                memcpy(reply->data + reply->at, reply->data + owner_at, owner);
        memcpy(reply->data + at + 2, record + 2, length - 2);
        if (alias->ttl_fixed)
                store_be32(reply->data + at + DNS_RECORD_TTL, alias->ttl_s);
        reply->at = at + length;
        reply->counts[alias->section]++;
        if (alias->records_left != UINT32_MAX)
                alias->records_left--;
        return at;
}

static void emit_computed(struct dns_reply *reply, struct dns_alias *alias, uint32_t owner_at,
                          const struct dns_query *target)
{
        uint8_t record[DNS_RECORD_AAAA_LENGTH];

        store_be16(record, DNS_POINTER_QUESTION);
        store_be16(record + 2, target->address_length == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
        store_be16(record + 4, DNS_CLASS_IN);
        store_be32(record + DNS_RECORD_TTL, reply->env->zone->node_ttl_s);
        store_be16(record + 10, target->address_length);
        memcpy(record + DNS_RECORD_DATA, target->address, target->address_length);
        emit_below(reply, alias, owner_at, record, DNS_RECORD_DATA + target->address_length);
}

static void emit_all_addresses(struct dns_reply *reply, struct dns_alias *alias, uint32_t owner_at,
                               const struct dns_addresses *addresses)
{
        uint32_t picks[DNS_CHOICE_WINDOW];
        uint32_t total = addresses->a_count + addresses->aaaa_count;
        uint32_t limit = reply->env->zone->a_record_limit;
        uint32_t count = total < limit ? total : limit;

        if (count > DNS_CHOICE_WINDOW)
                count = DNS_CHOICE_WINDOW;
        dns_choose(reply->env->random, total, count, picks);
        for (uint32_t i = 0; i < count; i++) {
                uint32_t length;
                const uint8_t *record = dns_address_record(addresses, picks[i], &length);

                if (emit_below(reply, alias, owner_at, record, length) == 0)
                        return;
        }
}

static const struct dns_payload *find_target(const struct dns_env *env,
                                             const struct dns_query *target)
{
        struct svc_key key = {.bytes = dns_query_key(target), .length = target->key_length};
        const struct svc_entry *entry;

        key.hash = svc_key_hash(key.bytes, key.length);
        if (svc_table_lookup_burst(env->table, &key, &entry, 1) == 0)
                return NULL;
        return dns_payload_of(entry);
}

// Whoever first is a service in the chain decides the TTL and the number of all that follows.
static void enter_service(const struct dns_reply *reply, struct dns_alias *alias,
                          const struct dns_payload *payload, uint32_t ttl_s)
{
        if (alias->ttl_fixed || payload->kind == DNS_KIND_NODE)
                return;
        alias->ttl_fixed = true;
        alias->ttl_s = ttl_s;
        // Its own first record comes on top.
        if (!reply->query->has_edns)
                alias->records_left = PLAIN_RECORDS + 1;
}

void dns_alias_follow(struct dns_reply *reply, struct dns_alias *alias, uint32_t target_at)
{
        const struct dns_payload *visited[NAMES_MAX + 1] = {alias->first};

        for (unsigned names = 1; names <= NAMES_MAX; names++) {
                const uint8_t *name = reply->data + target_at;
                const struct dns_payload *payload;
                const struct dns_block *block;
                struct dns_addresses addresses;
                struct dns_query target;
                const uint8_t *wire;
                uint32_t cname_count;

                if (!dns_parse_target(reply->env->zone, name, name_length_at(name), &target))
                        return;
                if (target.action == DNS_SAY_ADDRESS)
                        emit_computed(reply, alias, target_at, &target);
                if (target.action != DNS_LOOK_UP)
                        return;
                payload = find_target(reply->env, &target);
                for (unsigned i = 0; i < names; i++)
                        if (payload == visited[i])
                                return;
                if (payload == NULL)
                        return;
                visited[names] = payload;
                addresses = dns_any_addresses(payload);
                if (addresses.a_count + addresses.aaaa_count > 0) {
                        emit_all_addresses(reply, alias, target_at, &addresses);
                        return;
                }
                cname_count = dns_payload_cname_count(payload);
                if (cname_count == 0)
                        return;
                block =
                    &dns_payload_cnames(payload)[dns_random_below(reply->env->random, cname_count)];
                wire = dns_block_wire(block);
                enter_service(reply, alias, payload, load_be32(wire + DNS_RECORD_TTL));
                target_at = emit_below(reply, alias, target_at, wire, block->record_length);
                if (target_at == 0)
                        return;
                target_at += block->target;
        }
}
