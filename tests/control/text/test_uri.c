#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/uri.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
        const char *target;
        enum uri_verdict verdict;
        const char *path;
        bool clean;
        const char *key, *value;
        size_t param_count;
} cases[] = {
    {"/", URI_OK, "/", true, "x", NULL, 0},
    {"/v1/a?b=c", URI_OK, "/v1/a", true, "b", "c", 1},
    {"/v1/a?pretty", URI_OK, "/v1/a", true, "pretty", "", 1},
    {"/a%20b+c?d+e=f%2Bg", URI_OK, "/a b+c", true, "d e", "f+g", 1},
    {"/?tag=a&tag=b", URI_OK, "/", true, "tag", "a", 2},
    {"/?&&a", URI_OK, "/", true, "a", "", 1},
    {"/?a=%zz&b=1", URI_OK, "/", true, "a", NULL, 1},
    {"/?a=b=c", URI_OK, "/", true, "a", "b=c", 1},
    {"/v1//a", URI_OK, "/v1//a", false, "x", NULL, 0},
    {"/v1/./a", URI_OK, "/v1/./a", false, "x", NULL, 0},
    {"/v1/../a", URI_OK, "/v1/../a", false, "x", NULL, 0},
    {"/v1/..", URI_OK, "/v1/..", false, "x", NULL, 0},
    {"/a%2F%2Fb", URI_OK, "/a//b", false, "x", NULL, 0},
    {"/?a=1;b=2&c", URI_OK, "/", true, "a", "1;b=2", 2},
    {"/v1/.a/..b/", URI_OK, "/v1/.a/..b/", true, "x", NULL, 0},
    {"/a%zz", URI_BAD_ESCAPE, NULL, false, NULL, NULL, 0},
    {"/a%4", URI_BAD_ESCAPE, NULL, false, NULL, NULL, 0},
    {"/a%", URI_BAD_ESCAPE, NULL, false, NULL, NULL, 0},
    {"/a%00b", URI_BAD_ESCAPE, NULL, false, NULL, NULL, 0},
    {"", URI_BAD_ESCAPE, NULL, false, NULL, NULL, 0},
    {"*", URI_BAD_ESCAPE, NULL, false, NULL, NULL, 0},
};

Test(uri, targets_are_taken_apart)
{
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *value;
                struct uri uri;

                cr_expect_eq(uri_parse(cases[i].target, &uri), cases[i].verdict, "%s",
                             cases[i].target);
                if (cases[i].verdict != URI_OK)
                        continue;
                cr_expect_str_eq(uri.path, cases[i].path);
                cr_expect_eq(uri.path_is_clean, cases[i].clean, "%s", cases[i].target);
                cr_expect_eq(uri.param_count, cases[i].param_count, "%s", cases[i].target);
                value = uri_param(&uri, cases[i].key);
                if (cases[i].value == NULL)
                        cr_expect_null(value, "%s", cases[i].target);
                else
                        cr_expect_str_eq(value, cases[i].value, "%s", cases[i].target);
                uri_fini(&uri);
        }
}

Test(uri, control_characters_in_a_path_are_noticed)
{
        static const struct {
                const char *target;
                bool printable;
        } paths[] = {
            {"/a%01b", false}, {"/a%7f", false}, {"/a%20b?c=%01", true}, {"/%c3%bc", true}};

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                struct uri uri;

                cr_assert_eq(uri_parse(paths[i].target, &uri), URI_OK);
                cr_expect_eq(uri.path_is_printable, paths[i].printable, "%s", paths[i].target);
                uri_fini(&uri);
        }
}

