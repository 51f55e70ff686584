#include "control/store/ordered_index.h"
#include "lictor/bytes.h"
#include "lictor/random.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
        size_t len;
        uint8_t key[24];
};

// A small alphabet makes long shared prefixes, equal keys and keys that begin others.
static struct item *item_create(uint64_t *state)
{
        struct item *it = calloc(1, sizeof(*it));

        it->len = random_next(state) % sizeof(it->key);
        for (size_t i = 0; i < it->len; i++)
                it->key[i] = (uint8_t)(random_next(state) % 3 ? 'a' : random_next(state) % 256);
        return it;
}

static int order(const struct item *a, const uint8_t *key, size_t len)
{
        size_t shared = a->len < len ? a->len : len;
        int diff = memcmp(a->key, key, shared);

        return diff != 0 ? diff : (a->len > len) - (a->len < len);
}

// The naive model: a sorted array.
struct model {
        struct item *items[8192];
        size_t count;
};

static size_t model_slot(const struct model *m, const uint8_t *key, size_t len)
{
        size_t i = 0;

        while (i < m->count && order(m->items[i], key, len) < 0)
                i++;
        return i;
}

static struct item *model_set(struct model *m, struct item *it)
{
        size_t i = model_slot(m, it->key, it->len);
        struct item *old = NULL;

        if (i < m->count && order(m->items[i], it->key, it->len) == 0) {
                old = m->items[i];
        } else {
                memmove(&m->items[i + 1], &m->items[i], (m->count - i) * sizeof(it));
                m->count++;
        }
        m->items[i] = it;
        return old;
}

static struct item *model_remove(struct model *m, const uint8_t *key, size_t len)
{
        size_t i = model_slot(m, key, len);
        struct item *old;

        if (i == m->count || order(m->items[i], key, len) != 0)
                return NULL;
        old = m->items[i];
        m->count--;
        memmove(&m->items[i], &m->items[i + 1], (m->count - i) * sizeof(old));
        return old;
}

static void compare_prefix(const struct ordered_index *ix, const struct model *m,
                           const uint8_t *prefix, size_t len, uint64_t seed)
{
        struct ordered_cursor c;
        const uint8_t *key;
        size_t key_len;
        void *value;

        ordered_index_seek_prefix(ix, prefix, len, &c);
        for (size_t i = 0; i < m->count; i++) {
                const struct item *it = m->items[i];

                if (it->len < len || (len > 0 && memcmp(it->key, prefix, len) != 0))
                        continue;
                value = ordered_cursor_next(&c, &key, &key_len);
                cr_assert_eq(value, it, "seed %llu", (unsigned long long)seed);
                cr_assert_eq(key, it->key);
                cr_assert_eq(key_len, it->len);
        }
        cr_assert_null(ordered_cursor_next(&c, NULL, NULL), "seed %llu", (unsigned long long)seed);
        cr_assert_null(ordered_cursor_next(&c, NULL, NULL));
}

static void compare_seek(const struct ordered_index *ix, const struct model *m, const uint8_t *key,
                         size_t len, uint64_t seed)
{
        struct ordered_cursor c;

        ordered_index_seek(ix, key, len, &c);
        for (size_t i = model_slot(m, key, len); i < m->count; i++)
                cr_assert_eq(ordered_cursor_next(&c, NULL, NULL), m->items[i], "seed %llu",
                             (unsigned long long)seed);
        cr_assert_null(ordered_cursor_next(&c, NULL, NULL));
}

static void step(struct ordered_index *ix, struct model *m, uint64_t *state, unsigned set_percent,
                 uint64_t seed)
{
        struct item *it = item_create(state);

        if (random_next(state) % 100 < set_percent && m->count < ARRAY_LEN(m->items) - 1) {
                struct item *old = model_set(m, it);

                cr_assert_eq(ordered_index_set(ix, it->key, it->len, it), old, "seed %llu",
                             (unsigned long long)seed);
                free(old);
                return;
        }
        // Half of the removals name a key that is there.
        if (m->count > 0 && random_next(state) % 2)
                *it = *m->items[random_next(state) % m->count];
        struct item *old = model_remove(m, it->key, it->len);

        cr_assert_eq(ordered_index_get(ix, it->key, it->len), old);
        cr_assert_eq(ordered_index_remove(ix, it->key, it->len), old, "seed %llu",
                     (unsigned long long)seed);
        cr_assert_null(ordered_index_get(ix, it->key, it->len));
        free(old);
        free(it);
}

