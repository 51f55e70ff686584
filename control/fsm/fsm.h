#ifndef CONTROL_FSM_FSM_H
#define CONTROL_FSM_FSM_H

/**
 * The state machine: applies the log's commands to the store, in log order, and nothing else does.
 *
 * context  one thread; a store listener must not apply.
 */

#include "control/fsm/command.h"

struct fsm;

/** @store  borrowed for the machine's life. */
struct fsm *fsm_create(struct store *store);
void fsm_destroy(struct fsm *fsm);

/**
 * Apply one log entry. Bytes that are no command, or one this version does not know, change nothing
 * but the applied index and give an error in @result: every server skips them alike.
 * @index   its place in the log, greater than any before. What the command changes is marked with
 *          this index plus store_index_offset.
 * @result  initialised by this call; the caller ends it with fsm_result_fini.
 */
void fsm_apply(struct fsm *fsm, uint64_t index, const uint8_t *bytes, size_t len,
               struct fsm_result *result);

/**
 * Whether a state is being restored and not yet complete. Its pieces are in the log only: until
 * then no snapshot of the store may take the log's place.
 */
bool fsm_is_restoring(const struct fsm *fsm);

/* What an entry that completes such a state leaves to be done before it may be applied. */
struct fsm_restore {
        uint8_t *bytes; /* from malloc, for the caller */
        size_t len;
};

/**
 * Whether the entry to be applied next completes a state. Then the caller reads @out with
 * store_state_decode, on whatever thread, and gives the result back with fsm_restore_decoded before
 * it applies the entry. Applied without any of this, an entry does it all at once.
 */
bool fsm_restore_begin(struct fsm *fsm, uint64_t index, const uint8_t *bytes, size_t len,
                       struct fsm_restore *out);
/** @result  what store_state_decode returned; @take_state unless it failed. */
void fsm_restore_decoded(struct fsm *fsm, int result, struct store_state *take_state);

/** Forget the pieces: a snapshot has taken the place of the log they were in. */
void fsm_forget_restore(struct fsm *fsm);

/** Run a transaction of reads only (txn_op_is_read), without the log. @result  as fsm_apply gives
 * it. */
void fsm_read_txn(struct fsm *fsm, const struct command_txn *txn, struct fsm_result *result);

#endif