Test(uri, the_number_of_parameters_is_bounded)
{
        static const struct {
                size_t count;
                enum uri_verdict verdict;
        } limits[] = {{URI_PARAM_MAX - 1, URI_OK},
                      {URI_PARAM_MAX, URI_OK},
                      {URI_PARAM_MAX + 1, URI_TOO_MANY_PARAMS}};

        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
                char target[4 * URI_PARAM_MAX + 16] = "/?";
                struct uri uri;

                size_t len = strlen(target);

                for (size_t n = 0; n < limits[i].count; n++)
                        len += (size_t)snprintf(target + len, sizeof(target) - len,
                                                "%sa=", n > 0 ? "&" : "");
                cr_expect_eq(uri_parse(target, &uri), limits[i].verdict, "%zu", limits[i].count);
                if (limits[i].verdict == URI_OK)
                        uri_fini(&uri);
        }
}

Test(uri, paths_are_cleaned_as_go_cleans_them)
{
        static const struct {
                const char *path, *clean;
        } paths[] = {
            {"/v1//catalog/nodes", "/v1/catalog/nodes"},
            {"/v1/./a/../b", "/v1/b"},
            {"/../../a", "/a"},
            {"/", "/"},
            {"//", "/"},
            {"/a/b//", "/a/b/"},
            {"/a/..", "/"},
            {"/a/../", "/"},
        };

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                char *clean = uri_clean_path(paths[i].path);

                cr_expect_str_eq(clean, paths[i].clean, "%s gives %s", paths[i].path, clean);
                free(clean);
        }
}

Test(uri, a_broken_query_is_told_apart)
{
        static const struct {
                const char *target;
                bool broken;
        } queries[] = {{"/", false},    {"/?", false},     {"/?a=%2f&&b", false},
                       {"/?a=%", true}, {"/?%zz=1", true}, {"/?a&b;c", true}};

        for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
                struct uri uri;

                cr_assert_eq(uri_parse(queries[i].target, &uri), URI_OK);
                cr_expect_eq(uri.query_is_broken, queries[i].broken, "%s", queries[i].target);
                uri_fini(&uri);
        }
}

Test(uri, only_paths_that_can_be_printed_are_printable)
{
        static const struct {
                const char *target;
                bool printable;
        } paths[] = {{"/a b", true},       {"/caf%C3%A9", true}, {"/%E2%82%AC", true},
                     {"/a%01", false},     {"/a%7f", false},     {"/a%C2%85", false},
                     {"/a%C2%A0b", false}, {"/a%C2%AD", false},  {"/a%C2%A1", true}};

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                struct uri uri;

                cr_assert_eq(uri_parse(paths[i].target, &uri), URI_OK);
                cr_expect_eq(uri.path_is_printable, paths[i].printable, "%s", paths[i].target);
                uri_fini(&uri);
        }
}

Test(uri, a_path_is_escaped_for_a_header)
{
        static const char *const paths[][2] = {{"/a/b-_.~$&+,:;=@", "/a/b-_.~$&+,:;=@"},
                                               {"/a b?", "/a%20b%3F"},
                                               {"/\xc3\xa9\r\n\"<", "/%C3%A9%0D%0A%22%3C"},
                                               {"", ""}};

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                char *escaped = uri_escape_path(paths[i][0]);

                cr_expect_str_eq(escaped, paths[i][1]);
                free(escaped);
        }
}

Test(uri, escapes_are_undone_in_whole_or_not_at_all)
{
        char good[] = "a%20b", bad[] = "%41%4";

        cr_expect_null(uri_unescape(good));
        cr_expect_str_eq(good, "a b");
        cr_expect_eq(uri_unescape(bad), bad + 3);
        cr_expect_str_eq(bad, "%41%4");
}

Test(uri, names_are_escaped_but_for_what_a_path_is_made_of)
{
        static const struct {
                const char *text, *escaped;
        } names[] = {{"", ""},
                     {"a/b-_.~Z9", "a/b-_.~Z9"},
                     {"a b?c&d=e%f+g", "a%20b%3Fc%26d%3De%25f%2Bg"},
                     {"\xc3\xa4\n", "%C3%A4%0A"}};

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char *escaped = uri_escape(names[i].text);

                cr_expect_str_eq(escaped, names[i].escaped);
                free(escaped);
        }
}
