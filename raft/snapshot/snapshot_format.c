#include "raft/snapshot/snapshot_format.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "raft/files/bytes.h"

static const uint8_t magic[8] = {'L', 'I', 'C', 'T', 'S', 'N', 'A', 'P'};

enum {
        HEADER_VERSION = 8,
        HEADER_LENGTH = 12,
        HEADER_INDEX = 16,
        HEADER_TERM = 24,
        HEADER_CONFIGURATION_LENGTH = 32,
        HEADER_ZERO = 36,
        HEADER_CONFIGURATION = 40,
        HEADER_CHECKSUM_BYTES = 8,

        BLOCK_STORED_LENGTH = 0,
        BLOCK_RAW_LENGTH = 4,
        BLOCK_CHECKSUM = 8,

        TRAILER_BODY_LENGTH = 8,
        TRAILER_BLOCK_COUNT = 16,
        TRAILER_FILE_LENGTH = 24,
};

size_t snapshot_header_encode(const struct snapshot_info *info, uint8_t out[SNAPSHOT_HEADER_MAX])
{
        struct raft_buffer *configuration = raft_configuration_encode(&info->configuration);
        size_t length;

        if (configuration == NULL)
                return 0;
        length = HEADER_CONFIGURATION + ((configuration->length + 7u) & ~(size_t)7u) +
                 HEADER_CHECKSUM_BYTES;
        if (length > SNAPSHOT_HEADER_MAX) {
                raft_buffer_unref(configuration);
                return 0;
        }
        memset(out, 0, length);
        memcpy(out, magic, sizeof(magic));
        bytes_put_u32(out + HEADER_VERSION, SNAPSHOT_FORMAT_VERSION);
        bytes_put_u32(out + HEADER_LENGTH, (uint32_t)length);
        bytes_put_u64(out + HEADER_INDEX, info->index);
        bytes_put_u64(out + HEADER_TERM, info->term);
        bytes_put_u32(out + HEADER_CONFIGURATION_LENGTH, configuration->length);
        memcpy(out + HEADER_CONFIGURATION, configuration->bytes, configuration->length);
        raft_buffer_unref(configuration);
        bytes_put_u64(out + length - HEADER_CHECKSUM_BYTES,
                      XXH3_64bits(out, length - HEADER_CHECKSUM_BYTES));
        return length;
}

int snapshot_header_length(const uint8_t prefix[SNAPSHOT_PREFIX_BYTES], size_t *length)
{
        *length = bytes_get_u32(prefix + HEADER_LENGTH);
        if (memcmp(prefix, magic, sizeof(magic)) != 0 ||
            *length < HEADER_CONFIGURATION + HEADER_CHECKSUM_BYTES || *length > SNAPSHOT_HEADER_MAX)
                return -EUCLEAN;
        return 0;
}

int snapshot_header_decode(const uint8_t *bytes, size_t length, struct snapshot_info *info)
{
        uint32_t configuration_length;

        if (bytes_get_u64(bytes + length - HEADER_CHECKSUM_BYTES) !=
            XXH3_64bits(bytes, length - HEADER_CHECKSUM_BYTES))
                return -EUCLEAN;
        if (bytes_get_u32(bytes + HEADER_VERSION) != SNAPSHOT_FORMAT_VERSION)
                return -ENOTSUP;
        memset(info, 0, sizeof(*info));
        info->index = bytes_get_u64(bytes + HEADER_INDEX);
        info->term = bytes_get_u64(bytes + HEADER_TERM);
        configuration_length = bytes_get_u32(bytes + HEADER_CONFIGURATION_LENGTH);
        if (configuration_length > length - HEADER_CONFIGURATION - HEADER_CHECKSUM_BYTES ||
            raft_configuration_decode(bytes + HEADER_CONFIGURATION, configuration_length,
                                      &info->configuration) != 0)
                return -EUCLEAN;
        return 0;
}

static uint64_t block_checksum(const uint8_t *lengths, uint64_t number, const void *stored,
                               size_t stored_length)
{
        // The lengths take part through the seed, so that the block is hashed in one piece.
        return XXH3_64bits_withSeed(stored, stored_length,
                                    XXH3_64bits_withSeed(lengths, BLOCK_CHECKSUM, number));
}

void snapshot_block_encode(uint8_t out[SNAPSHOT_BLOCK_HEADER_BYTES], uint64_t number,
                           const void *stored, uint32_t stored_length, uint32_t raw_length)
{
        bytes_put_u32(out + BLOCK_STORED_LENGTH, stored_length);
        bytes_put_u32(out + BLOCK_RAW_LENGTH, raw_length);
        bytes_put_u64(out + BLOCK_CHECKSUM, block_checksum(out, number, stored, stored_length));
}

int snapshot_block_decode(const uint8_t bytes[SNAPSHOT_BLOCK_HEADER_BYTES],
                          struct snapshot_block *block)
{
        block->stored_length = bytes_get_u32(bytes + BLOCK_STORED_LENGTH);
        block->raw_length = bytes_get_u32(bytes + BLOCK_RAW_LENGTH);
        block->checksum = bytes_get_u64(bytes + BLOCK_CHECKSUM);
        if (block->raw_length > SNAPSHOT_BLOCK_BYTES || block->stored_length > block->raw_length ||
            (block->stored_length == 0 && block->raw_length != 0))
                return -EUCLEAN;
        return 0;
}

bool snapshot_block_is_whole(const struct snapshot_block *block, uint64_t number,
                             const void *stored)
{
        uint8_t lengths[BLOCK_CHECKSUM];

        bytes_put_u32(lengths + BLOCK_STORED_LENGTH, block->stored_length);
        bytes_put_u32(lengths + BLOCK_RAW_LENGTH, block->raw_length);
        return block->checksum == block_checksum(lengths, number, stored, block->stored_length);
}

void snapshot_trailer_encode(uint8_t out[SNAPSHOT_TRAILER_BYTES],
                             const struct snapshot_trailer *trailer)
{
        memset(out, 0, SNAPSHOT_TRAILER_BYTES);
        bytes_put_u64(out + TRAILER_BODY_LENGTH, trailer->body_length);
        bytes_put_u64(out + TRAILER_BLOCK_COUNT, trailer->block_count);
        bytes_put_u64(out + TRAILER_FILE_LENGTH, trailer->file_length);
}

void snapshot_trailer_put_hash(uint8_t out[SNAPSHOT_TRAILER_BYTES], const uint64_t hash[2])
{
        bytes_put_u64(out + SNAPSHOT_TRAILER_HASH_OFFSET, hash[0]);
        bytes_put_u64(out + SNAPSHOT_TRAILER_HASH_OFFSET + 8, hash[1]);
}

void snapshot_trailer_decode(const uint8_t bytes[SNAPSHOT_TRAILER_BYTES],
                             struct snapshot_trailer *trailer)
{
        trailer->body_length = bytes_get_u64(bytes + TRAILER_BODY_LENGTH);
        trailer->block_count = bytes_get_u64(bytes + TRAILER_BLOCK_COUNT);
        trailer->file_length = bytes_get_u64(bytes + TRAILER_FILE_LENGTH);
        trailer->hash[0] = bytes_get_u64(bytes + SNAPSHOT_TRAILER_HASH_OFFSET);
        trailer->hash[1] = bytes_get_u64(bytes + SNAPSHOT_TRAILER_HASH_OFFSET + 8);
}
