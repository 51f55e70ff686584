#include "control/pack/pack.h"

#include <errno.h>
#include <string.h>

/*
 * The head of any value: what follows it is either `length` bytes or `items` further values.
 * Numbers are taken in whole.
 */
enum head_kind {
        HEAD_NIL,
        HEAD_BOOL,
        HEAD_UINT,
        HEAD_INT,
        HEAD_FLOAT,
        HEAD_RAW,
        HEAD_ARRAY,
        HEAD_MAP,
        HEAD_EXT
};

struct head {
        enum head_kind kind;
        uint64_t number; /* also of BOOL; of INT and FLOAT the bits */
        uint32_t length;
};

static size_t left(const struct msgpack_reader *r)
{
        return (size_t)(r->end - r->at);
}

static int take_number(struct msgpack_reader *r, unsigned width, uint64_t *out)
{
        *out = 0;
        if (left(r) < width)
                return -EBADMSG;
        for (unsigned i = 0; i < width; i++)
                *out = *out << 8 | *r->at++;
        return 0;
}

static int head_of_length(struct msgpack_reader *r, enum head_kind kind, unsigned width,
                          struct head *out)
{
        uint64_t length;

        if (take_number(r, width, &length) < 0)
                return -EBADMSG;
        out->kind = kind;
        out->length = (uint32_t)length;
        return 0;
}

static int sign_extend(struct msgpack_reader *r, unsigned width, struct head *out)
{
        unsigned shift = 64 - 8 * width;

        out->kind = HEAD_INT;
        if (take_number(r, width, &out->number) < 0)
                return -EBADMSG;
        out->number = (uint64_t)((int64_t)(out->number << shift) >> shift);
        return 0;
}

static int take_float(struct msgpack_reader *r, struct head *out)
{
        uint64_t bits;
        float single;
        double value;
        uint32_t bits32;

        if (take_number(r, 4, &bits) < 0)
                return -EBADMSG;
        bits32 = (uint32_t)bits;
        memcpy(&single, &bits32, sizeof(single));
        value = (double)single;
        memcpy(&out->number, &value, sizeof(value));
        out->kind = HEAD_FLOAT;
        return 0;
}

static int take_tagged_head(struct msgpack_reader *r, uint8_t tag, struct head *out)
{
        switch (tag) {
        case 0xc0:
                out->kind = HEAD_NIL;
                return 0;
        case 0xc2:
        case 0xc3:
                out->kind = HEAD_BOOL;
                out->number = tag & 1;
                return 0;
        case 0xc4:
        case 0xc5:
        case 0xc6:
                return head_of_length(r, HEAD_RAW, 1u << (tag - 0xc4), out);
        case 0xc7:
        case 0xc8:
        case 0xc9:
                return head_of_length(r, HEAD_EXT, 1u << (tag - 0xc7), out);
        case 0xca:
                return take_float(r, out);
        case 0xcb:
                out->kind = HEAD_FLOAT;
                return take_number(r, 8, &out->number);
        case 0xcc:
        case 0xcd:
        case 0xce:
        case 0xcf:
                out->kind = HEAD_UINT;
                return take_number(r, 1u << (tag - 0xcc), &out->number);
        case 0xd0:
        case 0xd1:
        case 0xd2:
        case 0xd3:
                return sign_extend(r, 1u << (tag - 0xd0), out);
        case 0xd4:
        case 0xd5:
        case 0xd6:
        case 0xd7:
        case 0xd8:
                out->kind = HEAD_EXT;
                out->length = 1u << (tag - 0xd4);
                return 0;
        case 0xd9:
        case 0xda:
        case 0xdb:
                return head_of_length(r, HEAD_RAW, 1u << (tag - 0xd9), out);
        case 0xdc:
        case 0xdd:
                return head_of_length(r, HEAD_ARRAY, 2u << (tag - 0xdc), out);
        case 0xde:
        case 0xdf:
                return head_of_length(r, HEAD_MAP, 2u << (tag - 0xde), out);
        default:
                return -EBADMSG;
        }
}

