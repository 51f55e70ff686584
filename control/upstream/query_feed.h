#ifndef CONTROL_UPSTREAM_QUERY_FEED_H
#define CONTROL_UPSTREAM_QUERY_FEED_H

/**
 * Keeps a store's prepared queries those of Consul's servers, by a blocking call.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/upstream/upstream.h"

struct query_feed;

/** Begin when query_feed_wake says so. All is borrowed. returns  NULL without memory. */
struct query_feed *query_feed_create(uv_loop_t *loop, struct upstream *upstream,
                                     struct store *store);

/** Stop; before the upstream. The memory goes with the loop's next turns. NULL is let pass. */
void query_feed_destroy(struct query_feed *take_feed);

/** A server has been found: ask it now, if none is asked. */
void query_feed_wake(struct query_feed *feed);

#endif
