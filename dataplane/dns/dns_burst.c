#include "dataplane/dns/dns_burst.h"

#include <assert.h>

#include "dataplane/dns/dns_answer.h"

// How far ahead of its parsing a message is fetched.
#define FETCH_AHEAD 4u

// A key is hashed when the next one is known, not read back while it is still being written. Its
// entry is fetched this many keys later, when its bucket has arrived, and at least as many before
// it is answered.
#define ENTRY_AFTER 12u

// The records of a one-instance service: its addresses, then its SRV record and what goes with it.
#define ADDRESS_BYTES 128u
#define RECORD_BYTES  192u

// The questions of a burst that need the table, on their way through it: known, then hashed, then
// fetched, then taken.
struct look_ups {
        unsigned known;
        unsigned fetched;
        unsigned taken;
        struct svc_lookup stages;
        struct svc_key keys[SVC_BURST_MAX];
        uint8_t entry_bytes[SVC_BURST_MAX];
};

static inline void begin(struct look_ups *l, const struct svc_table *table)
{
        l->known = l->fetched = l->taken = 0;
        svc_lookup_begin(&l->stages, table);
}

static inline void hash(struct look_ups *l, unsigned i)
{
        svc_lookup_hash(&l->stages, i, &l->keys[i]);
}

static inline void fetch_next(struct look_ups *l)
{
        const unsigned i = l->fetched++;

        svc_lookup_fetch(&l->stages, i, &l->keys[i], l->entry_bytes[i]);
}

static inline void add(struct look_ups *l, const struct dns_query *query)
{
        const unsigned newest = l->known++;
        const unsigned address = (query->type == DNS_TYPE_A) | (query->type == DNS_TYPE_AAAA);

        l->keys[newest].bytes = dns_query_key(query);
        l->keys[newest].length = query->key_length;
        // Computed, because a branch on the type would be mispredicted every other time.
        l->entry_bytes[newest] = (uint8_t)(RECORD_BYTES - address * (RECORD_BYTES - ADDRESS_BYTES));
        if (newest >= 1)
                hash(l, newest - 1);
        if (newest >= ENTRY_AFTER)
                fetch_next(l);
}

static inline void end(struct look_ups *l)
{
        if (l->known > 0)
                hash(l, l->known - 1);
        while (l->fetched < l->known && l->fetched < ENTRY_AFTER)
                fetch_next(l);
}

static inline const struct svc_entry *take_next(struct look_ups *l)
{
        const unsigned i = l->taken++;

        if (l->fetched < l->known)
                fetch_next(l);
        return svc_lookup_finish(&l->stages, i, &l->keys[i]);
}

void dns_respond_burst(const struct dns_env *env, struct dns_message messages[], unsigned n)
{
        struct dns_query queries[SVC_BURST_MAX];
        struct look_ups look_ups;

        assert(n <= SVC_BURST_MAX);
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
                dns_answer(env, &messages[i], &queries[i], entry);
        }
}
