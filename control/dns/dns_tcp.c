#include "control/dns/dns_tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/dns/tcp_internal.h"
#include "lictor/address.h"

#define DEFAULT_CONNECTION_LIMIT 1024u
#define DEFAULT_IDLE_TIMEOUT_MS  10000u
#define DEFAULT_UNSENT_LIMIT     (64u << 20)
#define SWEEP_INTERVAL_MS        500u

void tcp_release_handle(struct dns_tcp *tcp)
{
        if (--tcp->handle_count == 0)
                free(tcp);
}

static void on_handle_closed(uv_handle_t *handle)
{
        tcp_release_handle(handle->data);
}

// Connections stand in the order of their deadlines, so the first that may live ends the sweep.
static void on_sweep(uv_timer_t *timer)
{
        struct dns_tcp *tcp = timer->data;
        uint64_t now_ms = uv_now(tcp->loop);

        while (tcp->oldest != NULL && tcp->oldest->deadline_ms <= now_ms) {
                tcp->stats.timed_out++;
                tcp_connection_close(tcp->oldest);
        }
}

static void on_connection(uv_stream_t *stream, int status)
{
        struct dns_tcp *tcp = stream->data;
        struct tcp_listener *listener = (struct tcp_listener *)stream;

        if (status == 0 && !tcp->stopping)
                tcp_connection_accept(listener);
}

static uint16_t bound_port(const uv_tcp_t *handle)
{
        struct sockaddr_storage bound = {0};
        int length = sizeof(bound);

        if (uv_tcp_getsockname(handle, (struct sockaddr *)&bound, &length) < 0)
                return 0;
        return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                 : ((struct sockaddr_in *)&bound)->sin_port);
}

static int listen_on(struct dns_tcp *tcp, const struct sockaddr_storage *address, char *error,
                     size_t error_size)
{
        struct tcp_listener *listener = &tcp->listeners[tcp->listener_count];
        // Without this an IPv6 wildcard would take the IPv4 one's port, too.
        unsigned flags = address->ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
        char text[NI_MAXHOST + NI_MAXSERV];
        int ret = uv_tcp_init(tcp->loop, &listener->handle);

        if (ret < 0)
                return ret;
        listener->tcp = tcp;
        listener->handle.data = tcp;
        tcp->listener_count++;
        tcp->handle_count++;
        ret = uv_tcp_bind(&listener->handle, (const struct sockaddr *)address, flags);
        if (ret == 0)
                ret = uv_listen((uv_stream_t *)&listener->handle, TCP_BACKLOG, on_connection);
        listener->port = bound_port(&listener->handle);
        if (ret < 0) {
                address_text((const struct sockaddr *)address, text, sizeof(text));
                snprintf(error, error_size, "listen tcp %s: bind: %s", text, uv_strerror(ret));
        }
        return ret;
}

int dns_tcp_start(uv_loop_t *loop, const struct lictor_dataplane *dataplane,
                  const struct dns_tcp_config *config, struct dns_tcp **out, char *error,
                  size_t error_size)
{
        struct dns_tcp *tcp;
        int ret;

        snprintf(error, error_size, "cannot start DNS over TCP");
        if (config->address_count > TCP_LISTEN_MAX)
                return -E2BIG;
        tcp = calloc(1, sizeof(*tcp));
        if (tcp == NULL)
                return -ENOMEM;
        tcp->loop = loop;
        tcp->resolver = config->resolver;
        tcp->connection_limit =
            config->connection_limit > 0 ? config->connection_limit : DEFAULT_CONNECTION_LIMIT;
        tcp->idle_timeout_ms =
            config->idle_timeout_ms > 0 ? config->idle_timeout_ms : DEFAULT_IDLE_TIMEOUT_MS;
        tcp->unsent_limit = config->unsent_limit > 0 ? config->unsent_limit : DEFAULT_UNSENT_LIMIT;
        ret = dns_responder_init(&tcp->responder, dataplane);
        if (ret == 0)
                ret = uv_timer_init(loop, &tcp->timer);
        if (ret < 0) {
                free(tcp);
                return ret;
        }
        tcp->timer.data = tcp;
        tcp->handle_count = 1;
        uv_timer_start(&tcp->timer, on_sweep, SWEEP_INTERVAL_MS, SWEEP_INTERVAL_MS);
        for (size_t i = 0; ret == 0 && i < config->address_count; i++)
                ret = listen_on(tcp, &config->addresses[i], error, error_size);
        if (ret < 0) {
                dns_tcp_stop(tcp);
                return ret;
        }
        *out = tcp;
        return 0;
}

void dns_tcp_stop(struct dns_tcp *tcp)
{
        if (tcp == NULL)
                return;
        tcp->stopping = true;
        while (tcp->oldest != NULL)
                tcp_connection_close(tcp->oldest);
        for (size_t i = 0; i < tcp->listener_count; i++)
                uv_close((uv_handle_t *)&tcp->listeners[i].handle, on_handle_closed);
        uv_close((uv_handle_t *)&tcp->timer, on_handle_closed);
}

uint16_t dns_tcp_port(const struct dns_tcp *tcp, size_t i)
{
        return tcp->listeners[i].port;
}

unsigned dns_tcp_connections(const struct dns_tcp *tcp)
{
        return tcp->connection_count;
}

void dns_tcp_stats(const struct dns_tcp *tcp, struct dns_tcp_stats *out)
{
        *out = tcp->stats;
}
