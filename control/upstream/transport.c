#include "control/upstream/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "control/rpc/demux.h"
#include "control/upstream/session.h"

#define TICK_MS      500u
#define KEEPALIVE_MS 2000u
#define PATIENCE_MS  4000u
/* What a session may have: calls of one agent, at 1 KiB each. */
#define STREAMS_MAX 131072u

static void on_flush(uv_prepare_t *prepare);

// Sees to what is to be sent, or told, before the loop waits.
void session_touch(struct session *session)
{
        if (!session->is_closing && !uv_is_active((uv_handle_t *)&session->flush))
                uv_prepare_start(&session->flush, on_flush);
}

void session_break(struct session *session, const char *why)
{
        if (session->broken == NULL)
                session->broken = why;
        session_touch(session);
}

bool session_is_over(const struct session *session)
{
        return session->is_closing || session->is_ended || session->broken != NULL;
}

// --- Input.

static void take_frames(struct session *session, const uint8_t *bytes, size_t len)
{
        struct yamux_event event = {0};
        size_t used;

        do {
                if (yamux_receive(session->yamux, bytes, len, &used, &event) < 0) {
                        session_break(session, yamux_complaint(session->yamux));
                        return;
                }
                bytes += used;
                len -= used;
                lanes_handle(session, &event);
                if (session_is_over(session))
                        return;
        } while (event.kind != YAMUX_NOTHING && event.kind != YAMUX_BLOCKED);
        if (len > 0)
                byte_buffer_append(&session->stash, bytes, len);
        session_touch(session);
}

static void on_alloc(uv_handle_t *tcp, size_t suggested, uv_buf_t *buf)
{
        struct session *session = tcp->data;

        (void)suggested;
        *buf = uv_buf_init((char *)session->chunk, SESSION_CHUNK_SIZE);
}

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf)
{
        struct session *session = tcp->data;

        if (session_is_over(session) || count == 0)
                return;
        if (count < 0) {
                session_break(session, "");
                return;
        }
        session->events.message(session->events.arg, RELAY_PONG, 0, NULL, 0);
        if (session_is_over(session))
                return;
        if (session->stash.len > 0)
                byte_buffer_append(&session->stash, buf->base, (size_t)count);
        else
                take_frames(session, (const uint8_t *)buf->base, (size_t)count);
}

// What could not be taken before output was.
static void take_stash(struct session *session)
{
        struct byte_buffer stash = session->stash;

        if (stash.len == 0)
                return;
        session->stash = (struct byte_buffer)BYTE_BUFFER_INIT;
        take_frames(session, stash.bytes, stash.len);
        byte_buffer_fini(&stash);
}

// --- Output.

static void on_written(uv_write_t *request, int status)
{
        struct session *session = request->data;

        free(session->writing);
        session->writing = NULL;
        if (status < 0 && status != UV_ECANCELED)
                session_break(session, "");
        session_touch(session);
}

static size_t take_output(struct session *session, uint8_t *out)
{
        size_t len = 0;

        if (!session->has_begun)
                out[len++] = DEMUX_CONSUL_YAMUX;
        session->has_begun = true;
        return len + yamux_take_output(session->yamux, out + len, SESSION_CHUNK_SIZE - len);
}

static void write_output(struct session *session)
{
        uint8_t *bytes;
        uv_buf_t buf;

        if (session->writing != NULL || (session->has_begun && !yamux_has_output(session->yamux)))
                return;
        bytes = malloc(SESSION_CHUNK_SIZE);
        buf = uv_buf_init((char *)bytes, bytes != NULL ? (unsigned)take_output(session, bytes) : 0);
        session->write.data = session;
        if (bytes != NULL &&
            uv_write(&session->write, (uv_stream_t *)session->tcp, &buf, 1, on_written) == 0) {
                session->writing = bytes;
                return;
        }
        free(bytes);
        session_break(session, "");
}

