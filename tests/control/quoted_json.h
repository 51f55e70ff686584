#ifndef TESTS_CONTROL_QUOTED_JSON_H
#define TESTS_CONTROL_QUOTED_JSON_H

// JSON as tests write it: with single quotes, which are read as double ones.

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/** returns  a new reference; the test fails on what is no JSON. */
static inline json_t *quoted_json(const char *quoted)
{
        char *text = strdup(quoted);
        json_t *value;

        for (char *c = text; *c != '\0'; c++)
                *c = *c == '\'' ? '"' : *c;
        value = json_loads(text, 0, NULL);
        cr_assert_not_null(value, "%s", text);
        free(text);
        return value;
}

#endif
