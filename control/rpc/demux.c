#include "control/rpc/demux.h"
#include "lictor/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX     128u
#define TIMEOUT_MS      5000u
#define LISTEN_MAX      8u
#define BACKLOG         128
#define LOG_INTERVAL_MS 10000u

struct protocol {
        demux_accept_fn accept;
        void *arg;
};

/* A connection that has not said its byte. Its two handles close before it is freed. */
struct pending {
        struct demux *demux;
        struct pending *next;
        struct pending **link;
        uv_tcp_t *connection;
        uv_timer_t timer;
        uint8_t byte;
};

struct demux {
        struct demux_options options;
        struct protocol protocols[256];
        uv_tcp_t listeners[LISTEN_MAX];
        unsigned listener_count;
        struct pending *pending;
        unsigned pending_count;
        unsigned closing_count; /* handles that hold this structure */
        bool closing;
        struct demux_counters counters;
        struct log_limit log_limit;
        void (*closed)(void *arg);
        void *closed_arg;
};

static void free_when_done(struct demux *demux)
{
        void (*closed)(void *arg) = demux->closed;
        void *arg = demux->closed_arg;

        if (!demux->closing || demux->closing_count > 0)
                return;
        free(demux);
        if (closed != NULL)
                closed(arg);
}

static void peer_text(const uv_tcp_t *connection, char text[ADDRESS_TEXT_MAX])
{
        struct sockaddr_storage address;
        int length = sizeof(address);

        if (uv_tcp_getpeername(connection, (struct sockaddr *)&address, &length) != 0)
                address.ss_family = AF_UNSPEC;
        address_text((const struct sockaddr *)&address, text, ADDRESS_TEXT_MAX);
}

static void complain(struct demux *demux, const uv_tcp_t *connection, const char *what)
{
        char peer[ADDRESS_TEXT_MAX];
        uint64_t suppressed = 0;

        if (demux->options.log == NULL || demux->closing ||
            !log_limit_allow(&demux->log_limit, uv_now(demux->options.loop), &suppressed))
                return;
        peer_text(connection, peer);
        log_warn(demux->options.log, "agent.server.rpc",
                 "closed a connection that %s: from=%s suppressed=%llu", what, peer,
                 (unsigned long long)suppressed);
}

static void on_connection_closed(uv_handle_t *connection)
{
        free(connection);
}

static void on_timer_closed(uv_handle_t *timer)
{
        struct pending *p = timer->data;
        struct demux *demux = p->demux;

        free(p);
        demux->closing_count--;
        free_when_done(demux);
}

// Takes it off the list; its connection is the caller's.
static uv_tcp_t *release(struct pending *p)
{
        *p->link = p->next;
        if (p->next != NULL)
                p->next->link = p->link;
        p->demux->pending_count--;
        p->demux->closing_count++;
        uv_close((uv_handle_t *)&p->timer, on_timer_closed);
        return p->connection;
}

static void refuse(struct pending *p, const char *what)
{
        complain(p->demux, p->connection, what);
        uv_close((uv_handle_t *)release(p), on_connection_closed);
}

static void on_timeout(uv_timer_t *timer)
{
        struct pending *p = timer->data;

        p->demux->counters.silent++;
        refuse(p, "said nothing in time");
}

// One byte at a time: what follows it belongs to whoever is chosen.
static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct pending *p = handle->data;

        (void)suggested;
        *out = uv_buf_init((char *)&p->byte, 1);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct pending *p = stream->data;
        const struct protocol *protocol;
        char peer[ADDRESS_TEXT_MAX];
        uv_tcp_t *connection;
        uint8_t byte = p->byte;

        (void)buffer;
        if (count == 0)
                return;
        if (count < 0) {
                p->demux->counters.silent++;
                refuse(p, "ended before it began");
                return;
        }
        protocol = &p->demux->protocols[byte];
        if (protocol->accept == NULL) {
                p->demux->counters.unknown++;
                refuse(p, "began with a byte no protocol has");
                return;
        }
        uv_read_stop(stream);
        connection = release(p);
        connection->data = NULL;
        p->demux->counters.accepted++;
        peer_text(connection, peer);
        protocol->accept(protocol->arg, connection, peer);
}

