#ifndef LICTOR_WATCH_WATCHES_H
#define LICTOR_WATCH_WATCHES_H

/**
 * An agent's own watches, as `watches` of its configuration has them: each asks the agent's API
 * again and again and runs its handler on what is new, one run at a time.
 *
 * context  the loop's thread.
 */

#include <jansson.h>
#include <stddef.h>
#include <uv.h>

#include "control/ask/ask.h"
#include "control/log/log.h"

struct watches;

struct watches_options {
        uv_loop_t *loop; /* borrowed for their life, as all here */
        const struct log *log;
        struct asker *asker;
        const struct ask_target *own; /* NULL: the agent has no HTTP API */
};

/** None at first. returns  0 or -ENOMEM. */
int watches_create(const struct watches_options *options, struct watches **out);

/**
 * Put these in place of all there are; every one of them begins anew, as Consul's do. Handlers that
 * run go on to their end.
 * @settings  elements of `watches`; NULL for none.
 * @error     on failure what is wrong with them, and then nothing has changed.
 * returns    0 or a negative errno.
 */
int watches_configure(struct watches *watches, const json_t *settings, char *error,
                      size_t error_size);

/** Stop all; handlers that run are asked to end. NULL is let pass. */
void watches_destroy(struct watches *take_watches);

#endif
