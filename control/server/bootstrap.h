#ifndef CONTROL_SERVER_BOOTSTRAP_H
#define CONTROL_SERVER_BOOTSTRAP_H

/** Whether servers that met may begin a cluster, and which of them. Pure. */

#include "control/server/introduction.h"

enum bootstrap_verdict {
        BOOTSTRAP_WAIT, /* for more servers, or for all to have seen the same */
        BOOTSTRAP_GO,   /* with the plan's founders */
        BOOTSTRAP_JOIN, /* there is a cluster already: its leader adds this server */
};

struct bootstrap_plan {
        enum bootstrap_verdict verdict;
        uint64_t digest; /* of the founders, to be announced; 0: too few servers known */
        struct founder founders[FOUNDER_MAX]; /* in ascending order of their ids */
        unsigned founder_count;
        char conflict[512]; /* a line for the operator, "" when nothing is wrong */
};

/**
 * Decide for a server whose log is empty. All that expect the same number must know the same
 * founders, and know that the others do, before any of them begins.
 * @members  as discovery gives them, this server first.
 */
void bootstrap_plan_make(const struct server_member members[], size_t count,
                         struct bootstrap_plan *out);

/**
 * Whether a server that introduced itself may be known here.
 * @reason   gets a line for the operator when not.
 */
bool server_is_acceptable(const struct server_member members[], size_t count,
                          const struct server_info *stranger, char *reason, size_t reason_size);

/** A number that tells sets of founders apart; never 0. @founders in ascending order. */
uint64_t bootstrap_digest(const struct founder founders[], unsigned count);

#endif
