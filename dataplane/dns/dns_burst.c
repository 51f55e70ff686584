#include "dataplane/dns/dns_burst.h"

#include <assert.h>

#include "dataplane/dns/dns_answer.h"
#include "dataplane/dns/dns_zone_fields.h"

// How far ahead of its parsing a message is fetched.
#define FETCH_AHEAD 4u

// Keys go through the table in groups, each stage of a group a loop of its own: where the table is
// larger than the TLB reaches, prefetching alone does not start a read, and only the loads of
// neighbouring iterations overlap. In between other groups are parsed or answered.
#define GROUP 8u

// The records of a one-instance service: head and address, then its SRV record and its target's.
#define ADDRESS_BYTES (sizeof(struct dns_payload) + DNS_RECORD_A_LENGTH)
#define SRV_BYTES     DNS_READY_COPY

// The questions of a burst that need the table, on their way through it: known, hashed, their
// entries fetched, found, and taken to be answered.
struct look_ups {
        unsigned known;
        unsigned fetched;
        unsigned found;
        unsigned taken;
        struct svc_lookup stages;
        struct svc_key keys[SVC_BURST_MAX];
        uint16_t entry_bytes[SVC_BURST_MAX];
        const struct svc_entry *entries[SVC_BURST_MAX];
};

static inline void begin(struct look_ups *l, const struct svc_table *table)
{
        l->known = l->fetched = l->found = l->taken = 0;
        svc_lookup_begin(&l->stages, table);
}

static inline void hash(struct look_ups *l, unsigned i)
{
        svc_lookup_hash(&l->stages, i, &l->keys[i]);
}

static void advance(struct look_ups *l, unsigned fetch_to, unsigned find_to)
{
        for (; l->fetched < fetch_to && l->fetched < l->known; l->fetched++)
                svc_lookup_fetch(&l->stages, l->fetched, &l->keys[l->fetched],
                                 l->entry_bytes[l->fetched]);
        for (; l->found < find_to && l->found < l->fetched; l->found++)
                l->entries[l->found] = svc_lookup_finish(&l->stages, l->found, &l->keys[l->found],
                                                         l->entry_bytes[l->found]);
}

static inline void add(struct look_ups *l, const struct dns_query *query)
{
        const unsigned newest = l->known++;
        const unsigned srv = query->type == DNS_TYPE_SRV;

        l->keys[newest].bytes = dns_query_key(query);
        l->keys[newest].length = query->key_length;
        // Computed, because a branch on the type would be mispredicted every other time.
        l->entry_bytes[newest] =
            (uint16_t)(svc_payload_offset(query->key_length) + ADDRESS_BYTES + srv * SRV_BYTES);
        // The one before, for this one is still being written.
        if (newest >= 1)
                hash(l, newest - 1);
        if (l->known % GROUP == 0)
                advance(l, l->known - GROUP, l->known < 2 * GROUP ? 0 : l->known - 2 * GROUP);
}

static inline void end(struct look_ups *l)
{
        if (l->known > 0)
                hash(l, l->known - 1);
}

static inline const struct svc_entry *take_next(struct look_ups *l)
{
        const unsigned i = l->taken++;

        if (i % GROUP == 0)
                advance(l, i + 3 * GROUP, i + 2 * GROUP);
        return l->entries[i];
}

// As the other datacenter's own servers would. Returns false when its table is not here.
static bool respond_as_peer(const struct dns_env *env, struct dns_message *message,
                            const struct dns_query *query)
{
        const struct svc_entry *entry = NULL;
        struct dns_env theirs = *env;
        struct dns_query again;
        struct svc_key key;

        if (env->peers == NULL ||
            !env->peer_of(env->peers, dns_query_datacenter(query), &theirs.zone, &theirs.table))
                return false;
        theirs.peers = NULL;
        dns_parse(theirs.zone, message, &again);
        if (again.action == DNS_LOOK_UP) {
                key = (struct svc_key){.bytes = dns_query_key(&again), .length = again.key_length};
                key.hash = svc_key_hash(key.bytes, key.length);
                svc_table_lookup_burst(theirs.table, &key, &entry, 1);
        }
        dns_answer(&theirs, message, &again, entry);
        return true;
}

// The table is not asked.
static void respond_without_table(const struct dns_env *env, struct dns_message messages[],
                                  unsigned n)
{
        struct dns_query query;

        for (unsigned i = 0; i < n; i++) {
                dns_parse(env->zone, &messages[i], &query);
                if (query.action == DNS_SAY_ELSEWHERE && respond_as_peer(env, &messages[i], &query))
                        continue;
                if (query.action != DNS_LOOK_UP)
                        dns_answer(env, &messages[i], &query, NULL);
                else if (env->when_stale == DNS_STALE_FAIL)
                        dns_answer_failed(env, &messages[i], &query);
                else
                        messages[i].verdict = DNS_PUNT;
        }
}

void dns_respond_burst(const struct dns_env *env, struct dns_message messages[], unsigned n)
{
        struct dns_query queries[SVC_BURST_MAX];
        struct look_ups look_ups;

        assert(n <= SVC_BURST_MAX);
        if (env->zone->stale && env->when_stale != DNS_STALE_ANSWER) {
                respond_without_table(env, messages, n);
                return;
        }
        begin(&look_ups, env->table);
        for (unsigned i = 0; i < n; i++) {
                if (i + FETCH_AHEAD < n)
                        __builtin_prefetch(messages[i + FETCH_AHEAD].data);
                dns_parse(env->zone, &messages[i], &queries[i]);
                if (queries[i].action == DNS_LOOK_UP)
                        add(&look_ups, &queries[i]);
        }
        end(&look_ups);
        for (unsigned i = 0; i < n; i++) {
                const struct svc_entry *entry = NULL;

                if (queries[i].action == DNS_LOOK_UP)
                        entry = take_next(&look_ups);
                if (entry != NULL && queries[i].ready != DNS_NOT_READY &&
                    dns_answer_ready(env, &messages[i], &queries[i], dns_payload_of(entry)))
                        continue;
                if (queries[i].action == DNS_SAY_ELSEWHERE &&
                    respond_as_peer(env, &messages[i], &queries[i]))
                        continue;
                dns_answer(env, &messages[i], &queries[i], entry);
        }
}