static int start_pending(struct demux *demux, uv_tcp_t *connection)
{
        struct pending *p = calloc(1, sizeof(*p));

        if (p == NULL)
                return -ENOMEM;
        p->demux = demux;
        p->connection = connection;
        connection->data = p;
        p->timer.data = p;
        uv_timer_init(demux->options.loop, &p->timer);
        uv_timer_start(&p->timer, on_timeout, demux->options.timeout_ms, 0);
        p->next = demux->pending;
        p->link = &demux->pending;
        if (p->next != NULL)
                p->next->link = &p->next;
        demux->pending = p;
        demux->pending_count++;
        return uv_read_start((uv_stream_t *)connection, on_allocate, on_read);
}

static void on_connection(uv_stream_t *listener, int status)
{
        struct demux *demux = listener->data;
        uv_tcp_t *connection;

        if (status != 0)
                return;
        connection = malloc(sizeof(*connection));
        if (connection == NULL)
                return;
        uv_tcp_init(demux->options.loop, connection);
        if (uv_accept(listener, (uv_stream_t *)connection) != 0) {
                uv_close((uv_handle_t *)connection, on_connection_closed);
                return;
        }
        if (demux->pending_count >= demux->options.pending_max) {
                demux->counters.too_many++;
                complain(demux, connection, "was one too many");
                uv_close((uv_handle_t *)connection, on_connection_closed);
                return;
        }
        uv_tcp_nodelay(connection, 1);
        if (start_pending(demux, connection) != 0) {
                if (connection->data != NULL)
                        release(connection->data);
                uv_close((uv_handle_t *)connection, on_connection_closed);
        }
}

int demux_create(const struct demux_options *options, struct demux **out)
{
        struct demux *demux = calloc(1, sizeof(*demux));

        if (demux == NULL)
                return -ENOMEM;
        demux->options = *options;
        if (demux->options.pending_max == 0)
                demux->options.pending_max = PENDING_MAX;
        if (demux->options.timeout_ms == 0)
                demux->options.timeout_ms = TIMEOUT_MS;
        demux->log_limit.interval_ms = LOG_INTERVAL_MS;
        *out = demux;
        return 0;
}

void demux_register(struct demux *demux, uint8_t first_byte, demux_accept_fn accept, void *arg)
{
        demux->protocols[first_byte] = (struct protocol){.accept = accept, .arg = arg};
}

static void on_listener_closed(uv_handle_t *listener)
{
        struct demux *demux = listener->data;

        demux->closing_count--;
        free_when_done(demux);
}

int demux_listen(struct demux *demux, const struct sockaddr *address)
{
        uv_tcp_t *listener = &demux->listeners[demux->listener_count];
        int ret;

        if (demux->listener_count == LISTEN_MAX)
                return -ENOSPC;
        uv_tcp_init(demux->options.loop, listener);
        listener->data = demux;
        demux->listener_count++; // closed with the others, also after a failure
        ret = uv_tcp_bind(listener, address, 0);
        if (ret == 0)
                ret = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
        return ret;
}

uint16_t demux_port(const struct demux *demux)
{
        struct sockaddr_storage address;
        int length = sizeof(address);

        if (demux->listener_count == 0 ||
            uv_tcp_getsockname(&demux->listeners[0], (struct sockaddr *)&address, &length) != 0)
                return 0;
        return address.ss_family == AF_INET6
                   ? ntohs(((const struct sockaddr_in6 *)&address)->sin6_port)
                   : ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

void demux_counters(const struct demux *demux, struct demux_counters *out)
{
        *out = demux->counters;
}

void demux_close(struct demux *take_demux, void (*closed)(void *arg), void *arg)
{
        struct demux *demux = take_demux;

        demux->closing = true;
        demux->closed = closed;
        demux->closed_arg = arg;
        while (demux->pending != NULL)
                uv_close((uv_handle_t *)release(demux->pending), on_connection_closed);
        for (unsigned i = 0; i < demux->listener_count; i++) {
                demux->closing_count++;
                uv_close((uv_handle_t *)&demux->listeners[i], on_listener_closed);
        }
        free_when_done(demux);
}