static int take_head(struct msgpack_reader *r, struct head *out)
{
        uint8_t tag;

        *out = (struct head){.kind = HEAD_NIL};
        if (left(r) == 0)
                return -EBADMSG;
        tag = *r->at++;
        if (tag < 0x80) {
                *out = (struct head){.kind = HEAD_UINT, .number = tag};
        } else if (tag < 0x90) {
                *out = (struct head){.kind = HEAD_MAP, .length = tag & 0x0f};
        } else if (tag < 0xa0) {
                *out = (struct head){.kind = HEAD_ARRAY, .length = tag & 0x0f};
        } else if (tag < 0xc0) {
                *out = (struct head){.kind = HEAD_RAW, .length = tag & 0x1f};
        } else if (tag >= 0xe0) {
                *out = (struct head){.kind = HEAD_INT, .number = (uint64_t)(int8_t)tag};
        } else if (take_tagged_head(r, tag, out) < 0) {
                return -EBADMSG;
        }
        // An extension has one byte of type before its bytes; items take at least a byte each.
        if (out->kind == HEAD_EXT && left(r) < (size_t)out->length + 1)
                return -EBADMSG;
        if (out->kind == HEAD_MAP)
                return left(r) / 2 < out->length ? -EBADMSG : 0;
        return left(r) < out->length ? -EBADMSG : 0;
}

enum pack_type pack_peek(const struct msgpack_reader *r)
{
        static const enum pack_type types[] = {
            [HEAD_NIL] = PACK_IS_NIL,     [HEAD_BOOL] = PACK_IS_BOOL,   [HEAD_UINT] = PACK_IS_UINT,
            [HEAD_INT] = PACK_IS_INT,     [HEAD_FLOAT] = PACK_IS_FLOAT, [HEAD_RAW] = PACK_IS_RAW,
            [HEAD_ARRAY] = PACK_IS_ARRAY, [HEAD_MAP] = PACK_IS_MAP,     [HEAD_EXT] = PACK_IS_OTHER,
        };
        struct msgpack_reader ahead = *r;
        struct head head;

        return take_head(&ahead, &head) == 0 ? types[head.kind] : PACK_IS_BROKEN;
}

int pack_get_int(struct msgpack_reader *r, int64_t *out)
{
        struct head head;

        if (take_head(r, &head) < 0)
                return -EBADMSG;
        if (head.kind != HEAD_NIL && head.kind != HEAD_INT &&
            (head.kind != HEAD_UINT || head.number > INT64_MAX))
                return -EBADMSG;
        *out = (int64_t)head.number;
        return 0;
}

int pack_get_uint(struct msgpack_reader *r, uint64_t max, uint64_t *out)
{
        struct head head;

        if (take_head(r, &head) < 0)
                return -EBADMSG;
        if (head.kind != HEAD_NIL && head.kind != HEAD_UINT &&
            (head.kind != HEAD_INT || head.number > INT64_MAX))
                return -EBADMSG;
        *out = head.number;
        return head.number > max ? -EBADMSG : 0;
}

int pack_get_bool(struct msgpack_reader *r, bool *out)
{
        struct head head;

        if (take_head(r, &head) < 0 || (head.kind != HEAD_NIL && head.kind != HEAD_BOOL))
                return -EBADMSG;
        *out = head.number != 0;
        return 0;
}

int pack_get_float(struct msgpack_reader *r, double *out)
{
        struct head head;

        if (take_head(r, &head) < 0)
                return -EBADMSG;
        if (head.kind == HEAD_FLOAT) {
                memcpy(out, &head.number, sizeof(*out));
                return 0;
        }
        if (head.kind != HEAD_NIL && head.kind != HEAD_UINT && head.kind != HEAD_INT)
                return -EBADMSG;
        *out = head.kind == HEAD_INT ? (double)(int64_t)head.number : (double)head.number;
        return 0;
}

