#include "raft/wal/wal_format.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "raft/files/bytes.h"

static const uint8_t magic[8] = {'L', 'I', 'C', 'T', 'W', 'A', 'L', 0};

enum {
        SEGMENT_VERSION = 8,
        SEGMENT_FLAGS = 12,
        SEGMENT_SEQUENCE = 16,
        SEGMENT_KEY = 24,
        SEGMENT_LENGTH = 32,
        SEGMENT_PREVIOUS_KEY = 40,
        SEGMENT_PREVIOUS_END = 48,
        SEGMENT_LAST_INDEX = 56,
        SEGMENT_KEEP_FROM = 64,
        SEGMENT_TERM = 72,
        SEGMENT_VOTE = 80,
        SEGMENT_CHECKSUM = 120,

        RECORD_CHECKSUM = 0,
        RECORD_HEADER_CHECK = 8,
        RECORD_LENGTH = 12,
        RECORD_DURABLE = 16,
        RECORD_TYPE = 20,
        RECORD_ENTRY_TYPE = 21,
        RECORD_ZERO = 22,
        RECORD_INDEX = 24,
        RECORD_TERM = 32,
};

#define FLAG_REWRITTEN 1u

void wal_segment_header_encode(const struct wal_segment_header *header,
                               uint8_t out[WAL_SEGMENT_HEADER_BYTES])
{
        memset(out, 0, WAL_SEGMENT_HEADER_BYTES);
        memcpy(out, magic, sizeof(magic));
        bytes_put_u32(out + SEGMENT_VERSION, WAL_FORMAT_VERSION);
        bytes_put_u32(out + SEGMENT_FLAGS, header->rewritten ? FLAG_REWRITTEN : 0);
        bytes_put_u64(out + SEGMENT_SEQUENCE, header->sequence);
        bytes_put_u64(out + SEGMENT_KEY, header->key);
        bytes_put_u64(out + SEGMENT_LENGTH, header->length);
        bytes_put_u64(out + SEGMENT_PREVIOUS_KEY, header->previous_key);
        bytes_put_u64(out + SEGMENT_PREVIOUS_END, header->previous_end);
        bytes_put_u64(out + SEGMENT_LAST_INDEX, header->last_index);
        bytes_put_u64(out + SEGMENT_KEEP_FROM, header->keep_from);
        bytes_put_u64(out + SEGMENT_TERM, header->hard_state.term);
        bytes_put_u64(out + SEGMENT_VOTE, header->hard_state.vote);
        bytes_put_u64(out + SEGMENT_CHECKSUM, XXH3_64bits(out, SEGMENT_CHECKSUM));
}

int wal_segment_header_decode(const uint8_t bytes[WAL_SEGMENT_HEADER_BYTES],
                              struct wal_segment_header *header)
{
        if (memcmp(bytes, magic, sizeof(magic)) != 0 ||
            bytes_get_u64(bytes + SEGMENT_CHECKSUM) != XXH3_64bits(bytes, SEGMENT_CHECKSUM))
                return -EUCLEAN;
        if (bytes_get_u32(bytes + SEGMENT_VERSION) != WAL_FORMAT_VERSION)
                return -ENOTSUP;
        *header = (struct wal_segment_header){
            .sequence = bytes_get_u64(bytes + SEGMENT_SEQUENCE),
            .key = bytes_get_u64(bytes + SEGMENT_KEY),
            .length = bytes_get_u64(bytes + SEGMENT_LENGTH),
            .previous_key = bytes_get_u64(bytes + SEGMENT_PREVIOUS_KEY),
            .previous_end = bytes_get_u64(bytes + SEGMENT_PREVIOUS_END),
            .last_index = bytes_get_u64(bytes + SEGMENT_LAST_INDEX),
            .keep_from = bytes_get_u64(bytes + SEGMENT_KEEP_FROM),
            .hard_state.term = bytes_get_u64(bytes + SEGMENT_TERM),
            .hard_state.vote = bytes_get_u64(bytes + SEGMENT_VOTE),
            .rewritten = (bytes_get_u32(bytes + SEGMENT_FLAGS) & FLAG_REWRITTEN) != 0,
        };
        return 0;
}

static uint32_t header_check(const uint8_t *at, uint64_t key, uint64_t offset)
{
        return (uint32_t)XXH3_64bits_withSeed(
            at + RECORD_LENGTH, WAL_RECORD_HEADER_BYTES - RECORD_LENGTH, key + offset);
}

static uint64_t record_checksum(const uint8_t *at, size_t size, uint64_t key, uint64_t offset)
{
        return XXH3_64bits_withSeed(at + RECORD_HEADER_CHECK, size - RECORD_HEADER_CHECK,
                                    key + offset);
}

void wal_record_encode(uint8_t *out, uint64_t key, uint64_t offset, const struct wal_record *record,
                       const void *payload)
{
        size_t size = wal_record_size(record->length);

        bytes_put_u32(out + RECORD_LENGTH, record->length);
        bytes_put_u32(out + RECORD_DURABLE, (uint32_t)(record->durable / 8));
        out[RECORD_TYPE] = record->type;
        out[RECORD_ENTRY_TYPE] = record->entry_type;
        out[RECORD_ZERO] = 0;
        out[RECORD_ZERO + 1] = 0;
        bytes_put_u64(out + RECORD_INDEX, record->index);
        bytes_put_u64(out + RECORD_TERM, record->term);
        bytes_put_u32(out + RECORD_HEADER_CHECK, header_check(out, key, offset));
        if (record->length > 0)
                memcpy(out + WAL_RECORD_HEADER_BYTES, payload, record->length);
        memset(out + WAL_RECORD_HEADER_BYTES + record->length, 0,
               size - WAL_RECORD_HEADER_BYTES - record->length);
        bytes_put_u64(out + RECORD_CHECKSUM, record_checksum(out, size, key, offset));
}

bool wal_record_begins(const uint8_t *segment, size_t segment_length, size_t offset, uint64_t key)
{
        const uint8_t *at = segment + offset;

        return segment_length - offset >= WAL_RECORD_HEADER_BYTES && at[RECORD_TYPE] != 0 &&
               bytes_get_u32(at + RECORD_HEADER_CHECK) == header_check(at, key, offset);
}

int wal_record_decode(const uint8_t *segment, size_t segment_length, size_t offset, uint64_t key,
                      struct wal_record *record)
{
        const uint8_t *at = segment + offset;
        size_t size;

        if (!wal_record_begins(segment, segment_length, offset, key))
                return -EUCLEAN;
        record->length = bytes_get_u32(at + RECORD_LENGTH);
        size = wal_record_size(record->length);
        if (size > segment_length - offset ||
            bytes_get_u64(at + RECORD_CHECKSUM) != record_checksum(at, size, key, offset))
                return -EUCLEAN;
        record->durable = (uint64_t)bytes_get_u32(at + RECORD_DURABLE) * 8;
        record->type = at[RECORD_TYPE];
        record->entry_type = at[RECORD_ENTRY_TYPE];
        record->index = bytes_get_u64(at + RECORD_INDEX);
        record->term = bytes_get_u64(at + RECORD_TERM);
        return record->durable <= offset ? 0 : -EUCLEAN;
}
