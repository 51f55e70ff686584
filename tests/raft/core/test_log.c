#include <criterion/criterion.h>

#include "raft/core/log.h"

static void append(struct raft_log *log, raft_term term)
{
        struct raft_entry entry = {.index = log_last_index(log) + 1,
                                   .term = term,
                                   .type = RAFT_ENTRY_COMMAND,
                                   .data = raft_buffer_create("x", 1)};

        cr_assert_eq(log_reserve(log, 1), 0);
        log_append(log, &entry);
}

static void fill(struct raft_log *log, const raft_term terms[], size_t n)
{
        for (size_t i = 0; i < n; i++)
                append(log, terms[i]);
}

Test(raft_log, an_empty_log_matches_only_its_beginning)
{
        struct raft_log log = {0};

        cr_expect_eq(log_last_index(&log), 0);
        cr_expect(log_matches(&log, 0, 0));
        cr_expect_not(log_matches(&log, 1, 1));
        cr_expect_eq(log_term(&log, 0), 0);
        log_fini(&log);
}

Test(raft_log, terms_are_known_from_the_base_to_the_end)
{
        static const raft_term terms[] = {1, 1, 2, 4};
        struct raft_log log = {0};

        fill(&log, terms, 4);
        log_forget(&log, 2);
        cr_expect_eq(log_term(&log, 1), 0, "forgotten");
        cr_expect_eq(log_term(&log, 2), 1, "the base");
        cr_expect_eq(log_term(&log, 3), 2);
        cr_expect_eq(log_term(&log, 4), 4);
        cr_expect_eq(log_term(&log, 5), 0, "not there yet");
        cr_expect_not(log_matches(&log, 5, 0), "an unknown term matches nothing");
        log_fini(&log);
}

Test(raft_log, truncation_keeps_what_comes_before)
{
        static const raft_term terms[] = {1, 1, 2, 2, 3};
        struct raft_log log = {0};

        fill(&log, terms, 5);
        log_truncate(&log, 6);
        cr_expect_eq(log_last_index(&log), 5);
        log_truncate(&log, 4);
        cr_expect_eq(log_last_index(&log), 3);
        append(&log, 9);
        cr_expect_eq(log_term(&log, 4), 9);
        log_truncate(&log, 1);
        cr_expect_eq(log_last_index(&log), 0);
        log_fini(&log);
}

Test(raft_log, the_hint_is_the_last_entry_that_is_not_newer)
{
        static const struct {
                raft_index limit;
                raft_term term;
                raft_index want;
        } cases[] = {{5, 9, 5}, {5, 3, 4}, {5, 2, 2}, {3, 2, 2}, {5, 1, 2}, {5, 0, 0}, {9, 9, 5}};
        static const raft_term terms[] = {1, 1, 3, 3, 4};
        struct raft_log log = {0};

        fill(&log, terms, 5);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_expect_eq(log_last_with_term_at_most(&log, cases[i].limit, cases[i].term),
                             cases[i].want, "row %zu", i);
        log_fini(&log);
}

Test(raft_log, appending_and_forgetting_for_long_stays_in_place)
{
        struct raft_log log = {0};

        for (unsigned i = 0; i < 100000; i++) {
                append(&log, 1);
                if (log_last_index(&log) > 50)
                        log_forget(&log, log_last_index(&log) - 50);
        }
        cr_expect_eq(log_last_index(&log), 100000);
        cr_expect_leq(log.capacity, 256, "fifty entries need no more, found %zu", log.capacity);
        log_fini(&log);
}

Test(raft_log, a_reset_starts_behind_a_snapshot)
{
        static const raft_term terms[] = {1, 2};
        struct raft_log log = {0};

        fill(&log, terms, 2);
        log_reset(&log, 40, 7);
        cr_expect_eq(log_last_index(&log), 40);
        cr_expect(log_matches(&log, 40, 7));
        append(&log, 8);
        cr_expect_eq(log_at(&log, 41)->term, 8);
        log_fini(&log);
}

Test(raft_log, a_log_that_was_long_once_gives_its_memory_back)
{
        struct raft_log log = {0};
        size_t capacity;

        for (size_t i = 0; i < 200000; i++)
                append(&log, 1);
        capacity = log.capacity;
        log_forget(&log, 199000);
        for (size_t i = 0; i < 4 * capacity; i++) {
                append(&log, 2);
                log_forget(&log, log_last_index(&log) - 1000);
        }
        cr_expect_lt(log.capacity, capacity / 2);
        cr_expect_eq(log.count, 1000);
        cr_expect_eq(log_term(&log, log_last_index(&log)), 2);
        log_fini(&log);
}
