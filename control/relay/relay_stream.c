#include "control/relay/relay_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/relay/relay_assembly.h"

#define INPUT_SIZE (2 * (RELAY_PIECE_MAX + RELAY_HEAD_SIZE))
/* Bytes handed to the kernel at a time; what is queued beyond takes turns. */
#define IN_FLIGHT_MAX ((size_t)256 << 10)
/* Small frames wait here for the end of the loop's turn, to go out together. */
#define BATCH_SIZE ((size_t)32 << 10)

/* A message that waits for its turn to send a piece; later ones of its call wait behind it. */
struct outgoing {
        struct outgoing *next;
        struct outgoing *after, **after_last;
        uint64_t id;
        uint8_t kind;
        size_t sent, len;
        uint8_t *bytes;
};

struct relay_stream {
        uv_tcp_t *tcp;
        uv_prepare_t flush;
        struct relay_stream_events events;
        uint8_t *input; /* only while a frame is not whole */
        size_t input_len;
        struct relay_assembly assembly;
        struct outgoing *first; /* the next to send a piece */
        struct outgoing **last;
        struct byte_buffer batch;
        size_t in_flight, queued;
        unsigned handles_open;
        bool closing, ended, paused;
        bool broken; /* to be told at the loop's next turn: whoever sends may not expect it now */
};

struct write {
        uv_write_t request;
        uint8_t *bytes;
        size_t len;
};

static void end(struct relay_stream *stream, const char *what)
{
        if (stream->closing || stream->ended)
                return;
        stream->ended = true;
        uv_read_stop((uv_stream_t *)stream->tcp);
        stream->events.ended(stream->events.arg, what);
}

// --- Reading.

static void on_whole(void *arg, const struct relay_head *head, const uint8_t *bytes, size_t len)
{
        struct relay_stream *stream = arg;

        stream->events.message(stream->events.arg, (enum relay_kind)head->kind, head->id, bytes,
                               len);
}

static const char *complaint(int error)
{
        return error == -EPROTONOSUPPORT ? "a frame of another version"
               : error == -EMSGSIZE      ? "an oversized message"
               : error == -ENOMEM        ? "more than there is memory for"
                                         : "bytes that are no frame";
}

// Frames at the beginning of the bytes. returns  how many bytes they were.
static size_t take_frames(struct relay_stream *stream, const uint8_t *bytes, size_t len)
{
        struct relay_head head;
        size_t at = 0;
        int ret = 0;

        while (!stream->closing && !stream->ended && !stream->paused &&
               len - at >= RELAY_HEAD_SIZE) {
                ret = relay_head_decode(bytes + at, &head);
                if (ret == 0 && len - at < RELAY_HEAD_SIZE + head.length)
                        break;
                if (ret == 0)
                        ret = relay_assembly_take(&stream->assembly, &head,
                                                  bytes + at + RELAY_HEAD_SIZE, on_whole, stream);
                if (ret < 0) {
                        end(stream, complaint(ret));
                        break;
                }
                at += RELAY_HEAD_SIZE + head.length;
        }
        return at;
}

static void parse(struct relay_stream *stream)
{
        size_t used = take_frames(stream, stream->input, stream->input_len);

        if (stream->closing)
                return;
        stream->input_len -= used;
        if (stream->input_len > 0) {
                memmove(stream->input, stream->input + used, stream->input_len);
        } else {
                // An idle connection keeps nothing.
                free(stream->input);
                stream->input = NULL;
        }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
        struct relay_stream *stream = handle->data;

        (void)suggested;
        if (stream->input == NULL)
                stream->input = malloc(INPUT_SIZE);
        if (stream->input == NULL)
                *buf = uv_buf_init(NULL, 0);
        else
                *buf = uv_buf_init((char *)stream->input + stream->input_len,
                                   (unsigned)(INPUT_SIZE - stream->input_len));
}

static void on_read(uv_stream_t *tcp, ssize_t got, const uv_buf_t *buf)
{
        struct relay_stream *stream = tcp->data;

        (void)buf;
        if (got < 0) {
                end(stream, "");
                return;
        }
        stream->input_len += (size_t)got;
        parse(stream);
}

void relay_stream_pause(struct relay_stream *stream, bool paused)
{
        if (stream->closing || stream->ended || stream->paused == paused)
                return;
        stream->paused = paused;
        if (paused)
                uv_read_stop((uv_stream_t *)stream->tcp);
        else if (uv_read_start((uv_stream_t *)stream->tcp, on_alloc, on_read) < 0)
                end(stream, "");
        // What was read before is taken with the next bytes, or here.
        else if (stream->input_len > 0)
                parse(stream);
}

// --- Writing.

static void pump(struct relay_stream *stream);

