#ifndef LICTOR_RAFT_WAL_FORMAT_H
#define LICTOR_RAFT_WAL_FORMAT_H

/**
 * The bytes of log segments; raft/README.md has the tables. Every record is checked with the key of
 * its segment and its place in it, so that what an earlier use of the file left behind, or what
 * belongs elsewhere, is never taken for a record.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/core/raft.h"

#define WAL_FORMAT_VERSION       1u
#define WAL_SEGMENT_HEADER_BYTES 128u
#define WAL_RECORD_HEADER_BYTES  40u

struct wal_segment_header {
        uint64_t sequence; /* consecutive, as in the file's name */
        uint64_t key;      /* random, of this use of the file */
        uint64_t length;   /* of the file */
        uint64_t previous_key;
        uint64_t previous_end; /* where the records of the segment before end */
        raft_index last_index; /* of the log before this segment */
        raft_index keep_from;  /* entries before are forgotten */
        struct raft_hard_state hard_state;
        bool rewritten; /* the file held data before: no block of it is new to the file system */
};

enum wal_record_type {
        WAL_RECORD_ENTRY = 1,
        WAL_RECORD_HARD_STATE = 2, /* index is the vote */
        WAL_RECORD_TRIM = 3,       /* entries before index are forgotten */
        WAL_RECORD_RESET = 4,      /* all entries are forgotten, the next is index + 1 */
};

struct wal_record {
        uint8_t type;
        uint8_t entry_type;
        uint32_t length;
        uint64_t durable; /* how much of the segment was durable when this was written */
        raft_index index;
        raft_term term;
};

/** A segment's first bytes. */
void wal_segment_header_encode(const struct wal_segment_header *header,
                               uint8_t out[WAL_SEGMENT_HEADER_BYTES]);

/** returns 0; -EUCLEAN when these bytes are no whole header; -ENOTSUP for a newer format. */
int wal_segment_header_decode(const uint8_t bytes[WAL_SEGMENT_HEADER_BYTES],
                              struct wal_segment_header *header);

/** Bytes a record with this much payload takes in the file. */
static inline size_t wal_record_size(size_t length)
{
        return WAL_RECORD_HEADER_BYTES + ((length + 7u) & ~(size_t)7u);
}

/** Write wal_record_size(record->length) bytes: the record that stands at offset. */
void wal_record_encode(uint8_t *out, uint64_t key, uint64_t offset, const struct wal_record *record,
                       const void *payload);

/**
 * Read the record at offset of a segment held in memory; its payload follows its header.
 * returns 0; -EUCLEAN when there is no whole record of this segment.
 */
int wal_record_decode(const uint8_t *segment, size_t segment_length, size_t offset, uint64_t key,
                      struct wal_record *record);

/** Whether a record's header stands whole at offset, though its payload may not. */
bool wal_record_begins(const uint8_t *segment, size_t segment_length, size_t offset, uint64_t key);

#endif
