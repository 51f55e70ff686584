#ifndef LICTOR_PLAIN_CRITERION_H
#define LICTOR_PLAIN_CRITERION_H

/**
 * The part of Criterion our tests use, for ThreadSanitizer builds: Criterion's arena wants
 * addresses that ThreadSanitizer keeps for its shadow memory, so it cannot start there.
 *
 * Each test runs in a process of its own, as with Criterion. An expectation of Criterion's that is
 * missing here fails to compile, and is added here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct plain_options {
        void (*init)(void);
        void (*fini)(void);
        double timeout; /* ctest has its own */
        bool disabled;
        const char *description;
};

/* The rows of a parameterized test. */
struct plain_rows {
        size_t row_size;
        void *rows;
        size_t row_count;
};

struct plain_test {
        struct plain_test *next;
        const char *suite;
        const char *name;
        void (*run)(void); /* NULL: the options of a suite, or a parameterized test */
        struct plain_rows (*rows)(void);
        void (*run_row)(void *row);
        struct plain_options options;
};

void plain_register(struct plain_test *test);

/** @fatal  the test ends here. @format  may be empty. */
void plain_fail(const char *file, int line, bool fatal, const char *condition, const char *format,
                ...);

#define PLAIN_REGISTER(id, suite_text, name_text, function, ...)                                   \
        static struct plain_test plain_##id = {                                                    \
            .suite = suite_text, .name = name_text, .run = function, .options = {__VA_ARGS__}};    \
        __attribute__((constructor)) static void plain_register_##id(void)                         \
        {                                                                                          \
                plain_register(&plain_##id);                                                       \
        }

#define Test(suite, name, ...)                                                                     \
        static void suite##_##name(void);                                                          \
        PLAIN_REGISTER(suite##_##name, #suite, #name, suite##_##name, __VA_ARGS__)                 \
        static void suite##_##name(void)

#define TestSuite(suite, ...)                                                                      \
        PLAIN_REGISTER(suite_##suite, #suite, NULL, NULL, __VA_ARGS__)                             \
        struct plain_end_of_suite

#define PLAIN_CHECK(fatal, condition, ...)                                                         \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        plain_fail(__FILE__, __LINE__, fatal, #condition, "" __VA_ARGS__);         \
        } while (0)

#define cr_assert(condition, ...) PLAIN_CHECK(true, condition, __VA_ARGS__)
#define cr_expect(condition, ...) PLAIN_CHECK(false, condition, __VA_ARGS__)
#define cr_fail(...)              PLAIN_CHECK(false, false, __VA_ARGS__)
#define cr_assert_fail(...)       PLAIN_CHECK(true, false, __VA_ARGS__)

#define cr_assert_not(condition, ...) cr_assert(!(condition), __VA_ARGS__)
#define cr_expect_not(condition, ...) cr_expect(!(condition), __VA_ARGS__)

#define cr_assert_eq(a, b, ...)  cr_assert((a) == (b), __VA_ARGS__)
#define cr_expect_eq(a, b, ...)  cr_expect((a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b), __VA_ARGS__)
#define cr_expect_neq(a, b, ...) cr_expect((a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...)  cr_assert((a) < (b), __VA_ARGS__)
#define cr_expect_lt(a, b, ...)  cr_expect((a) < (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...)  cr_assert((a) > (b), __VA_ARGS__)
#define cr_expect_gt(a, b, ...)  cr_expect((a) > (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b), __VA_ARGS__)
#define cr_expect_leq(a, b, ...) cr_expect((a) <= (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b), __VA_ARGS__)
#define cr_expect_geq(a, b, ...) cr_expect((a) >= (b), __VA_ARGS__)

#define cr_assert_null(a, ...)     cr_assert((a) == NULL, __VA_ARGS__)
#define cr_expect_null(a, ...)     cr_expect((a) == NULL, __VA_ARGS__)
#define cr_assert_not_null(a, ...) cr_assert((a) != NULL, __VA_ARGS__)
#define cr_expect_not_null(a, ...) cr_expect((a) != NULL, __VA_ARGS__)

#define cr_assert_str_eq(a, b, ...)  cr_assert(strcmp(a, b) == 0, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)  cr_expect(strcmp(a, b) == 0, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) cr_assert(strcmp(a, b) != 0, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) cr_expect(strcmp(a, b) != 0, __VA_ARGS__)

#define cr_assert_arr_eq(a, b, n, ...) cr_assert(memcmp(a, b, n) == 0, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) cr_expect(memcmp(a, b, n) == 0, __VA_ARGS__)

#endif
