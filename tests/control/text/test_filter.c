#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/text/filter.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const selectors[] = {
    "Service",       "#Port",           "?Override", "Tags[]",           "Meta.*",
    "#Weights.Pass", "Checks[].Status", "Hidden",    "Addresses.*.Name", NULL};

static const char object_text[] =
    "{\"Service\":\"web\",\"Port\":80,\"Override\":true,\"Tags\":[\"a\",\"b c\"],"
    "\"Meta\":{\"env\":\"prod\",\"odd-key\":\"1\",\"with space\":\"x\"},\"Weights\":{\"Pass\":5},"
    "\"Checks\":[{\"Status\":\"passing\"},{\"Status\":\"warning\"}]}";

static const struct {
        const char *text;
        bool matches;
} good[] = {
    {"Service == web", true},
    // What is not shown is empty; what a map lacks passes all but three tests.
    {"Hidden == \"\"", true},
    {"Hidden matches \"^$\"", true},
    {"Hidden != x", true},
    {"Meta.none == prod", false},
    {"Meta.none != prod", true},
    {"Meta.none matches \"^p\"", true},
    {"Meta.none not matches \"^p\"", true},
    {"p in Meta.none", false},
    {"p not in Meta.none", true},
    {"Addresses.lan.Name == web", false},
    {"lan in Addresses", false},
    {"Addresses is empty", true},
    {"Service == \"web\"", true},
    {"Service == `web`", true},
    {"Service != web", false},
    {"Service == \"w\\x65b\"", true},
    {"Service == `w\\x65b`", false},
    {"  Service==web  ", true},
    {"Port == 80", true},
    {"Port != 80", false},
    {"Port == \"0x50\"", true},
    {"Override == true", true},
    {"Override == 0", false},
    {"a in Tags", true},
    {"\"b c\" in Tags", true},
    {"a not in Tags", false},
    {"Tags contains a", true},
    {"Tags not contains a", false},
    {"Tags is empty", false},
    {"Tags is not empty", true},
    {"Meta is empty", false},
    {"Meta.env == prod", true},
    {"Meta.none == prod", false},
    {"Meta.none != prod", true},
    {"Meta[\"odd-key\"] == \"1\"", true},
    {"Meta[ `odd-key` ] == 1", true},
    {"Meta[`with space`] == x", true},
    {"env in Meta", true},
    {"nope in Meta", false},
    {"\"eb\" in Service", true},
    {"Service contains eb", true},
    {"Service matches \"^(we|db)\"", true},
    {"Service not matches `b$`", false},
    {"Weights.Pass == 5", true},
    {"Checks.Status == warning", true},
    {"Checks.Status == critical", false},
    {"Checks is not empty", true},
    {"Service == web and Port == 81", false},
    {"Service == web or Port == 81", true},
    {"Service == db or Port == 80 and Override == false", false},
    {"(Service == db or Port == 80) and Override == true", true},
    {"Service == web or Port == 1 and Port == 2", true},
    {"not Service == web", false},
    {"not not Service == web", true},
    {"not (Service == db and Port == 80)", true},
    {"not Service == db and Port == 80", true},
    {"((((Port == 80))))", true},
    {"in in Tags", false},
};

static const char *const bad[] = {
    "",
    "   ",
    "Service",
    "Service ==",
    "Service = web",
    "== web",
    "Colour == red",
    "Service.x == y",
    "(Service == web",
    "Service == web)",
    "Service == web and",
    "Service == web Port == 80",
    "Port == many",
    "Port matches 1",
    "Port is empty",
    "Port in Service in Tags",
    "Override == perhaps",
    "Service matches \"(\"",
    "Service is empty",
    "Tags == a",
    "Weights == 1",
    "Service == \"unterminated",
    "Meta[\"x\" == 1",
    "Meta[x] == 1",
    "Service == web & Port == 80",
    "..",
    "not in Tags",
};