static void on_written(uv_write_t *request, int status)
{
        struct relay_stream *stream = request->handle->data;
        struct write *write = (struct write *)request;

        stream->in_flight -= write->len;
        free(write->bytes);
        free(write);
        if (status < 0 && status != UV_ECANCELED)
                end(stream, "");
        else
                pump(stream);
        if (stream->paused && !stream->closing && !stream->ended && stream->events.drained != NULL)
                stream->events.drained(stream->events.arg);
}

static void on_flush(uv_prepare_t *prepare);

static void break_off(struct relay_stream *stream)
{
        stream->broken = true;
        uv_prepare_start(&stream->flush, on_flush);
}

// Hands the batch to the kernel.
static void flush(struct relay_stream *stream)
{
        struct write *write;
        uv_buf_t buf;

        uv_prepare_stop(&stream->flush);
        if (stream->batch.len == 0 || stream->closing || stream->ended || stream->broken)
                return;
        write = malloc(sizeof(*write));
        if (write == NULL) {
                break_off(stream);
                return;
        }
        *write = (struct write){.bytes = stream->batch.bytes, .len = stream->batch.len};
        stream->batch = (struct byte_buffer)BYTE_BUFFER_INIT;
        stream->in_flight += write->len;
        buf = uv_buf_init((char *)write->bytes, (unsigned)write->len);
        if (uv_write(&write->request, (uv_stream_t *)stream->tcp, &buf, 1, on_written) == 0)
                return;
        stream->in_flight -= write->len;
        free(write->bytes);
        free(write);
        break_off(stream);
}

static void on_flush(uv_prepare_t *prepare)
{
        struct relay_stream *stream = prepare->data;

        flush(stream);
        if (stream->broken) {
                uv_prepare_stop(prepare);
                end(stream, "");
        }
}

static void put_frame(struct relay_stream *stream, uint8_t kind, uint64_t id, bool last,
                      const uint8_t *bytes, size_t len)
{
        const struct relay_head head = {(uint32_t)len, kind, last, id};
        uint8_t head_bytes[RELAY_HEAD_SIZE];

        relay_head_encode(&head, head_bytes);
        byte_buffer_append(&stream->batch, head_bytes, sizeof(head_bytes));
        if (len > 0)
                byte_buffer_append(&stream->batch, bytes, len);
        if (stream->batch.len >= BATCH_SIZE)
                flush(stream);
        else if (!uv_is_active((uv_handle_t *)&stream->flush))
                uv_prepare_start(&stream->flush, on_flush);
}

static void append_outgoing(struct relay_stream *stream, struct outgoing *outgoing)
{
        outgoing->next = NULL;
        *stream->last = outgoing;
        stream->last = &outgoing->next;
}

static struct outgoing *take_first(struct relay_stream *stream)
{
        struct outgoing *outgoing = stream->first;

        stream->first = outgoing->next;
        if (stream->first == NULL)
                stream->last = &stream->first;
        return outgoing;
}

static void free_outgoing(struct outgoing *outgoing)
{
        free(outgoing->bytes);
        free(outgoing);
}

// The whole message has gone: the next of its call takes its place.
static void finish_outgoing(struct relay_stream *stream, struct outgoing *outgoing)
{
        struct outgoing *after = outgoing->after;

        if (after != NULL) {
                after->after_last = after->after != NULL ? outgoing->after_last : &after->after;
                append_outgoing(stream, after);
        }
        free_outgoing(outgoing);
}

static void pump(struct relay_stream *stream)
{
        while (!stream->closing && !stream->ended && stream->first != NULL &&
               stream->in_flight + stream->batch.len < IN_FLIGHT_MAX) {
                struct outgoing *outgoing = take_first(stream);
                size_t len = outgoing->len - outgoing->sent;

                if (len > RELAY_PIECE_MAX)
                        len = RELAY_PIECE_MAX;
                stream->queued -= len;
                outgoing->sent += len;
                put_frame(stream, outgoing->kind, outgoing->id, outgoing->sent == outgoing->len,
                          outgoing->bytes + outgoing->sent - len, len);
                if (outgoing->sent < outgoing->len)
                        append_outgoing(stream, outgoing);
                else
                        finish_outgoing(stream, outgoing);
        }
}

int relay_stream_begin(struct relay_stream *stream)
{
        const uint8_t first = RELAY_BYTE;

        byte_buffer_append(&stream->batch, &first, 1);
        return uv_prepare_start(&stream->flush, on_flush);
}

static int enqueue(struct relay_stream *stream, enum relay_kind kind, uint64_t id,
                   uint8_t *take_bytes, size_t len)
{
        struct outgoing *outgoing = calloc(1, sizeof(*outgoing)), *before = stream->first;

        if (outgoing == NULL) {
                free(take_bytes);
                return -ENOMEM;
        }
        *outgoing =
            (struct outgoing){.id = id, .kind = (uint8_t)kind, .bytes = take_bytes, .len = len};
        outgoing->after_last = &outgoing->after;
        stream->queued += len;
        while (before != NULL && before->id != id)
                before = before->next;
        if (before != NULL) {
                *before->after_last = outgoing;
                before->after_last = &outgoing->after;
        } else {
                append_outgoing(stream, outgoing);
        }
        pump(stream);
        return 0;
}

