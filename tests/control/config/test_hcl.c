#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/hcl/hcl.h"
#include "lictor/bytes.h"

// One row a text and the same value as JSON.
static const struct {
        const char *hcl, *json;
} accepted[] = {
    {"", "{}"},
    {"a = 1", "{\"a\": 1}"},
    {"a = \"x\"\nb = true\nc = false", "{\"a\": \"x\", \"b\": true, \"c\": false}"},
    {"a = -12", "{\"a\": -12}"},
    {"a = 0x1F\nb = 010\nc = 0", "{\"a\": 31, \"b\": 8, \"c\": 0}"},
    {"a = 1.5\nb = 2e3\nc = -0.25E-2", "{\"a\": 1.5, \"b\": 2000.0, \"c\": -0.0025}"},
    {"# one\n// two\n/* three\n*/ a = 1 # four\nb = 2 // five", "{\"a\": 1, \"b\": 2}"},
    {"a = 1, b = 2", "{\"a\": 1, \"b\": 2}"},
    {"a { b = 1 }", "{\"a\": {\"b\": 1}}"},
    {"a = { b = 1, c = 2 }", "{\"a\": {\"b\": 1, \"c\": 2}}"},
    {"a {}", "{\"a\": {}}"},
    {"a = {}", "{\"a\": {}}"},
    {"a \"x\" { b = 1 }", "{\"a\": {\"x\": {\"b\": 1}}}"},
    {"a \"x\" \"y\" { b = 1 }", "{\"a\": {\"x\": {\"y\": {\"b\": 1}}}}"},
    {"a { n = 1 }\na { n = 2 }", "{\"a\": [{\"n\": 1}, {\"n\": 2}]}"},
    {"a { n = 1 }\na { n = 2 }\na { n = 3 }", "{\"a\": [{\"n\": 1}, {\"n\": 2}, {\"n\": 3}]}"},
    {"a \"x\" { n = 1 }\na \"y\" { n = 2 }", "{\"a\": [{\"x\": {\"n\": 1}}, {\"y\": {\"n\": 2}}]}"},
    {"a = [1]\na = [2]", "{\"a\": [1, 2]}"},
    {"a = [{n = 1}]\na { n = 2 }", "{\"a\": [{\"n\": 1}, {\"n\": 2}]}"},
    {"a = 1\na = 2", "{\"a\": 2}"},
    {"a = []", "{\"a\": []}"},
    {"a = [\"x\", \"y\",]", "{\"a\": [\"x\", \"y\"]}"},
    {"a = [1, [2, true], {b = 3}]", "{\"a\": [1, [2, true], {\"b\": 3}]}"},
    {"a = [\n  1, # one\n  2\n]", "{\"a\": [1, 2]}"},
    {"\"a b\" = 1\n\"c\" { d = 1 }", "{\"a b\": 1, \"c\": {\"d\": 1}}"},
    {"a-b.c_d = 1", "{\"a-b.c_d\": 1}"},
    {"a = \"x\\n\\t\\\"\\\\y\"", "{\"a\": \"x\\n\\t\\\"\\\\y\"}"},
    {"a = \"\\u00e9\\U0001f600\\x41\\101\"", "{\"a\": \"\xc3\xa9\xf0\x9f\x98\x80"
                                             "AA\"}"},
    {"a = \"pre ${f(\"in { } \\n\")} post\"", "{\"a\": \"pre ${f(\\\"in { } \\\\n\\\")} post\"}"},
    {"a = \"{{ GetInterfaceIP \\\"lo\\\" }}\"", "{\"a\": \"{{ GetInterfaceIP \\\"lo\\\" }}\"}"},
    {"a = <<EOF\none\n two\nEOF\nb = 1", "{\"a\": \"one\\n two\\n\", \"b\": 1}"},
    {"a = <<EOF\nEOF\n", "{\"a\": \"\"}"},
    {"a = <<EOF\n x\n   EOF\n", "{\"a\": \" x\\n\"}"},
    {"a = <<-EOF\n    x\n      y\n    EOF\n", "{\"a\": \"x\\n  y\\n\"}"},
    {"a = <<-EOF\n  x\n y\n    EOF\n", "{\"a\": \"  x\\n y\\n\"}"},
    {"a = <<EOF\r\nx\r\nEOF\r\n", "{\"a\": \"x\\r\\n\"}"},
    {"a = [<<X\none\nX\n, \"two\"]", "{\"a\": [\"one\\n\", \"two\"]}"},
};

Test(hcl, text_becomes_the_value_it_means)
{
        for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
                struct hcl_error error;
                json_t *value = hcl_read(accepted[i].hcl, strlen(accepted[i].hcl), &error);
                json_t *expected = json_loads(accepted[i].json, 0, NULL);

                cr_assert_not_null(expected, "%s", accepted[i].json);
                cr_expect_not_null(value, "%s: %s", accepted[i].hcl, error.text);
                if (value != NULL) {
                        char *text = json_dumps(value, 0);

                        cr_expect(json_equal(value, expected), "%s: got %s", accepted[i].hcl, text);
                        free(text);
                }
                json_decref(value);
                json_decref(expected);
        }
}

