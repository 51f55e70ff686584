#include "control/rpc/consul_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Bytes of answers that may wait before no more calls are read. */
#define BACKLOG_FULL ((size_t)16 << 20)
/* Bytes that may wait without a session, which has a limit of its own. */
#define BACKLOG_MAX     ((size_t)256 << 20)
#define SETTLE_ROUNDS   4u
#define TCP_KEEPALIVE_S 60u

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *tcp, size_t suggested, uv_buf_t *buf)
{
        struct consul_link *link = tcp->data;

        (void)suggested;
        *buf = uv_buf_init((char *)link->rpc->chunk, CONSUL_CHUNK_SIZE);
}

static void set_reading(struct consul_link *link, bool reads)
{
        if (link->is_closing || link->is_over || link->is_reading == reads)
                return;
        link->is_reading = reads;
        if (!reads)
                uv_read_stop((uv_stream_t *)link->tcp);
        else if (uv_read_start((uv_stream_t *)link->tcp, on_alloc, on_read) < 0)
                consul_link_break(link, "");
}

void consul_link_break(struct consul_link *link, const char *why)
{
        if (link->broken == NULL)
                link->broken = why;
        consul_link_touch(link);
}

static size_t backlog(const struct consul_link *link)
{
        return link->yamux != NULL ? yamux_backlog(link->yamux)
                                   : link->single_out.len - link->single_out_at;
}

bool consul_link_is_full(const struct consul_link *link)
{
        return link->call_count >= link->rpc->options.calls_max || backlog(link) > BACKLOG_FULL;
}

// --- Input.

static void open_stream(struct consul_link *link, struct yamux_stream *yamux)
{
        struct call_stream *stream = call_stream_create(link, yamux);

        if (stream == NULL)
                yamux_reset(yamux);
        else
                yamux_accept(yamux, stream);
}

static void handle_event(struct consul_link *link, const struct yamux_event *event)
{
        switch (event->kind) {
        case YAMUX_OPENED:
                open_stream(link, event->stream);
                return;
        case YAMUX_DATA:
                call_stream_take(event->tag, event->bytes, event->len);
                return;
        case YAMUX_FINISHED:
                call_stream_take_end(event->tag);
                return;
        case YAMUX_RESET:
                call_stream_destroy(event->tag);
                return;
        case YAMUX_GO_AWAY: // no streams are opened from here, and an error ends it
        case YAMUX_ACCEPTED:
        case YAMUX_NOTHING:
        case YAMUX_BLOCKED:
                return;
        }
}

static void take_frames(struct consul_link *link, const uint8_t *bytes, size_t len)
{
        struct yamux_event event = {0};
        size_t used;

        do {
                if (yamux_receive(link->yamux, bytes, len, &used, &event) < 0) {
                        consul_link_break(link, yamux_complaint(link->yamux));
                        return;
                }
                bytes += used;
                len -= used;
                handle_event(link, &event);
        } while (event.kind != YAMUX_NOTHING && event.kind != YAMUX_BLOCKED);
        if (len > 0)
                byte_buffer_append(&link->stash, bytes, len);
        consul_link_touch(link);
}

static bool wants_input(const struct consul_link *link)
{
        if (link->yamux != NULL)
                return link->stash.len == 0;
        return link->single != NULL && !link->single->is_held && !link->single->is_ended;
}

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf)
{
        struct consul_link *link = tcp->data;

        if (count < 0) {
                set_reading(link, false);
                link->is_over = true;
                if (count == UV_EOF && link->single != NULL)
                        call_stream_take_end(link->single);
                else
                        consul_link_break(link, "");
                return;
        }
        if (count == 0)
                return;
        if (link->yamux != NULL)
                take_frames(link, (const uint8_t *)buf->base, (size_t)count);
        else if (link->single != NULL)
                call_stream_take(link->single, (const uint8_t *)buf->base, (size_t)count);
        set_reading(link, wants_input(link));
        consul_link_touch(link);
}

// What could not be taken before output was.
static void take_stash(struct consul_link *link)
{
        struct byte_buffer stash = link->stash;

        if (stash.len == 0)
                return;
        link->stash = (struct byte_buffer)BYTE_BUFFER_INIT;
        take_frames(link, stash.bytes, stash.len);
        byte_buffer_fini(&stash);
}

// --- Output.

static size_t take_output(void *arg, uint8_t *out, size_t size)
{
        struct consul_link *link = arg;
        struct byte_buffer *b = &link->single_out;
        size_t len = b->len - link->single_out_at;

        if (link->yamux != NULL)
                return yamux_take_output(link->yamux, out, size);
        if (len > size)
                len = size;
        if (len > 0)
                memcpy(out, b->bytes + link->single_out_at, len);
        link->single_out_at += len;
        if (link->single_out_at == b->len) {
                byte_buffer_fini(b);
                link->single_out_at = 0;
        }
        return len;
}

static void on_written(void *arg, int status)
{
        struct consul_link *link = arg;

        if (status < 0 && status != UV_ECANCELED)
                consul_link_break(link, "");
        consul_link_touch(link);
}

// --- What is due.

static void settle_streams(struct consul_link *link)
{
        struct call_stream *stream;

        while ((stream = TAILQ_FIRST(&link->due)) != NULL) {
                TAILQ_REMOVE(&link->due, stream, due_entry);
                stream->is_due = false;
                call_stream_settle(stream);
        }
        while (link->broken == NULL && !consul_link_is_full(link) &&
               (stream = TAILQ_FIRST(&link->held)) != NULL)
                call_stream_settle(stream);
}

