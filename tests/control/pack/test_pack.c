#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/pack/pack.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(text)  (const uint8_t *)(text), sizeof(text) - 1

static struct msgpack_reader reader_of(const uint8_t *bytes, size_t length)
{
        return (struct msgpack_reader){bytes, bytes + length};
}

struct sample {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        int64_t i64;
        bool flag;
        struct pack_slice raw, optional;
};

static const struct pack_field fields[] = {
    PACK_FIELD(struct sample, u8, "A", PACK_U8),
    PACK_FIELD(struct sample, u16, "B", PACK_U16),
    PACK_FIELD(struct sample, u32, "C", PACK_U32),
    PACK_FIELD(struct sample, u64, "D", PACK_U64),
    PACK_FIELD(struct sample, i64, "E", PACK_I64),
    PACK_FIELD(struct sample, flag, "F", PACK_BOOL),
    PACK_FIELD(struct sample, raw, "G", PACK_RAW),
    PACK_FIELD(struct sample, optional, "H", PACK_BYTES),
};

Test(pack, a_structure_reads_back_as_it_was_written)
{
        struct sample in = {UINT8_MAX, UINT16_MAX, UINT32_MAX,           UINT64_MAX,
                            INT64_MIN, true,       pack_slice_of("raw"), pack_slice_of("opt")};
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct msgpack_reader r;
        struct sample out = {0};

        pack_put_struct(&b, fields, ARRAY_LEN(fields), &in);
        r = reader_of(b.bytes, b.len);
        cr_assert_eq(pack_get_struct(&r, fields, ARRAY_LEN(fields), &out), 0);
        cr_expect(msgpack_at_end(&r));
        cr_expect_eq(out.u8, in.u8);
        cr_expect_eq(out.u16, in.u16);
        cr_expect_eq(out.u32, in.u32);
        cr_expect_eq(out.u64, in.u64);
        cr_expect_eq(out.i64, in.i64);
        cr_expect_eq(out.flag, in.flag);
        cr_expect(pack_slice_equal(out.raw, in.raw));
        cr_expect(pack_slice_equal(out.optional, in.optional));
        byte_buffer_fini(&b);
}

Test(pack, empty_optional_bytes_are_left_out)
{
        struct sample in = {0};
        struct byte_buffer b = BYTE_BUFFER_INIT;

        pack_put_struct(&b, fields, ARRAY_LEN(fields), &in);
        cr_expect_eq(b.bytes[0], 0x80 | (ARRAY_LEN(fields) - 1));
        byte_buffer_fini(&b);
}

Test(pack, raw_takes_the_forms_of_the_first_specification)
{
        static const struct {
                uint32_t length;
                uint8_t tag, head_length;
        } cases[] = {{0, 0xa0, 1},   {31, 0xbf, 1},    {32, 0xda, 3},
                     {255, 0xda, 3}, {65535, 0xda, 3}, {65536, 0xdb, 5}};
        static uint8_t bytes[65536];

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct byte_buffer b = BYTE_BUFFER_INIT;
                struct pack_slice out;
                struct msgpack_reader r;

                pack_put_raw(&b, (struct pack_slice){bytes, cases[i].length});
                cr_expect_eq(b.bytes[0], cases[i].tag, "%u", cases[i].length);
                cr_expect_eq(b.len, cases[i].head_length + cases[i].length);
                r = reader_of(b.bytes, b.len);
                cr_expect_eq(pack_get_raw(&r, &out), 0);
                cr_expect_eq(out.length, cases[i].length);
                byte_buffer_fini(&b);
        }
}

