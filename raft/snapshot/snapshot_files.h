#ifndef LICTOR_RAFT_SNAPSHOT_FILES_H
#define LICTOR_RAFT_SNAPSHOT_FILES_H

/**
 * Snapshot files: made aside, synced, renamed; the last two are kept. raft/README.md describes the
 * format.
 *
 * Every function blocks on the disk: run them off the event loop. A store is read-only after
 * snapshot_store_open and may be used by several threads; a writer, reader, sender or receiver
 * belongs to one caller at a time. There is at most one writer and one receiver per store.
 *
 * error arguments have SNAPSHOT_ERROR_MAX bytes and say, on failure, which file, what was wrong and
 * what to do.
 */

#include "raft/core/raft.h"
#include "raft/files/files.h"

#define SNAPSHOT_ERROR_MAX 768u
#define SNAPSHOT_KEEP      2u
#define SNAPSHOT_LIST_MAX  16u

/* What a snapshot says of itself. */
struct snapshot_info {
        raft_index index; /* last entry included */
        raft_term term;
        struct raft_configuration configuration; /* as of index; names the cluster */
};

struct snapshot_store;

/**
 * Open the folder, made unless it is there, and remove what crashes left unfinished.
 * @files  NULL: raft_posix_files; outlives the store.
 */
int snapshot_store_open(const char *folder, const struct raft_files *files,
                        struct snapshot_store **out, char *error);
/** Free it. Its readers, writers and the like must be gone. NULL is allowed. */
void snapshot_store_close(struct snapshot_store *take_store);

struct snapshot_file {
        raft_index index;
        raft_term term;
        uint64_t length; /* bytes */
};

/** The store's files, newest first, unverified. returns how many (at most SNAPSHOT_LIST_MAX), or a
 * negative errno. */
int snapshot_list(const struct snapshot_store *store, struct snapshot_file out[SNAPSHOT_LIST_MAX]);

/**
 * Writing one.
 *
 * open    begins a file aside; info is borrowed for the call.
 * write   adds bytes of the body: the shape of snapshot_sink, so that an encoder can take it.
 * commit  finishes, syncs, renames, removes snapshots beyond the last two; frees the writer, also
 *         when it fails. *length (may be NULL) becomes the file's.
 * abort   drops what was written and frees the writer. NULL is allowed.
 */
struct snapshot_writer;
int snapshot_writer_open(const struct snapshot_store *store, const struct snapshot_info *info,
                         struct snapshot_writer **out, char *error);
int snapshot_writer_write(void *writer, const void *bytes, size_t length);
int snapshot_writer_commit(struct snapshot_writer *take_writer, uint64_t *length, char *error);
void snapshot_writer_abort(struct snapshot_writer *take_writer);

/** Takes bytes of a body in order; non-zero stops and becomes the result. */
typedef int (*snapshot_sink)(void *argument, const void *bytes, size_t length);

/**
 * Reading one.
 *
 * open         a given file: verifies every checksum of it before returning.
 * open_newest  the newest that verifies. -ENOENT: there is no snapshot at all (error is empty);
 *              -EUCLEAN: there are, but none is whole. notice (SNAPSHOT_ERROR_MAX bytes) names the
 *              damaged ones that were passed over, and is empty when there were none.
 * body         gives the decoded body to sink; may be called again.
 */
struct snapshot_reader;
int snapshot_reader_open(const struct snapshot_store *store, raft_index index, raft_term term,
                         struct snapshot_reader **out, char *error);
int snapshot_reader_open_newest(const struct snapshot_store *store, struct snapshot_reader **out,
                                char *notice, char *error);
const struct snapshot_info *snapshot_reader_info(const struct snapshot_reader *reader);
int snapshot_reader_body(struct snapshot_reader *reader, snapshot_sink sink, void *argument,
                         char *error);
void snapshot_reader_close(struct snapshot_reader *take_reader);

/**
 * Sending one: the file's bytes as they are, which stay readable while the sender is open even if
 * the file is superseded and removed. read returns how many bytes it got, fewer than asked for only
 * at the end; or a negative errno.
 */
struct snapshot_sender;
int snapshot_sender_open(const struct snapshot_store *store, raft_index index, raft_term term,
                         struct snapshot_sender **out, char *error);
uint64_t snapshot_sender_length(const struct snapshot_sender *sender);
int64_t snapshot_sender_read(struct snapshot_sender *sender, uint64_t offset, void *bytes,
                             size_t length);
void snapshot_sender_close(struct snapshot_sender *take_sender);

/**
 * Receiving one, in chunks.
 *
 * open    begins it anew, aside.
 * write   at offset: 0 starts over, the current length goes on, anything else is -ESPIPE and
 *         changes nothing. Another failure ends the receiver: finish then fails.
 * finish  verifies the whole file - that it is the snapshot of index and term and, unless
 *         cluster_id is 0, of this cluster - syncs, renames, and removes snapshots
 *         beyond the last two; frees the receiver, also when it fails. -EUCLEAN: damaged;
 *         -EXDEV: another cluster's; -ENOTSUP: a newer format.
 * abort   drops it and frees the receiver. NULL is allowed.
 */
struct snapshot_receiver;
int snapshot_receiver_open(const struct snapshot_store *store, raft_index index, raft_term term,
                           struct snapshot_receiver **out, char *error);
uint64_t snapshot_receiver_length(const struct snapshot_receiver *receiver);
int snapshot_receiver_write(struct snapshot_receiver *receiver, uint64_t offset, const void *bytes,
                            size_t length);
int snapshot_receiver_finish(struct snapshot_receiver *take_receiver, uint64_t cluster_id,
                             char *error);
void snapshot_receiver_abort(struct snapshot_receiver *take_receiver);

#endif
