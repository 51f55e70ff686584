#include <criterion/criterion.h>
#include <errno.h>

#include "dataplane/table/svc_index.h"
#include "lictor/bytes.h"
#include "tests/dataplane/table/table_helpers.h"

static struct svc_table *table;

static void set_up(void)
{
        svc_reader_register();
        cr_assert_eq(svc_table_create(0, &table), 0);
}

static void tear_down(void)
{
        svc_table_destroy(table);
        svc_reader_unregister();
}

TestSuite(svc_table, .init = set_up, .fini = tear_down);

static uint64_t version_of(const struct svc_key *key)
{
        const struct svc_entry *entry = look_up(table, key);

        return entry == NULL ? 0 : entry_version(entry, key);
}

Test(svc_table, an_empty_table_finds_nothing)
{
        const struct svc_key key = text_key("web");
        struct svc_table_stats stats;

        cr_expect_null(look_up(table, &key));
        cr_expect_eq(svc_table_remove(table, &key), -ENOENT);
        svc_table_commit(table);
        svc_table_stats(table, &stats);
        cr_expect_eq(stats.entry_count, 0);
        cr_expect_eq(stats.entry_bytes, 0);
}

Test(svc_table, one_entry_is_found_by_its_key_alone)
{
        const struct svc_key web = text_key("web"), we = text_key("we"), weber = text_key("weber");

        cr_assert_eq(put_version(table, &web, 7, 3), 0);
        cr_expect_eq(version_of(&web), 7);
        cr_expect_null(look_up(table, &we));
        cr_expect_null(look_up(table, &weber));
}

Test(svc_table, an_entry_tells_its_size_key_and_payload)
{
        const struct svc_key key = text_key("web");
        struct svc_entry *entry;

        cr_assert_eq(svc_table_new_entry(table, &key, 5, &entry), 0);
        cr_expect_eq(entry->hash, key.hash);
        cr_expect_eq(entry->key_length, 3);
        cr_expect_eq(memcmp(entry->key, "web", 3), 0);
        cr_expect_eq(entry->payload_offset % 8, 0);
        cr_expect_geq(entry->payload_offset, sizeof(*entry) + 3);
        cr_expect_eq(entry->size, entry->payload_offset + 5u);
        cr_expect_eq((uintptr_t)entry % LICTOR_CACHE_LINE, 0);
        svc_table_discard(table, entry);
        svc_table_discard(table, NULL);
}

Test(svc_table, replacing_shows_the_new_entry_and_counts_once)
{
        const struct svc_key key = text_key("web");
        struct svc_table_stats stats;

        cr_assert_eq(put_version(table, &key, 1, 100), 0);
        cr_assert_eq(put_version(table, &key, 2, 1), 0);
        cr_expect_eq(version_of(&key), 2);
        svc_table_stats(table, &stats);
        cr_expect_eq(stats.entry_count, 1);
        cr_expect_eq(stats.entry_bytes, look_up(table, &key)->size);
}

Test(svc_table, a_removed_entry_is_gone_and_may_come_back)
{
        const struct svc_key key = text_key("web");

        cr_assert_eq(put_version(table, &key, 1, 1), 0);
        cr_expect_eq(svc_table_remove(table, &key), 0);
        cr_expect_null(look_up(table, &key));
        cr_expect_eq(svc_table_remove(table, &key), -ENOENT);
        cr_assert_eq(put_version(table, &key, 2, 1), 0);
        cr_expect_eq(version_of(&key), 2);
}

Test(svc_table, what_a_reader_holds_outlives_its_removal_until_it_is_quiescent)
{
        const struct svc_key key = text_key("web");
        const struct svc_entry *held;

        cr_assert_eq(put_version(table, &key, 1, 50), 0);
        held = look_up(table, &key);
        cr_assert_eq(svc_table_remove(table, &key), 0);
        svc_table_commit(table);
        for (uint64_t i = 0; i < 1000; i++) {
                cr_assert_eq(put_version(table, &key, 2 + i, 50), 0);
                svc_table_commit(table);
                cr_assert_eq(entry_version(held, &key), 1);
        }
}

