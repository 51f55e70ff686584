#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "control/checks/tail.h"

Test(check_tail, the_end_is_kept_whatever_the_pieces)
{
        static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        const size_t text_len = sizeof(text) - 1;

        for (size_t size = 1; size <= 40; size++) {
                for (size_t piece = 1; piece <= text_len; piece++) {
                        struct check_tail tail;
                        char *kept;
                        size_t expected = size < text_len ? size : text_len;

                        check_tail_init(&tail, size);
                        for (size_t at = 0; at < text_len; at += piece)
                                cr_assert_eq(
                                    check_tail_add(&tail, text + at,
                                                   piece < text_len - at ? piece : text_len - at),
                                    0);
                        kept = check_tail_text(&tail);
                        cr_expect_str_eq(kept, text + text_len - expected, "size %zu piece %zu",
                                         size, piece);
                        free(kept);
                        check_tail_fini(&tail);
                }
        }
}

static size_t next(uint64_t *random)
{
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        return (size_t)(*random >> 33);
}

Test(check_tail, it_agrees_with_a_naive_model)
{
        const uint64_t seed = 20240607;
        uint64_t random = seed;
        static char all[200000];
        struct check_tail tail;
        size_t total = 0;

        check_tail_init(&tail, 4096);
        while (total < sizeof(all) - 9000) {
                size_t len = next(&random) % (next(&random) % 20 == 0 ? 9000 : 300);
                char *kept;

                for (size_t i = 0; i < len; i++)
                        all[total + i] = (char)('a' + next(&random) % 26);
                cr_assert_eq(check_tail_add(&tail, all + total, len), 0);
                total += len;
                all[total] = '\0';
                kept = check_tail_text(&tail);
                cr_assert_str_eq(kept, all + (total > 4096 ? total - 4096 : 0),
                                 "seed %llu, %zu bytes", (unsigned long long)seed, total);
                free(kept);
        }
        check_tail_fini(&tail);
}

Test(check_tail, what_was_left_out_is_said)
{
        struct check_tail tail;
        char *report;

        check_tail_init(&tail, 4);
        check_tail_add(&tail, "abcd", 4);
        report = check_tail_report(&tail);
        cr_expect_str_eq(report, "abcd");
        free(report);
        check_tail_add(&tail, "e\0", 2);
        report = check_tail_report(&tail);
        cr_expect_str_eq(report, "Captured 4 of 6 bytes\n...\ncde ");
        free(report);
        check_tail_fini(&tail);
        check_tail_init(&tail, 4);
        report = check_tail_report(&tail);
        cr_expect_str_eq(report, "");
        free(report);
        check_tail_fini(&tail);
}
