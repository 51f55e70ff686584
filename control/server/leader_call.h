#ifndef CONTROL_SERVER_LEADER_CALL_H
#define CONTROL_SERVER_LEADER_CALL_H

/**
 * What has to be done by the leader, whoever that is: here when this server leads, over a
 * connection otherwise, and held back for a while when nobody does. What may have been done is
 * never tried again.
 *
 * context  the control thread.
 */

#include "control/server/forward.h"
#include "control/server/raft_log.h"

#define NO_LEADER_TEXT "No cluster leader"

struct leader_calls;

/** How an operator's request ended. @answer  borrowed until return. */
typedef void (*operator_done_fn)(void *arg, const struct operator_answer *answer);

/** @error  NULL: the state here may be read. Otherwise why not, as HTTP tells it. */
typedef void (*leader_read_fn)(void *arg, const char *error);

struct leader_calls_options {
        uv_loop_t *loop; /* borrowed, as all below */
        const struct log *log;
        struct raft_log *raft_log;
        struct forward *forward;
        uint64_t hold_ms; /* how long a call waits for a leader */
        void *arg;
        /* Carry out an operator's request on the leader; done exactly once. */
        void (*operate)(void *arg, const struct operator_request *request, operator_done_fn done,
                        void *done_arg);
};

/** returns  NULL without memory. */
struct leader_calls *leader_calls_create(const struct leader_calls_options *options);

/** Fail what waits. @closed  called last; may be NULL. */
void leader_calls_close(struct leader_calls *take_calls, void (*closed)(void *arg), void *arg);

/** Every change passes through it. */
struct log_proposer *leader_calls_proposer(struct leader_calls *calls);

/**
 * Wait until the state here shows all that was acknowledged before this call.
 * @lease  trust the leader's lease instead of asking a majority.
 * @done   called exactly once, perhaps before return.
 */
void leader_calls_read(struct leader_calls *calls, bool lease, leader_read_fn done, void *arg);

/** @done  called exactly once, perhaps before return. */
void leader_calls_operate(struct leader_calls *calls, const struct operator_request *request,
                          operator_done_fn done, void *arg);

/** The leader or this server's role changed: try again what was held back. */
void leader_calls_wake(struct leader_calls *calls);

/** Answer a request of another server that takes this one for the leader. */
void leader_calls_serve(struct leader_calls *calls, struct forward_incoming *take_incoming,
                        const struct forward_head *head, const uint8_t *payload);

#endif
