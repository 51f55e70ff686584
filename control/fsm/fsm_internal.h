#ifndef CONTROL_FSM_FSM_INTERNAL_H
#define CONTROL_FSM_FSM_INTERNAL_H

#include "control/fsm/fsm.h"
#include "control/store/arena.h"

/* Enough for a UUID. */
#define RESTORE_ID_SIZE 40

struct fsm {
        struct store *store;
        struct arena arena; /* of the command being applied */

        uint8_t *staged; /* what has come of a state to be restored; NULL when none is */
        uint64_t staged_len;
        uint64_t staged_total;
        uint64_t staged_index; /* of the last piece */
        char staged_id[RESTORE_ID_SIZE];
        char restored_id[RESTORE_ID_SIZE]; /* of the last one that was complete */

        uint64_t decoded_index; /* of the entry that completes what is decoded apart; 0: none */
        int decoded_result;
        struct store_state *decoded; /* NULL until it is given back, or when that failed */
};

/** Take one piece of a state, and with the last one restore it. Not between begin and commit. */
void fsm_apply_restore(struct fsm *fsm, uint64_t index, const struct command_restore *piece,
                       struct fsm_result *result);

/** Forget pieces nobody has gone on with for long. */
void fsm_expire_restore(struct fsm *fsm, uint64_t index);

/** Put before an error what could not be inserted. returns  -EINVAL. */
int fsm_name_failure(struct store_error *error, const char *what);

/** Whether the kind of row knows the verb. */
bool txn_op_is_possible(const struct txn_op *op);

/** Say that it does not. returns  -EINVAL. */
int fsm_refuse_verb(const struct txn_op *op, struct store_error *error);

/** Run an operation on a key within a transaction; what it gives is added to @result. */
int fsm_run_kv_op(struct store *s, const struct txn_op *op, struct fsm_result *result,
                  struct store_error *error);

/** Run one on its own: what does not apply is refused, not an error. */
int fsm_apply_kv(struct store *s, const struct txn_op *op, struct fsm_result *result);

/** Add a row to the result; takes a reference. */
void fsm_add_row(struct fsm_result *result, enum txn_kind kind, const struct record *row,
                 bool without_value);

/**
 * Run a transaction's operations in order, noting every failure. Between begin and commit; the
 * caller aborts when there were any.
 */
void fsm_run_txn(struct store *s, const struct command_txn *txn, struct fsm_result *result);

#endif
