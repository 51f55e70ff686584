#ifndef LICTOR_RAFT_SNAPSHOT_INTERNAL_H
#define LICTOR_RAFT_SNAPSHOT_INTERNAL_H

#include "raft/snapshot/snapshot_files.h"
#include "raft/snapshot/snapshot_format.h"

#define SNAPSHOT_PATH_MAX (RAFT_PATH_MAX + 64u)

#define SNAPSHOT_FINAL    ".snapshot"
#define SNAPSHOT_WRITING  ".writing"
#define SNAPSHOT_INCOMING ".incoming"
#define SNAPSHOT_DAMAGED  ".damaged"

// Large files are synced as they grow, so that no sync keeps the disk from the log for long.
#define SNAPSHOT_SYNC_BYTES (8u << 20)

struct snapshot_store {
        const struct raft_files *files;
        char folder[RAFT_PATH_MAX];
};

// Fill error with "path: what: reason of ret" and give ret back.
int snapshot_explain(char *error, int ret, const char *path, const char *what);

void snapshot_path(const struct snapshot_store *store, raft_index index, raft_term term,
                   const char *ending, char path[SNAPSHOT_PATH_MAX]);

// Give a whole and synced file its name, and remove what is now beyond the last two.
int snapshot_publish(const struct snapshot_store *store, raft_index index, raft_term term,
                     const char *ending, char *error);

// Open and verify the file with this ending. returns as snapshot_reader_open.
int snapshot_reader_open_file(const struct snapshot_store *store, raft_index index, raft_term term,
                              const char *ending, struct snapshot_reader **out, char *error);

#endif
