#ifndef LICTOR_CONTROL_DNS_TCP_INTERNAL_H
#define LICTOR_CONTROL_DNS_TCP_INTERNAL_H

#include <stdbool.h>

#include "control/dns/dns_tcp.h"
#include "control/dns/resolver.h"

#define TCP_LISTEN_MAX  8u
#define TCP_PREFIX      2u /* RFC 1035, 4.2.2: the length before each message */
#define TCP_MESSAGE_MAX 65535u
#define TCP_INPUT_SMALL 2048u        /* nearly every query fits; bigger ones get their own buffer */
#define TCP_OUTPUT_MAX  (256u << 10) /* unread answers at which a client is no longer read */
#define TCP_BACKLOG     512
#define TCP_JOBS_MAX    64u /* queries of one client that the resolver may have */

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
        struct tcp_job *jobs; /* queries the resolver has */
        unsigned job_count;
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
        struct dns_resolver *resolver; /* or NULL */
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

/**
 * Hand a message to the resolver; its answer is sent when it is there, before or after others'.
 * @message  in a buffer of the burst, which is copied.
 * returns   0, or a negative error that ends the connection.
 */
int tcp_connection_resolve(struct tcp_connection *connection, const struct dns_message *message);

/** Let the answers still to come go nowhere. */
void tcp_connection_forget_jobs(struct tcp_connection *connection);

/** Send a resolved answer, with room for the length before it. returns as uv_write does. */
int tcp_connection_send(struct tcp_connection *connection, struct dns_message *answer);

/** Go on reading, or close, now that less is outstanding. */
void tcp_connection_continue(struct tcp_connection *connection);

/** Account for a closed handle; the last one frees everything. */
void tcp_release_handle(struct dns_tcp *tcp);

#endif