Test(filter, expressions_select_what_they_say)
{
        json_t *object = json_loads(object_text, 0, NULL);

        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                char error[FILTER_ERROR_MAX];
                struct filter *filter;

                cr_assert_eq(filter_compile(good[i].text, selectors, &filter, error), 0, "%s: %s",
                             good[i].text, error);
                cr_expect_eq(filter_matches(filter, object), good[i].matches, "%s", good[i].text);
                filter_destroy(filter);
        }
        json_decref(object);
}

Test(filter, what_is_no_expression_is_refused)
{
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                char error[FILTER_ERROR_MAX];
                struct filter *filter;

                cr_expect_eq(filter_compile(bad[i], selectors, &filter, error), -EINVAL, "%s",
                             bad[i]);
        }
}

Test(filter, what_the_grammar_refuses_is_told_as_consul_does)
{
        static const struct {
                const char *text, *error;
        } rows[] = {
            {"Node==web-1",
             "1:10 (9): no match found, expected: \".\", \"[\", [ \\t\\r\\n], [a-zA-Z0-9_] or EOF"},
            {"Node==10.0.0.1", "1:11 (10): rule \"number\": Invalid number literal"},
            {"1a==Node", "1:2 (1): rule \"number\": Invalid number literal"},
            {"\"x\"==Node", "1:4 (3): no match found, expected: [ \\t\\r\\n]"},
            {"Node", "1:5 (4): no match found, expected: \"!=\", \".\", \"==\", \"[\", [ "
                     "\\t\\r\\n] or [a-zA-Z0-9_]"},
            {"Node =", "1:6 (5): no match found, expected: \"!=\", \"==\", \"contains\", \"in\", "
                       "\"is\", \"matches\", \"not\" or [ \\t\\r\\n]"},
            {"Node ==", "1:8 (7): no match found, expected: \"-\", \"0\", \"\\\"\", \"`\", [ "
                        "\\t\\r\\n], [1-9] or [a-zA-Z]"},
            {"Node==n1 and", "1:13 (12): no match found, expected: [ \\t\\r\\n]"},
            {"Node==n1 and (", "1:15 (14): no match found, expected: \"(\", \"-\", \"0\", "
                               "\"\\\"\", \"`\", \"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"},
            {"(Node==n1", "1:10 (9): rule \"grouping\": Unmatched parentheses"},
            {"Node==n1)",
             "1:9 (8): no match found, expected: \".\", \"[\", [ \\t\\r\\n], [a-zA-Z0-9_] or EOF"},
            {"(Node==n1))", "1:11 (10): no match found, expected: [ \\t\\r\\n] or EOF"},
            {"Node==n1 foo",
             "1:10 (9): no match found, expected: \"and\", \"or\", [ \\t\\r\\n] or EOF"},
            {"Node is full",
             "1:9 (8): no match found, expected: \"empty\", \"not\" or [ \\t\\r\\n]"},
            {"\"a\" in 1", "1:8 (7): rule \"match\": Invalid selector"},
            {"Meta[a]", "1:6 (5): rule \"index\": Invalid index"},
            {"Meta[\"a\" x", "1:10 (9): rule \"index\": Unclosed index expression"},
            {"Meta[\"a", "1:8 (7): rule \"string\": Unterminated string literal\n1:6 (5): rule "
                         "\"index\": Invalid index"},
            {"Node==\"abc", "1:11 (10): rule \"string\": Unterminated string literal"},
            {"Node==\"a\\qb\"", "1:7 (6): rule \"string\": invalid syntax"},
            {"Node==01", "1:8 (7): rule \"number\": Invalid number literal"},
            {"   ", "1:4 (3): no match found, expected: \"(\", \"-\", \"0\", \"\\\"\", \"`\", "
                    "\"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"},
            {"()", "1:2 (1): no match found, expected: \"(\", \"-\", \"0\", \"\\\"\", \"`\", "
                   "\"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"},
            {"Node==é", "1:7 (6): no match found, expected: \"-\", \"0\", \"\\\"\", \"`\", [ "
                        "\\t\\r\\n], [1-9] or [a-zA-Z]"},
            {"Node==n1\nand\nfoo", "3:4 (16): no match found, expected: \"!=\", \".\", \"==\", "
                                   "\"[\", [ \\t\\r\\n] or [a-zA-Z0-9_]"},
            {"Node..a", "1:6 (5): no match found, expected: [a-zA-Z]"},
            {"((Node==n1", "1:11 (10): rule \"grouping\": Unmatched parentheses"},
            {"not(Node==n1)", "1:4 (3): no match found, expected: \"!=\", \".\", \"==\", \"[\", [ "
                              "\\t\\r\\n] or [a-zA-Z0-9_]"},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char error[FILTER_ERROR_MAX];
                struct filter *filter;

                cr_expect_eq(filter_compile(rows[i].text, selectors, &filter, error), -EINVAL);
                cr_expect_str_eq(error, rows[i].error, "%s: %s", rows[i].text, error);
        }
}

