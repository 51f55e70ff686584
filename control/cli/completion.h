#ifndef LICTOR_CLI_COMPLETION_H
#define LICTOR_CLI_COMPLETION_H

/**
 * Completion by the shell: it runs the program with the line so far in COMP_LINE, and gets what may
 * stand at its end, a line each. Where nothing is printed the shell offers files.
 */

#include <stdbool.h>
#include <stdio.h>

struct completion_request {
        const char *line;  /* the command line */
        const char *point; /* where the cursor is in it, as a number; NULL: at its end */
        const char *word;  /* what the shell will replace; NULL: the line's last word */
        bool describe;     /* a tab and what it is behind each */
};

/** Print what may come. returns  the exit status. */
int completion_print(const struct completion_request *request, FILE *out);

/** Whether an argument is one of those that completion_manage() is for. */
bool completion_is_request(const char *argument);

/**
 * -autocomplete-install and -autocomplete-uninstall change the files that shells read at their
 * start, -autocomplete-script=SHELL prints what would be written there.
 * @argv    all the program's arguments.
 * returns  the exit status.
 */
int completion_manage(int argc, char *const argv[]);

#endif
