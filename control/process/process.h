#ifndef CONTROL_PROCESS_PROCESS_H
#define CONTROL_PROCESS_PROCESS_H

/**
 * Programs an agent runs beside its own work: handlers of watches, remote commands, script checks.
 * Each is the head of a process group of its own, so that what it starts ends with it.
 *
 * context  the loop's thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct process;

struct process_spec {
        const char *const *argv;        /* ends with NULL; argv[0] is looked for in PATH */
        const char *input;              /* for its standard input; NULL: nothing */
        size_t input_len;               /* in bytes */
        const char *const *environment; /* "NAME=value" beside ours; ends with NULL; or NULL */
        /** What it writes to its outputs, as it comes; NULL when nobody wants to know. */
        void (*output)(void *arg, const char *bytes, size_t len);
        bool waits_for_output; /* its end is that of its output, whoever holds that; else 500 ms */
        /**
         * It has ended and its output is all told. The process is gone after return.
         * @signal  that ended it, 0 for none.
         */
        void (*ended)(void *arg, int64_t exit_status, int signal);
        void *arg;
};

/**
 * Start a program. Nothing is called back before return.
 * @spec    borrowed until return.
 * @error   on failure why, as Go's os/exec words it.
 * returns  0 or a negative errno.
 */
int process_start(uv_loop_t *loop, const struct process_spec *spec, struct process **out,
                  char *error, size_t error_size);

/** Send its group a signal. Who has taken over its output may be reached after its end, too. */
void process_signal(const struct process *process, int number);

/** Read no more of its output, or read on: what it writes meanwhile fills a pipe, then it waits. */
void process_hold(struct process *process, bool held);

/**
 * Read no more of its output, for good, and wait for nobody who holds it.
 * returns  whether it runs; else it has ended already and nothing will be called back.
 */
bool process_end_output(struct process *process);

/** Kill its group; nothing is called back. Its memory goes when it is reaped. */
void process_kill(struct process *take_process);

/**
 * Ask it to end with SIGTERM and wait for it no more; nothing is called back. Memory goes with the
 * loop's next turns.
 */
void process_abandon(struct process *take_process);

/**
 * A descriptor to read these bytes from, all of them there already, so that nobody has to feed a
 * pipe.
 * returns  it, or a negative errno.
 */
int process_input(const char *bytes, size_t len);

/**
 * Make the arguments that run a script by the user's shell.
 * @script  borrowed as long as the result is used.
 */
void process_shell(const char *script, const char *argv[4]);

/** Say how it ended as Go does, "exit status 3" or "signal: killed". returns  out; "" for 0. */
const char *process_end_text(int64_t exit_status, int signal, char *out, size_t size);

#endif
