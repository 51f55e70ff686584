#include "control/relay/relay_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/relay/id_table.h"
#include "control/relay/relay_stream.h"

#define CONNECTION_MAX 16384u
/* Calls of one connection that wait at once: so many are read no more until one is answered. */
#define CALL_MAX 65536u
/* Bytes of answers a connection may leave unread before no more of its calls are taken. */
#define BACKLOG_MAX ((size_t)16 << 20)

struct connection;

struct relay_incoming {
        struct id_node node;
        struct connection *connection;
        struct relay_incoming *next, **prev; /* of the connection's */
        void (*cancel)(void *arg);
        void *arg;
        void (*more)(void *arg, uint32_t dealt_with);
        void *more_arg;
};

struct connection {
        struct relay_server *server;
        struct connection *next, **prev;
        struct relay_stream *stream;
        struct id_table calls;
        struct relay_incoming *first;
        bool paused;
        char peer[64];
};

struct relay_server {
        struct relay_server_options options;
        struct connection *connections;
        struct relay_server_stats stats;
        struct log_limit complaints;
};

static void remove_incoming(struct relay_incoming *take_incoming)
{
        id_table_remove(&take_incoming->connection->calls, &take_incoming->node);
        *take_incoming->prev = take_incoming->next;
        if (take_incoming->next != NULL)
                take_incoming->next->prev = take_incoming->prev;
        free(take_incoming);
}

static void cancel(struct relay_incoming *take_incoming)
{
        void (*callback)(void *arg) = take_incoming->cancel;
        void *arg = take_incoming->arg;

        remove_incoming(take_incoming);
        if (callback != NULL)
                callback(arg);
}

static void drop_connection(struct connection *take_connection)
{
        *take_connection->prev = take_connection->next;
        if (take_connection->next != NULL)
                take_connection->next->prev = take_connection->prev;
        take_connection->server->stats.connections--;
        relay_stream_close(take_connection->stream);
        take_connection->stream = NULL;
        while (take_connection->first != NULL)
                cancel(take_connection->first); // NOLINT(clang-analyzer-unix.Malloc)
        id_table_fini(&take_connection->calls);
        free(take_connection);
}

static void complain(struct connection *connection, const char *what)
{
        struct relay_server *server = connection->server;
        uint64_t suppressed;

        server->stats.refused++;
        if (log_limit_allow(&server->complaints, uv_now(server->options.loop), &suppressed))
                log_warn(server->options.log, "server",
                         "closed a connection: from=%s reason=\"%s\" others=%llu", connection->peer,
                         what, (unsigned long long)suppressed);
}

static void pause_if_full(struct connection *connection)
{
        bool is_full = connection->calls.count >= CALL_MAX ||
                       relay_stream_backlog(connection->stream) > BACKLOG_MAX;

        if (is_full != connection->paused) {
                connection->paused = is_full;
                relay_stream_pause(connection->stream, is_full);
        }
}

static void on_drained(void *arg)
{
        pause_if_full(arg);
}

static void begin_call(struct connection *connection, enum relay_kind kind, uint64_t id,
                       const uint8_t *bytes, size_t len)
{
        struct relay_incoming *incoming = calloc(1, sizeof(*incoming));
        struct relay_server *server = connection->server;

        if (incoming == NULL) {
                drop_connection(connection);
                return;
        }
        *incoming = (struct relay_incoming){.node.id = id,
                                            .connection = connection,
                                            .next = connection->first,
                                            .prev = &connection->first};
        if (incoming->next != NULL)
                incoming->next->prev = &incoming->next;
        connection->first = incoming;
        id_table_add(&connection->calls, &incoming->node);
        server->stats.calls++;
        if (connection->calls.count >= CALL_MAX)
                pause_if_full(connection);
        server->options.handle(server->options.arg, incoming, kind, bytes, len);
}

// returns  false for bytes that no agent sends.
static bool take_more(struct relay_incoming *incoming, const uint8_t *bytes, size_t len)
{
        uint32_t dealt_with;

        if (relay_more_decode(bytes, len, &dealt_with) < 0)
                return false;
        // The answer may have ended before.
        if (incoming != NULL && incoming->more != NULL)
                incoming->more(incoming->more_arg, dealt_with);
        return true;
}

