#include "control/server/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/forward_internal.h"

#define CONNECTION_MAX        256u
#define INCOMING_MAX          1024u /* unanswered requests of one connection */
#define COMPLAINT_INTERVAL_MS 1000u

struct forward_incoming {
        struct forward_connection *connection; /* NULL: gone */
        struct forward_incoming *next, **link;
        uint64_t id;
        uint8_t kind;
};

struct forward_connection {
        struct forward *forward;
        struct forward_connection *next, **link;
        struct frame_stream *stream;
        struct forward_incoming *incoming;
        unsigned incoming_count;
        char peer[64];
};

static void on_timer_closed(uv_handle_t *handle)
{
        struct forward *forward = handle->data;

        if (forward->closed != NULL)
                forward->closed(forward->closed_arg);
        free(forward);
}

struct forward *forward_create(const struct forward_options *options)
{
        struct forward *forward = calloc(1, sizeof(*forward));

        if (forward == NULL)
                return NULL;
        forward->options = *options;
        forward->complaints.interval_ms = COMPLAINT_INTERVAL_MS;
        // Ids of an earlier life of this process are not met again.
        forward->next_id = uv_hrtime();
        uv_timer_init(options->loop, &forward->timer);
        forward->timer.data = forward;
        return forward;
}

void forward_close(struct forward *take_forward, void (*closed)(void *arg), void *arg)
{
        take_forward->closing = true;
        take_forward->closed = closed;
        take_forward->closed_arg = arg;
        forward_close_links(take_forward);
        forward_close_connections(take_forward);
        uv_close((uv_handle_t *)&take_forward->timer, on_timer_closed);
}

static void drop_connection(struct forward_connection *take_connection)
{
        *take_connection->link = take_connection->next;
        if (take_connection->next != NULL)
                take_connection->next->link = take_connection->link;
        take_connection->forward->connection_count--;
        for (struct forward_incoming *incoming = take_connection->incoming; incoming != NULL;
             incoming = incoming->next)
                incoming->connection = NULL;
        frame_stream_close(take_connection->stream);
        free(take_connection);
}

static void complain(struct forward_connection *connection, const char *what)
{
        struct forward *forward = connection->forward;
        uint64_t suppressed;

        if (log_limit_allow(&forward->complaints, uv_now(forward->options.loop), &suppressed))
                log_warn(forward->options.log, "server",
                         "closed a connection: from=%s reason=\"%s\" others=%llu", connection->peer,
                         what, (unsigned long long)suppressed);
}

static void on_frame(void *arg, const struct forward_head *head, const uint8_t *payload)
{
        struct forward_connection *connection = arg;
        struct forward_incoming *incoming;

        if (head->kind & FORWARD_ANSWER) {
                complain(connection, "an answer where requests were expected");
                drop_connection(connection);
                return;
        }
        incoming = calloc(1, sizeof(*incoming));
        if (incoming == NULL) {
                drop_connection(connection);
                return;
        }
        *incoming = (struct forward_incoming){
            .connection = connection,
            .next = connection->incoming,
            .link = &connection->incoming,
            .id = head->request_id,
            .kind = head->kind,
        };
        if (incoming->next != NULL)
                incoming->next->link = &incoming->next;
        connection->incoming = incoming;
        if (++connection->incoming_count >= INCOMING_MAX)
                frame_stream_read(connection->stream, false);
        connection->forward->options.handle(connection->forward->options.arg, incoming, head,
                                            payload);
}

static void on_ended(void *arg, int error, const char *what)
{
        struct forward_connection *connection = arg;

        (void)error;
        if (what[0] != '\0')
                complain(connection, what);
        drop_connection(connection);
}

static void name_peer(const uv_tcp_t *tcp, char *out, size_t size)
{
        struct sockaddr_storage address;
        int len = sizeof(address);
        char host[48] = "?";

        if (uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &len) == 0)
                uv_ip_name((const struct sockaddr *)&address, host, sizeof(host));
        snprintf(out, size, "%s", host);
}

static void free_tcp(uv_handle_t *handle)
{
        free(handle);
}

void forward_accept(struct forward *forward, uv_tcp_t *take_tcp)
{
        struct forward_connection *connection = calloc(1, sizeof(*connection));
        const struct frame_stream_events events = {connection, on_frame, on_ended};

        if (connection == NULL || forward->closing || forward->connection_count >= CONNECTION_MAX) {
                free(connection);
                uv_close((uv_handle_t *)take_tcp, free_tcp);
                return;
        }
        name_peer(take_tcp, connection->peer, sizeof(connection->peer));
        connection->forward = forward;
        connection->stream = frame_stream_create(take_tcp, &events);
        if (connection->stream == NULL) {
                free(connection);
                return;
        }
        connection->link = &forward->connections;
        connection->next = forward->connections;
        if (connection->next != NULL)
                connection->next->link = &connection->next;
        forward->connections = connection;
        forward->connection_count++;
        frame_stream_read(connection->stream, true);
}

void forward_answer(struct forward_incoming *take_incoming, enum forward_status status,
                    const void *payload, size_t len)
{
        struct forward_connection *connection = take_incoming->connection;
        const struct forward_options *options;
        struct forward_head head;

        if (connection == NULL) {
                free(take_incoming);
                return;
        }
        options = &connection->forward->options;
        head = (struct forward_head){
            .length = (uint32_t)len,
            .kind = take_incoming->kind | FORWARD_ANSWER,
            .status = (uint8_t)status,
            .cluster_id = options->cluster_id(options->arg),
            .request_id = take_incoming->id,
        };
        *take_incoming->link = take_incoming->next;
        if (take_incoming->next != NULL)
                take_incoming->next->link = take_incoming->link;
        free(take_incoming);
        // Without room for the answer the other side must not wait for it.
        if (frame_stream_send(connection->stream, &head, payload) < 0) {
                drop_connection(connection);
                return;
        }
        if (connection->incoming_count-- == INCOMING_MAX)
                frame_stream_read(connection->stream, true);
}

void forward_answer_text(struct forward_incoming *take_incoming, enum forward_status status,
                         const char *text)
{
        forward_answer(take_incoming, status, text, strlen(text));
}

void forward_close_connections(struct forward *forward)
{
        while (forward->connections != NULL)
                drop_connection(forward->connections);
}
