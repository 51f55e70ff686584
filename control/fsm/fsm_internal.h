#ifndef CONTROL_FSM_FSM_INTERNAL_H
#define CONTROL_FSM_FSM_INTERNAL_H

#include "control/fsm/fsm.h"
#include "control/store/arena.h"

struct fsm {
        struct store *store;
        struct arena arena; /* of the command being applied */
};

/**
 * Run a transaction's operations in order, noting every failure. Between begin and commit; the
 * caller aborts when there were any.
 */
void fsm_run_txn(struct store *s, const struct command_txn *txn, struct fsm_result *result);

#endif
