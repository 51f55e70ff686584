#ifndef CONTROL_LEADER_LEADER_H
#define CONTROL_LEADER_LEADER_H

/**
 * What only the leader does with the state, by the clock: it ends sessions whose time is up and has
 * old tombstones forgotten, both by proposing it, so that applying needs no clock. A new leader
 * gives every session its full time again. Lock delays are noted on every server, as sessions end
 * everywhere at once; the leader's count.
 *
 * context  control thread.
 */

#include <stdbool.h>
#include <uv.h>

struct leader;
struct log;
struct log_proposer;
struct store;

/* All borrowed for the leader's life. */
struct leader_options {
        uv_loop_t *loop;
        struct store *store;
        struct log_proposer *proposer;
        const struct log *log;
};

/** returns  0 or a negative errno. It does not lead until told. */
int leader_create(struct leader **out, const struct leader_options *options);

/** Stop its timer and free it; memory goes with the loop's next turns. NULL is let pass. */
void leader_destroy(struct leader *take_leader);

/** This server leads from now on, or no longer. Saying so again changes nothing. */
void leader_set(struct leader *leader, bool leads);

/** Give a session its full time again; one without TTL has none to give. */
void leader_renew_session(struct leader *leader, const char *id);

/** Whether a key may not be locked yet. @leader  NULL: others know, and say so. */
bool leader_delays_lock(const struct leader *leader, const char *key);

#endif