static void run(uint64_t seed, unsigned steps)
{
        struct ordered_index *ix = ordered_index_create();
        struct model *m = calloc(1, sizeof(*m));
        uint64_t state = seed;

        for (unsigned i = 0; i < steps; i++) {
                // Growing first, shrinking later, so that nodes split and merge at every level.
                step(ix, m, &state, i < steps / 2 ? 80 : 25, seed);
                cr_assert_eq(ordered_index_count(ix), m->count);
                if (i % 256 == 0) {
                        struct item *it = item_create(&state);

                        compare_prefix(ix, m, it->key, it->len % 4, seed);
                        compare_seek(ix, m, it->key, it->len, seed);
                        free(it);
                }
        }
        compare_prefix(ix, m, NULL, 0, seed);
        while (m->count > 0) {
                struct item *old = m->items[m->count / 2];

                model_remove(m, old->key, old->len);
                cr_assert_eq(ordered_index_remove(ix, old->key, old->len), old);
                free(old);
        }
        compare_prefix(ix, m, NULL, 0, seed);
        ordered_index_destroy(ix);
        free(m);
}

Test(ordered_index, random_operations_give_what_a_sorted_array_gives)
{
        for (uint64_t seed = 1; seed <= 12; seed++)
                run(seed, 6000);
}

#define HELD_MAX 5

// Frozen states and what the model was when they were made. Values are compared, not looked into.
struct held {
        struct ordered_frozen *frozen;
        size_t count;
        const void *items[8192];
};

static void hold(struct held *h, struct ordered_index *ix, const struct model *m)
{
        h->frozen = ordered_index_freeze(ix);
        h->count = m->count;
        memcpy(h->items, m->items, m->count * sizeof(m->items[0]));
}

static void compare_held(const struct held *h, uint64_t seed)
{
        struct ordered_frozen_cursor c = {0};

        cr_assert_eq(ordered_frozen_count(h->frozen), h->count);
        for (size_t i = 0; i < h->count; i++)
                cr_assert_eq(ordered_frozen_next(h->frozen, &c), h->items[i], "seed %llu",
                             (unsigned long long)seed);
        cr_assert_null(ordered_frozen_next(h->frozen, &c));
}

static void run_frozen(uint64_t seed, unsigned steps)
{
        struct held *held = calloc(HELD_MAX, sizeof(*held));
        struct ordered_index *ix = ordered_index_create();
        struct model *m = calloc(1, sizeof(*m));
        uint64_t state = seed;

        for (unsigned i = 0; i < steps; i++) {
                step(ix, m, &state, (i / 2000) % 2 ? 25 : 80, seed);
                if (random_next(&state) % 100 == 0) {
                        struct held *h = &held[random_next(&state) % HELD_MAX];

                        if (h->frozen) {
                                compare_held(h, seed);
                                ordered_frozen_release(h->frozen);
                                h->frozen = NULL;
                        } else {
                                hold(h, ix, m);
                        }
                }
        }
        compare_prefix(ix, m, NULL, 0, seed);
        for (size_t i = 0; i < HELD_MAX; i++) {
                if (held[i].frozen)
                        compare_held(&held[i], seed);
                ordered_frozen_release(held[i].frozen);
        }
        ordered_index_destroy(ix);
        for (size_t i = 0; i < m->count; i++)
                free(m->items[i]);
        free(m);
        free(held);
}

Test(ordered_index, frozen_states_stay_as_they_were_whatever_is_done_afterwards)
{
        for (uint64_t seed = 1; seed <= 12; seed++)
                run_frozen(seed, 8000);
}

static int order_entries(const void *a, const void *b)
{
        return ordered_entry_compare(a, b);
}

Test(ordered_index, sorting_gives_the_order_of_memcmp)
{
        static const size_t counts[] = {0, 1, 2, 12, 13, 64, 1000, 5000};

        for (uint64_t seed = 1; seed <= 24; seed++) {
                uint64_t state = seed;
                size_t count = counts[seed % ARRAY_LEN(counts)];
                struct ordered_entry *entries = calloc(count + 1, sizeof(*entries));
                struct ordered_entry *want = calloc(count + 1, sizeof(*want));

                for (size_t i = 0; i < count; i++) {
                        struct item *it = item_create(&state);

                        // Few keys, and NULs: equal ones, and ones that end where others go on.
                        for (size_t k = 0; k < it->len; k++)
                                it->key[k] = seed % 3 ? it->key[k] : it->key[k] == 'a';
                        entries[i] = (struct ordered_entry){it->key, it, (uint32_t)it->len};
                }
                memcpy(want, entries, count * sizeof(*want));
                qsort(want, count, sizeof(*want), order_entries);
                ordered_entries_sort(entries, count);
                for (size_t i = 0; i < count; i++)
                        cr_assert_eq(ordered_entry_compare(&entries[i], &want[i]), 0, "seed %llu",
                                     (unsigned long long)seed);
                for (size_t i = 0; i < count; i++)
                        free(entries[i].value);
                free(entries);
                free(want);
        }
}

