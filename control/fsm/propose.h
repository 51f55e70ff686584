#ifndef CONTROL_FSM_PROPOSE_H
#define CONTROL_FSM_PROPOSE_H

/**
 * The seam through which every change passes. Whoever wants a change proposes it and is called back
 * when it has been applied or refused; with Raft behind the seam that is later, after a majority
 * has it, so callers must not count on the callback having run when propose returns, nor on it not
 * having run.
 *
 * context  the control thread.
 */

#include "control/fsm/fsm.h"

/**
 * @result  borrowed until return. Success: fsm_result_ok(result), and result->index is where the
 *          command stands in the log. Otherwise result->error.text (HTTP status 500 in Consul) or
 *          result->txn_errors (status 409).
 */
typedef void (*propose_done_fn)(void *arg, const struct fsm_result *result);

struct log_proposer {
        /**
         * @bytes  an encoded command, borrowed until return.
         * returns 0 and @done will be called exactly once, perhaps before return; or a negative
         *         errno and it will not: -ENOTSUP for a command type that is not known.
         */
        int (*propose)(struct log_proposer *self, const uint8_t *bytes, size_t len,
                       propose_done_fn done, void *arg);
};

/**
 * Prepare, encode and propose.
 * @command  filled by the caller, changed by preparation; borrowed until return.
 * @done     called exactly once, also for a refusal. May be NULL.
 */
void propose_command(struct log_proposer *p, struct command *command, propose_done_fn done,
                     void *arg);

/**
 * The log of a single server without one on disk: assigns the next index and applies at once. What
 * is proposed from within a callback or listener is applied after the current command, in order.
 */
struct local_log;

/** @fsm  borrowed. The first command gets @last_index + 1. */
struct local_log *local_log_create(struct fsm *fsm, uint64_t last_index);
void local_log_destroy(struct local_log *log);
struct log_proposer *local_log_proposer(struct local_log *log);

#endif
