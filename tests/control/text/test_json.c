#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/json_schema.h"
#include "control/text/json_writer.h"
#include "control/text/utf8.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void write_sample(struct json_writer *w)
{
        json_writer_begin_object(w);
        json_writer_put_string(w, "a", "x");
        json_writer_key(w, "b");
        json_writer_begin_array(w);
        json_writer_int(w, -1);
        json_writer_bool(w, true);
        json_writer_null(w);
        json_writer_end_array(w);
        json_writer_key(w, "c");
        json_writer_begin_object(w);
        json_writer_end_object(w);
        json_writer_end_object(w);
        json_writer_finish(w);
}

Test(json_writer, compact_and_pretty_forms_are_those_of_go)
{
        static const char *const want[] = {
            "{\"a\":\"x\",\"b\":[-1,true,null],\"c\":{}}",
            "{\n    \"a\": \"x\",\n    \"b\": [\n        -1,\n        true,\n        null\n    ],\n"
            "    \"c\": {}\n}\n",
        };

        for (int pretty = 0; pretty < 2; pretty++) {
                struct json_writer w;
                char *text;
                size_t len;

                json_writer_init(&w, pretty);
                write_sample(&w);
                text = json_writer_take(&w, &len);
                cr_expect_str_eq(text, want[pretty]);
                cr_expect_eq(len, strlen(want[pretty]));
                free(text);
        }
}