Test(ordered_index, an_index_built_at_once_is_as_one_that_grew)
{
        static const size_t counts[] = {0, 1, 59, 60, 61, 120, 121, 3600, 3601, 4000, 8000};

        for (size_t n = 0; n < ARRAY_LEN(counts); n++) {
                struct model *m = calloc(1, sizeof(*m));
                struct ordered_entry *entries = calloc(counts[n] + 1, sizeof(*entries));
                uint64_t state = n + 1;
                struct ordered_index *ix;

                while (m->count < counts[n])
                        free(model_set(m, item_create(&state)));
                for (size_t i = 0; i < m->count; i++)
                        entries[i] = (struct ordered_entry){m->items[i]->key, m->items[i],
                                                            (uint32_t)m->items[i]->len};
                ix = ordered_index_build(entries, m->count);
                free(entries);
                cr_assert_eq(ordered_index_count(ix), counts[n]);
                compare_prefix(ix, m, NULL, 0, n);
                for (unsigned i = 0; i < 4000; i++)
                        step(ix, m, &state, i % 1000 < 500 ? 80 : 15, n);
                compare_prefix(ix, m, NULL, 0, n);
                ordered_index_destroy(ix);
                for (size_t i = 0; i < m->count; i++)
                        free(m->items[i]);
                free(m);
        }
}

Test(ordered_index, an_empty_index_finds_nothing)
{
        struct ordered_index *ix = ordered_index_create();
        struct ordered_cursor c;

        cr_expect_null(ordered_index_get(ix, (const uint8_t *)"a", 1));
        cr_expect_null(ordered_index_remove(ix, (const uint8_t *)"a", 1));
        ordered_index_seek_prefix(ix, NULL, 0, &c);
        cr_expect_null(ordered_cursor_next(&c, NULL, NULL));
        ordered_index_destroy(ix);
}

static void fill(struct ordered_index *ix, uint8_t (*keys)[4], uint32_t count, bool ascending)
{
        for (uint32_t i = 0; i < count; i++) {
                uint32_t n = ascending ? i : count - 1 - i;

                store_be32(keys[n], n);
                cr_assert_null(ordered_index_set(ix, keys[n], 4, keys[n]));
        }
}

Test(ordered_index, ascending_and_descending_insertions_keep_order_and_memory_in_bounds)
{
        enum { COUNT = 200000 };
        uint8_t(*keys)[4] = calloc(COUNT, sizeof(*keys));

        for (int ascending = 0; ascending < 2; ascending++) {
                struct ordered_index *ix = ordered_index_create();
                struct ordered_cursor c;

                fill(ix, keys, COUNT, ascending);
                ordered_index_seek(ix, NULL, 0, &c);
                for (uint32_t i = 0; i < COUNT; i++)
                        cr_assert_eq(ordered_cursor_next(&c, NULL, NULL), keys[i]);
                // 24 bytes an entry: full leaves when ascending, half-full ones otherwise.
                cr_expect_lt(ordered_index_memory(ix) / COUNT, ascending ? 28u : 56u);
                for (uint32_t i = 0; i < COUNT; i++)
                        cr_assert_eq(ordered_index_remove(ix, keys[i], 4), keys[i]);
                cr_expect_eq(ordered_index_count(ix), 0);
                cr_expect_lt(ordered_index_memory(ix), 4096u);
                ordered_index_destroy(ix);
        }
        free(keys);
}

static void count_value(void *value)
{
        ++*(uint32_t *)value;
}

Test(ordered_index, stripping_hears_of_every_value_once_and_leaves_an_empty_index)
{
        static uint8_t keys[20000][4];
        static uint32_t heard[20000];

        for (uint32_t count = 0; count <= 20000; count = count * 7 + 1) {
                struct ordered_index *ix = ordered_index_create();
                struct ordered_frozen *frozen;
                unsigned pieces = 1;

                memset(heard, 0, sizeof(heard));
                for (uint32_t i = 0; i < count; i++) {
                        store_be32(keys[i], i);
                        ordered_index_set(ix, keys[i], 4, &heard[i]);
                }
                // Leaves that only a frozen state had are garbage, and go as well.
                frozen = ordered_index_freeze(ix);
                for (uint32_t i = 0; i < count; i += 50)
                        ordered_index_set(ix, keys[i], 4, &heard[i]);
                ordered_frozen_release(frozen);
                while (ordered_index_strip(ix, count_value, 100) == 0)
                        pieces++;
                cr_expect_geq(pieces, count / 170);
                for (uint32_t i = 0; i < count; i++)
                        cr_assert_eq(heard[i], 1);
                cr_expect_eq(ordered_index_count(ix), 0);
                cr_expect_null(ordered_index_get(ix, keys[0], 4));
                ordered_index_set(ix, keys[0], 4, &heard[0]);
                cr_expect_eq(ordered_index_get(ix, keys[0], 4), &heard[0]);
                ordered_index_destroy(ix);
        }
}

Test(ordered_index, destroying_a_full_index_frees_every_node)
{
        enum { COUNT = 50000 };
        uint8_t(*keys)[4] = calloc(COUNT, sizeof(*keys));
        struct ordered_index *ix = ordered_index_create();

        fill(ix, keys, COUNT, true);
        ordered_index_destroy(ix);
        free(keys);
}
