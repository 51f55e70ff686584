#include "control/rpc/rpc_codec.h"

#include <errno.h>
#include <string.h>

void rpc_reader_fini(struct rpc_reader *reader)
{
        byte_buffer_fini(&reader->buffer);
        *reader = (struct rpc_reader){.args_max = reader->args_max};
}

void rpc_reader_append(struct rpc_reader *reader, const uint8_t *bytes, size_t len)
{
        struct byte_buffer *b = &reader->buffer;

        // The calls taken make room for what comes, each byte being moved once or twice.
        if (reader->start > 0 && b->capacity - b->len < len && reader->start >= b->len / 2) {
                memmove(b->bytes, b->bytes + reader->start, b->len - reader->start);
                b->len -= reader->start;
                reader->at -= reader->start;
                reader->head_end -= reader->in_args ? reader->start : 0;
                reader->start = 0;
        }
        byte_buffer_append(b, bytes, len);
}

size_t rpc_reader_len(const struct rpc_reader *reader)
{
        return reader->buffer.len - reader->start;
}

/* What a first byte from 0xc0 on says: bytes of its own number, bytes that follow in any case, and
   what the number counts. */
enum counted { NOTHING, BYTES, ITEMS, PAIRS, NEVER };

struct marker {
        uint8_t number_width, fixed;
        enum counted counts;
};

static const struct marker markers[32] = {
    {0, 0, NOTHING},  {0, 0, NEVER},   {0, 0, NOTHING}, {0, 0, NOTHING}, /* nil, -, false, true */
    {1, 0, BYTES},    {2, 0, BYTES},   {4, 0, BYTES},                    /* bin */
    {1, 1, BYTES},    {2, 1, BYTES},   {4, 1, BYTES},                    /* ext */
    {0, 4, NOTHING},  {0, 8, NOTHING},                                   /* float */
    {0, 1, NOTHING},  {0, 2, NOTHING}, {0, 4, NOTHING}, {0, 8, NOTHING}, /* uint */
    {0, 1, NOTHING},  {0, 2, NOTHING}, {0, 4, NOTHING}, {0, 8, NOTHING}, /* int */
    {0, 2, NOTHING},  {0, 3, NOTHING}, {0, 5, NOTHING}, {0, 9, NOTHING}, /* fixext */
    {0, 17, NOTHING}, {1, 0, BYTES},   {2, 0, BYTES},   {4, 0, BYTES},   /* str */
    {2, 0, ITEMS},    {4, 0, ITEMS},   {2, 0, PAIRS},   {4, 0, PAIRS},
};

// The head of a value: the bytes it is and the items that follow it.
// returns  1, 0 when it is not whole, or -EBADMSG.
static int look_at(const uint8_t *bytes, size_t len, size_t *size, uint64_t *items)
{
        const struct marker *m;
        uint64_t number = 0;

        *items = 0;
        *size = 1;
        if (len == 0)
                return 0;
        if (bytes[0] >= 0xa0 && bytes[0] < 0xc0)
                *size = 1 + (size_t)(bytes[0] & 0x1f);
        else if (bytes[0] >= 0x80 && bytes[0] < 0xa0)
                *items = (bytes[0] & 0xfu) * (bytes[0] < 0x90 ? 2 : 1);
        if (bytes[0] < 0xc0 || bytes[0] >= 0xe0)
                return 1;
        m = &markers[bytes[0] - 0xc0];
        if (m->counts == NEVER)
                return -EBADMSG;
        if (len < 1 + (size_t)m->number_width)
                return 0;
        for (unsigned i = 0; i < m->number_width; i++)
                number = number << 8 | bytes[1 + i];
        *size = 1 + (size_t)m->number_width + m->fixed + (m->counts == BYTES ? number : 0);
        *items = m->counts == ITEMS ? number : m->counts == PAIRS ? 2 * number : 0;
        return 1;
}

// Goes on to the end of the value that is being read.
static int pass_value(struct rpc_reader *reader, size_t size_max)
{
        size_t begin = reader->in_args ? reader->head_end : reader->start;
        const struct byte_buffer *b = &reader->buffer;
        uint64_t items;
        size_t size;

        if (reader->at == begin)
                reader->items = 1;
        while (reader->at < b->len && reader->items > 0) {
                int ret = look_at(b->bytes + reader->at, b->len - reader->at, &size, &items);

                if (ret <= 0)
                        return ret;
                reader->at += size;
                reader->items += items - 1;
                // Each item is a byte at least, so this is known before they come.
                if (reader->items > size_max || reader->at - begin > size_max - reader->items)
                        return -EMSGSIZE;
        }
        if (reader->items == 0 && reader->at <= b->len)
                return 1;
        // All heads were seen, but not all bytes: the last one is looked at again no more.
        return 0;
}

