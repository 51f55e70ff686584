#ifndef CONTROL_RPC_CONSUL_RPC_H
#define CONTROL_RPC_CONSUL_RPC_H

/**
 * Consul's RPC on the server port: connections that begin with byte 4 carry yamux streams, those
 * with byte 0 one stream alone; a stream carries calls of Go's net/rpc in msgpack. Calls go to the
 * methods added here.
 *
 * context  the loop's thread.
 */

#include "control/rpc/demux.h"
#include "control/rpc/rpc_call.h"

struct consul_rpc;

struct consul_rpc_options {
        uv_loop_t *loop;          /* borrowed */
        struct demux *demux;      /* borrowed; outlives it */
        const struct log *log;    /* borrowed; may be NULL */
        unsigned connections_max; /* in all; 0: 16384 */
        unsigned per_source_max;  /* connections of one address; 0: 100, Consul's default */
        unsigned calls_max;       /* unanswered of one connection, and its streams; 0: 32768 */
        uint32_t args_max;        /* bytes of one call's arguments; 0: 4 MiB */
        size_t kept_max;          /* bytes of calls that are not whole, in all; 0: 256 MiB */
        uint64_t call_ms;         /* for a call to come whole, once begun; 0: 60000 */
        uint64_t keepalive_ms;    /* between pings of a yamux session; 0: 30000 */
        uint64_t patience_ms;     /* for an answer to one, or anything; 0: 10000 */
};

/**
 * What a call that waits takes: below 500 bytes here when it is alone in its stream, as Consul's
 * agents send them, and what its method keeps.
 */

/** Create it and take its bytes from the demux. returns 0 or -ENOMEM. */
int consul_rpc_create(const struct consul_rpc_options *options, struct consul_rpc **out);

/**
 * Serve these methods; a method added again goes to its latest server.
 * @methods  borrowed until consul_rpc_close.
 * @owner    the serve functions' argument; outlives it.
 * returns   0 or -ENOMEM.
 */
int consul_rpc_add(struct consul_rpc *rpc, const struct rpc_method methods[], size_t method_count,
                   void *owner);

struct consul_rpc_counters {
        uint64_t connections; /* taken */
        uint64_t refused;     /* over a limit */
        uint64_t broken;      /* ended for what they sent */
        uint64_t calls;
        uint64_t failed; /* of calls: answered with an error */
        uint64_t calls_open;
        uint64_t connections_open;
};

/** Since the start. */
void consul_rpc_counters(const struct consul_rpc *rpc, struct consul_rpc_counters *out);

/**
 * Give its bytes back, end every connection and free it; open calls are cancelled before return.
 * @closed  called last, perhaps before return. May be NULL.
 */
void consul_rpc_close(struct consul_rpc *take_rpc, void (*closed)(void *arg), void *arg);

#endif
