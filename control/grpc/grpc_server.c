#include "control/grpc/grpc_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "control/grpc/grpc_session.h"
#include "control/rpc/chunk_writer.h"
#include "lictor/address.h"

#define CONNECTIONS_MAX 4096u
#define PER_SOURCE_MAX  100u
#define CALLS_MAX       262144u
#define PATIENCE_MS     60000u
#define TICK_MS         1000u
#define LOG_INTERVAL_MS 10000u
#define CHUNK_SIZE      65536u
#define TCP_KEEPALIVE_S 60u

// A connection.
struct grpc_link {
        struct grpc_server *server; // NULL once it is closing
        LIST_ENTRY(grpc_link) entry;
        TAILQ_ENTRY(grpc_link) dirty_entry; // while is_dirty
        uv_tcp_t *tcp;
        struct grpc_session *session;
        struct chunk_writer writer;
        uint64_t since_ms;  // the beginning, or the beginning of a write that waits
        const char *broken; // why it is to be closed, "" for no complaint; NULL: it is not
        bool is_dirty;
        struct sockaddr_storage source;
        char source_text[ADDRESS_TEXT_MAX];
};

TAILQ_HEAD(grpc_links, grpc_link);

struct grpc_server {
        struct grpc_server_options options;
        LIST_HEAD(grpc_link_list, grpc_link) links;
        struct grpc_links dirty;
        unsigned dirty_count;
        uv_timer_t timer;
        uv_idle_t idle; // while there are dirty links
        struct grpc_server_stats stats;
        struct log_limit log_limit;
        uint8_t *chunk; // read into and written from
        unsigned handles_open;
};

static void complain(struct grpc_server *server, const char *source, const char *what)
{
        uint64_t suppressed = 0;

        if (server->options.log == NULL ||
            !log_limit_allow(&server->log_limit, uv_now(server->options.loop), &suppressed))
                return;
        log_warn(server->options.log, "agent.server.grpc",
                 "closed a connection: it %s: from=%s "
                 "suppressed=%llu",
                 what, source, (unsigned long long)suppressed);
}

static void on_idle(uv_idle_t *idle);

static void touch(struct grpc_link *link)
{
        struct grpc_server *server = link->server;

        if (link->is_dirty || server == NULL)
                return;
        link->is_dirty = true;
        TAILQ_INSERT_TAIL(&server->dirty, link, dirty_entry);
        server->dirty_count++;
        uv_idle_start(&server->idle, on_idle);
}

static void untouch(struct grpc_link *link)
{
        if (!link->is_dirty)
                return;
        link->is_dirty = false;
        TAILQ_REMOVE(&link->server->dirty, link, dirty_entry);
        link->server->dirty_count--;
}

// Closes it soon, not now.
static void break_link(struct grpc_link *link, const char *why)
{
        if (link->broken == NULL)
                link->broken = why;
        touch(link);
}

// --- The end of a connection.

static void on_closed(uv_handle_t *tcp)
{
        struct grpc_link *link = tcp->data;

        free(link);
        free(tcp);
}

static void close_link(struct grpc_link *take_link)
{
        struct grpc_server *server = take_link->server;

        // The other side is told why.
        chunk_writer_say_good_bye(&take_link->writer, server->chunk, CHUNK_SIZE);
        untouch(take_link);
        LIST_REMOVE(take_link, entry);
        server->stats.connections_open--;
        grpc_session_destroy(take_link->session);
        take_link->server = NULL;
        uv_close((uv_handle_t *)take_link->tcp, on_closed);
}

// --- Output.

static size_t take_output(void *arg, uint8_t *out, size_t size)
{
        struct grpc_link *link = arg;

        return grpc_session_take_output(link->session, out, size);
}

static void on_written(void *arg, int status)
{
        struct grpc_link *link = arg;

        if (link->server == NULL)
                return;
        if (status < 0)
                break_link(link, "");
        touch(link);
}

static void write_output(struct grpc_link *link)
{
        const bool was_busy = chunk_writer_is_busy(&link->writer);

        if (chunk_writer_flush(&link->writer, link->server->chunk, CHUNK_SIZE) < 0)
                break_link(link, "");
        if (!was_busy && chunk_writer_is_busy(&link->writer))
                link->since_ms = uv_now(link->server->options.loop);
}

static void flush_link(struct grpc_link *link)
{
        struct grpc_server *server = link->server;

        if (link->broken == NULL)
                write_output(link);
        if (link->broken == NULL && !chunk_writer_is_busy(&link->writer) &&
            grpc_session_is_over(link->session))
                break_link(link, "");
        if (link->broken == NULL)
                return;
        if (link->broken[0] != '\0') {
                server->stats.broken++;
                complain(server, link->source_text, link->broken);
        }
        close_link(link);
}

static void on_idle(uv_idle_t *idle)
{
        struct grpc_server *server = idle->data;

        // Those that are touched meanwhile come with the next turn.
        for (unsigned i = server->dirty_count; i > 0 && !TAILQ_EMPTY(&server->dirty); i--) {
                struct grpc_link *link = TAILQ_FIRST(&server->dirty);

                untouch(link);
                flush_link(link);
        }
        if (TAILQ_EMPTY(&server->dirty))
                uv_idle_stop(idle);
}

// --- Input.

