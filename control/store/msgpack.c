#include "control/store/msgpack.h"
#include "control/store/memory.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void byte_buffer_append(struct byte_buffer *b, const void *bytes, size_t len)
{
        if (b->capacity - b->len < len) {
                size_t capacity = b->capacity ? b->capacity : 256;

                while (capacity - b->len < len)
                        capacity *= 2;
                b->bytes = memory_resize(b->bytes, capacity);
                b->capacity = capacity;
        }
        if (len > 0)
                memcpy(b->bytes + b->len, bytes, len);
        b->len += len;
}

void byte_buffer_fini(struct byte_buffer *b)
{
        free(b->bytes);
        *b = (struct byte_buffer)BYTE_BUFFER_INIT;
}

// A marker byte followed by the low `width` bytes of a value, most significant first.
static void put_marked(struct byte_buffer *b, uint8_t marker, uint64_t value, unsigned width)
{
        uint8_t out[9];

        out[0] = marker;
        for (unsigned i = 0; i < width; i++)
                out[1 + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
        byte_buffer_append(b, out, 1 + width);
}

void msgpack_put_bool(struct byte_buffer *b, bool value)
{
        put_marked(b, value ? 0xc3 : 0xc2, 0, 0);
}

void msgpack_put_uint(struct byte_buffer *b, uint64_t value)
{
        if (value < 0x80)
                put_marked(b, (uint8_t)value, 0, 0);
        else if (value <= UINT8_MAX)
                put_marked(b, 0xcc, value, 1);
        else if (value <= UINT16_MAX)
                put_marked(b, 0xcd, value, 2);
        else if (value <= UINT32_MAX)
                put_marked(b, 0xce, value, 4);
        else
                put_marked(b, 0xcf, value, 8);
}

void msgpack_put_int(struct byte_buffer *b, int64_t value)
{
        if (value >= 0)
                msgpack_put_uint(b, (uint64_t)value);
        else if (value >= -32)
                put_marked(b, (uint8_t)value, 0, 0);
        else if (value >= INT8_MIN)
                put_marked(b, 0xd0, (uint64_t)value, 1);
        else if (value >= INT16_MIN)
                put_marked(b, 0xd1, (uint64_t)value, 2);
        else if (value >= INT32_MIN)
                put_marked(b, 0xd2, (uint64_t)value, 4);
        else
                put_marked(b, 0xd3, (uint64_t)value, 8);
}

void msgpack_put_text(struct byte_buffer *b, const char *text)
{
        size_t len = strlen(text);

        assert(len <= UINT32_MAX);
        if (len < 32)
                put_marked(b, (uint8_t)(0xa0 | len), 0, 0);
        else if (len <= UINT8_MAX)
                put_marked(b, 0xd9, len, 1);
        else if (len <= UINT16_MAX)
                put_marked(b, 0xda, len, 2);
        else
                put_marked(b, 0xdb, len, 4);
        byte_buffer_append(b, text, len);
}

void msgpack_put_bytes(struct byte_buffer *b, const void *bytes, uint32_t len)
{
        if (len <= UINT8_MAX)
                put_marked(b, 0xc4, len, 1);
        else if (len <= UINT16_MAX)
                put_marked(b, 0xc5, len, 2);
        else
                put_marked(b, 0xc6, len, 4);
        byte_buffer_append(b, bytes, len);
}

void msgpack_put_array(struct byte_buffer *b, uint32_t count)
{
        if (count < 16)
                put_marked(b, (uint8_t)(0x90 | count), 0, 0);
        else if (count <= UINT16_MAX)
                put_marked(b, 0xdc, count, 2);
        else
                put_marked(b, 0xdd, count, 4);
}

void msgpack_put_map(struct byte_buffer *b, uint32_t count)
{
        if (count < 16)
                put_marked(b, (uint8_t)(0x80 | count), 0, 0);
        else if (count <= UINT16_MAX)
                put_marked(b, 0xde, count, 2);
        else
                put_marked(b, 0xdf, count, 4);
}

static int get_marker(struct msgpack_reader *r, uint8_t *marker)
{
        if (r->at == r->end)
                return -EBADMSG;
        *marker = *r->at++;
        return 0;
}

static int get_big_endian(struct msgpack_reader *r, unsigned width, uint64_t *out)
{
        uint64_t value = 0;

        if ((size_t)(r->end - r->at) < width)
                return -EBADMSG;
        for (unsigned i = 0; i < width; i++)
                value = value << 8 | *r->at++;
        *out = value;
        return 0;
}

int msgpack_get_bool(struct msgpack_reader *r, bool *out)
{
        uint8_t marker;

        if (get_marker(r, &marker) < 0 || (marker & 0xfe) != 0xc2)
                return -EBADMSG;
        *out = marker == 0xc3;
        return 0;
}

int msgpack_get_uint(struct msgpack_reader *r, uint64_t *out)
{
        uint8_t marker;

        if (get_marker(r, &marker) < 0)
                return -EBADMSG;
        if (marker < 0x80) {
                *out = marker;
                return 0;
        }
        if (marker < 0xcc || marker > 0xcf)
                return -EBADMSG;
        return get_big_endian(r, 1u << (marker - 0xcc), out);
}

int msgpack_get_int(struct msgpack_reader *r, int64_t *out)
{
        uint64_t value;
        unsigned width;
        uint8_t marker;

        if (r->at == r->end)
                return -EBADMSG;
        marker = *r->at;
        if (marker < 0x80 || (marker >= 0xcc && marker <= 0xcf)) {
                if (msgpack_get_uint(r, &value) < 0 || value > INT64_MAX)
                        return -EBADMSG;
                *out = (int64_t)value;
                return 0;
        }
        r->at++;
        if (marker >= 0xe0) {
                *out = (int8_t)marker;
                return 0;
        }
        if (marker < 0xd0 || marker > 0xd3)
                return -EBADMSG;
        width = 1u << (marker - 0xd0);
        if (get_big_endian(r, width, &value) < 0)
                return -EBADMSG;
        // Sign-extended from the width that was written.
        if (width < 8 && value >> (8 * width - 1))
                value |= UINT64_MAX << (8 * width);
        *out = (int64_t)value;
        return 0;
}

int msgpack_get_text(struct msgpack_reader *r, const char **out, size_t *len)
{
        uint64_t count;
        uint8_t marker;

        if (get_marker(r, &marker) < 0)
                return -EBADMSG;
        if ((marker & 0xe0) == 0xa0)
                count = marker & 0x1f;
        else if (marker < 0xd9 || marker > 0xdb)
                return -EBADMSG;
        else if (get_big_endian(r, 1u << (marker - 0xd9), &count) < 0)
                return -EBADMSG;
        if ((size_t)(r->end - r->at) < count || memchr(r->at, 0, count))
                return -EBADMSG;
        *out = (const char *)r->at;
        *len = count;
        r->at += count;
        return 0;
}

int msgpack_get_bytes(struct msgpack_reader *r, const uint8_t **out, uint32_t *len)
{
        uint64_t count;
        uint8_t marker;

        if (get_marker(r, &marker) < 0 || marker < 0xc4 || marker > 0xc6 ||
            get_big_endian(r, 1u << (marker - 0xc4), &count) < 0 ||
            (size_t)(r->end - r->at) < count)
                return -EBADMSG;
        *out = r->at;
        *len = (uint32_t)count;
        r->at += count;
        return 0;
}

// Each element takes bytes_each or more, so a count beyond what is left is a lie.
static int get_count(struct msgpack_reader *r, uint8_t short_marker, uint8_t long_marker,
                     unsigned bytes_each, uint32_t *count)
{
        uint64_t value;
        uint8_t marker;

        if (get_marker(r, &marker) < 0)
                return -EBADMSG;
        if ((marker & 0xf0) == short_marker)
                value = marker & 0x0f;
        else if (marker != long_marker && marker != long_marker + 1)
                return -EBADMSG;
        else if (get_big_endian(r, marker == long_marker ? 2 : 4, &value) < 0)
                return -EBADMSG;
        if (value > (size_t)(r->end - r->at) / bytes_each)
                return -EBADMSG;
        *count = (uint32_t)value;
        return 0;
}

int msgpack_get_array(struct msgpack_reader *r, uint32_t *count)
{
        return get_count(r, 0x90, 0xdc, 1, count);
}

int msgpack_get_map(struct msgpack_reader *r, uint32_t *pair_count)
{
        return get_count(r, 0x80, 0xde, 2, pair_count);
}
