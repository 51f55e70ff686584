#ifndef LICTOR_RAFT_TRANSPORT_H
#define LICTOR_RAFT_TRANSPORT_H

/**
 * Raft's messages over TCP. To each server two connections are opened, one for what must be prompt
 * and one for entries and snapshots; what the others send arrives on connections of theirs. A
 * connection that fails is made anew when there is something to send, after a pause that grows.
 * Messages may be lost, as Raft allows, but are never damaged.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "raft/transport/codec.h"

struct raft_transport;

struct raft_transport_options {
        uv_loop_t *loop;     /* borrowed */
        raft_server_id id;   /* this server */
        const char *address; /* where it can be reached; copied */
        uint8_t first_byte;  /* what a connection begins with */
        uint32_t
            dead_after_ms; /* a connection is given up when nothing is acknowledged for so long */
        uint64_t seed;     /* for pauses */
        void *arg;
        /* A peer's hello. returns NULL to let it in, or why not. */
        const char *(*admit)(void *arg, const struct codec_hello *hello);
        /* A message; borrowed until return. returns whether the connection may stay. */
        bool (*receive)(void *arg, const struct raft_message *message);
        /* This cluster's id for the hello; 0: not known. */
        uint64_t (*cluster_id)(void *arg);
        /* A warning for the log, at a bounded rate. */
        void (*warn)(void *arg, const char *text);
};

/** Create it; nothing is opened before there is something to send. returns 0 or -ENOMEM. */
int raft_transport_create(const struct raft_transport_options *options,
                          struct raft_transport **out);

/** Close every connection and free it. @closed  called last, never before return. */
void raft_transport_close(struct raft_transport *take_transport, void (*closed)(void *arg),
                          void *arg);

/** The servers' addresses. Those not named any more are still answered for a while. */
void raft_transport_set_servers(struct raft_transport *transport,
                                const struct raft_configuration *configuration);

/** Queue a message, copied, for m->to; raft_transport_flush sends it. It may be dropped. */
void raft_transport_send(struct raft_transport *transport, const struct raft_message *message);
void raft_transport_flush(struct raft_transport *transport);

/** Take over an incoming connection whose first byte has been read; see raft_node_accept. */
void raft_transport_accept(struct raft_transport *transport, uv_tcp_t *take_connection);

struct raft_transport_counters {
        uint64_t sent;
        uint64_t received;
        uint64_t dropped;
        uint64_t connected;
        uint64_t refused; /* incoming connections closed for what they said, or did not */
};

/** Since the start. */
void raft_transport_counters(const struct raft_transport *transport,
                             struct raft_transport_counters *out);

#endif
