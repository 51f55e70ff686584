#ifndef CONTROL_FOLLOW_FEED_H
#define CONTROL_FOLLOW_FEED_H

/**
 * A server's side of following (follow_codec.h): remembers the latest changes of the catalog, so
 * that whoever was away for a moment gets what it missed, and encodes snapshots for the others, one
 * for all that wait, off the loop.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/follow/follow_codec.h"
#include "control/relay/relay_server.h"

struct feed;

/* How this server stands to its cluster. */
struct feed_contact {
        uint64_t cluster_id;
        uint64_t contact_ms; /* since the leader was heard; 0 on the leader */
        bool known_leader;
};

struct feed_options {
        uv_loop_t *loop;     /* borrowed, as all below */
        struct store *store; /* is told of changes first, so create the feed late */
        void *arg;
        void (*contact)(void *arg, struct feed_contact *out);
};

/** returns  0 or a negative errno. */
int feed_create(struct feed **out, const struct feed_options *options);

/**
 * Stop. Followers' calls must have ended. A snapshot that is being encoded is let go of by the
 * loop's next turns; the store must last until then. NULL is let pass.
 */
void feed_destroy(struct feed *take_feed);

/** Serve a FOLLOW call from now on. */
void feed_serve(struct feed *feed, struct relay_incoming *take_incoming, const uint8_t *bytes,
                size_t len);

/** End the calls of all followers: what is here is not kept fresh any more. */
void feed_drop_all(struct feed *feed);

struct feed_stats {
        unsigned followers;
        uint64_t snapshots; /* sent, since the start */
        uint64_t deltas;    /* likewise */
        uint64_t dropped;   /* followers that did not keep up */
};

/** What it has done since the start. */
void feed_stats(const struct feed *feed, struct feed_stats *out);

#endif