static bool is_settled(const struct consul_link *link)
{
        return TAILQ_EMPTY(&link->due) && (TAILQ_EMPTY(&link->held) || consul_link_is_full(link));
}

void consul_link_flush(struct consul_link *link)
{
        for (unsigned i = 0; i < SETTLE_ROUNDS && link->broken == NULL; i++) {
                settle_streams(link);
                if (link->broken == NULL &&
                    chunk_writer_flush(&link->writer, link->rpc->chunk, CONSUL_CHUNK_SIZE) < 0)
                        consul_link_break(link, "");
                if (link->broken == NULL)
                        take_stash(link);
                if (is_settled(link))
                        break;
        }
        if (link->broken == NULL && link->yamux == NULL) {
                if (backlog(link) > BACKLOG_MAX)
                        consul_link_break(link, "does not read its answers");
                else if (link->single == NULL && backlog(link) == 0 &&
                         !chunk_writer_is_busy(&link->writer))
                        consul_link_break(link, "");
        }
        if (link->broken != NULL) {
                consul_link_close(link);
                return;
        }
        set_reading(link, wants_input(link));
        if (!is_settled(link))
                consul_link_touch(link);
}

void consul_link_tick(struct consul_link *link, uint64_t now_ms)
{
        struct call_stream *stream;

        if (link->broken != NULL)
                return;
        if (link->yamux != NULL && yamux_tick(link->yamux, now_ms) < 0) {
                consul_link_break(link, yamux_complaint(link->yamux));
                return;
        }
        while (link->broken == NULL && (stream = TAILQ_FIRST(&link->partial)) != NULL &&
               now_ms - stream->partial_ms >= link->rpc->options.call_ms)
                call_stream_refuse(stream, "took too long to send a call");
        if (link->yamux != NULL && yamux_has_output(link->yamux))
                consul_link_touch(link);
}

// --- Beginning and end.

static int make_sides(struct consul_link *link, bool is_multiplexed)
{
        struct yamux_options options = {.keepalive_ms = link->rpc->options.keepalive_ms,
                                        .patience_ms = link->rpc->options.patience_ms,
                                        .streams_max = link->rpc->options.calls_max};

        if (!is_multiplexed) {
                link->single = call_stream_create(link, NULL);
                return link->single != NULL ? 0 : -ENOMEM;
        }
        if (getrandom(&options.seed, sizeof(options.seed), 0) != sizeof(options.seed))
                return -EIO;
        return yamux_create(&options, uv_now(link->rpc->options.loop), &link->yamux);
}

static void on_closed(uv_handle_t *tcp)
{
        struct consul_link *link = tcp->data;
        struct consul_rpc *rpc = link->rpc;

        free(tcp);
        byte_buffer_fini(&link->stash);
        byte_buffer_fini(&link->single_out);
        free(link);
        consul_handle_closed(rpc);
}

static void free_tcp(uv_handle_t *tcp)
{
        free(tcp);
}

void consul_link_start(struct consul_rpc *rpc, uv_tcp_t *take_tcp, const char *peer,
                       bool is_multiplexed)
{
        struct consul_link *link = calloc(1, sizeof(*link));
        int length = sizeof(link->source);

        if (link == NULL) {
                uv_close((uv_handle_t *)take_tcp, free_tcp);
                return;
        }
        link->rpc = rpc;
        link->tcp = take_tcp;
        link->writer = (struct chunk_writer){
            .stream = (uv_stream_t *)take_tcp,
            .take = take_output,
            .written = on_written,
            .arg = link,
        };
        take_tcp->data = link;
        LIST_INIT(&link->streams);
        TAILQ_INIT(&link->held);
        TAILQ_INIT(&link->partial);
        TAILQ_INIT(&link->due);
        uv_tcp_getpeername(take_tcp, (struct sockaddr *)&link->source, &length);
        snprintf(link->source_text, sizeof(link->source_text), "%s", peer);
        LIST_INSERT_HEAD(&rpc->links, link, entry);
        rpc->handles_open++;
        rpc->counters.connections++;
        rpc->counters.connections_open++;
        uv_tcp_keepalive(take_tcp, 1, TCP_KEEPALIVE_S);
        if (make_sides(link, is_multiplexed) < 0)
                consul_link_break(link, "came when there was no memory");
        else
                set_reading(link, true);
}

void consul_link_close(struct consul_link *take_link)
{
        struct consul_rpc *rpc = take_link->rpc;

        if (take_link->broken != NULL && take_link->broken[0] != '\0') {
                rpc->counters.broken++;
                consul_complain(rpc, take_link->source_text, take_link->broken);
        }
        // The other side is told why.
        if (take_link->yamux != NULL)
                chunk_writer_say_good_bye(&take_link->writer, rpc->chunk, CONSUL_CHUNK_SIZE);
        set_reading(take_link, false);
        take_link->is_closing = true;
        consul_link_untouch(take_link);
        LIST_REMOVE(take_link, entry);
        rpc->counters.connections_open--;
        while (!LIST_EMPTY(&take_link->streams))
                call_stream_destroy(LIST_FIRST(&take_link->streams));
        yamux_destroy(take_link->yamux);
        take_link->yamux = NULL;
        uv_close((uv_handle_t *)take_link->tcp, on_closed);
}
