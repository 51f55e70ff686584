#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/dataplane/table/table_helpers.h"

enum { KEYS = 30000 };

// The model: the version stored under each key's number, 0 for none.
struct model {
        uint64_t version[KEYS];
        uint64_t count;
};

static void check_burst(const struct svc_table *t, const struct model *model, uint64_t *random,
                        uint64_t seed)
{
        struct numbered_key keys[SVC_BURST_MAX];
        struct svc_key burst[SVC_BURST_MAX];
        const struct svc_entry *out[SVC_BURST_MAX];
        uint64_t numbers[SVC_BURST_MAX];
        const unsigned n = (unsigned)(random_next(random) % (SVC_BURST_MAX + 1));
        unsigned expected = 0;

        for (unsigned i = 0; i < n; i++) {
                numbers[i] = random_next(random) % KEYS;
                burst[i] = *number_key(&keys[i], numbers[i]);
                expected += model->version[numbers[i]] != 0;
        }
        cr_assert_eq(svc_table_lookup_burst(t, burst, out, n), expected, "seed %llu",
                     (unsigned long long)seed);
        for (unsigned i = 0; i < n; i++) {
                const uint64_t found = out[i] == NULL ? 0 : entry_version(out[i], &burst[i]);

                cr_assert_eq(found, model->version[numbers[i]], "seed %llu key %llu",
                             (unsigned long long)seed, (unsigned long long)numbers[i]);
        }
}

static void step(struct svc_table *t, struct model *model, uint64_t *random, uint64_t seed,
                 uint64_t removals_of_16)
{
        const uint64_t number = random_next(random) % KEYS;
        const uint64_t version = random_next(random) >> 1 | 1;
        struct numbered_key k;

        number_key(&k, number);
        if (random_next(random) % 16 < removals_of_16) {
                const int want = model->version[number] != 0 ? 0 : -ENOENT;

                cr_assert_eq(svc_table_remove(t, &k.key), want, "seed %llu",
                             (unsigned long long)seed);
                model->count -= want == 0;
                model->version[number] = 0;
                return;
        }
        cr_assert_eq(put_version(t, &k.key, version, random_next(random) % 40), 0, "seed %llu",
                     (unsigned long long)seed);
        model->count += model->version[number] == 0;
        model->version[number] = version;
}

static void run(uint64_t seed)
{
        static struct model model;
        struct svc_table_stats stats;
        struct svc_table *t;
        uint64_t random = seed;

        memset(&model, 0, sizeof(model));
        cr_assert_eq(svc_table_create(random_next(&random) % 1000, &t), 0);
        for (unsigned i = 0; i < 150000; i++) {
                // Phases of growing and of shrinking, so that it fills and empties.
                step(t, &model, &random, seed, i / 30000 % 2 == 0 ? 3 : 12);
                if (i % 4 == 0)
                        check_burst(t, &model, &random, seed);
                if (random_next(&random) % 64 == 0)
                        svc_table_commit(t);
                svc_reader_quiescent();
        }
        svc_table_stats(t, &stats);
        cr_expect_eq(stats.entry_count, model.count, "seed %llu", (unsigned long long)seed);
        svc_table_destroy(t);
}

Test(svc_table_model, random_operations_agree_with_an_array, .timeout = 100)
{
        const char *replay = getenv("SVC_TABLE_SEED");

        svc_reader_register();
        if (replay != NULL) {
                run(strtoull(replay, NULL, 0));
        } else {
                for (uint64_t seed = 1; seed <= 4; seed++)
                        run(seed);
        }
        svc_reader_unregister();
}
