#ifndef LICTOR_CLI_COMMANDS_H
#define LICTOR_CLI_COMMANDS_H

/** The table of commands: what runs them, what helps with them, and what completes them. */

#include "control/cli/cli.h"

/* A command, or a group of them: one of run and parts is set. */
struct command {
        const char *name;
        const char *about;
        int (*run)(int argc, char *const argv[]);
        const struct flag_set *flags;
        const struct command *parts; /* ends with one without a name */
};

/* In the order of their names; ends with one without. */
extern const struct command commands[];

/** The one of that name, or NULL. */
const struct command *command_find(const struct command *parts, const char *name);

#endif
