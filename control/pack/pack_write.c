#include "control/pack/pack.h"

#include <string.h>

struct pack_slice pack_slice_of(const char *text)
{
        return (struct pack_slice){(const uint8_t *)text, (uint32_t)strlen(text)};
}

bool pack_slice_equal(struct pack_slice a, struct pack_slice b)
{
        return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

struct msgpack_reader pack_reader_of(struct pack_slice s)
{
        // Of an empty slice the bytes may be nowhere, and nothing may be added to that.
        if (s.length == 0)
                return (struct msgpack_reader){0};
        return (struct msgpack_reader){s.bytes, s.bytes + s.length};
}

static void put_number(struct byte_buffer *b, uint8_t tag, uint64_t value, unsigned width)
{
        uint8_t bytes[9] = {tag};

        for (unsigned i = 0; i < width; i++)
                bytes[1 + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
        byte_buffer_append(b, bytes, 1 + width);
}

void pack_put_uint(struct byte_buffer *b, uint64_t value)
{
        msgpack_put_uint(b, value);
}

void pack_put_int(struct byte_buffer *b, int64_t value)
{
        msgpack_put_int(b, value);
}

void pack_put_bool(struct byte_buffer *b, bool value)
{
        msgpack_put_bool(b, value);
}

void pack_put_nil(struct byte_buffer *b)
{
        byte_buffer_append(b, "\xc0", 1);
}

void pack_put_float(struct byte_buffer *b, double value)
{
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        put_number(b, 0xcb, bits, 8);
}

void pack_put_raw(struct byte_buffer *b, struct pack_slice value)
{
        if (value.length < 32)
                put_number(b, (uint8_t)(0xa0 | value.length), 0, 0);
        else if (value.length <= UINT16_MAX)
                put_number(b, 0xda, value.length, 2);
        else
                put_number(b, 0xdb, value.length, 4);
        if (value.length > 0)
                byte_buffer_append(b, value.bytes, value.length);
}

void pack_put_text(struct byte_buffer *b, const char *text)
{
        pack_put_raw(b, pack_slice_of(text));
}

void pack_put_map(struct byte_buffer *b, uint32_t pair_count)
{
        msgpack_put_map(b, pair_count);
}

void pack_put_array(struct byte_buffer *b, uint32_t count)
{
        msgpack_put_array(b, count);
}

static struct pack_slice slice_at(const void *at)
{
        struct pack_slice slice;

        memcpy(&slice, at, sizeof(slice));
        return slice;
}

static void put_field(struct byte_buffer *b, enum pack_kind kind, const uint8_t *at)
{
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        int64_t i64;

        switch (kind) {
        case PACK_U8:
                pack_put_uint(b, *at);
                break;
        case PACK_U16:
                memcpy(&u16, at, sizeof(u16));
                pack_put_uint(b, u16);
                break;
        case PACK_U32:
                memcpy(&u32, at, sizeof(u32));
                pack_put_uint(b, u32);
                break;
        case PACK_U64:
                memcpy(&u64, at, sizeof(u64));
                pack_put_uint(b, u64);
                break;
        case PACK_I64:
                memcpy(&i64, at, sizeof(i64));
                pack_put_int(b, i64);
                break;
        case PACK_BOOL:
                pack_put_bool(b, *(const bool *)at);
                break;
        case PACK_RAW:
        case PACK_BYTES:
                pack_put_raw(b, slice_at(at));
                break;
        }
}

static bool is_left_out(const struct pack_field *field, const uint8_t *structure)
{
        return field->kind == PACK_BYTES && slice_at(structure + field->offset).length == 0;
}

void pack_put_struct(struct byte_buffer *b, const struct pack_field fields[], size_t field_count,
                     const void *structure)
{
        uint32_t pair_count = 0;

        for (size_t i = 0; i < field_count; i++)
                pair_count += !is_left_out(&fields[i], structure);
        pack_put_map(b, pair_count);
        for (size_t i = 0; i < field_count; i++) {
                if (is_left_out(&fields[i], structure))
                        continue;
                pack_put_text(b, fields[i].name);
                put_field(b, fields[i].kind, (const uint8_t *)structure + fields[i].offset);
        }
}
