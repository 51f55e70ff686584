#include "control/text/go_quote.h"

#include <criterion/criterion.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

Test(go_quote, literals_are_read_as_go_reads_them)
{
        static const struct {
                const char *text, *want; // NULL: none
        } rows[] = {
            {"\"\"", ""},
            {"\"a b\"", "a b"},
            {"``", ""},
            {"`a\\n\"\r\n`", "a\\n\"\n"},
            {"\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"", "\a\b\f\n\r\t\v\\\""},
            {"\"\\x41\\101\\u00e9\\U0001F600\"", "AA\xc3\xa9\xf0\x9f\x98\x80"},
            {"\"\\u20ac\"", "\xe2\x82\xac"},
            {"", NULL},
            {"\"", NULL},
            {"a", NULL},
            {"'a'", NULL},
            {"\"a`", NULL},
            {"\"a\"b\"", NULL},
            {"`a`b`", NULL},
            {"\"\\\"", NULL},
            {"\"\\'\"", NULL},
            {"\"\\q\"", NULL},
            {"\"\\x4\"", NULL},
            {"\"\\x4g\"", NULL},
            {"\"\\18\"", NULL},
            {"\"\\400\"", NULL},
            {"\"\\ud800\"", NULL},
            {"\"\\U00110000\"", NULL},
            {"\"a\nb\"", NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char out[64];
                size_t len = 99;
                bool ok = go_unquote(rows[i].text, strlen(rows[i].text), out, &len);

                cr_expect_eq(ok, rows[i].want != NULL, "%s", rows[i].text);
                if (!ok || rows[i].want == NULL)
                        continue;
                cr_expect_str_eq(out, rows[i].want, "%s: %s", rows[i].text, out);
                cr_expect_eq(len, strlen(rows[i].want));
        }
}
