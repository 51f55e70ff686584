#include "control/text/json_syntax.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor/random.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

Test(json_syntax, mistakes_are_told_in_the_words_of_go)
{
        static const struct {
                const char *text, *error; // NULL: none
        } rows[] = {
            {"{}", NULL},
            {" [1, -0.5e+3, \"a\\u00e9\\n\", true, false, null, {\"a\": []}] x", NULL},
            {"0", NULL},
            {"-12.5E7", NULL},
            {"{} {", NULL},
            {"", "EOF"},
            {" \n", "EOF"},
            {"{", "unexpected EOF"},
            {"{\"a", "unexpected EOF"},
            {"{\"a\":1", "unexpected EOF"},
            {"[1,", "unexpected EOF"},
            {"tru", "unexpected EOF"},
            {"-", "unexpected EOF"},
            {"1e", "unexpected EOF"},
            {"x", "invalid character 'x' looking for beginning of value"},
            {"'a'", "invalid character '\\'' looking for beginning of value"},
            {"[1,]", "invalid character ']' looking for beginning of value"},
            {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
            {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
            {"{\"a\" 1}", "invalid character '1' after object key"},
            {"{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair"},
            {"[1 2]", "invalid character '2' after array element"},
            {"[01]", "invalid character '1' after array element"},
            {"\"a\nb\"", "invalid character '\\n' in string literal"},
            {"\"\\q\"", "invalid character 'q' in string escape code"},
            {"\"\\u12z\"", "invalid character 'z' in \\u hexadecimal character escape"},
            {"-x", "invalid character 'x' in numeric literal"},
            {"1.x", "invalid character 'x' after decimal point in numeric literal"},
            {"1ex", "invalid character 'x' in exponent of numeric literal"},
            {"nulx", "invalid character 'x' in literal null (expecting 'l')"},
            {"truE", "invalid character 'E' in literal true (expecting 'e')"},
            {"\x01", "invalid character '\\x01' looking for beginning of value"},
            {"\xc3\xa9", "invalid character '\xc3\x83' looking for beginning of value"},
            {"\x80", "invalid character '\\u0080' looking for beginning of value"},
            {"\\", "invalid character '\\\\' looking for beginning of value"},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char error[128] = "";
                bool ok =
                    json_syntax_check(rows[i].text, strlen(rows[i].text), error, sizeof(error));

                cr_expect_eq(ok, rows[i].error == NULL, "%s: %s", rows[i].text, error);
                if (rows[i].error != NULL)
                        cr_expect_str_eq(error, rows[i].error, "%s: %s", rows[i].text, error);
        }
}

Test(json_syntax, depth_is_bounded)
{
        static char text[10002];
        char error[128];

        memset(text, '[', sizeof(text));
        cr_expect_not(json_syntax_check(text, 10000, error, sizeof(error)));
        cr_expect_str_eq(error, "unexpected EOF");
        cr_expect_not(json_syntax_check(text, 10001, error, sizeof(error)));
        cr_expect_str_eq(error, "invalid character '[' exceeded max depth");
}

// Small texts of JSON's own characters: both readers agree on what is a value.
Test(json_syntax, what_it_takes_is_what_jansson_takes)
{
        static const char *const parts[] = {"{", "}",  "[",   "]",    ":",  ",",  "\"a\"",   "1",
                                            "0", "-2", "1.5", "true", "[]", "{}", "\"\\n\"", " "};
        const char *text = getenv("SEED");
        uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 20211;
        uint64_t state = seed;

        for (int round = 0; round < 100000; round++) {
                char body[128] = "[", error[128];
                size_t len = 1;
                size_t count = random_next(&state) % 9;
                json_t *value;
                bool ok;

                for (size_t i = 0; i < count; i++)
                        len += (size_t)snprintf(body + len, sizeof(body) - len, "%s",
                                                parts[random_next(&state) % ARRAY_LEN(parts)]);
                snprintf(body + len, sizeof(body) - len, "]");
                value = json_loads(body, JSON_DISABLE_EOF_CHECK, NULL);
                ok = json_syntax_check(body, strlen(body), error, sizeof(error));
                cr_assert_eq(ok, value != NULL, "%s (SEED=%llu)", body, (unsigned long long)seed);
                json_decref(value);
        }
}