static void on_flush(uv_prepare_t *prepare)
{
        struct session *session = prepare->data;

        uv_prepare_stop(prepare);
        if (session->broken == NULL)
                write_output(session);
        if (session->broken == NULL)
                take_stash(session);
        if (session->broken == NULL || session->is_ended || session->is_closing)
                return;
        session->is_ended = true;
        uv_prepare_stop(prepare);
        uv_read_stop((uv_stream_t *)session->tcp);
        session->events.ended(session->events.arg, session->broken);
}

static void on_tick(uv_timer_t *timer)
{
        struct session *session = timer->data;

        if (session_is_over(session))
                return;
        if (yamux_tick(session->yamux, uv_now(timer->loop)) < 0)
                session_break(session, yamux_complaint(session->yamux));
        else if (yamux_has_output(session->yamux))
                session_touch(session);
}

// --- What a relay calls.

static int send_call(void *stream, enum relay_kind kind, uint64_t id, const void *bytes, size_t len)
{
        struct session *session = stream;

        if (session_is_over(session))
                return -ENOTCONN;
        // Pings are sent by themselves.
        if (kind == RELAY_PING)
                return 0;
        return kind == RELAY_CALL ? lanes_put(session, id, bytes, len) : -EINVAL;
}

static void cancel_call(void *stream, uint64_t id)
{
        lanes_cancel(stream, id);
}

static void free_session(struct session *take_session)
{
        lanes_fini(take_session);
        yamux_destroy(take_session->yamux);
        id_table_fini(&take_session->calls);
        byte_buffer_fini(&take_session->stash);
        byte_buffer_fini(&take_session->scratch);
        free(take_session->writing);
        free(take_session);
}

static void on_closed(uv_handle_t *handle)
{
        struct session *session = handle->data;

        if (handle->type == UV_TCP)
                free(handle);
        if (--session->handles_open == 0)
                free_session(session);
}

static void close_session(void *take_stream)
{
        struct session *session = take_stream;

        if (session->is_closing)
                return;
        session->is_closing = true;
        uv_close((uv_handle_t *)session->tcp, on_closed);
        uv_close((uv_handle_t *)&session->flush, on_closed);
        uv_close((uv_handle_t *)&session->tick, on_closed);
}

static int make_yamux(struct session *session, uint64_t now_ms)
{
        struct yamux_options options = {.client = true,
                                        .streams_max = STREAMS_MAX,
                                        .keepalive_ms = KEEPALIVE_MS,
                                        .patience_ms = PATIENCE_MS};

        if (getrandom(&options.seed, sizeof(options.seed), 0) != sizeof(options.seed))
                options.seed = uv_hrtime();
        return yamux_create(&options, now_ms, &session->yamux);
}

static void free_tcp(uv_handle_t *tcp)
{
        free(tcp);
}

static void *create_session(uv_tcp_t *take_tcp, const struct relay_stream_events *events)
{
        struct session *session = calloc(1, sizeof(*session));
        uv_loop_t *loop = take_tcp->loop;

        if (session == NULL || id_table_init(&session->calls) < 0) {
                free(session);
                uv_close((uv_handle_t *)take_tcp, free_tcp);
                return NULL;
        }
        session->tcp = take_tcp;
        session->events = *events;
        TAILQ_INIT(&session->idle);
        TAILQ_INIT(&session->others);
        TAILQ_INIT(&session->pending);
        uv_prepare_init(loop, &session->flush);
        uv_timer_init(loop, &session->tick);
        take_tcp->data = session->flush.data = session->tick.data = session;
        session->handles_open = 3;
        uv_tcp_nodelay(take_tcp, 1);
        if (make_yamux(session, uv_now(loop)) < 0 ||
            uv_read_start((uv_stream_t *)take_tcp, on_alloc, on_read) < 0) {
                close_session(session);
                return NULL;
        }
        uv_timer_start(&session->tick, on_tick, TICK_MS, TICK_MS);
        session_touch(session);
        return session;
}

const struct relay_transport upstream_transport = {create_session, send_call, cancel_call,
                                                   close_session};
