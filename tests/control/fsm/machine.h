#ifndef TESTS_CONTROL_FSM_MACHINE_H
#define TESTS_CONTROL_FSM_MACHINE_H

/* A state machine behind a local log, and short ways to say commands. */

#include "control/fsm/propose.h"

struct machine {
        struct store *store;
        struct fsm *fsm;
        struct local_log *log;
        struct fsm_result last; /* errors and index of the last command; rows are counted only */
        unsigned done_count;
        size_t change_count; /* told by the last command that changed something */
        uint64_t change_index;
        struct store_change changes[64];
        char touched[512]; /* "node/service" of each change, in order */
};

void machine_init(struct machine *m);
void machine_fini(struct machine *m);

/** Propose; returns the error text, or of a failed transaction the first operation's. */
const char *machine_run(struct machine *m, struct command *c);

const char *machine_node(struct machine *m, const char *node, const char *address);
/* tags are separated by commas; NULL for none. */
const char *machine_service(struct machine *m, const char *node, const char *id, const char *name,
                            const char *tags, const char *address, int port);
const char *machine_check(struct machine *m, const char *node, const char *id,
                          const char *service_id, const char *status);
const char *machine_deregister(struct machine *m, const char *node, const char *service_id,
                               const char *check_id);
/* A key operation on its own: "refused" when it did not apply. The value is a text. */
const char *machine_kv(struct machine *m, enum txn_verb verb, const char *key, const char *value,
                       const char *session, uint64_t index);
/* A session on one node check, or without any when @check is "". */
const char *machine_session(struct machine *m, const char *id, const char *node,
                            const char *behavior, const char *check);
const char *machine_destroy(struct machine *m, const char *session_id);
const char *machine_reap(struct machine *m, uint64_t index);
const char *machine_txn(struct machine *m, struct txn_op ops[], uint32_t op_count);
const char *machine_query(struct machine *m, const char *id, const char *name, const char *service,
                          bool create);

const char *machine_coordinate(struct machine *m, const char *node, double x);

/** One command chosen at random among few names. @state  of the generator, not 0. */
void machine_random(struct machine *m, uint64_t *state);

#endif
