#ifndef LICTOR_CONTROL_DNS_TCP_INTERNAL_H
#define LICTOR_CONTROL_DNS_TCP_INTERNAL_H

#include <stdbool.h>

#include "control/dns/dns_tcp.h"
#include "control/dns/responder.h"

#define TCP_LISTEN_MAX  8u
#define TCP_PREFIX      2u /* RFC 1035, 4.2.2: the length before each message */
#define TCP_MESSAGE_MAX 65535u
#define TCP_INPUT_SMALL 2048u        /* nearly every query fits; bigger ones get their own buffer */
#define TCP_OUTPUT_MAX  (256u << 10) /* unread answers at which a client is no longer read */
#define TCP_BACKLOG     512

/* One client. Linked by the time of its last complete query, the oldest first. */
struct tcp_connection {
        uv_tcp_t handle;
        struct dns_tcp *tcp;
        struct tcp_connection *older, *newer;
        uint64_t deadline_ms;
        uint8_t *input; /* small, or allocated */
        uint32_t input_capacity;
        uint32_t input_length;
        bool reading;
        bool ending; /* the client has sent everything: close once it has its answers */
        bool closing;
        uint8_t small[TCP_INPUT_SMALL];
};

struct tcp_listener {
        uv_tcp_t handle;
        struct dns_tcp *tcp;
        uint16_t port;
};

struct dns_tcp {
        uv_loop_t *loop;
        struct dns_responder responder;
        struct tcp_listener listeners[TCP_LISTEN_MAX];
        size_t listener_count;
        uv_timer_t timer;
        unsigned handle_count; /* to be closed before the memory goes */
        unsigned connection_limit;
        unsigned idle_timeout_ms;
        size_t unsent_limit;
        size_t unsent; /* bytes kept for clients that do not take them */
        unsigned connection_count;
        struct tcp_connection *oldest, *newest;
        bool stopping;
        struct dns_tcp_stats stats;
        /* Answers of one burst; each may fill a whole message. */
        uint8_t scratch[SVC_BURST_MAX][TCP_PREFIX + TCP_MESSAGE_MAX];
};

/** Take a waiting client, or refuse it. */
void tcp_connection_accept(struct tcp_listener *listener);

/** Close one connection; freed by the loop. */
void tcp_connection_close(struct tcp_connection *connection);

/** Account for a closed handle; the last one frees everything. */
void tcp_release_handle(struct dns_tcp *tcp);

#endif