static const struct {
        const char *name;
        const uint8_t *bytes;
        size_t length;
        int ret;
        uint64_t u64;
        struct pack_slice raw;
} structures[] = {
    {"no fields", BYTES("\x80"), 0, 0, {0}},
    {"nil", BYTES("\xc0"), 0, 0, {0}},
    {"unknown names are skipped",
     BYTES("\x82\xa1Z\x92\x81\xa1q\x01\xc0\xa1"
           "D\x07"),
     0,
     7,
     {0}},
    {"texts of the second specification",
     BYTES("\x81\xd9\x01G\xd9\x02hi"),
     0,
     0,
     {(const uint8_t *)"hi", 2}},
    {"binary of the second specification",
     BYTES("\x81\xa1G\xc4\x02hi"),
     0,
     0,
     {(const uint8_t *)"hi", 2}},
    {"nil fields",
     BYTES("\x82\xa1G\xc0\xa1"
           "D\xc0"),
     0,
     0,
     {0}},
    {"unknown extensions are skipped",
     BYTES("\x82\xa1Z\xd6\x01\x00\x00\x00\x00\xa1"
           "D\x05"),
     0,
     5,
     {0}},
    {"an array", BYTES("\x90"), -EBADMSG, 0, {0}},
    {"empty", BYTES(""), -EBADMSG, 0, {0}},
    {"a map that ends early",
     BYTES("\x82\xa1"
           "D\x07"),
     -EBADMSG,
     7,
     {0}},
    {"a count beyond the bytes", BYTES("\xdf\xff\xff\xff\xff\xa1"), -EBADMSG, 0, {0}},
    {"a negative number for an unsigned one",
     BYTES("\x81\xa1"
           "D\xff"),
     -EBADMSG,
     0,
     {0}},
    {"a number too large for its field",
     BYTES("\x81\xa1"
           "A\xcd\x01\x00"),
     -EBADMSG,
     0,
     {0}},
    {"a text for a number",
     BYTES("\x81\xa1"
           "D\xa1x"),
     -EBADMSG,
     0,
     {0}},
    {"a raw beyond the bytes", BYTES("\x81\xa1G\xda\xff\xffx"), -EBADMSG, 0, {0}},
    {"the tag that is never used", BYTES("\x81\xa1G\xc1"), -EBADMSG, 0, {0}},
};

Test(pack, structures_are_read_or_refused)
{
        for (size_t i = 0; i < ARRAY_LEN(structures); i++) {
                struct msgpack_reader r = reader_of(structures[i].bytes, structures[i].length);
                struct sample out = {0};

                cr_expect_eq(pack_get_struct(&r, fields, ARRAY_LEN(fields), &out),
                             structures[i].ret, "%s", structures[i].name);
                if (structures[i].ret < 0)
                        continue;
                cr_expect_eq(out.u64, structures[i].u64, "%s", structures[i].name);
                cr_expect(pack_slice_equal(out.raw, structures[i].raw), "%s", structures[i].name);
        }
}

Test(pack, floats_read_from_every_number)
{
        static const struct {
                const uint8_t *bytes;
                size_t length;
                double value;
        } cases[] = {{BYTES("\xca\x3f\x80\x00\x00"), 1.0},
                     {BYTES("\xcb\xbf\xf8\x00\x00\x00\x00\x00\x00"), -1.5},
                     {BYTES("\x05"), 5.0},
                     {BYTES("\xfb"), -5.0},
                     {BYTES("\xc0"), 0.0}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct msgpack_reader r = reader_of(cases[i].bytes, cases[i].length);
                double value = -1;

                cr_expect_eq(pack_get_float(&r, &value), 0);
                cr_expect(value >= cases[i].value && value <= cases[i].value, "%zu", i);
        }
}

Test(pack, deep_nesting_is_skipped_without_a_stack)
{
        static uint8_t deep[1 << 20];
        struct msgpack_reader r;

        memset(deep, 0x91, sizeof(deep) - 1);
        deep[sizeof(deep) - 1] = 0xc0;
        r = reader_of(deep, sizeof(deep));
        cr_expect_eq(pack_skip(&r), 0);
        cr_expect(msgpack_at_end(&r));
}
