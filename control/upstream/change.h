#ifndef CONTROL_UPSTREAM_CHANGE_H
#define CONTROL_UPSTREAM_CHANGE_H

/** Commands as calls of Consul's RPC, and what these answer. Pure; answers may be hostile. */

#include "control/consul/args.h"

/* What an answer tells. */
enum upstream_answer {
        UPSTREAM_NOTHING,
        UPSTREAM_APPLIED, /* whether it was */
        UPSTREAM_ID,      /* of what was created */
        UPSTREAM_TXN
};

/**
 * Append a command's arguments.
 * @datacenter  where it is to be carried out.
 * returns      its method; NULL for a command that is no call.
 */
const char *upstream_change_put(struct byte_buffer *args, const char *datacenter,
                                const struct command *command, enum upstream_answer *answer);

/** Read an answer into an initialised result. returns  0 or -EBADMSG. */
int upstream_change_get(enum upstream_answer answer, struct pack_slice body,
                        struct fsm_result *result);

#endif
