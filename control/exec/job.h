#ifndef CONTROL_EXEC_JOB_H
#define CONTROL_EXEC_JOB_H

/**
 * What Consul's exec command leaves for agents: an event that names a folder of the key/value
 * store, and in it the job. Pure.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define EXEC_EVENT "_rexec"

#define EXEC_PREFIX_MAX  256
#define EXEC_SESSION_MAX 40
#define EXEC_WAIT_MIN_MS 100u
#define EXEC_WAIT_MAX_MS 3600000u

/* An event's payload. */
struct exec_order {
        char prefix[EXEC_PREFIX_MAX];
        char session[EXEC_SESSION_MAX];
};

/** returns  0, or -EINVAL for what is no order. */
int exec_order_read(const char *text, size_t length, struct exec_order *out);

enum exec_kind { EXEC_COMMAND, EXEC_ARGS, EXEC_SCRIPT };

struct exec_job {
        enum exec_kind kind;
        char *text;            /* COMMAND: for a shell; SCRIPT: a file's content; owned */
        size_t length;         /* of it */
        json_t *args;          /* ARGS: one string at least; owned */
        uint64_t heartbeat_ms; /* after so long without output the job is said to live */
};

/** returns  0, -EINVAL for what is no job, or -ENOMEM. */
int exec_job_read(const char *text, size_t length, struct exec_job *out);
/** Free what it holds. */
void exec_job_fini(struct exec_job *job);

/**
 * Where in the API a key of the order's folder is, "/v1/kv/PREFIX/SESSION/NODE/NAME?QUERY".
 * @node    NULL for keys of the folder itself.
 * returns  freed with free(); NULL without memory.
 */
char *exec_path(const struct exec_order *order, const char *node, const char *name,
                const char *query);

#endif
