#ifndef LICTOR_CLI_CHILD_H
#define LICTOR_CLI_CHILD_H

/** Programs that commands run: the child of lock, the handlers of watch. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child_spec {
        char *const *argv; /* ends with NULL */
        bool shell;        /* the arguments, joined by blanks, are a script for $SHELL or sh */
        bool pass_stdin;   /* ours; otherwise the child reads input */
        const char *input; /* NULL: nothing to read */
        size_t input_length;
        const char *const *environment; /* "NAME=value" to add; ends with NULL */
        bool own_group; /* so that signals reach what it starts, too, and it ends with us */
};

struct child {
        pid_t pid;
        int fd; /* readable once it has ended; -1 when there is none */
        bool own_group;
};

/** Start it. returns  0, or a negative errno with @error saying why. */
int child_start(const struct child_spec *spec, struct child *out, char *error, size_t error_size);

/** Send it, and its group if it has one, a signal. */
void child_signal(const struct child *child, int number);

/**
 * Wait until it has ended.
 * @error   "exit status 3", "signal: killed", or "" for status 0.
 * returns  0 for status 0, otherwise -ECHILD.
 */
int child_wait(struct child *child, char *error, size_t error_size);

#endif
