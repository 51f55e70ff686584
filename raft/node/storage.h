#ifndef LICTOR_RAFT_STORAGE_H
#define LICTOR_RAFT_STORAGE_H

/**
 * What a node keeps: the log and the snapshots, in a directory or in memory. In memory the log is
 * only the core's own, and of snapshots there is the latest.
 *
 * Everything here may block on the disk. The log's functions run one at a time, in order; of the
 * snapshots' there may be one writer, one receiver and any number of senders beside them, each used
 * by one thread at a time.
 *
 * error arguments have STORAGE_ERROR_MAX bytes and say on failure what was wrong.
 */

#include "raft/core/raft.h"
#include "raft/files/files.h"

#define STORAGE_ERROR_MAX 1536u

struct storage;

/* What was there, ready for raft_create. */
struct storage_restored {
        struct raft_restored raft; /* entries are owned by this structure until taken over */
        struct raft_entry *entries;
        uint8_t *snapshot; /* the snapshot's body; NULL: none */
        size_t snapshot_length;
        char notice[STORAGE_ERROR_MAX]; /* worth a warning; or empty */
};

/**
 * Open and read everything: the newest valid snapshot, and the log behind it.
 * @dir    NULL: in memory. One of another node or cluster is refused.
 * @files  of dir; NULL: the kernel's. Outlive the storage.
 * returns 0 or a negative errno; -EUCLEAN damage; -ENODATA a gap between snapshot and log; -EXDEV
 * somebody else's.
 */
int storage_open(const char *dir, const struct raft_files *files, const char *node_id,
                 struct storage **out, struct storage_restored *restored, char *error);
/** Free the array, and entries that raft_create did not take. */
void storage_restored_fini(struct storage_restored *restored, bool entries_taken);
/** Close; NULL is allowed. */
void storage_close(struct storage *take_storage);

/** The log; wal.h's contracts. In memory these do nothing. */
int storage_append(struct storage *s, const struct raft_hard_state *hard_state,
                   const struct raft_entry *entries, size_t count);
int storage_sync(struct storage *s);
int storage_trim(struct storage *s, raft_index keep_from);
int storage_reset(struct storage *s, raft_index index, raft_term term);
/** The cluster this folder belongs to is known by now: the next start must find it so. */
int storage_join(struct storage *s, uint64_t cluster_id);
/** Whether appends will soon have to make their own room, and making it; failures show later. */
bool storage_wants_room(const struct storage *s);
void storage_make_room(struct storage *s);
/** Bytes given to the disk so far. Not while another log function runs. */
uint64_t storage_bytes_written(const struct storage *s);
/** What failed finally; empty when nothing did. */
const char *storage_error_text(const struct storage *s);
/** Whether writes need a thread of their own. */
bool storage_blocks(const struct storage *s);

/* What a snapshot is of. */
struct storage_snapshot {
        raft_index index;
        raft_term term;
        struct raft_configuration configuration;
};

typedef int (*storage_encode_fn)(void *gather,
                                 int (*write)(void *arg, const void *bytes, size_t length),
                                 void *arg);

/** Write a snapshot: encode fills it. @older_index becomes the oldest one's that is still kept. */
int storage_write_snapshot(struct storage *s, const struct storage_snapshot *snapshot,
                           storage_encode_fn encode, void *gather, raft_index *older_index,
                           char *error);

/** Sending: pieces of the snapshot's file, as they are; see snapshot_sender. */
struct storage_sender;
int storage_sender_open(struct storage *s, raft_index index, raft_term term,
                        struct storage_sender **out, char *error);
/** returns bytes read or a negative errno; *total is the whole length. */
int64_t storage_sender_read(struct storage_sender *sender, uint64_t offset, void *bytes,
                            size_t length, uint64_t *total);
void storage_sender_close(struct storage_sender *take_sender);

/** Receiving: write begins anew at offset 0. */
int storage_receive(struct storage *s, raft_index index, raft_term term, uint64_t offset,
                    const void *bytes, size_t length, char *error);
/**
 * All of it has come: verify, keep durably, and read it back.
 * @cluster_id  0: of any cluster.
 * @body        from malloc, for the caller.
 */
int storage_receive_finish(struct storage *s, uint64_t cluster_id,
                           struct storage_snapshot *snapshot, uint8_t **body, size_t *body_length,
                           char *error);

#endif
