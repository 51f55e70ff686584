#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/dataplane/table/table_helpers.h"

// Readers look up while the writer grows the table, replaces, removes and reuses memory. Keys below
// STABLE are always there, and their versions only ever rise; the others come and go.
enum { READERS = 3, STABLE = 2000, CHANGING = 60000, WORDS = 20 };

struct reader {
        pthread_t thread;
        const struct svc_table *table;
        atomic_bool *stop;
        atomic_uint *ready;
        uint64_t seed;
        uint64_t lost;
        uint64_t torn;
        uint64_t backward;
        uint64_t bursts;
};

static void read_burst(struct reader *r, uint64_t *random, uint64_t seen[STABLE])
{
        struct numbered_key keys[SVC_BURST_MAX];
        struct svc_key burst[SVC_BURST_MAX];
        const struct svc_entry *out[SVC_BURST_MAX];
        uint64_t numbers[SVC_BURST_MAX], versions[SVC_BURST_MAX];

        for (unsigned i = 0; i < SVC_BURST_MAX; i++) {
                numbers[i] = random_next(random) % (i % 2 == 0 ? STABLE : STABLE + CHANGING);
                burst[i] = *number_key(&keys[i], numbers[i]);
        }
        svc_table_lookup_burst(r->table, burst, out, SVC_BURST_MAX);
        for (unsigned i = 0; i < SVC_BURST_MAX; i++) {
                const uint64_t version = out[i] == NULL ? 0 : entry_version(out[i], &burst[i]);

                r->torn += version == UINT64_MAX;
                if (numbers[i] >= STABLE)
                        continue;
                r->lost += out[i] == NULL;
                r->backward += version < seen[numbers[i]];
                versions[i] = version;
        }
        // After the burst, since the lookups of one burst are not ordered among themselves.
        for (unsigned i = 0; i < SVC_BURST_MAX; i++) {
                if (numbers[i] < STABLE && versions[i] > seen[numbers[i]])
                        seen[numbers[i]] = versions[i];
        }
        r->bursts++;
}

static void *read_until_stopped(void *argument)
{
        struct reader *r = argument;
        uint64_t random = r->seed;
        uint64_t seen[STABLE] = {0};

        svc_reader_register();
        atomic_fetch_add(r->ready, 1);
        while (!atomic_load_explicit(r->stop, memory_order_relaxed)) {
                read_burst(r, &random, seen);
                if (r->bursts % 64 == 0) {
                        svc_reader_offline();
                        svc_reader_online();
                } else {
                        svc_reader_quiescent();
                }
        }
        svc_reader_unregister();
        return NULL;
}

static void write_changes(struct svc_table *t)
{
        struct numbered_key k;

        for (uint64_t i = 0; i < CHANGING; i++) {
                cr_assert_eq(put_version(t, number_key(&k, STABLE + i), i + 1, WORDS), 0);
                cr_assert_eq(put_version(t, number_key(&k, i % STABLE), i + 2, i % WORDS), 0);
                if (i % 3 == 0)
                        svc_table_remove(t, number_key(&k, STABLE + i / 2));
                if (i % 16 == 0) {
                        svc_table_commit(t);
                        svc_reader_quiescent();
                }
        }
}

Test(svc_table_readers, never_lose_an_entry_or_see_half_of_one, .timeout = 110)
{
        static struct reader readers[READERS];
        atomic_bool stop = false;
        atomic_uint ready = 0;
        struct svc_table_stats before, after;
        struct numbered_key k;
        struct svc_table *t;

        svc_reader_register();
        cr_assert_eq(svc_table_create(0, &t), 0);
        for (uint64_t i = 0; i < STABLE; i++)
                cr_assert_eq(put_version(t, number_key(&k, i), 1, 1), 0);
        svc_table_stats(t, &before);
        for (unsigned i = 0; i < READERS; i++) {
                readers[i] =
                    (struct reader){.table = t, .stop = &stop, .ready = &ready, .seed = i + 1};
                cr_assert_eq(
                    pthread_create(&readers[i].thread, NULL, read_until_stopped, &readers[i]), 0);
        }
        while (atomic_load(&ready) < READERS)
                sched_yield();
        write_changes(t);
        svc_table_stats(t, &after);
        atomic_store(&stop, true);
        for (unsigned i = 0; i < READERS; i++) {
                pthread_join(readers[i].thread, NULL);
                cr_expect_eq(readers[i].lost, 0, "reader %u lost %llu", i,
                             (unsigned long long)readers[i].lost);
                cr_expect_eq(readers[i].torn, 0, "reader %u saw %llu torn", i,
                             (unsigned long long)readers[i].torn);
                cr_expect_eq(readers[i].backward, 0, "reader %u went back %llu times", i,
                             (unsigned long long)readers[i].backward);
                cr_expect_gt(readers[i].bursts, 0);
        }
        cr_expect_gt(after.slot_count, before.slot_count, "the table was to grow meanwhile");
        svc_table_destroy(t);
        svc_reader_unregister();
}