static struct msgpack_reader head_of(const struct rpc_reader *reader)
{
        return (struct msgpack_reader){reader->buffer.bytes + reader->start,
                                       reader->buffer.bytes + reader->head_end};
}

static int read_call_head(const struct rpc_reader *reader, void *out)
{
        static const struct pack_field fields[] = {
            PACK_FIELD(struct rpc_request, method, "ServiceMethod", PACK_RAW),
            PACK_FIELD(struct rpc_request, seq, "Seq", PACK_U64),
        };
        struct msgpack_reader r = head_of(reader);
        struct rpc_request *request = out;

        *request = (struct rpc_request){0};
        if (pack_peek(&r) != PACK_IS_MAP ||
            pack_get_struct(&r, fields, sizeof(fields) / sizeof(fields[0]), request) < 0 ||
            request->method.length > RPC_METHOD_MAX)
                return -EBADMSG;
        return 0;
}

static int read_answer_head(const struct rpc_reader *reader, void *out)
{
        static const struct pack_field fields[] = {
            PACK_FIELD(struct rpc_answer, seq, "Seq", PACK_U64),
            PACK_FIELD(struct rpc_answer, error, "Error", PACK_RAW),
        };
        struct msgpack_reader r = head_of(reader);
        struct rpc_answer *answer = out;

        *answer = (struct rpc_answer){0};
        if (pack_peek(&r) != PACK_IS_MAP ||
            pack_get_struct(&r, fields, sizeof(fields) / sizeof(fields[0]), answer) < 0)
                return -EBADMSG;
        return 0;
}

// What was given out is done with.
static void drop_taken(struct rpc_reader *reader)
{
        if (reader->start == reader->buffer.len)
                rpc_reader_fini(reader);
}

// The next whole pair of values. @body  of the two the second.
static int next_pair(struct rpc_reader *reader, size_t head_max,
                     int (*read_head)(const struct rpc_reader *reader, void *out), void *out,
                     struct pack_slice *body)
{
        int ret = 0;

        if (!reader->in_args) {
                drop_taken(reader);
                ret = pass_value(reader, head_max);
                if (ret <= 0)
                        return ret;
                reader->head_end = reader->at;
                reader->in_args = true;
                ret = read_head(reader, out);
                if (ret < 0)
                        return ret;
        }
        ret = pass_value(reader, reader->args_max);
        if (ret <= 0)
                return ret;
        ret = read_head(reader, out);
        if (ret < 0)
                return ret;
        *body = (struct pack_slice){reader->buffer.bytes + reader->head_end,
                                    (uint32_t)(reader->at - reader->head_end)};
        reader->start = reader->at;
        reader->in_args = false;
        return 1;
}

int rpc_reader_next(struct rpc_reader *reader, struct rpc_request *out)
{
        struct pack_slice args = {NULL, 0};
        int ret = next_pair(reader, RPC_HEAD_MAX, read_call_head, out, &args);

        out->args = args;
        return ret;
}

int rpc_reader_next_answer(struct rpc_reader *reader, struct rpc_answer *out)
{
        struct pack_slice result = {NULL, 0};
        int ret = next_pair(reader, RPC_ANSWER_HEAD_MAX, read_answer_head, out, &result);

        out->result = result;
        return ret;
}

void rpc_put_call_head(struct byte_buffer *b, struct pack_slice method, uint64_t seq)
{
        pack_put_map(b, 2);
        pack_put_text(b, "ServiceMethod");
        pack_put_raw(b, method);
        pack_put_text(b, "Seq");
        pack_put_uint(b, seq);
}

void rpc_put_answer_head(struct byte_buffer *b, struct pack_slice method, uint64_t seq,
                         const char *error)
{
        pack_put_map(b, 3);
        pack_put_text(b, "ServiceMethod");
        pack_put_raw(b, method);
        pack_put_text(b, "Seq");
        pack_put_uint(b, seq);
        pack_put_text(b, "Error");
        pack_put_text(b, error);
}

void rpc_put_no_result(struct byte_buffer *b)
{
        pack_put_map(b, 0);
}
