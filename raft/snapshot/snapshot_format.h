#ifndef LICTOR_RAFT_SNAPSHOT_FORMAT_H
#define LICTOR_RAFT_SNAPSHOT_FORMAT_H

/** The bytes around a snapshot's compressed blocks; raft/README.md has the tables. */

#include <stddef.h>
#include <stdint.h>

#include "raft/snapshot/snapshot_files.h"

#define SNAPSHOT_FORMAT_VERSION      1u
#define SNAPSHOT_PREFIX_BYTES        16u /* enough to know the header's length */
#define SNAPSHOT_HEADER_MAX          8192u
#define SNAPSHOT_BLOCK_BYTES         (256u << 10) /* of the body in a block, before compression */
#define SNAPSHOT_BLOCK_HEADER_BYTES  16u
#define SNAPSHOT_TRAILER_BYTES       48u
#define SNAPSHOT_TRAILER_HASH_OFFSET 32u

/** The header of a file. returns its length, or 0 when the configuration cannot be encoded. */
size_t snapshot_header_encode(const struct snapshot_info *info, uint8_t out[SNAPSHOT_HEADER_MAX]);

/**
 * The header's whole length, from its first SNAPSHOT_PREFIX_BYTES.
 * returns 0, or -EUCLEAN when this begins no snapshot.
 */
int snapshot_header_length(const uint8_t prefix[SNAPSHOT_PREFIX_BYTES], size_t *length);

/** returns 0; -EUCLEAN; -ENOTSUP for a newer format. */
int snapshot_header_decode(const uint8_t *bytes, size_t length, struct snapshot_info *info);

struct snapshot_block {
        uint32_t stored_length; /* in the file; as raw_length when it is not compressed */
        uint32_t raw_length;    /* 1 to SNAPSHOT_BLOCK_BYTES; 0 with stored_length 0: the trailer */
        uint64_t checksum;
};

/** A block's header, checksum included. @number counts from 0. */
void snapshot_block_encode(uint8_t out[SNAPSHOT_BLOCK_HEADER_BYTES], uint64_t number,
                           const void *stored, uint32_t stored_length, uint32_t raw_length);

/** returns 0 or -EUCLEAN for lengths that cannot be. The trailer's start decodes too. */
int snapshot_block_decode(const uint8_t bytes[SNAPSHOT_BLOCK_HEADER_BYTES],
                          struct snapshot_block *block);

/** Whether the block's bytes are the ones its header was made for. */
bool snapshot_block_is_whole(const struct snapshot_block *block, uint64_t number,
                             const void *stored);

struct snapshot_trailer {
        uint64_t body_length;
        uint64_t block_count;
        uint64_t file_length; /* trailer included */
        uint64_t hash[2];     /* XXH3-128 of everything before it, low half first */
};

/** Encoding leaves the hash to be put by the second function, once it covers what stands before. */
void snapshot_trailer_encode(uint8_t out[SNAPSHOT_TRAILER_BYTES],
                             const struct snapshot_trailer *trailer);
void snapshot_trailer_put_hash(uint8_t out[SNAPSHOT_TRAILER_BYTES], const uint64_t hash[2]);
void snapshot_trailer_decode(const uint8_t bytes[SNAPSHOT_TRAILER_BYTES],
                             struct snapshot_trailer *trailer);

#endif
