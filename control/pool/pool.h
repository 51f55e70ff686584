#ifndef CONTROL_POOL_POOL_H
#define CONTROL_POOL_POOL_H

/**
 * A gossip pool: Serf's state machine (control/gossip/serf.h) on real sockets, UDP and TCP on one
 * port, on the loop. An agent has one for its datacenter, a server one more between datacenters.
 *
 * context  the loop's thread; hooks run there too, and may call everything here but pool_stop.
 */

#include <uv.h>

#include "control/gossip/serf.h"
#include "control/log/log.h"
#include "control/pool/network.h"

struct pool;

struct pool_options {
        uv_loop_t *loop;       /* borrowed */
        const struct log *log; /* borrowed */
        const char *module;    /* of the log lines, e.g. "agent.gossip.lan"; borrowed */
        struct sockaddr_storage bind;
        struct serf_options serf; /* swim.address with length 0: that of the socket */
        struct serf_hooks hooks; /* the transport's (send, push_pull, stream_ping) are the pool's */
        uint32_t stream_timeout_ms;
        bool compress;
        bool plain_in, plain_out; /* while encryption is being introduced: take and send plain */
        const struct pool_network *allowed; /* borrowed: who may send, and be a member */
        size_t allowed_count;               /* 0: everybody */
};

/** Defaults as Consul's for one datacenter, or between them. */
void pool_options_lan(struct pool_options *o);
void pool_options_wan(struct pool_options *o);

/**
 * Bind and begin to gossip, alone.
 * @error  on failure one line for the operator.
 * returns 0 or a negative errno.
 */
int pool_start(const struct pool_options *options, struct pool **out, char *error,
               size_t error_size);

/** Close everything without leaving. @closed  called from the loop once all is freed. */
void pool_stop(struct pool *take_pool, void (*closed)(void *arg), void *arg);

/** The state machine: read it freely; after calls that change it, pool_changed. */
struct serf *pool_serf(struct pool *pool);
void pool_changed(struct pool *pool);
uint64_t pool_now_us(const struct pool *pool);

/**
 * Called for each address: 0, or a negative errno and why.
 */
typedef void (*pool_joined_fn)(void *arg, int status, const char *why);

/**
 * Exchange states with whoever is at an address, to join its group.
 * returns  0 and @done will be called once; or a negative errno.
 */
int pool_join(struct pool *pool, const struct sockaddr *address, pool_joined_fn done, void *arg);

/** Between the two forms of an address. returns 0 or -EAFNOSUPPORT. */
int pool_address_from(const struct sockaddr *from, struct swim_address *out);
void pool_address_to(const struct swim_address *from, struct sockaddr_storage *out);

struct pool_counters {
        uint64_t packets_in, packets_out, bytes_in, bytes_out;
        uint64_t streams_in, streams_out;
        uint64_t refused_encryption; /* plain where there are keys, the reverse, or no key fits */
        uint64_t refused_damaged;
        uint64_t refused_network; /* messages from, and members in, networks that are not allowed */
        uint64_t refused_streams; /* over the bound */
};

/** Since the start. */
void pool_counters(const struct pool *pool, struct pool_counters *out);

#endif