Test(filter, depth_and_length_are_bounded)
{
        static const struct {
                size_t depth;
                int ret;
        } rows[] = {{1, 0}, {127, 0}, {128, 0}, {129, -EINVAL}, {4000, -EINVAL}};

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[8200] = "", error[FILTER_ERROR_MAX];
                struct filter *filter;

                memset(text, '(', rows[i].depth);
                snprintf(text + rows[i].depth, 16, "Port == 1");
                memset(text + strlen(text), ')', rows[i].depth);
                cr_expect_eq(filter_compile(text, selectors, &filter, error), rows[i].ret, "%zu",
                             rows[i].depth);
                if (rows[i].ret == 0)
                        filter_destroy(filter);
        }
}

Test(filter, long_chains_end_at_the_limit)
{
        static const struct {
                size_t tests;
                int ret;
        } rows[] = {{127, 0}, {128, 0}, {129, -EINVAL}};

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[4096] = "Port == 1", error[FILTER_ERROR_MAX];
                struct filter *filter;

                size_t len = strlen(text);

                for (size_t n = 1; n < rows[i].tests; n++)
                        len += (size_t)snprintf(text + len, sizeof(text) - len, " or Port == 1");
                cr_expect_eq(filter_compile(text, selectors, &filter, error), rows[i].ret, "%zu",
                             rows[i].tests);
                if (rows[i].ret == 0)
                        filter_destroy(filter);
        }
}

Test(filter, mistakes_name_the_operator_and_how_far_the_selector_leads)
{
        static const struct {
                const char *text, *error;
        } rows[] = {
            {"Service is empty", "Invalid match operator \"Is Empty\" for selector \"Service\""},
            {"Meta matches x", "Invalid match operator \"Matches\" for selector \"Meta\""},
            {"Meta[`odd-key`] is not empty",
             "Invalid match operator \"Is Not Empty\" for selector \"Meta.odd-key\""},
            {"1 not in Port", "Invalid match operator \"Not In\" for selector \"Port\""},
            {"Weights == 5", "Invalid match operator \"Equal\" for selector \"Weights\""},
            {"Addresses.lan != 5",
             "Invalid match operator \"Not Equal\" for selector \"Addresses.lan\""},
            {"Bogus.Port == 1", "Selector \"Bogus\" is not valid"},
            {"Weights.Fail == 1", "Selector \"Weights.Fail\" is not valid"},
            {"Port == many", "Failed to coerce value \"many\" for selector \"Port\": "
                             "strconv.ParseInt: parsing \"many\": invalid syntax"},
            {"Port == 99999999999999999999",
             "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
            {"Override == 2", "strconv.ParseBool: parsing \"2\": invalid syntax"},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char error[FILTER_ERROR_MAX];
                struct filter *filter = NULL;

                cr_expect_eq(filter_compile(rows[i].text, selectors, &filter, error), -EINVAL);
                cr_expect_not_null(strstr(error, rows[i].error), "%s: %s", rows[i].text, error);
        }
}