static const struct {
        const char *hcl, *error;
} refused[] = {
    {"data_dir = \"x\"\nx y\n",
     "2:1: key 'x y' expected start of object ('{') or assignment ('=')"},
    {"a", "1:1: key 'a' expected start of object ('{') or assignment ('=')"},
    {"= 1", "1:1: expected to find at least one object key"},
    {"{ a = 1 }", "1:1: expected: IDENT | STRING got: LBRACE"},
    {"a b = 1", "1:5: nested object expected: LBRACE got: ASSIGN"},
    {"a = {\n  b = 1\n", "3:1: object expected closing RBRACE got: EOF"},
    {"}", "1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"},
    {"a = 1 1", "1:7: expected: IDENT | STRING | ASSIGN | LBRACE got: NUMBER"},
    {"a = 1,, b = 2", "1:7: expected: IDENT | STRING | ASSIGN | LBRACE got: COMMA"},
    {"a = ", "1:5: Unknown token: EOF "},
    {"a = b", "1:5: Unknown token: IDENT b"},
    {"a = [1 2]", "1:8: error parsing list, expected comma or list end, got: NUMBER"},
    {"a = [1,,2]", "1:8: unexpected token while parsing list: COMMA"},
    {"a = [b]", "1:6: unexpected token while parsing list: IDENT"},
    {"a = [1", "1:7: unexpected token while parsing list: EOF"},
    {"a = \"x", "1:7: literal not terminated"},
    {"a = \"x\n\"", "1:7: literal not terminated"},
    {"a = \"\\q\"", "1:5: illegal char escape"},
    {"a = \"\\u12\"", "1:5: illegal char escape"},
    {"a = \"\\ud800\"", "1:5: illegal char escape"},
    {"a = \"\\000\"", "1:5: illegal char escape"},
    {"a = <<EOF\nx", "2:2: heredoc not terminated"},
    {"a = <<\nx\n", "1:7: zero-length heredoc anchor"},
    {"a = <<E F\nx\nE\n", "1:8: invalid characters in heredoc anchor"},
    {"a = <x", "1:6: heredoc expected second '<', didn't see it"},
    {"/* x", "1:5: comment not terminated"},
    {"/ x", "1:1: expected '/' for comment"},
    {"a = 0x", "1:7: illegal hexadecimal number"},
    {"a = 09", "1:7: illegal octal number"},
    {"a = 1e", "1:7: illegal exponent"},
    {"a = 99999999999999999999", "1:5: number is out of range: 99999999999999999999"},
    {"a = 1e999", "1:5: number is out of range: 1e999"},
    {"a = ?", "1:5: illegal char"},
    {"a = \"\xff\"", "1:1: illegal UTF-8 encoding"},
    {"a = 1\na { b = 1 }", "2:11: key 'a' is given as a plain value and as a list or object"},
    {"a \"1\" \"2\" \"3\" \"4\" \"5\" \"6\" \"7\" \"8\" \"9\" \"a\" \"b\" \"c\" \"d\" \"e\" \"f\" "
     "\"g\" {}",
     "1:63: more than 16 keys before a value"},
};

Test(hcl, mistakes_are_told_with_their_place)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                struct hcl_error error;
                json_t *value = hcl_read(refused[i].hcl, strlen(refused[i].hcl), &error);
                char text[256];

                cr_expect_null(value, "%s", refused[i].hcl);
                json_decref(value);
                snprintf(text, sizeof(text), "%u:%u: %s", error.line, error.column, error.text);
                cr_expect_str_eq(text, refused[i].error, "%s: got %s", refused[i].hcl, text);
        }
}

static json_t *read_nested(const char *open, const char *close, unsigned depth,
                           struct hcl_error *error)
{
        char text[4096];
        FILE *out = fmemopen(text, sizeof(text), "w");
        size_t length;

        fputs("a = ", out);
        for (unsigned i = 0; i < depth; i++)
                fputs(open, out);
        for (unsigned i = 0; i < depth; i++)
                fputs(close, out);
        length = (size_t)ftell(out);
        fclose(out);
        return hcl_read(text, length, error);
}

Test(hcl, nesting_ends_at_the_bound)
{
        struct hcl_error error;
        json_t *value;

        // The text itself is the first level.
        value = read_nested("[", "]", HCL_DEPTH_MAX - 1, &error);
        cr_expect_not_null(value, "%s", error.text);
        json_decref(value);
        value = read_nested("[", "]", HCL_DEPTH_MAX, &error);
        cr_expect_null(value);
        cr_expect_str_eq(error.text, "nested deeper than 64 levels");
        value = read_nested("{a = ", "}", HCL_DEPTH_MAX, &error);
        cr_expect_null(value);
        cr_expect_str_eq(error.text, "nested deeper than 64 levels");
}

Test(hcl, a_null_byte_is_no_text)
{
        struct hcl_error error;

        cr_expect_null(hcl_read("a = 1\0", 6, &error));
        cr_expect_str_eq(error.text, "unexpected null character (0x00)");
}

Test(hcl, every_beginning_of_a_text_is_read_or_refused)
{
        const char *text =
            "a \"x\" { b = [1, {c = \"d${e}\\n\"}], f = <<-X\n  y\n  X\n g = 0x1F /* h */ }\n";
        size_t whole = strlen(text);

        for (size_t length = 0; length <= whole; length++) {
                struct hcl_error error;
                char *copy = malloc(length + 1);
                json_t *value;

                memcpy(copy, text, length);
                value = hcl_read(copy, length, &error);
                cr_expect(value != NULL || error.text[0] != '\0');
                cr_expect(length < whole || value != NULL, "%s", error.text);
                json_decref(value);
                free(copy);
        }
}