static void on_message(void *arg, enum relay_kind kind, uint64_t id, const uint8_t *bytes,
                       size_t len)
{
        struct connection *connection = arg;
        struct id_node *known = id_table_find(&connection->calls, id);

        switch (kind) {
        case RELAY_PING:
                relay_stream_send(connection->stream, RELAY_PONG, id, NULL, 0);
                return;
        case RELAY_CANCEL:
                if (known != NULL) {
                        relay_stream_cancel(connection->stream, id);
                        cancel((struct relay_incoming *)known);
                        pause_if_full(connection);
                }
                return;
        case RELAY_MORE:
                if (take_more((struct relay_incoming *)known, bytes, len))
                        return;
                break;
        case RELAY_REQUEST:
        case RELAY_PROPOSE:
        case RELAY_INDEX:
        case RELAY_FOLLOW:
        case RELAY_DNS:
        case RELAY_CALL:
        case RELAY_SUBSCRIBE:
                if (known == NULL) {
                        begin_call(connection, kind, id, bytes, len);
                        return;
                }
                break;
        case RELAY_ANSWER:
        case RELAY_ITEM:
        case RELAY_PONG:
                break;
        }
        complain(connection, "a message that no agent sends");
        drop_connection(connection);
}

static void on_ended(void *arg, const char *what)
{
        struct connection *connection = arg;

        if (what[0] != '\0')
                complain(connection, what);
        drop_connection(connection);
}

static void free_tcp(uv_handle_t *handle)
{
        free(handle);
}

void relay_server_accept(struct relay_server *server, uv_tcp_t *take_tcp, const char *peer)
{
        struct connection *connection = calloc(1, sizeof(*connection));
        const struct relay_stream_events events = {.arg = connection,
                                                   .message = on_message,
                                                   .ended = on_ended,
                                                   .drained = on_drained,
                                                   .message_max = RELAY_REQUEST_MAX,
                                                   .partial_max = RELAY_REQUEST_MAX};

        if (connection == NULL || server->stats.connections >= CONNECTION_MAX ||
            id_table_init(&connection->calls) < 0) {
                server->stats.refused++;
                free(connection);
                uv_close((uv_handle_t *)take_tcp, free_tcp);
                return;
        }
        connection->server = server;
        snprintf(connection->peer, sizeof(connection->peer), "%s", peer);
        connection->stream = relay_stream_create(take_tcp, &events);
        if (connection->stream == NULL) {
                id_table_fini(&connection->calls);
                free(connection);
                return;
        }
        connection->prev = &server->connections;
        connection->next = server->connections;
        if (connection->next != NULL)
                connection->next->prev = &connection->next;
        server->connections = connection;
        server->stats.connections++;
}

void relay_incoming_on_cancel(struct relay_incoming *incoming, void (*cancel_fn)(void *arg),
                              void *arg)
{
        incoming->cancel = cancel_fn;
        incoming->arg = arg;
}

void relay_incoming_on_more(struct relay_incoming *incoming,
                            void (*more)(void *arg, uint32_t dealt_with), void *arg)
{
        incoming->more = more;
        incoming->more_arg = arg;
}

// A connection that breaks on the way tells so in an event of its own.
void relay_incoming_answer(struct relay_incoming *take_incoming, struct byte_buffer *take_bytes)
{
        struct connection *connection = take_incoming->connection;
        uint64_t id = take_incoming->node.id;

        remove_incoming(take_incoming);
        relay_stream_send_buffer(connection->stream, RELAY_ANSWER, id, take_bytes);
        pause_if_full(connection);
}

int relay_incoming_item(struct relay_incoming *incoming, const void *bytes, size_t len)
{
        return relay_stream_send(incoming->connection->stream, RELAY_ITEM, incoming->node.id, bytes,
                                 len);
}

int relay_incoming_item_buffer(struct relay_incoming *incoming, struct byte_buffer *take_bytes)
{
        return relay_stream_send_buffer(incoming->connection->stream, RELAY_ITEM, incoming->node.id,
                                        take_bytes);
}

size_t relay_incoming_backlog(const struct relay_incoming *incoming)
{
        return relay_stream_backlog(incoming->connection->stream);
}

void relay_server_stats(const struct relay_server *server, struct relay_server_stats *out)
{
        *out = server->stats;
}

struct relay_server *relay_server_create(const struct relay_server_options *options)
{
        struct relay_server *server = calloc(1, sizeof(*server));

        if (server != NULL)
                server->options = *options;
        return server;
}

void relay_server_destroy(struct relay_server *take_server)
{
        if (take_server == NULL)
                return;
        while (take_server->connections != NULL)
                drop_connection(take_server->connections); // NOLINT(clang-analyzer-unix.Malloc)
        free(take_server);
}