Test(json_writer, strings_are_escaped)
{
        static const struct {
                const char *text, *want;
        } cases[] = {
            {"", "\"\""},
            {"a\"b\\c", "\"a\\\"b\\\\c\""},
            {"\n\r\t\x01", "\"\\n\\r\\t\\u0001\""},
            {"<a&b>", "\"\\u003ca\\u0026b\\u003e\""},
            {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
            {"\xf0\x9f\x8c\x8d", "\"\xf0\x9f\x8c\x8d\""},
            {"a\xff"
             "b",
             "\"a\\ufffdb\""},
            {"\xc0\x80", "\"\\ufffd\\ufffd\""},
            {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
            {"\xe2\x80", "\"\\ufffd\\ufffd\""},
            {"\xe2\x80\xa8", "\"\\u2028\""},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct json_writer w;
                char *text;
                size_t len;

                json_writer_init(&w, false);
                json_writer_string(&w, cases[i].text);
                text = json_writer_take(&w, &len);
                cr_expect_str_eq(text, cases[i].want);
                free(text);
        }
}

static const struct json_field inner_fields[] = {{"Passing", JSON_KIND_INT, NULL}};
static const struct json_schema inner = JSON_SCHEMA(inner_fields);
static const struct json_schema open_inner = JSON_SCHEMA_OPEN(inner_fields);
static const char *const outer_aliases[] = {"old_name", NULL};
static const struct json_field outer_fields[] = {
    {"Name", JSON_KIND_STRING, NULL},      {"EnableTagOverride", JSON_KIND_BOOL, NULL},
    {"TTL", JSON_KIND_DURATION, NULL},     {"Ratio", JSON_KIND_NUMBER, NULL},
    {"Tags", JSON_KIND_STRINGS, NULL},     {"Meta", JSON_KIND_STRING_MAP, NULL},
    {"Header", JSON_KIND_LISTS, NULL},     {"Weights", JSON_KIND_OBJECT, &inner},
    {"Checks", JSON_KIND_OBJECTS, &inner}, {"Named", JSON_KIND_OBJECT_MAP, &inner},
    {"Proxy", JSON_KIND_ANY, NULL},        {"OldName", JSON_KIND_STRING, NULL},
    {"Gone", JSON_KIND_IGNORED, NULL},     {"Open", JSON_KIND_OBJECT, &open_inner},
};
static const struct json_schema outer = JSON_SCHEMA_ALIASED(outer_fields, outer_aliases);

static const struct {
        const char *body;
        unsigned flags;
        int ret;
        const char *want; // canonical JSON, or part of the error
} schema_cases[] = {
    {"{}", 0, 0, "{}"},
    {"null", 0, 0, "{}"},
    {"{\"NAME\":\"x\"}", 0, 0, "{\"Name\":\"x\"}"},
    {"{\"name\":\"x\",\"Name\":\"y\"}", 0, 0, "{\"Name\":\"y\"}"},
    {"{\"weights\":{\"passing\":1},\"Weights\":{\"passing\":2}}", 0, 0,
     "{\"Weights\":{\"Passing\":2}}"},
    {"{\"checks\":[{\"passing\":1}],\"Checks\":[{}],\"CHECKS\":[{\"passing\":3}]}", 0, 0,
     "{\"Checks\":[{\"Passing\":3}]}"},
    {"{\"named\":{\"a\":{\"passing\":1}},\"Named\":[]}", 0, -EINVAL, "field Named"},
    {"{\"Name\":null}", 0, 0, "{}"},
    {"{\"Name\":\"x\"} trailing", 0, 0, "{\"Name\":\"x\"}"},
    {"{\"TTL\":\"1m\"}", 0, 0, "{\"TTL\":60000000000}"},
    {"{\"TTL\":5}", 0, 0, "{\"TTL\":5}"},
    {"{\"TTL\":1.5e3}", 0, 0, "{\"TTL\":1500}"},
    {"{\"TTL\":1e19}", 0, -EINVAL, "number into field TTL"},
    {"{\"TTL\":\"\"}", 0, -EINVAL, "time: invalid duration \"\""},
    {"{\"Tags\":[\"a\",null],\"Meta\":{\"k\":null}}", 0, 0,
     "{\"Meta\":{\"k\":\"\"},\"Tags\":[\"a\",\"\"]}"},
    {"{\"Named\":{\"a\":null}}", 0, 0, "{\"Named\":{\"a\":{}}}"},
    {"{\"old_name\":\"x\"}", 0, 0, "{\"OldName\":\"x\"}"},
    {"{\"ol_dname\":\"x\"}", 0, -EINVAL, "unknown field \"ol_dname\""},
    {"{\"Open\":{\"Passing\":1,\"Colour\":[]}}", 0, 0, "{\"Open\":{\"Passing\":1}}"},
    {"{\"Gone\":{\"a\":1}}", 0, 0, "{}"},
    {"{\"Ratio\":1}", 0, 0, "{\"Ratio\":1}"},
    {"{\"Tags\":[\"a\"],\"Meta\":{\"k\":\"v\"},\"Header\":{\"h\":[\"1\"]}}", 0, 0,
     "{\"Header\":{\"h\":[\"1\"]},\"Meta\":{\"k\":\"v\"},\"Tags\":[\"a\"]}"},
    {"{\"weights\":{\"PASSING\":1},\"checks\":[{\"passing\":2},null,{}],\"named\":{\"a\":{}}}", 0,
     0, "{\"Checks\":[{\"Passing\":2},{}],\"Named\":{\"a\":{}},\"Weights\":{\"Passing\":1}}"},
    {"{\"enable_tag_override\":true}", JSON_SCHEMA_SNAKE_CASE, 0, "{\"EnableTagOverride\":true}"},
    {"{\"enable_tag_override\":true}", 0, -EINVAL, "unknown field \"enable_tag_override\""},
    {"{\"Colour\":1}", JSON_SCHEMA_IGNORE_UNKNOWN, 0, "{}"},
    {"{\"Colour\":1}", 0, -EINVAL, "unknown field \"Colour\""},
    {"{\"Weights\":{\"Colour\":1}}", 0, -EINVAL, "unknown field \"Colour\""},
    {"{\"Name\":5}", 0, -EINVAL, "number into field Name of type string"},
    {"{\"EnableTagOverride\":\"true\"}", 0, -EINVAL, "string into field EnableTagOverride"},
    {"{\"Weights\":{\"Passing\":1.5}}", 0, -EINVAL, "number into field Passing of type int"},
    {"{\"Weights\":[]}", 0, -EINVAL, "array into field Weights"},
    {"{\"Checks\":{}}", 0, -EINVAL, "object into field Checks"},
    {"{\"Checks\":[[]]}", 0, -EINVAL, "array into field Checks"},
    {"{\"Named\":[]}", 0, -EINVAL, "array into field Named"},
    {"{\"Tags\":[1]}", 0, -EINVAL, "field Tags"},
    {"{\"Meta\":{\"a\":1}}", 0, -EINVAL, "field Meta"},
    {"{\"Header\":{\"a\":\"1\"}}", 0, -EINVAL, "field Header"},
    {"{\"TTL\":\"soon\"}", 0, -EINVAL, "invalid duration \"soon\""},
    {"{\"TTL\":true}", 0, -EINVAL, "bool into field TTL"},
    {"{\"Ratio\":\"1\"}", 0, -EINVAL, "field Ratio"},
    {"[1]", 0, -EINVAL, "array into field body"},
    {"\"x\"", 0, -EINVAL, "string into field body"},
    {"{", 0, -EINVAL, ""},
    {"", 0, -EINVAL, "EOF"},
    {"{\"Name\":\"\xff\"}", 0, -EINVAL, "unable to decode byte"},
    {"{\"Name\":\"a\\u0000b\"}", 0, -EINVAL, ""},
};

Test(json_schema, bodies_become_canonical_or_are_refused)
{
        for (size_t i = 0; i < ARRAY_LEN(schema_cases); i++) {
                const char *body = schema_cases[i].body;
                char error[JSON_SCHEMA_ERROR_MAX];
                json_t *out = NULL;
                int ret = json_schema_parse(&outer, schema_cases[i].flags, body, strlen(body), 0,
                                            &out, error);
                char *text;

                cr_expect_eq(ret, schema_cases[i].ret, "%s: %d %s", body, ret, error);
                if (ret < 0) {
                        cr_expect_not_null(strstr(error, schema_cases[i].want), "%s: %s", body,
                                           error);
                        continue;
                }
                text = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
                cr_expect_str_eq(text, schema_cases[i].want, "%s gives %s", body, text);
                free(text);
                json_decref(out);
        }
}

Test(json_schema, nesting_without_end_is_refused)
{
        size_t depth = 100000;
        char error[JSON_SCHEMA_ERROR_MAX];
        char *body = malloc(depth);
        json_t *out = NULL;

        memset(body, '[', depth);
        cr_expect_eq(json_schema_parse(&outer, 0, body, depth, 0, &out, error), -EINVAL);
        free(body);
}

Test(json_schema, a_list_of_objects_is_taken_when_asked_for)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *out = NULL;

        cr_assert_eq(json_schema_parse(&inner, 0, "[{\"passing\":3},{}]", 18, 1, &out, error), 0);
        cr_expect_eq(json_array_size(out), 2);
        cr_expect_eq(json_schema_int(json_array_get(out, 0), "Passing"), 3);
        cr_expect_eq(json_schema_int(json_array_get(out, 1), "Passing"), 0);
        json_decref(out);
        cr_expect_eq(json_schema_parse(&inner, 0, "{}", 2, 1, &out, error), -EINVAL);
}

Test(utf8, what_is_no_utf8_is_replaced_byte_by_byte)
{
        static const struct {
                const char *text, *want;
        } cases[] = {
            {"", ""},
            {"plain \xc3\xa9 \xf0\x9f\x8c\x8d", "plain \xc3\xa9 \xf0\x9f\x8c\x8d"},
            {"a\xff", "a\xef\xbf\xbd"},
            {"\xe2\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
            {"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char *text = utf8_repair(cases[i].text, strlen(cases[i].text));

                cr_expect_str_eq(text, cases[i].want, "case %zu", i);
                free(text);
        }
}
