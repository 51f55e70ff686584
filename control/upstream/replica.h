#ifndef CONTROL_UPSTREAM_REPLICA_H
#define CONTROL_UPSTREAM_REPLICA_H

/**
 * A client agent's copy of the catalog of Consul's servers, which have no stream of changes: one
 * blocking call gives all nodes with their services and checks at one index, and again when any of
 * them has changed; what differs is written to the store. A small call once a second tells how far
 * the server is behind its leader. The copy stays when no server is to be found.
 *
 * After each answer it rests for five times what applying it took (15 us an instance), and 5 ms:
 * with many changes in a large catalog neither side is kept busy by it.
 *
 * context  the loop's thread.
 */

#include "control/follow/follower.h"
#include "control/upstream/upstream.h"

struct replica;

struct replica_options {
        uv_loop_t *loop; /* borrowed, as all below */
        const struct log *log;
        struct upstream *upstream;
        struct store *store; /* written by nobody else while Consul's servers are the agent's */
        const char *node;    /* this agent's, which the small call asks for */
        void *arg;
        void (*synced)(void *arg); /* as follower_options say */
        void (*lost)(void *arg);
};

/** Begin, as soon as replica_wake says that there are servers. returns  NULL without memory. */
struct replica *replica_create(const struct replica_options *options);

/** Stop; before the upstream. The memory goes with the loop's next turns. NULL is let pass. */
void replica_destroy(struct replica *take_replica);

/** Look for a server now, if none is asked. */
void replica_wake(struct replica *replica);

/** Wait until the copy shows all that was acknowledged before this call. @done  called exactly
 * once, perhaps before return. */
void replica_wait(struct replica *replica, follower_ready_fn done, void *arg);

/** How the copy is; its index is that of Consul's servers, its snapshots are answers applied. */
void replica_state(const struct replica *replica, struct follower_state *out);

#endif
