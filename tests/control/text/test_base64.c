#include "control/text/base64.h"
#include "control/text/json_writer.h"
#include "lictor/bytes.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

// RFC 4648, 10.
static const char *const vectors[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"}};

Test(base64, the_standards_examples_hold_both_ways)
{
        for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
                size_t len = strlen(vectors[i][0]), text_len = strlen(vectors[i][1]), bad_at;
                uint8_t back[16];
                char text[16];

                cr_expect_eq(base64_text_len(len), text_len);
                base64_encode((const uint8_t *)vectors[i][0], len, text);
                cr_expect_eq(memcmp(text, vectors[i][1], text_len), 0, "%s", vectors[i][0]);
                cr_expect_eq(base64_decode(vectors[i][1], text_len, back, &bad_at), (long)len);
                cr_expect_eq(memcmp(back, vectors[i][0], len), 0, "%s", vectors[i][1]);
        }
}

Test(base64, every_byte_and_length_comes_back)
{
        uint8_t bytes[256], back[260];
        char text[400];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 37 + 11);
        for (size_t len = 0; len <= sizeof(bytes); len++) {
                size_t bad_at;

                base64_encode(bytes, len, text);
                cr_assert_eq(base64_decode(text, base64_text_len(len), back, &bad_at), (long)len);
                cr_assert_eq(memcmp(bytes, back, len), 0, "%zu", len);
        }
}

Test(base64, what_is_none_is_refused_where_it_breaks)
{
        static const struct {
                const char *text;
                size_t bad_at;
        } rows[] = {
            {"%%%", 0},      {"Zg", 2},    {"Zg=", 3},   {"Z", 1},      {"Z===", 1},  {"====", 0},
            {"Zg==Zg==", 4}, {"Zg===", 4}, {"Zm8=x", 4}, {"Zm9v-_", 4}, {"Zm 9v", 2},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint8_t out[16];
                size_t bad_at = 99;

                cr_expect_eq(base64_decode(rows[i].text, strlen(rows[i].text), out, &bad_at), -1,
                             "%s", rows[i].text);
                cr_expect_eq(bad_at, rows[i].bad_at, "%s: %zu", rows[i].text, bad_at);
        }
}

Test(base64, line_ends_are_skipped)
{
        uint8_t out[8];
        size_t bad_at;

        cr_expect_eq(base64_decode("Zm9v\r\nYg=\n=", 11, out, &bad_at), 4);
        cr_expect_eq(memcmp(out, "foob", 4), 0);
}

Test(base64, the_writer_puts_it_between_its_other_values)
{
        struct json_writer w;
        size_t len;
        char *text;

        json_writer_init(&w, false);
        json_writer_begin_array(&w);
        json_writer_base64(&w, "\0\xff", 2);
        json_writer_base64(&w, "", 0);
        json_writer_int(&w, 1);
        json_writer_end_array(&w);
        text = json_writer_take(&w, &len);
        cr_expect_str_eq(text, "[\"AP8=\",\"\",1]");
        cr_expect_eq(len, strlen(text));
        free(text);
}

Test(base64, a_drained_writer_goes_on_with_its_document)
{
        struct json_writer w;

        json_writer_init(&w, true);
        json_writer_begin_array(&w);
        json_writer_int(&w, 1);
        cr_expect_str_eq(w.data, "[\n    1");
        json_writer_drain(&w);
        json_writer_int(&w, 2);
        cr_expect_str_eq(w.data, ",\n    2");
        json_writer_drain(&w);
        json_writer_end_array(&w);
        json_writer_finish(&w);
        cr_expect_str_eq(w.data, "\n]\n");
        json_writer_fini(&w);
}
