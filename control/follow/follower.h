#ifndef CONTROL_FOLLOW_FOLLOWER_H
#define CONTROL_FOLLOW_FOLLOWER_H

/**
 * A client agent's copy of the catalog: follows one of the servers, any of them, and goes on from
 * where it was with the next one. It keeps what it has when no server is to be found.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/log/log.h"
#include "control/relay/relay.h"
#include "control/store/store.h"

struct follower;

struct follower_options {
        uv_loop_t *loop; /* borrowed, as all below */
        const struct log *log;
        struct relay *relay;
        struct store *store;    /* written by nobody else */
        const char *datacenter; /* whose servers are asked; NULL: this agent's own */
        const char *followed;   /* whose catalog they are asked for; NULL: their own */
        void *arg;
        /* A server is followed that was not before, and the copy is as new as its state. */
        void (*synced)(void *arg);
        /* The server followed is gone: the copy grows old. May be NULL. */
        void (*lost)(void *arg);
};

/** Begin to follow. returns  NULL without memory. */
struct follower *follower_create(const struct follower_options *options);

/** Stop; before the relay. The memory goes with the loop's next turns. NULL is let pass. */
void follower_destroy(struct follower *take_follower);

/** Look for a server now, if none is followed: some have been found. */
void follower_wake(struct follower *follower);

/** @error  NULL: the copy may be read. Otherwise why not. */
typedef void (*follower_ready_fn)(void *arg, const char *error);

/**
 * Wait until the copy shows all that was acknowledged before this call.
 * @done  called exactly once, perhaps before return.
 */
void follower_wait(struct follower *follower, follower_ready_fn done, void *arg);

struct follower_state {
        bool following;
        bool known_leader; /* of the server followed, as far as is known */
        uint64_t age_ms;   /* how old what is read may be; UINT64_MAX: there is nothing yet */
        uint64_t index;    /* of the copy */
        uint64_t cluster_id;
        uint64_t snapshots; /* taken over, since the start */
        uint64_t deltas;    /* likewise */
};

/** How the copy is. */
void follower_state(const struct follower *follower, struct follower_state *out);

#endif
