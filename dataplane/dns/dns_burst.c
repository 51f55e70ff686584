#include "dataplane/dns/dns_burst.h"

#include <assert.h>

#include "dataplane/dns/dns_answer.h"
#include "lictor/bytes.h"

// How far ahead of its parsing a message is fetched.
#define FETCH_AHEAD 4u

// An entry's first line holds its header and key, which the table reads; the records of a
// one-instance service end in the third.
static void fetch_records(const struct svc_entry *entry)
{
        const uint8_t *line = (const uint8_t *)entry;

        __builtin_prefetch(line + LICTOR_CACHE_LINE);
        __builtin_prefetch(line + 2 * (size_t)LICTOR_CACHE_LINE);
}

static void look_up(const struct svc_table *table, struct svc_key keys[],
                    const struct svc_entry *entries[], unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                keys[i].hash = svc_key_hash(keys[i].bytes, keys[i].length);
        svc_table_lookup_burst(table, keys, entries, n);
        for (unsigned i = 0; i < n; i++)
                if (entries[i] != NULL)
                        fetch_records(entries[i]);
}

void dns_respond_burst(const struct dns_env *env, struct dns_message messages[], unsigned n)
{
        const struct svc_entry *entries[SVC_BURST_MAX];
        struct dns_query queries[SVC_BURST_MAX];
        struct svc_key keys[SVC_BURST_MAX];
        unsigned key_count = 0, next = 0;

        assert(n <= SVC_BURST_MAX);
        for (unsigned i = 0; i < n; i++) {
                if (i + FETCH_AHEAD < n)
                        __builtin_prefetch(messages[i + FETCH_AHEAD].data);
                dns_parse(env->zone, &messages[i], &queries[i]);
                if (queries[i].action == DNS_LOOK_UP) {
                        keys[key_count].bytes = queries[i].key;
                        keys[key_count++].length = queries[i].key_length;
                }
        }
        if (key_count > 0)
                look_up(env->table, keys, entries, key_count);
        for (unsigned i = 0; i < n; i++) {
                const struct svc_entry *entry = NULL;

                if (queries[i].action == DNS_LOOK_UP)
                        entry = entries[next++];
                dns_answer(env, &messages[i], &queries[i], entry);
        }
}