Test(svc_table, keys_of_every_length_are_told_apart)
{
        uint8_t bytes[SVC_KEY_MAX];

        memset(bytes, 'a', sizeof(bytes));
        for (size_t length = 1; length <= SVC_KEY_MAX; length++) {
                const struct svc_key key = key_of(bytes, length);

                cr_assert_eq(put_version(table, &key, length, length % 20), 0);
        }
        for (size_t length = 1; length <= SVC_KEY_MAX; length++) {
                const struct svc_key key = key_of(bytes, length);

                cr_expect_eq(version_of(&key), length, "length %zu", length);
        }
}

Test(svc_table, payloads_from_nothing_to_megabytes_are_kept_whole)
{
        static const size_t words[] = {0, 1, 5, 6, 7, 1000, 16370, 16380, 300000};

        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
                struct numbered_key k;

                cr_assert_eq(put_version(table, number_key(&k, i), i + 1, words[i]), 0);
        }
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
                struct numbered_key k;

                cr_expect_eq(version_of(number_key(&k, i)), i + 1, "%zu words", words[i]);
        }
}

Test(svc_table, an_entry_past_four_gigabytes_is_refused)
{
        const struct svc_key key = text_key("web");
        struct svc_entry *entry;

        cr_expect_eq(svc_table_new_entry(table, &key, UINT32_MAX, &entry), -E2BIG);
        cr_expect_eq(svc_table_new_entry(table, &key, SIZE_MAX, &entry), -E2BIG);
}

Test(svc_table, a_hundred_thousand_entries_grow_it_and_are_all_found)
{
        enum { COUNT = 100000 };
        struct svc_table_stats stats;
        struct numbered_key k;

        for (uint64_t i = 0; i < COUNT; i++) {
                cr_assert_eq(put_version(table, number_key(&k, i), i + 1, 2), 0);
                svc_table_commit(table);
        }
        for (uint64_t i = 0; i < COUNT; i++)
                cr_assert_eq(version_of(number_key(&k, i)), i + 1, "key %llu",
                             (unsigned long long)i);
        for (uint64_t i = COUNT; i < 2 * COUNT; i++)
                cr_assert_null(look_up(table, number_key(&k, i)));
        svc_table_stats(table, &stats);
        cr_expect_eq(stats.entry_count, COUNT);
        cr_expect_gt(stats.slot_count, COUNT);
        cr_expect_lt(stats.slot_count, 4 * COUNT);
        cr_expect_geq(stats.memory_bytes, stats.entry_bytes);
}

Test(svc_table, bursts_of_every_size_answer_each_key_in_its_place)
{
        struct numbered_key keys[SVC_BURST_MAX];
        struct svc_key burst[SVC_BURST_MAX];
        const struct svc_entry *out[SVC_BURST_MAX + 1];
        static const struct svc_entry sentinel;

        for (uint64_t i = 0; i < SVC_BURST_MAX; i++) {
                burst[i] = *number_key(&keys[i], i);
                if (i % 3 != 0)
                        cr_assert_eq(put_version(table, &burst[i], i + 1, i), 0);
        }
        for (unsigned n = 0; n <= SVC_BURST_MAX; n++) {
                unsigned hits = 0;

                out[n] = &sentinel;
                cr_expect_eq(svc_table_lookup_burst(table, burst, out, n), n - (n + 2) / 3);
                for (unsigned i = 0; i < n; i++) {
                        if (i % 3 == 0)
                                cr_expect_null(out[i]);
                        else
                                hits += entry_version(out[i], &burst[i]) == i + 1;
                }
                cr_expect_eq(hits, n - (n + 2) / 3, "burst of %u", n);
                cr_expect_eq(out[n], &sentinel, "burst of %u wrote past its end", n);
        }
}

// The table never recomputes a hash, so keys may claim the one that makes trouble.
static struct svc_key colliding(struct numbered_key *k, uint64_t number, uint64_t hash)
{
        struct svc_key key = *number_key(k, number);

        key.hash = hash;
        return key;
}

