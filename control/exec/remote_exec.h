#ifndef CONTROL_EXEC_REMOTE_EXEC_H
#define CONTROL_EXEC_REMOTE_EXEC_H

/**
 * The agent's side of the exec command: an event says that there is a job, the key/value store has
 * it, and what becomes of it is written there under the session of whoever asked. Without that
 * session nothing can be written, and the job is ended.
 *
 * context  the loop's thread.
 */

#include <stddef.h>
#include <uv.h>

#include "control/ask/ask.h"
#include "control/log/log.h"

/* Jobs at a time; what comes beyond is not begun. */
#define REMOTE_EXEC_MAX 32u

struct remote_exec;

struct remote_exec_options {
        uv_loop_t *loop; /* borrowed for its life, as all here */
        const struct log *log;
        struct asker *asker;
        const struct ask_target *own; /* NULL: the agent has no HTTP API */
        const char *node_name;
};

/** returns  0 or -ENOMEM. */
int remote_exec_create(const struct remote_exec_options *options, struct remote_exec **out);
/** Ends what runs. NULL is let pass. */
void remote_exec_destroy(struct remote_exec *take_exec);

/** Do what an event tells. @payload  its, borrowed until return. */
void remote_exec_begin(struct remote_exec *exec, const char *payload, size_t len);

#endif
