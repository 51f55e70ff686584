#ifndef LICTOR_PLAIN_PARAMETERIZED_H
#define LICTOR_PLAIN_PARAMETERIZED_H

/** Tests that run once for each row, each time in a process of its own; see criterion.h. */

#include "tests/sanitizers/plain/criterion/criterion.h"

#define cr_make_param_array(type, array, count) ((struct plain_rows){sizeof(type), array, count})

#define ParameterizedTestParameters(suite, name)                                                   \
        static struct plain_rows suite##_##name##_rows(void)

#define ParameterizedTest(parameter, suite_id, name_id)                                            \
        static void suite_id##_##name_id(parameter);                                               \
        static void suite_id##_##name_id##_row(void *row)                                          \
        {                                                                                          \
                suite_id##_##name_id(row);                                                         \
        }                                                                                          \
        static struct plain_test plain_##suite_id##_##name_id = {                                  \
            .suite = #suite_id,                                                                    \
            .name = #name_id,                                                                      \
            .rows = suite_id##_##name_id##_rows,                                                   \
            .run_row = suite_id##_##name_id##_row};                                                \
        __attribute__((constructor)) static void plain_register_##suite_id##_##name_id(void)       \
        {                                                                                          \
                plain_register(&plain_##suite_id##_##name_id);                                     \
        }                                                                                          \
        static void suite_id##_##name_id(parameter)

#endif
