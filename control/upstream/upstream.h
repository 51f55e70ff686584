#ifndef CONTROL_UPSTREAM_UPSTREAM_H
#define CONTROL_UPSTREAM_UPSTREAM_H

/**
 * A client agent among Consul's own servers: it asks them by Consul's RPC, one connection a server,
 * with the relay's fail-over, limits and retries.
 *
 * context  the loop's thread.
 */

#include "control/consul/args.h"
#include "control/relay/relay.h"

struct upstream;
struct upstream_call;

/* A call that does not wait for a change is given up after so long. */
#define UPSTREAM_ANSWER_MS 60000u

/**
 * @options     as the relay's; the transport is this module's.
 * @datacenter  this agent's; copied.
 * returns      NULL without memory.
 */
struct upstream *upstream_create(const struct relay_options *options, const char *datacenter);

/** End all calls, whose done is called. The memory goes with the loop's next turns. NULL is let
 * pass. */
void upstream_close(struct upstream *take_upstream);

/** What is beneath: for limits and figures. */
struct relay *upstream_relay(struct upstream *upstream);

/** This agent's datacenter. */
const char *upstream_datacenter(const struct upstream *upstream);

/**
 * How a call ended; called exactly once unless it is cancelled, never before upstream_start
 * returns.
 * @error  NULL, or what an operator reads; borrowed until return, as @body.
 * @body   one msgpack value, whole but otherwise unchecked.
 */
typedef void (*upstream_done_fn)(void *arg, const char *error, struct pack_slice body);

struct upstream_question {
        const char *method;     /* "Catalog.Register" */
        struct pack_slice args; /* one msgpack value; copied */
        bool repeatable;        /* it changes nothing */
        bool unlimited;         /* limits.rpc_rate is not for it */
        uint64_t timeout_ms;    /* 0: as long as the server is there */
        upstream_done_fn done;
        void *arg;
};

/** Ask. returns  to be used until done or cancelled; NULL without memory, and done is not called.
 */
struct upstream_call *upstream_start(struct upstream *upstream,
                                     const struct upstream_question *question);

/** Wait no longer; done is not called. */
void upstream_cancel(struct upstream_call *take_call);

/** Likewise, with a query for arguments. */
struct upstream_call *upstream_query(struct upstream *upstream, const struct consul_query *query,
                                     const struct upstream_question *question);

/** Changes proposed through it are calls: registrations and deregistrations, others
 * give -ENOTSUP. */
struct log_proposer *upstream_proposer(struct upstream *upstream);

#endif
