#ifndef LICTOR_CLI_DEBUG_H
#define LICTOR_CLI_DEBUG_H

/* Shared by the parts of the debug command only. */

#include <stddef.h>

/** Make a folder and those on the way to it. returns 0; -EEXIST when it is there; another errno. */
int debug_make_folder(const char *path);

/**
 * Put files of a folder into FOLDER.tar.gz, written aside and renamed, under the folder's own name.
 * @names   of the files.
 * @error   on failure why.
 * returns  0 or -EIO.
 */
int debug_archive_write(const char *folder, const char *const names[], size_t count, char *error,
                        size_t error_size);

#endif