static bool fits_at_once(const struct relay_stream *stream, size_t len)
{
        return len <= RELAY_PIECE_MAX && stream->first == NULL &&
               stream->in_flight + stream->batch.len < IN_FLIGHT_MAX;
}

int relay_stream_send(struct relay_stream *stream, enum relay_kind kind, uint64_t id,
                      const void *bytes, size_t len)
{
        uint8_t *copy;

        if (stream->closing || stream->ended)
                return -ENOTCONN;
        if (fits_at_once(stream, len)) {
                put_frame(stream, (uint8_t)kind, id, true, bytes, len);
                return 0;
        }
        copy = malloc(len > 0 ? len : 1);
        if (copy == NULL)
                return -ENOMEM;
        if (len > 0)
                memcpy(copy, bytes, len);
        return enqueue(stream, kind, id, copy, len);
}

int relay_stream_send_buffer(struct relay_stream *stream, enum relay_kind kind, uint64_t id,
                             struct byte_buffer *take_bytes)
{
        struct byte_buffer bytes = *take_bytes;

        *take_bytes = (struct byte_buffer)BYTE_BUFFER_INIT;
        if (!stream->closing && !stream->ended && !fits_at_once(stream, bytes.len))
                return enqueue(stream, kind, id, bytes.bytes, bytes.len);
        if (!stream->closing && !stream->ended)
                put_frame(stream, (uint8_t)kind, id, true, bytes.bytes, bytes.len);
        byte_buffer_fini(&bytes);
        return stream->closing || stream->ended ? -ENOTCONN : 0;
}

// What has begun must end, or the other side would wait for the rest.
void relay_stream_cancel(struct relay_stream *stream, uint64_t id)
{
        struct outgoing **at = &stream->first;

        while (*at != NULL && (*at)->id != id)
                at = &(*at)->next;
        if (*at == NULL)
                return;
        for (struct outgoing *after = (*at)->after, *next; after != NULL; after = next) {
                next = after->after;
                stream->queued -= after->len;
                free_outgoing(after);
        }
        (*at)->after = NULL;
        (*at)->after_last = &(*at)->after;
}

size_t relay_stream_backlog(const struct relay_stream *stream)
{
        return stream->queued + stream->in_flight + stream->batch.len;
}

// --- Life.

static void free_stream(struct relay_stream *stream)
{
        relay_assembly_fini(&stream->assembly);
        while (stream->first != NULL) {
                struct outgoing *outgoing = take_first(stream);

                relay_stream_cancel(stream, outgoing->id);
                while (outgoing->after != NULL) {
                        struct outgoing *after = outgoing->after;

                        outgoing->after = after->after;
                        free_outgoing(after);
                }
                free_outgoing(outgoing);
        }
        byte_buffer_fini(&stream->batch);
        free(stream->input);
        free(stream);
}

static void on_closed(uv_handle_t *handle)
{
        struct relay_stream *stream = handle->data;

        if (handle->type == UV_TCP)
                free(handle);
        if (stream != NULL && --stream->handles_open == 0)
                free_stream(stream);
}

struct relay_stream *relay_stream_create(uv_tcp_t *take_tcp,
                                         const struct relay_stream_events *events)
{
        struct relay_stream *stream = calloc(1, sizeof(*stream));

        take_tcp->data = stream;
        if (stream == NULL) {
                uv_close((uv_handle_t *)take_tcp, on_closed);
                return NULL;
        }
        stream->tcp = take_tcp;
        stream->events = *events;
        relay_assembly_init(&stream->assembly, events->message_max, events->partial_max);
        stream->last = &stream->first;
        stream->handles_open = 2;
        uv_prepare_init(take_tcp->loop, &stream->flush);
        stream->flush.data = stream;
        uv_tcp_nodelay(take_tcp, 1);
        if (uv_read_start((uv_stream_t *)take_tcp, on_alloc, on_read) < 0) {
                relay_stream_close(stream);
                return NULL;
        }
        return stream;
}

void relay_stream_close(struct relay_stream *take_stream)
{
        if (take_stream == NULL || take_stream->closing)
                return;
        // What was said last is still to be heard, as far as the kernel takes it now.
        if (take_stream->batch.len > 0 && !take_stream->ended) {
                const uv_buf_t buf =
                    uv_buf_init((char *)take_stream->batch.bytes, (unsigned)take_stream->batch.len);

                uv_try_write((uv_stream_t *)take_stream->tcp, &buf, 1);
        }
        take_stream->closing = true;
        uv_close((uv_handle_t *)take_stream->tcp, on_closed);
        uv_close((uv_handle_t *)&take_stream->flush, on_closed);
}