int pack_get_raw(struct msgpack_reader *r, struct pack_slice *out)
{
        struct head head;

        if (take_head(r, &head) < 0 || (head.kind != HEAD_NIL && head.kind != HEAD_RAW))
                return -EBADMSG;
        *out = (struct pack_slice){r->at, head.length};
        r->at += head.length;
        return 0;
}

static int get_count(struct msgpack_reader *r, enum head_kind kind, uint32_t *count)
{
        struct head head;

        if (take_head(r, &head) < 0 || (head.kind != HEAD_NIL && head.kind != kind))
                return -EBADMSG;
        *count = head.length;
        return 0;
}

int pack_get_map(struct msgpack_reader *r, uint32_t *pair_count)
{
        return get_count(r, HEAD_MAP, pair_count);
}

int pack_get_array(struct msgpack_reader *r, uint32_t *count)
{
        return get_count(r, HEAD_ARRAY, count);
}

int pack_skip(struct msgpack_reader *r)
{
        // How many values are still to be passed; each head takes a byte at least, so this ends.
        for (uint64_t values = 1; values > 0; values--) {
                struct head head;

                if (take_head(r, &head) < 0)
                        return -EBADMSG;
                if (head.kind == HEAD_ARRAY)
                        values += head.length;
                else if (head.kind == HEAD_MAP)
                        values += 2 * (uint64_t)head.length;
                else if (head.kind == HEAD_RAW)
                        r->at += head.length;
                else if (head.kind == HEAD_EXT)
                        r->at += (size_t)head.length + 1;
        }
        return 0;
}

static int get_unsigned(struct msgpack_reader *r, unsigned width, uint8_t *at)
{
        uint64_t value;
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;

        if (pack_get_uint(r, width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1, &value) <
            0)
                return -EBADMSG;
        u8 = (uint8_t)value;
        u16 = (uint16_t)value;
        u32 = (uint32_t)value;
        if (width == 1)
                memcpy(at, &u8, 1);
        else if (width == 2)
                memcpy(at, &u16, 2);
        else if (width == 4)
                memcpy(at, &u32, 4);
        else
                memcpy(at, &value, 8);
        return 0;
}

static int get_field(struct msgpack_reader *r, enum pack_kind kind, uint8_t *at)
{
        struct pack_slice slice;
        int64_t i64;
        bool flag;

        switch (kind) {
        case PACK_U8:
                return get_unsigned(r, 1, at);
        case PACK_U16:
                return get_unsigned(r, 2, at);
        case PACK_U32:
                return get_unsigned(r, 4, at);
        case PACK_U64:
                return get_unsigned(r, 8, at);
        case PACK_I64:
                if (pack_get_int(r, &i64) < 0)
                        return -EBADMSG;
                memcpy(at, &i64, sizeof(i64));
                return 0;
        case PACK_BOOL:
                if (pack_get_bool(r, &flag) < 0)
                        return -EBADMSG;
                memcpy(at, &flag, sizeof(flag));
                return 0;
        case PACK_RAW:
        case PACK_BYTES:
                if (pack_get_raw(r, &slice) < 0)
                        return -EBADMSG;
                memcpy(at, &slice, sizeof(slice));
                return 0;
        }
        return -EBADMSG;
}

int pack_get_struct(struct msgpack_reader *r, const struct pack_field fields[], size_t field_count,
                    void *structure)
{
        uint32_t pair_count;

        if (pack_get_map(r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t pair = 0; pair < pair_count; pair++) {
                const struct pack_field *field = NULL;
                struct pack_slice name;
                int ret;

                if (pack_get_raw(r, &name) < 0)
                        return -EBADMSG;
                for (size_t i = 0; i < field_count && field == NULL; i++)
                        if (pack_slice_equal(name, pack_slice_of(fields[i].name)))
                                field = &fields[i];
                ret = field == NULL
                          ? pack_skip(r)
                          : get_field(r, field->kind, (uint8_t *)structure + field->offset);
                if (ret < 0)
                        return ret;
        }
        return 0;
}