static void on_alloc(uv_handle_t *tcp, size_t suggested, uv_buf_t *buf)
{
        struct grpc_link *link = tcp->data;

        (void)suggested;
        *buf = uv_buf_init((char *)link->server->chunk, CHUNK_SIZE);
}

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf)
{
        struct grpc_link *link = tcp->data;

        if (count < 0)
                break_link(link, "");
        else if (count > 0 && link->broken == NULL &&
                 grpc_session_receive(link->session, (const uint8_t *)buf->base, (size_t)count) < 0)
                break_link(link, "sent what is no gRPC");
        touch(link);
}

// --- Time.

static void on_tick(uv_timer_t *timer)
{
        struct grpc_server *server = timer->data;
        uint64_t now_ms = uv_now(server->options.loop);
        struct grpc_link *link;

        LIST_FOREACH(link, &server->links, entry)
        {
                if (now_ms - link->since_ms < server->options.patience_ms)
                        continue;
                if (chunk_writer_is_busy(&link->writer))
                        break_link(link, "does not read");
                else if (!grpc_session_has_begun(link->session))
                        break_link(link, "says nothing");
        }
        if (LIST_EMPTY(&server->links))
                uv_timer_stop(timer);
}

// --- New connections.

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

static void on_wake(void *arg)
{
        touch(arg);
}

static const char *over_limit(const struct grpc_server *server,
                              const struct sockaddr_storage *source)
{
        const struct grpc_link *link;
        unsigned count = 0;

        LIST_FOREACH(link, &server->links, entry)
        count += address_same_host(&link->source, source);
        if (count >= server->options.per_source_max)
                return "is one too many of its address";
        return server->stats.connections_open >= server->options.connections_max ? "is one too many"
                                                                                 : NULL;
}

static void on_connection(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct grpc_server *server = arg;
        struct grpc_link *link = calloc(1, sizeof(*link));
        struct grpc_session_options options = {.methods = server->options.methods,
                                               .method_count = server->options.method_count,
                                               .wake = on_wake,
                                               .calls_open = &server->stats.calls_open,
                                               .calls_max = CALLS_MAX,
                                               .arg = link};
        int length = sizeof(link->source);
        const char *why = "came when there was no memory";

        if (link != NULL) {
                uv_tcp_getpeername(take_connection, (struct sockaddr *)&link->source, &length);
                why = over_limit(server, &link->source);
                if (why == NULL && grpc_session_create(&options, &link->session) < 0)
                        why = "came when there was no memory";
        }
        if (why != NULL) {
                server->stats.refused++;
                complain(server, peer, why);
                free(link);
                uv_close((uv_handle_t *)take_connection, free_handle);
                return;
        }
        link->server = server;
        link->tcp = take_connection;
        link->writer = (struct chunk_writer){
            .stream = (uv_stream_t *)take_connection,
            .take = take_output,
            .written = on_written,
            .arg = link,
        };
        link->since_ms = uv_now(server->options.loop);
        snprintf(link->source_text, sizeof(link->source_text), "%s", peer);
        take_connection->data = link;
        LIST_INSERT_HEAD(&server->links, link, entry);
        server->stats.connections++;
        server->stats.connections_open++;
        uv_tcp_keepalive(take_connection, 1, TCP_KEEPALIVE_S);
        uv_tcp_nodelay(take_connection, 1);
        if (!uv_is_active((uv_handle_t *)&server->timer))
                uv_timer_start(&server->timer, on_tick, TICK_MS, TICK_MS);
        if (uv_read_start((uv_stream_t *)take_connection, on_alloc, on_read) < 0)
                break_link(link, "");
        touch(link);
}

// --- The server.

int grpc_server_create(const struct grpc_server_options *options, struct grpc_server **out)
{
        struct grpc_server *server = calloc(1, sizeof(*server));

        if (server == NULL)
                return -ENOMEM;
        server->options = *options;
        server->chunk = malloc(CHUNK_SIZE);
        if (server->chunk == NULL) {
                free(server);
                return -ENOMEM;
        }
        if (options->connections_max == 0)
                server->options.connections_max = CONNECTIONS_MAX;
        if (options->per_source_max == 0)
                server->options.per_source_max = PER_SOURCE_MAX;
        if (options->patience_ms == 0)
                server->options.patience_ms = PATIENCE_MS;
        server->log_limit.interval_ms = LOG_INTERVAL_MS;
        LIST_INIT(&server->links);
        TAILQ_INIT(&server->dirty);
        uv_timer_init(options->loop, &server->timer);
        uv_idle_init(options->loop, &server->idle);
        server->timer.data = server;
        server->idle.data = server;
        server->handles_open = 2;
        demux_register(options->demux, DEMUX_GRPC, on_connection, server);
        *out = server;
        return 0;
}

void grpc_server_stats(const struct grpc_server *server, struct grpc_server_stats *out)
{
        *out = server->stats;
}

static void on_handle_closed(uv_handle_t *handle)
{
        struct grpc_server *server = handle->data;

        if (--server->handles_open > 0)
                return;
        free(server->chunk);
        free(server);
}

void grpc_server_destroy(struct grpc_server *take_server)
{
        if (take_server == NULL)
                return;
        demux_register(take_server->options.demux, DEMUX_GRPC, NULL, NULL);
        while (!LIST_EMPTY(&take_server->links)) {
                struct grpc_link *link = LIST_FIRST(&take_server->links);

                grpc_session_go_away(link->session);
                close_link(link);
        }
        uv_close((uv_handle_t *)&take_server->timer, on_handle_closed);
        uv_close((uv_handle_t *)&take_server->idle, on_handle_closed);
}
