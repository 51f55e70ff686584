#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/query/query.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static json_t *definition(const char *name, const char *regexp, const char *service,
                          const char *tags)
{
        json_t *value = json_pack(
            "{s:s, s:{s:s, s:s, s:b}, s:{s:s, s:{s:i, s:n}, s:n, s:s, s:o?, s:{s:s}}}", "Name",
            name, "Template", "Type", "name_prefix_match", "Regexp", regexp, "RemoveEmptyTags", 1,
            "Service", "Service", service, "Failover", "NearestN", 0, "Datacenters",
            "IgnoreCheckIDs", "Near", "", "Tags", tags != NULL ? json_loads(tags, 0, NULL) : NULL,
            "NodeMeta", "zone", "z-${name.suffix}");

        cr_assert_not_null(value);
        return value;
}

static const struct {
        const char *name, *prefix, *regexp, *text, *asked, *want;
} renderings[] = {
    {"plain text", "geo-", "", "redis", "geo-x", "redis"},
    {"full name", "geo-", "", "${name.full}", "geo-x", "geo-x"},
    {"prefix and suffix", "geo-", "", "${name.prefix}|${ name.suffix }", "GEO-x", "GEO-|x"},
    {"segment", "", "", "a${agent.segment}b", "x", "aalphab"},
    {"groups", "find-", "^find-(.*?)-([^-]*)$", "${match(2)}.${match(1)}", "find-a-b-c", "c.a-b"},
    {"whole match", "f", "f(.)", "${match(0)}", "fan", "fa"},
    {"group out of range", "f", "f(.)", "<${match(9)}>", "fan", "<>"},
    {"a group that took no part", "f", "f(x)?(.)", "<${match(1)}>", "fan", "<>"},
    {"no match at all", "f", "^g(.)", "<${match(1)}>", "fan", "<>"},
    {"match without expression", "f", "", "<${match(1)}>", "fan", "<>"},
    {"escaped", "f", "", "$${name.full}", "fan", "${name.full}"},
    {"a lone dollar", "f", "", "$5 $", "fan", "$5 $"},
    {"a quoted text", "f", "", "${\"abc\"}", "fan", "abc"},
    {"named groups of the reference's dialect", "f", "^f(?P<rest>.*)$", "${match(1)}", "fan", "an"},
};

Test(query_template, texts_are_filled_from_the_name)
{
        for (size_t i = 0; i < ARRAY_LEN(renderings); i++) {
                json_t *from = definition(renderings[i].prefix, renderings[i].regexp,
                                          renderings[i].text, NULL);
                char error[QUERY_ERROR_MAX] = "";
                json_t *to = NULL;
                const char *got;

                cr_assert_eq(query_template_render(from, renderings[i].asked, "alpha", &to, error),
                             0, "%s: %s", renderings[i].name, error);
                got = json_string_value(json_object_get(json_object_get(to, "Service"), "Service"));
                cr_expect_str_eq(got, renderings[i].want, "%s: %s", renderings[i].name, got);
                json_decref(to);
                json_decref(from);
        }
}

static const struct {
        const char *name, *regexp, *text, *want;
} refusals[] = {
    {"open brace", "", "${name.wrong", "Bad format '${name.wrong' in Service.Service: "},
    {"unknown variable", "", "${name.nope}", "unknown variable accessed: name.nope"},
    {"nothing", "", "${}", "expected expression"},
    {"match without a number", "", "${match(x)}", "Bad format '${match(x)}' in Service.Service: "},
    {"match without an end", "", "${match(1}", "closing parenthesis"},
    {"bad expression", "(", "a", "Bad Regexp: "},
};

Test(query_template, mistakes_are_refused_with_the_text_that_holds_them)
{
        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
                json_t *from = definition("p", refusals[i].regexp, refusals[i].text, NULL);
                char error[QUERY_ERROR_MAX] = "";

                cr_expect_eq(query_template_check(from, error), -EINVAL, "%s", refusals[i].name);
                cr_expect(strstr(error, refusals[i].want) != NULL, "%s: %s", refusals[i].name,
                          error);
                json_decref(from);
        }
}

Test(query_template, empty_tags_go_and_metadata_is_filled)
{
        json_t *from = definition("p-", "", "s", "[\"${name.suffix}\", \"${agent.segment}\"]");
        char error[QUERY_ERROR_MAX];
        struct catalog_query query;
        void *memory;
        json_t *to;

        cr_assert_eq(query_template_render(from, "p-web", "", &to, error), 0);
        cr_assert_eq(query_definition_read(to, &query, &memory), 0);
        cr_expect_eq(query.tags.count, 1);
        cr_expect_str_eq(query.tags.items[0], "web");
        cr_expect_str_eq(text_map_get(&query.node_meta, "zone"), "z-web");
        // What it was made from is as it was.
        cr_expect_eq(json_array_size(json_object_get(json_object_get(from, "Service"), "Tags")), 2);
        free(memory);
        json_decref(to);
        json_decref(from);
}

Test(query_template, an_expression_that_runs_away_matches_nothing)
{
        json_t *from = definition("a", "^(a+)+$", "<${match(1)}>", NULL);
        char error[QUERY_ERROR_MAX], name[200];
        json_t *to;

        memset(name, 'a', sizeof(name) - 2);
        memcpy(name + sizeof(name) - 2, "!", 2);
        cr_assert_eq(query_template_render(from, name, "", &to, error), 0);
        cr_expect_str_eq(
            json_string_value(json_object_get(json_object_get(to, "Service"), "Service")), "<>");
        json_decref(to);
        json_decref(from);
}
