#include <criterion/criterion.h>
#include <errno.h>

#include "control/text/duration.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
        const char *text;
        int ret;
        int64_t ns;
        const char *printed; // NULL: as the text
} cases[] = {
    {"0", 0, 0, "0s"},
    {"0s", 0, 0, NULL},
    {"1ns", 0, 1, NULL},
    {"1.5us", 0, 1500, "1.5\xc2\xb5s"},
    {"700ms", 0, 700000000, NULL},
    {"1.5s", 0, 1500000000, NULL},
    {"10s", 0, 10000000000, NULL},
    {"60s", 0, 60000000000, "1m0s"},
    {"1m", 0, 60000000000, "1m0s"},
    {"1h", 0, 3600000000000, "1h0m0s"},
    {"1h30m0.25s", 0, 5400250000000, NULL},
    {"-2ms", 0, -2000000, NULL},
    {"+1s", 0, 1000000000, "1s"},
    {".5s", 0, 500000000, "500ms"},
    {"72h3m0.5s", 0, 259380500000000, NULL},
    {"", -EINVAL, 0, NULL},
    {"-", -EINVAL, 0, NULL},
    {"soon", -EINVAL, 0, NULL},
    {"5", -EINVAL, 0, NULL},
    {"5 s", -EINVAL, 0, NULL},
    {".s", -EINVAL, 0, NULL},
    {"1x", -EINVAL, 0, NULL},
    {"1s2", -EINVAL, 0, NULL},
    {"9223372036s", 0, 9223372036000000000, "2562047h47m16s"},
    {"9223372037s", -ERANGE, 0, NULL},
    {"99999999999999999999s", -ERANGE, 0, NULL},
    {"9223372036s999999999999ns", -ERANGE, 0, NULL},
};

Test(duration, text_is_read_and_printed_as_go_does)
{
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char text[DURATION_TEXT_MAX];
                int64_t ns = 0;

                cr_expect_eq(duration_parse(cases[i].text, &ns), cases[i].ret, "%s", cases[i].text);
                cr_expect_eq(ns, cases[i].ns, "%s: %lld", cases[i].text, (long long)ns);
                if (cases[i].ret == 0)
                        cr_expect_str_eq(duration_format(ns, text), cases[i].printed != NULL
                                                                        ? cases[i].printed
                                                                        : cases[i].text);
        }
}

Test(duration, the_smallest_number_prints)
{
        char text[DURATION_TEXT_MAX];

        cr_expect_str_eq(duration_format(INT64_MIN, text), "-2562047h47m16.854775808s");
}

Test(duration, a_refusal_is_explained_as_go_does)
{
        static const char *const refused[][2] = {
            {"", "time: invalid duration \"\""},
            {"soon", "time: invalid duration \"soon\""},
            {"-", "time: invalid duration \"-\""},
            {".s", "time: invalid duration \".s\""},
            {"10", "time: missing unit in duration \"10\""},
            {"1h10", "time: missing unit in duration \"1h10\""},
            {"1.5", "time: missing unit in duration \"1.5\""},
            {"1 s", "time: unknown unit \" s\" in duration \"1 s\""},
            {"-3d", "time: unknown unit \"d\" in duration \"-3d\""},
        };

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                char text[200];

                duration_explain(refused[i][0], text, sizeof(text));
                cr_expect_str_eq(text, refused[i][1]);
        }
}
