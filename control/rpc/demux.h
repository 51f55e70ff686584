#ifndef CONTROL_RPC_DEMUX_H
#define CONTROL_RPC_DEMUX_H

/**
 * The server port (8300): the first byte of a connection says which protocol follows. Connections
 * whose byte nobody registered, that say nothing in time, or that are too many are closed and
 * counted, with one log line a while.
 *
 * context  the loop's thread.
 */

#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "control/log/log.h"

struct demux;

/* First bytes; Consul's own are 0 RPC, 1 Raft, 2 multiplexed RPC, 3 TLS, 4 multiplexed RPC v2,
   5 snapshot, 6 gossip, 7 TLS for auto-encryption and 8 gRPC. */
#define DEMUX_CONSUL_RPC      0x00 /* one stream of calls */
#define DEMUX_CONSUL_YAMUX    0x04 /* calls in many streams */
#define DEMUX_CONSUL_SNAPSHOT 0x05 /* one snapshot, there or back */
#define DEMUX_GRPC            0x08 /* HTTP/2 */
#define DEMUX_RAFT            0x4c /* ours: raft/node, RAFT_CONNECTION_BYTE */
#define DEMUX_FORWARD         0x46 /* ours: requests forwarded to the leader */
#define DEMUX_RELAY           0x52 /* ours: what agents ask servers, control/relay/relay_codec.h */

/**
 * @take_connection  from malloc; its first byte has been read, nothing more, and it is not being
 *                   read. End with uv_close and free in its callback. Its loop is the demux's.
 * @peer             "ip:port" of the other end; borrowed until return.
 */
typedef void (*demux_accept_fn)(void *arg, uv_tcp_t *take_connection, const char *peer);

struct demux_options {
        uv_loop_t *loop;       /* borrowed */
        const struct log *log; /* borrowed; may be NULL */
        unsigned pending_max;  /* connections that have not said their byte; 0: 128 */
        uint64_t timeout_ms;   /* for the byte; 0: 5000 */
};

/** Create it, without a port yet. returns 0 or -ENOMEM. */
int demux_create(const struct demux_options *options, struct demux **out);

/** Hand connections that start with this byte to accept; NULL: to nobody any more. */
void demux_register(struct demux *demux, uint8_t first_byte, demux_accept_fn accept, void *arg);

/**
 * Listen. May be called for several addresses.
 * returns 0 or a negative errno; -EADDRINUSE as usual.
 */
int demux_listen(struct demux *demux, const struct sockaddr *address);

/** The port it listens on (the first address), host order; 0: none. */
uint16_t demux_port(const struct demux *demux);

struct demux_counters {
        uint64_t accepted;
        uint64_t unknown;  /* a byte nobody registered */
        uint64_t silent;   /* closed or timed out before the byte */
        uint64_t too_many; /* over pending_max */
};

/** Since the start. */
void demux_counters(const struct demux *demux, struct demux_counters *out);

/**
 * Close its ports and what it has not handed over, and free it.
 * @closed  called last, perhaps before return. May be NULL.
 */
void demux_close(struct demux *take_demux, void (*closed)(void *arg), void *arg);

#endif
