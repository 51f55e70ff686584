#include "control/relay/relay_codec.h"

#include <errno.h>
#include <string.h>

static void put_big_endian(uint8_t *out, unsigned size, uint64_t value)
{
        for (unsigned i = 0; i < size; i++)
                out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static uint64_t get_big_endian(const uint8_t *in, unsigned size)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < size; i++)
                value = value << 8 | in[i];
        return value;
}

void relay_head_encode(const struct relay_head *head, uint8_t out[RELAY_HEAD_SIZE])
{
        put_big_endian(out, 4, head->length);
        out[4] = RELAY_VERSION;
        out[5] = head->kind;
        out[6] = head->last ? 1 : 0;
        out[7] = 0;
        put_big_endian(out + 8, 8, head->id);
}

int relay_head_decode(const uint8_t in[RELAY_HEAD_SIZE], struct relay_head *out)
{
        *out = (struct relay_head){
            .length = (uint32_t)get_big_endian(in, 4),
            .kind = in[5],
            .last = in[6] == 1,
            .id = get_big_endian(in + 8, 8),
        };
        if (in[4] != RELAY_VERSION)
                return -EPROTONOSUPPORT;
        if (in[5] == 0 || in[6] > 1 || in[7] != 0)
                return -EBADMSG;
        return out->length > RELAY_PIECE_MAX ? -EMSGSIZE : 0;
}

static void put_bytes(struct byte_buffer *out, const struct relay_text *in)
{
        msgpack_put_bytes(out, in->text, (uint32_t)in->len);
}

// A text without a NUL in it, so that the reader may end it with one.
static int get_text(struct msgpack_reader *r, struct relay_text *out)
{
        const uint8_t *bytes;
        uint32_t len;

        if (msgpack_get_bytes(r, &bytes, &len) < 0 || (len > 0 && memchr(bytes, '\0', len) != NULL))
                return -EBADMSG;
        *out = (struct relay_text){(const char *)bytes, len};
        return 0;
}

static void put_headers(struct byte_buffer *out, const struct relay_header headers[],
                        uint32_t count)
{
        msgpack_put_array(out, 2 * count);
        for (uint32_t i = 0; i < count; i++) {
                put_bytes(out, &headers[i].name);
                put_bytes(out, &headers[i].value);
        }
}

static int get_headers(struct msgpack_reader *r, struct relay_header headers[], uint32_t *count)
{
        uint32_t items;

        if (msgpack_get_array(r, &items) < 0 || items % 2 != 0 || items > 2 * RELAY_HEADER_MAX)
                return -EBADMSG;
        for (uint32_t i = 0; i < items / 2; i++) {
                if (get_text(r, &headers[i].name) < 0 || headers[i].name.len == 0 ||
                    get_text(r, &headers[i].value) < 0)
                        return -EBADMSG;
        }
        *count = items / 2;
        return 0;
}

static struct relay_text rest_of(const struct msgpack_reader *r)
{
        return (struct relay_text){(const char *)r->at, (size_t)(r->end - r->at)};
}

void relay_request_encode(const struct relay_request *in, struct byte_buffer *out)
{
        msgpack_put_array(out, 6);
        msgpack_put_uint(out, in->method);
        msgpack_put_uint(out, in->hops);
        msgpack_put_uint(out, in->pieces);
        put_bytes(out, &in->target);
        put_bytes(out, &in->origin);
        put_headers(out, in->headers, in->header_count);
        if (in->body.len > 0)
                byte_buffer_append(out, in->body.text, in->body.len);
}

int relay_request_decode(const uint8_t *bytes, size_t len, struct relay_request *out)
{
        struct msgpack_reader r = {bytes, bytes + len};
        uint32_t fields;

        *out = (struct relay_request){0};
        if (msgpack_get_array(&r, &fields) < 0 || fields != 6 ||
            msgpack_get_uint(&r, &out->method) < 0 || msgpack_get_uint(&r, &out->hops) < 0 ||
            out->hops > RELAY_HOP_MAX || msgpack_get_uint(&r, &out->pieces) < 0 ||
            out->pieces >= RELAY_PIECES_END || get_text(&r, &out->target) < 0 ||
            out->target.len == 0 || out->target.text[0] != '/' || get_text(&r, &out->origin) < 0 ||
            get_headers(&r, out->headers, &out->header_count) < 0)
                return -EBADMSG;
        out->body = rest_of(&r);
        return 0;
}

void relay_answer_encode(const struct relay_answer *in, struct byte_buffer *out)
{
        msgpack_put_array(out, 3);
        msgpack_put_uint(out, in->status);
        put_bytes(out, &in->content_type);
        put_headers(out, in->headers, in->header_count);
        if (in->body.len > 0)
                byte_buffer_append(out, in->body.text, in->body.len);
}

int relay_answer_decode(const uint8_t *bytes, size_t len, struct relay_answer *out)
{
        struct msgpack_reader r = {bytes, bytes + len};
        uint32_t fields;

        *out = (struct relay_answer){0};
        if (msgpack_get_array(&r, &fields) < 0 || fields != 3 ||
            msgpack_get_uint(&r, &out->status) < 0 || out->status < 200 || out->status > 599 ||
            get_text(&r, &out->content_type) < 0 ||
            get_headers(&r, out->headers, &out->header_count) < 0)
                return -EBADMSG;
        out->body = rest_of(&r);
        return 0;
}

void relay_more_encode(uint32_t dealt_with, struct byte_buffer *out)
{
        uint8_t bytes[4];

        put_big_endian(bytes, sizeof(bytes), dealt_with);
        byte_buffer_append(out, bytes, sizeof(bytes));
}

int relay_more_decode(const uint8_t *bytes, size_t len, uint32_t *dealt_with)
{
        if (len != 4)
                return -EBADMSG;
        *dealt_with = (uint32_t)get_big_endian(bytes, 4);
        return 0;
}

void relay_index_encode(const struct relay_index *in, struct byte_buffer *out)
{
        const struct relay_text error = {in->error, strlen(in->error)};

        msgpack_put_array(out, 2);
        put_bytes(out, &error);
        msgpack_put_uint(out, in->catalog_index);
}

int relay_index_decode(const uint8_t *bytes, size_t len, struct relay_index *out)
{
        struct msgpack_reader r = {bytes, bytes + len};
        struct relay_text error;
        uint32_t fields;

        *out = (struct relay_index){0};
        if (msgpack_get_array(&r, &fields) < 0 || fields != 2 || get_text(&r, &error) < 0 ||
            error.len >= sizeof(out->error) || msgpack_get_uint(&r, &out->catalog_index) < 0 ||
            !msgpack_at_end(&r))
                return -EBADMSG;
        if (error.len > 0)
                memcpy(out->error, error.text, error.len);
        return 0;
}
