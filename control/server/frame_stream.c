#include "control/server/frame_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE       65536u
#define WRITE_QUEUE_MAX ((size_t)128 << 20)

struct frame_stream {
        uv_tcp_t *tcp;
        struct frame_stream_events events;
        uint8_t *input;
        size_t len;
        size_t capacity;
        bool closing;
        bool ended;
        bool parsing;
        bool paused;
};

struct write {
        uv_write_t request;
        uint8_t bytes[];
};

static void end(struct frame_stream *stream, int error, const char *what)
{
        if (stream->closing || stream->ended)
                return;
        stream->ended = true;
        uv_read_stop((uv_stream_t *)stream->tcp);
        stream->events.ended(stream->events.arg, error, what);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
        struct frame_stream *stream = handle->data;

        (void)suggested;
        if (stream->capacity - stream->len < READ_SIZE) {
                size_t capacity = stream->capacity * 2 + READ_SIZE;
                uint8_t *input = realloc(stream->input, capacity);

                if (input == NULL) {
                        *buf = uv_buf_init(NULL, 0);
                        return;
                }
                stream->input = input;
                stream->capacity = capacity;
        }
        *buf = uv_buf_init((char *)stream->input + stream->len,
                           (unsigned)(stream->capacity - stream->len));
}

static const char *complaint(int error)
{
        return error == -EPROTONOSUPPORT ? "a frame of another version"
               : error == -EMSGSIZE      ? "an oversized frame"
                                         : "bytes that are no frame";
}

// One frame at the input's start, if it is whole. returns its size, 0 for more bytes, or an error.
static long take_frame(struct frame_stream *stream, size_t at)
{
        struct forward_head head;
        int ret;

        if (stream->len - at < FORWARD_HEAD_SIZE)
                return 0;
        ret = forward_head_decode(stream->input + at, &head);
        if (ret < 0)
                return ret;
        if (stream->len - at < FORWARD_HEAD_SIZE + head.length)
                return 0;
        stream->events.frame(stream->events.arg, &head, stream->input + at + FORWARD_HEAD_SIZE);
        return (long)(FORWARD_HEAD_SIZE + head.length);
}

static void parse(struct frame_stream *stream)
{
        size_t at = 0;
        long used = 1;

        if (stream->parsing)
                return;
        stream->parsing = true;
        while (used > 0 && !stream->closing && !stream->ended && !stream->paused) {
                used = take_frame(stream, at);
                if (used > 0)
                        at += (size_t)used;
        }
        stream->parsing = false;
        if (stream->closing)
                return;
        if (at > 0) {
                memmove(stream->input, stream->input + at, stream->len - at);
                stream->len -= at;
        }
        if (stream->len == 0 && stream->capacity > 16 * READ_SIZE) {
                free(stream->input);
                stream->input = NULL;
                stream->capacity = 0;
        }
        if (used < 0)
                end(stream, (int)used, complaint((int)used));
}

static void on_read(uv_stream_t *tcp, ssize_t got, const uv_buf_t *buf)
{
        struct frame_stream *stream = tcp->data;

        (void)buf;
        if (got < 0) {
                end(stream, (int)got, "");
                return;
        }
        stream->len += (size_t)got;
        parse(stream);
}

static void on_closed(uv_handle_t *handle)
{
        struct frame_stream *stream = handle->data;

        free(handle);
        if (stream == NULL)
                return;
        free(stream->input);
        free(stream);
}

struct frame_stream *frame_stream_create(uv_tcp_t *take_tcp,
                                         const struct frame_stream_events *events)
{
        struct frame_stream *stream = calloc(1, sizeof(*stream));

        take_tcp->data = stream;
        if (stream == NULL) {
                uv_close((uv_handle_t *)take_tcp, on_closed);
                return NULL;
        }
        stream->tcp = take_tcp;
        stream->events = *events;
        uv_tcp_nodelay(take_tcp, 1);
        return stream;
}

void frame_stream_close(struct frame_stream *take_stream)
{
        if (take_stream == NULL || take_stream->closing)
                return;
        take_stream->closing = true;
        uv_close((uv_handle_t *)take_stream->tcp, on_closed);
}

void frame_stream_read(struct frame_stream *stream, bool on)
{
        if (stream->closing || stream->ended)
                return;
        stream->paused = !on;
        if (!on) {
                uv_read_stop((uv_stream_t *)stream->tcp);
                return;
        }
        if (uv_read_start((uv_stream_t *)stream->tcp, on_alloc, on_read) < 0)
                end(stream, -EIO, "");
        else
                parse(stream);
}

static void on_written(uv_write_t *request, int status)
{
        struct frame_stream *stream = request->handle->data;

        free(request);
        if (status < 0 && status != UV_ECANCELED)
                end(stream, status, "");
}

static int queue_write(struct frame_stream *stream, const uint8_t *head, size_t head_len,
                       const void *payload, size_t len)
{
        struct write *write;
        uv_buf_t buf;
        int ret;

        if (stream->closing || stream->ended)
                return -ENOTCONN;
        if (uv_stream_get_write_queue_size((uv_stream_t *)stream->tcp) > WRITE_QUEUE_MAX)
                return -ENOBUFS;
        write = malloc(sizeof(*write) + head_len + len);
        if (write == NULL)
                return -ENOMEM;
        if (head_len > 0)
                memcpy(write->bytes, head, head_len);
        if (len > 0)
                memcpy(write->bytes + head_len, payload, len);
        buf = uv_buf_init((char *)write->bytes, (unsigned)(head_len + len));
        ret = uv_write(&write->request, (uv_stream_t *)stream->tcp, &buf, 1, on_written);
        if (ret < 0)
                free(write);
        return ret;
}

int frame_stream_write(struct frame_stream *stream, const void *bytes, size_t len)
{
        return queue_write(stream, NULL, 0, bytes, len);
}

int frame_stream_send(struct frame_stream *stream, const struct forward_head *head,
                      const void *payload)
{
        uint8_t bytes[FORWARD_HEAD_SIZE];

        forward_head_encode(head, bytes);
        return queue_write(stream, bytes, sizeof(bytes), payload, head->length);
}
