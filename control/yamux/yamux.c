#include "control/yamux/yamux_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define STREAMS_MAX 65536u
#define BACKLOG_MAX 256u
#define SEND_MAX    ((size_t)256 << 20)
#define PATIENCE_MS 10000u

int yamux_create(const struct yamux_options *options, uint64_t now_ms, struct yamux **out)
{
        struct yamux *session = calloc(1, sizeof(*session));

        if (session == NULL)
                return -ENOMEM;
        session->options = *options;
        if (options->streams_max == 0)
                session->options.streams_max = STREAMS_MAX;
        if (options->backlog_max == 0)
                session->options.backlog_max = BACKLOG_MAX;
        if (options->send_max == 0)
                session->options.send_max = SEND_MAX;
        if (options->patience_ms == 0)
                session->options.patience_ms = PATIENCE_MS;
        session->next_id = options->client ? 1 : 2;
        session->ready_last = &session->ready;
        session->complaint = "";
        session->pinged_ms = now_ms;
        if (yamux_table_init(session) < 0) {
                free(session);
                return -ENOMEM;
        }
        *out = session;
        return 0;
}

void yamux_destroy(struct yamux *take_session)
{
        if (take_session == NULL)
                return;
        for (size_t i = 0; i < (size_t)1 << take_session->slot_bits; i++)
                while (take_session->slots[i] != NULL)
                        yamux_table_remove(take_session->slots[i]);
        byte_queue_fini(&take_session->control);
        free(take_session->slots);
        free(take_session);
}

const char *yamux_complaint(const struct yamux *session)
{
        return session->complaint;
}

uint32_t yamux_stream_count(const struct yamux *session)
{
        return session->stream_count;
}

uint32_t yamux_stream_id(const struct yamux_stream *stream)
{
        return stream->id;
}

int yamux_open(struct yamux *session, void *tag, struct yamux_stream **out)
{
        struct yamux_stream *stream;

        if (session->error != 0 || session->going_away || session->peer_going_away ||
            session->next_id >= UINT32_MAX - 1)
                return -ESHUTDOWN;
        if (session->unaccepted_ours >= session->options.backlog_max)
                return -EAGAIN;
        if (session->stream_count >= session->options.streams_max)
                return -ENOBUFS;
        stream = yamux_table_add(session, session->next_id, true);
        if (stream == NULL)
                return -ENOMEM;
        session->next_id += 2;
        stream->tag = tag;
        yamux_put_control(session, FRAME_WINDOW, FLAG_SYN, stream->id, 0);
        *out = stream;
        return 0;
}

void yamux_accept(struct yamux_stream *stream, void *tag)
{
        assert(!stream->ours && !stream->accepted);
        stream->tag = tag;
        stream->accepted = true;
        stream->session->unaccepted_theirs--;
        yamux_put_control(stream->session, FRAME_WINDOW, FLAG_ACK, stream->id, 0);
}

void yamux_consume(struct yamux_stream *stream, size_t len)
{
        assert(len <= YAMUX_WINDOW - stream->receive_window - stream->consumed);
        stream->consumed += (uint32_t)len;
        // Half a window at a time: few frames, and the other side need not wait.
        if (stream->consumed < YAMUX_WINDOW / 2 || stream->peer_finished)
                return;
        yamux_put_control(stream->session, FRAME_WINDOW, 0, stream->id, stream->consumed);
        stream->receive_window += stream->consumed;
        stream->consumed = 0;
}

void yamux_reset(struct yamux_stream *take_stream)
{
        yamux_put_control(take_stream->session, FRAME_WINDOW, FLAG_RST, take_stream->id, 0);
        yamux_table_remove(take_stream);
}

void yamux_go_away(struct yamux *session, enum yamux_code code)
{
        session->going_away = true;
        yamux_put_control(session, FRAME_GO_AWAY, 0, 0, code);
}

int yamux_tick(struct yamux *session, uint64_t now_ms)
{
        const struct yamux_options *o = &session->options;

        if (session->error != 0 || o->keepalive_ms == 0)
                return session->error;
        if (session->ping_open && !session->heard) {
                if (now_ms - session->pinged_ms < o->patience_ms)
                        return 0;
                session->error = -ETIMEDOUT;
                session->complaint = "does not answer pings";
                return session->error;
        }
        if (now_ms - session->pinged_ms >= o->keepalive_ms) {
                yamux_put_control(session, FRAME_PING, FLAG_SYN, 0, ++session->ping);
                session->pinged_ms = now_ms;
                session->ping_open = true;
                session->heard = false;
        }
        return 0;
}
