#ifndef CONTROL_GRPC_GRPC_SERVER_H
#define CONTROL_GRPC_GRPC_SERVER_H

/**
 * gRPC on the server port: connections that begin with DEMUX_GRPC.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/grpc/grpc_call.h"
#include "control/log/log.h"
#include "control/rpc/demux.h"

struct grpc_server;

struct grpc_server_options {
        uv_loop_t *loop;                   /* borrowed, as all below */
        struct demux *demux;               /* outlives it */
        const struct log *log;             /* may be NULL */
        const struct grpc_method *methods; /* with their owners */
        size_t method_count;
        unsigned connections_max; /* in all; 0: 4096 */
        unsigned per_source_max;  /* connections of one address; 0: 100 */
        uint64_t patience_ms;     /* for HTTP/2 to begin, and for bytes to be taken; 0: 60000 */
};

/** Create it and take its byte from the demux. returns  0 or -ENOMEM. */
int grpc_server_create(const struct grpc_server_options *options, struct grpc_server **out);

struct grpc_server_stats {
        uint64_t connections; /* taken, since the start */
        uint64_t refused;     /* over a limit */
        uint64_t broken;      /* ended for what they sent, or for not reading */
        unsigned connections_open;
        unsigned calls_open;
};

/** What it has done since the start, and has open now. */
void grpc_server_stats(const struct grpc_server *server, struct grpc_server_stats *out);

/**
 * Give the byte back, end every connection and free it with the loop's next turns; open calls are
 * cancelled before return. NULL is let pass.
 */
void grpc_server_destroy(struct grpc_server *take_server);

#endif
