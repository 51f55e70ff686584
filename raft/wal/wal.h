#ifndef LICTOR_RAFT_WAL_H
#define LICTOR_RAFT_WAL_H

/**
 * The write-ahead log: what raft_collect's effects say must be on disk. raft/README.md describes
 * the files.
 *
 * Every function blocks on the disk: run them off the event loop, one at a time per log, in the
 * order of the batches. None touches a buffer's reference count, so entries may be lent from the
 * loop's thread for the length of a call.
 *
 * A failed write or sync is final: the kernel may have dropped the data and a second sync would
 * lie. Every later call returns the same error; the caller stops the server. What had been synced
 * before is there at the next start.
 */

#include "raft/core/raft.h"
#include "raft/files/files.h"

#define WAL_ERROR_MAX      512u
#define WAL_SEGMENT_BYTES  (64u << 20)
#define WAL_SEGMENT_MIN    4096u
#define WAL_PAYLOAD_MAX    ((256u << 20) - 1u)
#define WAL_LATENCY_LEVELS 24u

struct wal_options {
        uint32_t segment_bytes;         /* 0: WAL_SEGMENT_BYTES; a full disk makes smaller ones */
        uint32_t spare_max;             /* emptied segments kept for reuse; 0: 2 */
        raft_index snapshot_index;      /* of the snapshot that will be restored; 0: none */
        raft_term snapshot_term;        /* its term */
        bool must_exist;                /* this server has run before: an empty folder is a loss */
        const struct raft_files *files; /* NULL: raft_posix_files; outlives the log */
};

/* What the log held. */
struct wal_restored {
        struct raft_hard_state hard_state;
        raft_index base_index; /* entries begin behind it; 0: from the very first */
        struct raft_entry *entries;
        size_t entry_count;
        char notice[WAL_ERROR_MAX]; /* worth a line in the server's log: a torn tail; or empty */
};

struct wal;

/**
 * Open the log in a folder, which is made unless it is there, and read it. Cuts a torn tail, says
 * so in restored->notice, and syncs what it has read: what is restored is durable. A log that does
 * not hold the snapshot's last entry with its term is reset behind the snapshot, as wal_reset does:
 * the crash came between the two.
 * @restored  filled on success; wal_restored_fini frees it, or raft_create takes the entries' data
 *            over and only the array is left to free().
 * @error     WAL_ERROR_MAX bytes: on failure what is wrong, where, and what to do.
 * returns 0; -EUCLEAN for damage; -ENOTSUP for a newer format; -EWOULDBLOCK while another process
 * has it open; -ENODATA for a log that is gone (must_exist), or lacks entries behind the snapshot;
 * -ENOSPC; -ENOMEM; another errno.
 */
int wal_open(const char *folder, const struct wal_options *options, struct wal **out,
             struct wal_restored *restored, char *error);

/** Free entries and their data. */
void wal_restored_fini(struct wal_restored *restored);

/** Close the files and free it; nothing is written or synced. NULL is allowed. */
void wal_close(struct wal *take_wal);

/**
 * Write a batch: the hard state (NULL: unchanged), then entries, the first of which replaces what
 * the log holds from its index on. Durable after wal_sync only.
 * returns 0; -EINVAL for entries that are not consecutive, leave a gap or are too large (nothing is
 * written and the log stays usable); else a final error.
 */
int wal_append(struct wal *wal, const struct raft_hard_state *hard_state,
               const struct raft_entry *entries, size_t count);

/** Make everything appended so far durable. returns 0 or a final error. */
int wal_sync(struct wal *wal);

/**
 * Forget entries before keep_from: segments wholly behind it are kept as spares or removed. Keep
 * what the older of the two kept snapshots needs, or falling back to it leaves a gap. Needs no
 * wal_sync. returns 0 or a final error.
 */
int wal_trim(struct wal *wal, raft_index keep_from);

/**
 * After an installed snapshot whose last entry the log does not hold with the same term: forget all
 * entries; the next one is index + 1. The hard state stays. Durable on return.
 * returns 0 or a final error.
 */
int wal_reset(struct wal *wal, raft_index index, raft_term term);

/**
 * Have a spare segment ready, so that no append has to make one. Worth a call after open and
 * whenever statistics.spare_count is 0. returns 0 or a negative errno, which is not final.
 */
int wal_prepare(struct wal *wal);

struct wal_statistics {
        uint64_t payload_bytes; /* entry data appended */
        uint64_t record_bytes;  /* with record headers and padding */
        uint64_t written_bytes; /* handed to the disk, in whole pages, zeros included */
        uint64_t append_count;  /* calls */
        uint64_t sync_count;    /* calls that had something to sync */
        uint64_t sync_last_us;  /* what the last one took */
        uint64_t sync_max_us;   /* what the longest took */
        uint64_t sync_total_us; /* of all */
        uint64_t sync_latency[WAL_LATENCY_LEVELS]; /* [i]: below 2^i us, the last one all else */
        uint32_t segment_count;                    /* in use */
        uint32_t spare_count;                      /* emptied or prepared, waiting */
        uint64_t disk_bytes;                       /* both kinds together */
        raft_index first_index; /* first entry held; last_index + 1 when there is none */
        raft_index last_index;
};

/** Counters since open. Not to be called while another call is running. */
void wal_statistics(const struct wal *wal, struct wal_statistics *out);

/** What the final error was: where and why; empty when there was none. Borrowed. */
const char *wal_error_text(const struct wal *wal);

#endif
