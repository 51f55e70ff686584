#ifndef LICTOR_CLI_SNAPSHOT_FILE_H
#define LICTOR_CLI_SNAPSHOT_FILE_H

/* Shared by the snapshot commands only. */

#include "control/cli/input.h"

/** The one file among the arguments. returns 0 or, having told what is wrong, the exit status. */
int snapshot_file_argument(int argc, char *const argv[], int rest, const char **path);

/** Read it; @out is freed in any case. returns likewise. */
int snapshot_file_read(const char *path, struct input *out);

#endif
