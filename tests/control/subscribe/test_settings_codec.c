#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/subscribe/settings_codec.h"

typedef void put_fn(struct byte_buffer *b, const char *json);

// Compares with bytes written by hand from the field numbers and the wire format.
static void expect(put_fn *put, const char *json, const char *bytes, size_t len, const char *name)
{
        struct byte_buffer out = BYTE_BUFFER_INIT;

        put(&out, json);
        cr_expect_eq(out.len, len, "%s: %zu bytes, not %zu", name, out.len, len);
        if (out.len == len && len > 0)
                cr_expect_arr_eq(out.bytes, bytes, len, "%s", name);
        byte_buffer_fini(&out);
}

#define BYTES(text) text, sizeof(text) - 1

Test(settings_codec, a_proxys_settings_take_their_numbers)
{
        static const struct {
                const char *name, *json, *bytes;
                size_t len;
        } cases[] = {
            {"nothing", "", BYTES("")},
            {"an empty object", "{}", BYTES("")},
            {"what is no JSON", "{", BYTES("")},
            {"unknown names", "{\"Foo\": 1}", BYTES("")},
            {"wrong kinds", "{\"Mode\": 7, \"LocalServicePort\": \"x\", \"Expose\": []}",
             BYTES("")},
            {"a text", "{\"DestinationServiceName\": \"web\"}", BYTES("\x0a\3web")},
            {"a number", "{\"LocalServicePort\": 300}", BYTES("\x20\xac\x02")},
            {"a message", "{\"MeshGateway\": {\"Mode\": \"local\"}}", BYTES("\x3a\7\x0a\5local")},
            {"messages in a message",
             "{\"Expose\": {\"Checks\": true, \"Paths\": [{\"Path\": \"/a\"}, {\"ListenerPort\": "
             "1}]}}",
             BYTES("\x42\x0c\x08\1\x12\4\x12\2/a\x12\2\x08\1")},
            {"a list of messages with messages",
             "{\"Upstreams\": [{\"DestinationName\": \"db\", \"MeshGateway\": {\"Mode\": \"n\"}}]}",
             BYTES("\x32\x09\x1a\2db\x42\3\x0a\1n")},
            {"a struct", "{\"Config\": {\"a\": \"b\"}}",
             BYTES("\x2a\x0a\x0a\x08\x0a\1a\x12\3\x1a\1b")},
            {"null and true", "{\"Config\": {\"a\": null, \"b\": true}}",
             BYTES("\x2a\x12\x0a\x07\x0a\1a\x12\2\x08\0\x0a\x07\x0a\1b\x12\2\x20\1")},
            {"a list in a struct", "{\"Config\": {\"l\": [\"x\", {\"n\": 1}]}}",
             BYTES("\x2a\x22\x0a\x20\x0a\1l\x12\x1b\x32\x19\x0a\3\x1a\1x\x0a\x12\x2a\x10\x0a\x0e"
                   "\x0a\1n\x12\x09\x11\0\0\0\0\0\0\xf0\x3f")},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                expect(settings_put_proxy, cases[i].json, cases[i].bytes, cases[i].len,
                       cases[i].name);
        expect(settings_put_connect, "{\"Native\": true}", BYTES("\x08\1"), "native");
        expect(settings_put_connect, "{\"Native\": false}", BYTES(""), "not native");
}

Test(settings_codec, a_definition_has_durations_and_headers)
{
        static const struct {
                const char *name, *json, *bytes;
                size_t len;
        } cases[] = {
            {"a duration", "{\"Interval\": \"10s\"}", BYTES("\x32\2\x08\x0a")},
            {"a fraction", "{\"Timeout\": \"1500ms\"}",
             BYTES("\x3a\x08\x08\1\x10\x80\xca\xb5\xee\1")},
            {"no duration", "{\"Timeout\": \"soon\"}", BYTES("")},
            {"headers", "{\"Header\": {\"A\": [\"b\", \"\"]}}",
             BYTES("\x1a\x0a\x0a\1A\x12\5\x0a\1b\x0a\0")},
            {"texts", "{\"ScriptArgs\": [\"a\", \"\"]}", BYTES("\x52\1a\x52\0")},
            {"a high number", "{\"Body\": \"z\"}", BYTES("\x92\1\1z")},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                expect(settings_put_definition, cases[i].json, cases[i].bytes, cases[i].len,
                       cases[i].name);
}

Test(settings_codec, what_nests_too_deep_becomes_null)
{
        char open[201] = "", close[201] = "", json[512];
        struct byte_buffer out = BYTE_BUFFER_INIT;

        memset(open, '[', sizeof(open) - 1);
        memset(close, ']', sizeof(close) - 1);
        snprintf(json, sizeof(json), "{\"Config\": {\"a\": %s%s}}", open, close);
        settings_put_proxy(&out, json);
        cr_expect_gt(out.len, 64);
        cr_expect_lt(out.len, 512);
        // The innermost value.
        cr_expect_arr_eq(out.bytes + out.len - 2, "\x08\0", 2);
        byte_buffer_fini(&out);
}
