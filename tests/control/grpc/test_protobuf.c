#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/grpc/grpc_wire.h"
#include "control/grpc/protobuf.h"

#define BYTES(text) ((const uint8_t *)(text)), sizeof(text) - 1

Test(protobuf, fields_are_read_by_their_shape)
{
        static const struct {
                const char *name;
                const uint8_t *bytes;
                size_t len;
                int ret;
                struct pb_field want;
        } cases[] = {
            {"nothing", BYTES(""), 0, {0}},
            {"a varint", BYTES("\x08\x96\1"), 1, {1, PB_VARINT, 150, NULL, 0}},
            {"the largest varint",
             BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
             1,
             {1, PB_VARINT, UINT64_MAX, NULL, 0}},
            {"a high number", BYTES("\x92\1\0"), 1, {18, PB_BYTES, 0, NULL, 0}},
            {"fixed, 8 bytes",
             BYTES("\x09\1\0\0\0\0\0\0\x80"),
             1,
             {1, PB_FIXED64, 0x8000000000000001, NULL, 0}},
            {"fixed, 4 bytes", BYTES("\x0d\1\0\0\x80"), 1, {1, PB_FIXED32, 0x80000001, NULL, 0}},
            {"bytes", BYTES("\x12\3abc"), 1, {2, PB_BYTES, 0, NULL, 3}},
            {"a cut tag", BYTES("\x80"), -EBADMSG, {0}},
            {"number 0", BYTES("\0\0"), -EBADMSG, {0}},
            {"a number too high", BYTES("\x80\x80\x80\x80\x10\0"), -EBADMSG, {0}},
            {"a cut varint", BYTES("\x08\x80"), -EBADMSG, {0}},
            {"an endless varint",
             BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
             -EBADMSG,
             {0}},
            {"cut fixed", BYTES("\x09\1\0\0"), -EBADMSG, {0}},
            {"bytes beyond the end", BYTES("\x12\4abc"), -EBADMSG, {0}},
            {"a length that wraps",
             BYTES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
             -EBADMSG,
             {0}},
            {"a group", BYTES("\x0b"), -EBADMSG, {0}},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct pb_reader reader = {cases[i].bytes, cases[i].bytes + cases[i].len};
                struct pb_field field = {0};

                cr_expect_eq(pb_next(&reader, &field), cases[i].ret, "%s", cases[i].name);
                if (cases[i].ret <= 0)
                        continue;
                cr_expect_eq(field.number, cases[i].want.number, "%s", cases[i].name);
                cr_expect_eq(field.wire, cases[i].want.wire, "%s", cases[i].name);
                cr_expect_eq(field.value, cases[i].want.value, "%s", cases[i].name);
                cr_expect_eq(field.len, cases[i].want.len, "%s", cases[i].name);
                cr_expect_eq(pb_next(&reader, &field), 0, "%s", cases[i].name);
        }
}

Test(protobuf, defaults_are_left_out)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        pb_put_uint(&b, 1, 0);
        pb_put_int(&b, 2, 0);
        pb_put_text(&b, 3, "");
        cr_expect_eq(b.len, 0);
        pb_put_any_uint(&b, 1, 0);
        pb_put_bytes(&b, 3, NULL, 0);
        pb_put_int(&b, 2, -1);
        cr_expect_eq(b.len, 4 + 11);
        cr_expect_arr_eq(b.bytes, "\x08\0\x1a\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", b.len);
        byte_buffer_fini(&b);
}

Test(protobuf, messages_of_any_length_find_room_for_it)
{
        static const size_t lengths[] = {0, 1, 125, 126, 127, 128, 16383, 16384, 70000};

        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                struct byte_buffer b = BYTE_BUFFER_INIT;
                size_t outer = pb_begin(&b, 1), inner = pb_begin(&b, 2);
                struct pb_field field;
                struct pb_reader reader;

                for (size_t n = 0; n < lengths[i]; n++)
                        byte_buffer_append(&b, "x", 1);
                pb_end(&b, inner);
                pb_end(&b, outer);
                pb_put_text(&b, 3, "end");
                reader = (struct pb_reader){b.bytes, b.bytes + b.len};
                cr_assert_eq(pb_next(&reader, &field), 1);
                reader = (struct pb_reader){field.bytes, field.bytes + field.len};
                cr_assert_eq(pb_next(&reader, &field), 1);
                cr_expect_eq(field.number, 2);
                cr_expect_eq(field.len, lengths[i]);
                reader = (struct pb_reader){field.bytes + field.len, b.bytes + b.len};
                cr_assert_eq(pb_next(&reader, &field), 1);
                cr_expect_eq(field.len, 3);
                byte_buffer_fini(&b);
        }
}

Test(grpc_wire, frames_hold_one_message)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        const uint8_t *message;
        size_t begun = grpc_frame_begin(&b), len;

        pb_put_text(&b, 1, "abc");
        grpc_frame_end(&b, begun);
        cr_expect_arr_eq(b.bytes, "\0\0\0\0\5\x0a\3abc", 10);
        cr_expect_eq(grpc_frame_read(b.bytes, b.len, &message, &len), 0);
        cr_expect_eq(len, 5);
        for (size_t cut = 0; cut < b.len; cut++)
                cr_expect_eq(grpc_frame_read(b.bytes, cut, &message, &len), -EBADMSG);
        b.bytes[0] = 1;
        cr_expect_eq(grpc_frame_read(b.bytes, b.len, &message, &len), -ENOTSUP);
        byte_buffer_fini(&b);
}

Test(grpc_wire, texts_of_a_status_come_back)
{
        static const char *const texts[] = {"", "plain", "100% of\nit", "\xc3\xa4\x7f"};
        char out[64];

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                grpc_status_text_encode(texts[i], out, sizeof(out));
                for (const char *c = out; *c != '\0'; c++)
                        cr_expect(*c >= ' ' && *c <= '~');
                grpc_status_text_decode(out);
                cr_expect_str_eq(out, texts[i]);
        }
        grpc_status_text_encode("ab%cd", out, 6);
        cr_expect_str_eq(out, "ab%25");
        grpc_status_text_encode("ab%cd", out, 5);
        cr_expect_str_eq(out, "ab");
}
