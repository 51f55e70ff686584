#ifndef CONTROL_SERVER_RAFT_LOG_H
#define CONTROL_SERVER_RAFT_LOG_H

/**
 * The replicated log before the state machine: what a majority has is applied to the store here, in
 * order, and whoever proposed it on this server gets the result.
 *
 * context  the control thread.
 */

#include "control/fsm/propose.h"
#include "control/log/log.h"
#include "raft/node/node.h"

struct raft_log;

struct raft_log_options {
        struct store *store; /* borrowed for the log's life, as fsm and log */
        struct fsm *fsm;
        const struct log *log;
        struct raft_node_options node; /* machine and events.abandoned are filled in */
};

/** Open the storage and restore the state. @error one line. returns  0 or a negative errno. */
int raft_log_create(struct raft_log **out, const struct raft_log_options *options, char *error,
                    size_t error_size);

/** Stop; what is proposed and not applied fails. @closed is called last, may be NULL. */
void raft_log_close(struct raft_log *take_log, void (*closed)(void *arg), void *arg);

/** The node below; borrowed. */
struct raft_node *raft_log_node(const struct raft_log *log);

/**
 * Propose on the leader.
 * @bytes   an encoded command, borrowed until return.
 * @done    called exactly once when 0 is returned, never before; not otherwise. May be NULL.
 * returns  0; -ENOTSUP an unknown command; -E2BIG; -EPERM or -EBUSY: not the leader (any more), try
 *          where it is; another negative errno.
 */
int raft_log_propose(struct raft_log *log, const uint8_t *bytes, size_t len, propose_done_fn done,
                     void *arg);

#endif
