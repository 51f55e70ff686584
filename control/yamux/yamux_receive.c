#include "control/yamux/yamux_internal.h"

#include <errno.h>
#include <string.h>

static uint32_t get_u32(const uint8_t *in)
{
        return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static struct frame_head decode_head(const uint8_t in[YAMUX_HEAD_SIZE])
{
        return (struct frame_head){.version = in[0],
                                   .type = in[1],
                                   .flags = (uint16_t)(in[2] << 8 | in[3]),
                                   .stream = get_u32(in + 4),
                                   .length = get_u32(in + 8)};
}

static int fail(struct yamux *session, const char *complaint)
{
        yamux_go_away(session, YAMUX_PROTOCOL_ERROR);
        session->error = -EPROTO;
        session->complaint = complaint;
        return session->error;
}

static void tell(struct yamux *session, enum yamux_event_kind kind)
{
        session->pending |= 1u << kind;
}

// Opens a stream for the other side, or refuses it when there are too many.
static int take_syn(struct yamux *session, const struct frame_head *head)
{
        bool is_theirs = (head->stream % 2 == 1) != session->options.client;

        if (!is_theirs)
                return fail(session, "opened a stream with a number of ours");
        if (yamux_table_find(session, head->stream) != NULL)
                return fail(session, "opened a stream that is open");
        if (!session->going_away && session->stream_count < session->options.streams_max &&
            session->unaccepted_theirs < session->options.backlog_max)
                session->reading = yamux_table_add(session, head->stream, false);
        if (session->reading == NULL)
                yamux_put_control(session, FRAME_WINDOW, FLAG_RST, head->stream, 0);
        else
                tell(session, YAMUX_OPENED);
        return 0;
}

static void take_ack(struct yamux *session, struct yamux_stream *stream)
{
        if (!stream->ours || stream->accepted)
                return;
        stream->accepted = true;
        session->unaccepted_ours--;
        tell(session, YAMUX_ACCEPTED);
}

static int take_data_head(struct yamux *session, struct yamux_stream *stream, uint32_t length)
{
        if (length > stream->receive_window)
                return fail(session, "sent more than a stream's window");
        stream->receive_window -= length;
        session->data_left = length;
        return 0;
}

static int take_window(struct yamux *session, struct yamux_stream *stream, uint32_t length)
{
        if (length > UINT32_MAX - stream->send_window)
                return fail(session, "granted more than a window can be");
        stream->send_window += length;
        yamux_make_ready(stream);
        return 0;
}

// A stream that was never told of ends untold.
static void take_rst(struct yamux *session, struct yamux_stream *stream)
{
        if (stream == NULL)
                return;
        if (session->pending & 1u << YAMUX_OPENED)
                yamux_table_remove(stream);
        else
                session->pending = 1u << YAMUX_RESET;
}

// A head of DATA or WINDOW. What belongs to a stream that is gone was sent before the other side
// knew, and is passed over.
static int take_stream_head(struct yamux *session, const struct frame_head *head)
{
        struct yamux_stream *stream;
        bool had_finished;

        session->reading = NULL;
        if (head->stream == 0)
                return fail(session, "sent data of no stream");
        if ((head->flags & FLAG_SYN) && take_syn(session, head) < 0)
                return session->error;
        stream = yamux_table_find(session, head->stream);
        session->reading = stream;
        if (stream == NULL || (head->flags & FLAG_RST)) {
                session->data_left = head->type == FRAME_DATA ? head->length : 0;
                take_rst(session, stream);
                return 0;
        }
        if (head->flags & FLAG_ACK)
                take_ack(session, stream);
        had_finished = stream->peer_finished;
        if (head->flags & FLAG_FIN) {
                if (had_finished)
                        return fail(session, "finished a stream twice");
                stream->peer_finished = true;
                tell(session, YAMUX_FINISHED);
        }
        if (head->type == FRAME_WINDOW)
                return take_window(session, stream, head->length);
        if (take_data_head(session, stream, head->length) < 0)
                return session->error;
        if (had_finished && head->length > 0)
                session->reading = NULL; // beyond its end: nobody's
        return 0;
}

static int take_session_head(struct yamux *session, const struct frame_head *head)
{
        session->reading = NULL;
        if (head->stream != 0)
                return fail(session, "named a stream where none belongs");
        if (head->type == FRAME_PING) {
                if (head->flags & FLAG_SYN)
                        yamux_put_control(session, FRAME_PING, FLAG_ACK, 0, head->length);
                else if (head->length == session->ping)
                        session->ping_open = false;
                return 0;
        }
        session->peer_going_away = true;
        session->peer_code = head->length;
        tell(session, YAMUX_GO_AWAY);
        return 0;
}

static int take_head(struct yamux *session)
{
        struct frame_head head = decode_head(session->head);

        session->head_len = 0;
        if (head.version != 0)
                return fail(session, "speaks another version of yamux, or none");
        if (head.type > FRAME_GO_AWAY)
                return fail(session, "sent a frame of an unknown type");
        return head.type <= FRAME_WINDOW ? take_stream_head(session, &head)
                                         : take_session_head(session, &head);
}

// Tells the next event of the frame. returns  false when there is none before its data.
static bool next_event(struct yamux *session, struct yamux_event *event)
{
        static const enum yamux_event_kind order[] = {YAMUX_OPENED, YAMUX_ACCEPTED, YAMUX_RESET,
                                                      YAMUX_GO_AWAY, YAMUX_FINISHED};
        struct yamux_stream *stream = session->reading;

        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
                enum yamux_event_kind kind = order[i];

                if (!(session->pending & 1u << kind) ||
                    (kind == YAMUX_FINISHED && session->data_left > 0))
                        continue;
                session->pending &= ~(1u << kind);
                *event = (struct yamux_event){.kind = kind,
                                              .stream = kind == YAMUX_RESET ? NULL : stream,
                                              .tag = stream != NULL ? stream->tag : NULL,
                                              .code = session->peer_code};
                return true;
        }
        return false;
}

