#ifndef CONTROL_CHECKS_STREAM_INTERNAL_H
#define CONTROL_CHECKS_STREAM_INTERNAL_H

#include <gnutls/gnutls.h>
#include <netdb.h>

#include "control/checks/internal.h"
#include "control/checks/stream.h"

#define STREAM_HOST_MAX    256
#define STREAM_PORT_MAX    32
#define STREAM_PEER_MAX    80
#define STREAM_ADDRESS_MAX 8

struct stream {
        uv_loop_t *loop;
        struct stream_target target;
        stream_event_fn fn;
        void *arg;
        char host[STREAM_HOST_MAX];
        char port[STREAM_PORT_MAX];
        char peer[STREAM_PEER_MAX];
        char error[CHECK_ERROR_MAX];
        struct sockaddr_storage addresses[STREAM_ADDRESS_MAX];
        size_t address_count, address_at;
        uv_getaddrinfo_t lookup;
        uv_timer_t timer; // the start, then the share of one address
        uv_poll_t *poll;  // of fd; allocated, for each socket has its own
        int fd;           // -1: none
        bool in_lookup, is_open, is_closed;
        gnutls_session_t session; // NULL without TLS
        gnutls_certificate_credentials_t credentials;
};

// stream_tls.c
/** Begin TLS on a connected stream. returns 0 or -ENOMEM. */
int stream_tls_begin(struct stream *stream);
/** Go on. @events for what to wait then. returns 1 when done, 0 to wait, -EPROTO with the error. */
int stream_tls_shake(struct stream *stream, int *events);
void stream_tls_end(struct stream *stream);

#endif