Test(svc_table, keys_of_one_hash_are_told_apart_and_leave_in_any_order)
{
        enum { COUNT = SVC_BUCKET_SLOTS * SVC_PROBE_MAX };
        const uint64_t hash = 0x123456789abcdef0u;
        struct numbered_key k;

        for (uint64_t i = 0; i < COUNT; i++) {
                const struct svc_key key = colliding(&k, i, hash);

                cr_assert_eq(put_version(table, &key, i + 1, 1), 0);
        }
        for (uint64_t step = 0; step < COUNT; step++) {
                // 45 and 112 share no factor, so every key leaves once.
                const struct svc_key gone = colliding(&k, step * 45 % COUNT, hash);

                cr_assert_eq(svc_table_remove(table, &gone), 0);
                for (uint64_t i = 0; i < COUNT; i++) {
                        struct numbered_key other;
                        const struct svc_key key = colliding(&other, i, hash);
                        bool left = false;

                        for (uint64_t past = 0; past <= step; past++)
                                left = left || past * 45 % COUNT == i;
                        cr_assert_eq(version_of(&key), left ? 0 : i + 1);
                }
        }
}

Test(svc_table, more_keys_of_one_hash_than_can_be_told_apart_are_refused)
{
        enum { COUNT = SVC_BUCKET_SLOTS * SVC_PROBE_MAX };
        const uint64_t hash = UINT64_MAX;
        struct svc_table_stats stats;
        struct numbered_key k;
        struct svc_key key;

        for (uint64_t i = 0; i < COUNT; i++) {
                key = colliding(&k, i, hash);
                cr_assert_eq(put_version(table, &key, i + 1, 1), 0);
        }
        key = colliding(&k, COUNT, hash);
        cr_expect_eq(put_version(table, &key, 1, 1), -ENOMEM);
        cr_expect_eq(version_of(&key), 0);
        for (uint64_t i = 0; i < COUNT; i++) {
                key = colliding(&k, i, hash);
                cr_assert_eq(version_of(&key), i + 1);
        }
        svc_table_stats(table, &stats);
        cr_expect_eq(stats.entry_count, COUNT);
        cr_assert_eq(put_version(table, number_key(&k, 5000), 9, 1), 0);
        cr_expect_eq(version_of(&k.key), 9);
}

Test(svc_table, equal_fingerprints_in_one_bucket_do_not_confuse)
{
        struct numbered_key k;

        // Same segment, bucket and fingerprint; the hashes differ in bits no stage looks at.
        for (uint64_t i = 0; i < 20; i++) {
                const struct svc_key key = colliding(&k, i, 0x7000002a00000000u | i << 41);

                cr_assert_eq(put_version(table, &key, i + 1, 1), 0);
        }
        for (uint64_t i = 0; i < 20; i++) {
                const struct svc_key key = colliding(&k, i, 0x7000002a00000000u | i << 41);

                cr_expect_eq(version_of(&key), i + 1);
        }
}

Test(svc_table, the_last_bucket_overflows_into_the_first)
{
        const uint64_t hash = 0x00000001ffffffffu;
        struct numbered_key k;

        cr_assert_eq(svc_home_of(hash), SVC_SEGMENT_BUCKETS - 1);
        for (uint64_t i = 0; i < 3 * SVC_BUCKET_SLOTS; i++) {
                const struct svc_key key = colliding(&k, i, hash);

                cr_assert_eq(put_version(table, &key, i + 1, 1), 0);
        }
        for (uint64_t i = 0; i < 3 * SVC_BUCKET_SLOTS; i++) {
                const struct svc_key key = colliding(&k, i, hash);

                cr_expect_eq(version_of(&key), i + 1);
        }
}

Test(svc_table, fingerprints_match_exactly_and_never_the_overflow_count)
{
        for (unsigned fingerprint = 0; fingerprint < 256; fingerprint++) {
                for (unsigned slot = 0; slot < 8; slot++) {
                        // Neighbours one off in either direction would catch a borrowed carry.
                        const uint64_t near = SVC_TAG_ONES * (uint8_t)(fingerprint ^ 1);
                        const uint64_t tags = (near & ~((uint64_t)0xff << 8 * slot)) |
                                              (uint64_t)fingerprint << 8 * slot;
                        const uint64_t match = svc_tags_match(tags, (uint8_t)fingerprint);

                        if (slot == SVC_BUCKET_SLOTS)
                                cr_assert_eq(match, 0);
                        else
                                cr_assert(match != 0 && (match & (match - 1)) == 0 &&
                                          svc_match_slot(match) == slot);
                }
        }
}