// What an event changes; a stream may be gone afterwards.
static void settle_event(struct yamux *session, struct yamux_event *event)
{
        struct yamux_stream *stream = session->reading;
        bool was_released;

        switch (event->kind) {
        case YAMUX_GO_AWAY:
                if (event->code != YAMUX_NORMAL) {
                        session->error = -ECONNRESET;
                        session->complaint = "ended the session with an error";
                }
                return;
        case YAMUX_RESET:
                was_released = stream->finish_wanted && stream->finish_told;
                yamux_table_remove(stream);
                if (was_released)
                        event->kind = YAMUX_NOTHING;
                return;
        case YAMUX_FINISHED:
                stream->finish_told = true;
                // Its owner's last sight of it, when it had finished.
                if (stream->finish_wanted)
                        event->stream = NULL;
                yamux_release_if_over(stream);
                return;
        case YAMUX_NOTHING:
        case YAMUX_BLOCKED:
        case YAMUX_OPENED:
        case YAMUX_ACCEPTED:
        case YAMUX_DATA:
                return;
        }
}

static size_t take_data(struct yamux *session, const uint8_t *bytes, size_t len,
                        struct yamux_event *event)
{
        size_t count = len < session->data_left ? len : session->data_left;

        session->data_left -= (uint32_t)count;
        if (session->reading != NULL)
                *event = (struct yamux_event){.kind = YAMUX_DATA,
                                              .stream = session->reading,
                                              .tag = session->reading->tag,
                                              .bytes = bytes,
                                              .len = count};
        return count;
}

int yamux_receive(struct yamux *session, const uint8_t *bytes, size_t len, size_t *used,
                  struct yamux_event *event)
{
        size_t at = 0;

        *event = (struct yamux_event){.kind = YAMUX_NOTHING};
        *used = 0;
        if (session->error == 0 && len > 0)
                session->heard = true;
        while (session->error == 0 && event->kind == YAMUX_NOTHING) {
                if (next_event(session, event)) {
                        settle_event(session, event);
                        continue;
                }
                if (at == len)
                        break;
                if (session->data_left > 0) {
                        at += take_data(session, bytes + at, len - at, event);
                        continue;
                }
                if (session->control.buffer.len - session->control.at >= YAMUX_CONTROL_MAX) {
                        event->kind = YAMUX_BLOCKED;
                        break;
                }
                session->head[session->head_len++] = bytes[at++];
                if (session->head_len == YAMUX_HEAD_SIZE)
                        take_head(session);
        }
        *used = at;
        // An event that ended the session is told first.
        return event->kind == YAMUX_NOTHING ? session->error : 0;
}
