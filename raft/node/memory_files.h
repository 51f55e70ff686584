#ifndef LICTOR_RAFT_MEMORY_FILES_H
#define LICTOR_RAFT_MEMORY_FILES_H

/** A file system in memory, for a server that keeps nothing. Any thread. */

#include "raft/files/files.h"

/** returns NULL without memory. */
struct raft_files *memory_files_create(void);
/** All handles must have been closed. NULL is allowed. */
void memory_files_destroy(struct raft_files *take_files);

#endif