Test(svc_table, churn_does_not_grow_memory, .timeout = 60)
{
        enum { COUNT = 1000000, ROUND = 20000 };
        struct svc_table_stats stats;
        uint64_t settled = 0;
        struct numbered_key k;

        for (uint64_t i = 0; i < COUNT; i++) {
                cr_assert_eq(put_version(table, number_key(&k, i), i, 10), 0);
                cr_assert_eq(svc_table_remove(table, &k.key), 0);
                svc_table_commit(table);
                svc_reader_quiescent();
                if (i % ROUND != ROUND - 1)
                        continue;
                // Grace periods take what time they take; from round to round none is open.
                wait_for_grace_period();
                svc_table_stats(table, &stats);
                if (i == 5 * ROUND - 1)
                        settled = stats.memory_bytes;
                if (i > 5 * ROUND)
                        cr_assert_leq(stats.memory_bytes, settled + (2u << 20));
        }
        cr_expect_eq(stats.entry_count, 0);
        cr_expect_lt(settled, 32u << 20);
}

Test(svc_table_scarce, running_out_of_memory_at_any_point_leaves_it_intact)
{
        enum { COUNT = 60000 };

        svc_reader_register();
        for (uint64_t allowance = 0; allowance < 14; allowance++) {
                struct scarce_pages pages;
                const struct page_source source = scarce_source(&pages, allowance);
                struct svc_table_stats stats;
                struct svc_table *t = NULL;
                struct numbered_key k;
                uint64_t stored = 0, refused = 0;

                if (svc_table_create_on(&source, 0, &t) < 0) {
                        cr_expect_eq(allowance, 0);
                        cr_expect_null(t);
                        cr_expect_eq(pages.mapped_bytes, 0);
                        continue;
                }
                for (uint64_t i = 0; i < COUNT; i++) {
                        // Every 5000th wants a mapping of its own.
                        const size_t words = i % 5000 == 4999 ? 20000 : i % 50;
                        const int ret = put_version(t, number_key(&k, i), i + 1, words);

                        cr_assert(ret == 0 || ret == -ENOMEM);
                        stored += ret == 0;
                        refused += ret != 0;
                        cr_assert_eq(look_up(t, &k.key) != NULL, ret == 0);
                }
                cr_expect_gt(refused, 0, "allowance %llu", (unsigned long long)allowance);
                svc_table_stats(t, &stats);
                cr_expect_eq(stats.entry_count, stored);
                for (uint64_t i = 0; i < COUNT; i++) {
                        const struct svc_entry *entry = look_up(t, number_key(&k, i));

                        stored -= entry != NULL && entry_version(entry, &k.key) == i + 1;
                }
                cr_expect_eq(stored, 0, "what was stored is still there, whole");
                svc_table_destroy(t);
                cr_expect_eq(pages.mapped_bytes, 0);
        }
        svc_reader_unregister();
}

Test(svc_table_scarce, a_segment_that_cannot_split_goes_on_filling)
{
        enum { LIMIT = SVC_SEGMENT_LIMIT << SVC_DEPTH_MIN };
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, UINT64_MAX);
        struct numbered_key k;
        struct svc_table *t;
        uint64_t stored = 0;

        svc_reader_register();
        cr_assert_eq(svc_table_create_on(&source, 0, &t), 0);
        // One entry opens the chunks; the rest of the first chunk is smaller than two segments.
        for (uint64_t i = 0; i < LIMIT + 2000; i++) {
                if (i == LIMIT - 3000)
                        pages.allowance = 0;
                stored += put_version(t, number_key(&k, i), i + 1, 0) == 0;
        }
        for (uint64_t i = 0; i < LIMIT + 2000; i++) {
                const struct svc_entry *entry = look_up(t, number_key(&k, i));

                stored -= entry != NULL && entry_version(entry, &k.key) == i + 1;
        }
        cr_expect_eq(stored, 0);
        svc_table_destroy(t);
        svc_reader_unregister();
}

Test(svc_table_scarce, a_table_made_for_many_is_large_enough_at_once)
{
        struct svc_table_stats before, after;
        struct numbered_key k;
        struct svc_table *t;

        svc_reader_register();
        cr_assert_eq(svc_table_create(100000, &t), 0);
        svc_table_stats(t, &before);
        for (uint64_t i = 0; i < 100000; i++)
                cr_assert_eq(put_version(t, number_key(&k, i), i, 0), 0);
        svc_table_stats(t, &after);
        cr_expect_eq(after.slot_count, before.slot_count);
        svc_table_destroy(t);
        svc_reader_unregister();
}
