#ifndef LICTOR_RAFT_WAL_INTERNAL_H
#define LICTOR_RAFT_WAL_INTERNAL_H

#include "raft/wal/wal.h"
#include "raft/wal/wal_format.h"

#define WAL_STAGE_BYTES (1u << 20) // what a write gathers before it goes out
#define WAL_PAGE        4096u
#define WAL_PATH_MAX    (RAFT_PATH_MAX + 32u)

struct wal_segment {
        uint64_t sequence;
        uint64_t length;
        raft_index max_index; // of the entries in it; 0: none
};

struct wal_spare {
        uint64_t number;
        uint64_t length;
        bool rewritten;
};

struct wal {
        const struct raft_files *files;
        char folder[RAFT_PATH_MAX];
        int lock;
        uint32_t segment_bytes;
        uint32_t spare_max;

        // Oldest first; the last one is being written.
        struct wal_segment *segments;
        size_t segment_count;
        size_t segment_capacity;
        struct wal_spare *spares;
        size_t spare_count;
        size_t spare_capacity;
        uint64_t spare_next;

        int file; // of the last segment
        struct wal_segment_header header;
        uint8_t *stage; // records that belong at stage_offset
        size_t stage_capacity;
        size_t stage_used;
        uint64_t stage_offset;
        uint64_t durable;      // everything before this offset is
        uint64_t touched_end;  // pages before this offset have been written since its header
        uint64_t prepared_end; // blocks before this offset were written once, so have no news

        struct raft_hard_state hard_state;
        raft_index keep_from; // the first entry not forgotten
        raft_index last_index;
        bool unsynced;
        unsigned small_run; // how many small appends came one after another

        int error;
        char error_text[WAL_ERROR_MAX];
        struct wal_statistics statistics;
};

// Fill error with "what: reason of ret" and give ret back.
int wal_explain(char *error, int ret, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The same, for good.
int wal_fail(struct wal *wal, int ret, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void wal_segment_path(const struct wal *wal, uint64_t sequence, char path[WAL_PATH_MAX]);
void wal_spare_path(const struct wal *wal, uint64_t number, char path[WAL_PATH_MAX]);

// Note a segment or a spare. returns 0 or -ENOMEM.
int wal_segments_push(struct wal *wal, const struct wal_segment *segment);
int wal_spares_push(struct wal *wal, const struct wal_spare *spare);

// Make a spare of at least `needed` bytes and normally `length`. returns 0 or a negative errno.
int wal_spare_make(struct wal *wal, uint64_t length, uint64_t needed);

// Begin the next segment, with room for a record of `needed` bytes; the one before must be synced.
// returns 0 or a final error.
int wal_segment_begin(struct wal *wal, uint64_t needed);

// Give up the oldest segment: it becomes a spare or goes. returns 0 or a final error.
int wal_segment_retire(struct wal *wal);

// Write what is staged. returns 0 or a final error.
int wal_flush(struct wal *wal);

// Read all segments. returns 0 or a negative errno with error filled.
int wal_recover(struct wal *wal, struct wal_restored *restored, char *error);

static inline uint64_t wal_position(const struct wal *wal)
{
        return wal->stage_offset + wal->stage_used;
}

#endif
