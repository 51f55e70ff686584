#include "control/grpc/protobuf.h"

#include <errno.h>
#include <string.h>

#define VARINT_LEN_MAX 10u
#define NUMBER_MAX     ((UINT32_C(1) << 29) - 1)

// --- Reading.

static int get_varint(struct pb_reader *reader, uint64_t *out)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < VARINT_LEN_MAX && reader->at < reader->end; i++) {
                uint8_t byte = *reader->at++;

                value |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (byte < 0x80) {
                        *out = value;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int get_fixed(struct pb_reader *reader, unsigned size, uint64_t *out)
{
        if ((size_t)(reader->end - reader->at) < size)
                return -EBADMSG;
        *out = 0;
        for (unsigned i = 0; i < size; i++)
                *out |= (uint64_t)*reader->at++ << (8 * i);
        return 0;
}

static int get_bytes(struct pb_reader *reader, struct pb_field *out)
{
        uint64_t len = 0;

        if (get_varint(reader, &len) < 0 || len > (uint64_t)(reader->end - reader->at))
                return -EBADMSG;
        out->bytes = reader->at;
        out->len = (size_t)len;
        reader->at += len;
        return 0;
}

int pb_next(struct pb_reader *reader, struct pb_field *out)
{
        uint64_t tag = 0;
        int ret;

        if (reader->at == reader->end)
                return 0;
        if (get_varint(reader, &tag) < 0 || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
                return -EBADMSG;
        *out = (struct pb_field){.number = (uint32_t)(tag >> 3), .wire = (enum pb_wire)(tag & 7)};
        switch (out->wire) {
        case PB_VARINT:
                ret = get_varint(reader, &out->value);
                break;
        case PB_FIXED64:
                ret = get_fixed(reader, 8, &out->value);
                break;
        case PB_FIXED32:
                ret = get_fixed(reader, 4, &out->value);
                break;
        case PB_BYTES:
                ret = get_bytes(reader, out);
                break;
        default: // groups, which version 3 has not
                ret = -EBADMSG;
                break;
        }
        return ret == 0 ? 1 : ret;
}

// --- Writing.

static unsigned make_varint(uint64_t value, uint8_t out[VARINT_LEN_MAX])
{
        unsigned len = 0;

        for (; value > 0x7f; value >>= 7)
                out[len++] = (uint8_t)(value | 0x80);
        out[len++] = (uint8_t)value;
        return len;
}

static void put_varint(struct byte_buffer *b, uint64_t value)
{
        uint8_t bytes[VARINT_LEN_MAX];

        byte_buffer_append(b, bytes, make_varint(value, bytes));
}

static void put_tag(struct byte_buffer *b, uint32_t number, enum pb_wire wire)
{
        put_varint(b, (uint64_t)number << 3 | wire);
}

void pb_put_any_uint(struct byte_buffer *b, uint32_t number, uint64_t value)
{
        put_tag(b, number, PB_VARINT);
        put_varint(b, value);
}

void pb_put_uint(struct byte_buffer *b, uint32_t number, uint64_t value)
{
        if (value != 0)
                pb_put_any_uint(b, number, value);
}

void pb_put_int(struct byte_buffer *b, uint32_t number, int64_t value)
{
        pb_put_uint(b, number, (uint64_t)value);
}

void pb_put_double(struct byte_buffer *b, uint32_t number, double value)
{
        uint64_t bits;
        uint8_t bytes[8];

        memcpy(&bits, &value, sizeof(bits));
        for (unsigned i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(bits >> (8 * i));
        put_tag(b, number, PB_FIXED64);
        byte_buffer_append(b, bytes, sizeof(bytes));
}

void pb_put_bytes(struct byte_buffer *b, uint32_t number, const void *bytes, size_t len)
{
        put_tag(b, number, PB_BYTES);
        put_varint(b, len);
        if (len > 0)
                byte_buffer_append(b, bytes, len);
}

void pb_put_text(struct byte_buffer *b, uint32_t number, const char *text)
{
        if (*text != '\0')
                pb_put_bytes(b, number, text, strlen(text));
}

size_t pb_begin(struct byte_buffer *b, uint32_t number)
{
        put_tag(b, number, PB_BYTES);
        byte_buffer_append(b, "", 1);
        return b->len;
}

// Most lengths take the one byte that was left for them; others make room.
void pb_end(struct byte_buffer *b, size_t begun)
{
        uint8_t bytes[VARINT_LEN_MAX];
        size_t len = b->len - begun;
        unsigned size = make_varint(len, bytes);

        if (size > 1) {
                byte_buffer_append(b, bytes, size - 1);
                memmove(b->bytes + begun + size - 1, b->bytes + begun, len);
        }
        memcpy(b->bytes + begun - 1, bytes, size);
}
