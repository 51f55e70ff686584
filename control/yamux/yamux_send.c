#include "control/yamux/yamux_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static size_t byte_queue_len(const struct byte_queue *queue)
{
        return queue->buffer.len - queue->at;
}

void byte_queue_fini(struct byte_queue *queue)
{
        byte_buffer_fini(&queue->buffer);
        queue->at = 0;
}

static void byte_queue_append(struct byte_queue *queue, const void *bytes, size_t len)
{
        struct byte_buffer *b = &queue->buffer;

        // What was taken makes room before memory is asked for, yet is not moved at each step.
        if (b->capacity - b->len < len && queue->at > b->len / 2) {
                b->len -= queue->at;
                memmove(b->bytes, b->bytes + queue->at, b->len);
                queue->at = 0;
        }
        byte_buffer_append(b, bytes, len);
}

static void byte_queue_take(struct byte_queue *queue, uint8_t *out, size_t len)
{
        memcpy(out, queue->buffer.bytes + queue->at, len);
        queue->at += len;
        if (queue->at == queue->buffer.len)
                byte_queue_fini(queue);
}

static void put_u32(uint8_t *out, uint32_t value)
{
        for (unsigned i = 0; i < 4; i++)
                out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_head(uint8_t out[YAMUX_HEAD_SIZE], enum frame_type type, unsigned flags,
                     uint32_t id, uint32_t length)
{
        out[0] = 0;
        out[1] = (uint8_t)type;
        out[2] = 0;
        out[3] = (uint8_t)flags;
        put_u32(out + 4, id);
        put_u32(out + 8, length);
}

void yamux_put_control(struct yamux *session, enum frame_type type, unsigned flags, uint32_t id,
                       uint32_t length)
{
        uint8_t head[YAMUX_HEAD_SIZE];

        put_head(head, type, flags, id, length);
        byte_queue_append(&session->control, head, sizeof(head));
}

static bool has_to_send(const struct yamux_stream *stream)
{
        if (byte_queue_len(&stream->queue) > 0)
                return stream->send_window > 0;
        return stream->finish_wanted && !stream->finish_sent;
}

void yamux_make_ready(struct yamux_stream *stream)
{
        struct yamux *session = stream->session;

        if (stream->ready_link != NULL || !has_to_send(stream))
                return;
        stream->ready_next = NULL;
        stream->ready_link = session->ready_last;
        *session->ready_last = stream;
        session->ready_last = &stream->ready_next;
}

void yamux_make_unready(struct yamux_stream *stream)
{
        struct yamux *session = stream->session;

        if (stream->ready_link == NULL)
                return;
        *stream->ready_link = stream->ready_next;
        if (stream->ready_next != NULL)
                stream->ready_next->ready_link = stream->ready_link;
        else
                session->ready_last = stream->ready_link;
        stream->ready_link = NULL;
}

void yamux_release_if_over(struct yamux_stream *stream)
{
        if (stream->finish_sent && stream->finish_told)
                yamux_table_remove(stream);
}

int yamux_send(struct yamux_stream *stream, const void *bytes, size_t len)
{
        struct yamux *session = stream->session;

        if (stream->finish_wanted || session->error != 0)
                return -ESHUTDOWN;
        if (len > session->options.send_max - session->queued)
                return -ENOBUFS;
        byte_queue_append(&stream->queue, bytes, len);
        session->queued += len;
        yamux_make_ready(stream);
        return 0;
}

void yamux_finish(struct yamux_stream *stream)
{
        stream->finish_wanted = true;
        yamux_make_ready(stream);
}

// One frame of this stream, for which there is room. returns  its size.
static size_t put_frame(struct yamux_stream *stream, uint8_t *out, size_t size)
{
        size_t len = byte_queue_len(&stream->queue);

        if (len == 0) {
                put_head(out, FRAME_WINDOW, FLAG_FIN, stream->id, 0);
                stream->finish_sent = true;
                return YAMUX_HEAD_SIZE;
        }
        if (len > stream->send_window)
                len = stream->send_window;
        if (len > YAMUX_FRAME_MAX)
                len = YAMUX_FRAME_MAX;
        if (len > size - YAMUX_HEAD_SIZE)
                len = size - YAMUX_HEAD_SIZE;
        put_head(out, FRAME_DATA, 0, stream->id, (uint32_t)len);
        byte_queue_take(&stream->queue, out + YAMUX_HEAD_SIZE, len);
        stream->send_window -= (uint32_t)len;
        stream->session->queued -= len;
        return YAMUX_HEAD_SIZE + len;
}

// Whole small frames come first: among them are those that open the streams.
static size_t take_control(struct yamux *session, uint8_t *out, size_t size)
{
        size_t len = byte_queue_len(&session->control);

        if (len > size)
                len = size - size % YAMUX_HEAD_SIZE;
        if (len > 0)
                byte_queue_take(&session->control, out, len);
        return len;
}

size_t yamux_take_output(struct yamux *session, uint8_t *out, size_t size)
{
        size_t at;

        assert(size >= YAMUX_OUTPUT_MIN);
        at = take_control(session, out, size);
        if (session->error != 0 || byte_queue_len(&session->control) > 0)
                return at;
        while (session->ready != NULL && size - at > YAMUX_HEAD_SIZE) {
                struct yamux_stream *stream = session->ready;

                yamux_make_unready(stream);
                at += put_frame(stream, out + at, size - at);
                yamux_make_ready(stream); // last in the row
                yamux_release_if_over(stream);
        }
        return at;
}

bool yamux_has_output(const struct yamux *session)
{
        return byte_queue_len(&session->control) > 0 ||
               (session->error == 0 && session->ready != NULL);
}

size_t yamux_backlog(const struct yamux *session)
{
        return byte_queue_len(&session->control) + session->queued;
}
