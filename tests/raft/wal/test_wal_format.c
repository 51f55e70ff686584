#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/wal/wal_format.h"

#define KEY 0x0123456789abcdefu

static const struct {
        const char *name;
        struct wal_record record;
} records[] = {
    {"a no-op", {WAL_RECORD_ENTRY, RAFT_ENTRY_NOOP, 0, 0, 1, 1}},
    {"one byte", {WAL_RECORD_ENTRY, RAFT_ENTRY_COMMAND, 1, 128, 2, 1}},
    {"seven bytes", {WAL_RECORD_ENTRY, RAFT_ENTRY_COMMAND, 7, 128, 3, 1}},
    {"eight bytes", {WAL_RECORD_ENTRY, RAFT_ENTRY_CONFIGURATION, 8, 136, 4, 2}},
    {"a vote", {WAL_RECORD_HARD_STATE, 0, 0, 0, UINT64_MAX, UINT64_MAX}},
    {"a trim", {WAL_RECORD_TRIM, 0, 0, 0, 77, 0}},
    {"a large one", {WAL_RECORD_ENTRY, RAFT_ENTRY_COMMAND, 3000, 0, UINT64_MAX, 9}},
};

#define RECORD_COUNT (sizeof(records) / sizeof(records[0]))
#define OFFSET       256u

static uint8_t segment[8192], payload[4096];

static size_t put(size_t i)
{
        for (size_t k = 0; k < sizeof(payload); k++)
                payload[k] = (uint8_t)(k * 7 + i);
        memset(segment, 0xee, sizeof(segment));
        wal_record_encode(segment + OFFSET, KEY, OFFSET, &records[i].record, payload);
        return wal_record_size(records[i].record.length);
}

Test(raft_wal_format, records_come_back_as_they_were)
{
        for (size_t i = 0; i < RECORD_COUNT; i++) {
                const struct wal_record *in = &records[i].record;
                size_t size = put(i);
                struct wal_record out;

                cr_assert_eq(size % 8, 0);
                cr_assert_eq(wal_record_decode(segment, OFFSET + size, OFFSET, KEY, &out), 0, "%s",
                             records[i].name);
                cr_expect(out.type == in->type && out.entry_type == in->entry_type &&
                              out.length == in->length && out.durable == in->durable &&
                              out.index == in->index && out.term == in->term,
                          "%s", records[i].name);
                cr_expect_eq(
                    memcmp(segment + OFFSET + WAL_RECORD_HEADER_BYTES, payload, in->length), 0);
                cr_expect_eq(segment[OFFSET + size], 0xee, "%s writes its size", records[i].name);
        }
}

Test(raft_wal_format, a_record_counts_only_in_its_place_of_its_segment_and_whole)
{
        for (size_t i = 0; i < RECORD_COUNT; i++) {
                size_t size = put(i);
                struct wal_record out;

                cr_expect_lt(wal_record_decode(segment, OFFSET + size, OFFSET, KEY + 1, &out), 0,
                             "%s: another use of the file", records[i].name);
                for (size_t n = OFFSET; n < OFFSET + size; n++)
                        cr_assert_lt(wal_record_decode(segment, n, OFFSET, KEY, &out), 0,
                                     "%s ends at %zu", records[i].name, n);
                memmove(segment + OFFSET + 8, segment + OFFSET, size);
                cr_expect_lt(wal_record_decode(segment, sizeof(segment), OFFSET + 8, KEY, &out), 0,
                             "%s: elsewhere", records[i].name);
        }
}

Test(raft_wal_format, no_bit_of_a_record_may_change)
{
        for (size_t i = 0; i < RECORD_COUNT; i++) {
                size_t size = put(i);

                for (size_t bit = 0; bit < size * 8; bit++) {
                        struct wal_record out;

                        segment[OFFSET + bit / 8] ^= (uint8_t)(1u << bit % 8);
                        cr_assert_lt(wal_record_decode(segment, sizeof(segment), OFFSET, KEY, &out),
                                     0, "%s: bit %zu", records[i].name, bit);
                        segment[OFFSET + bit / 8] ^= (uint8_t)(1u << bit % 8);
                }
        }
}

Test(raft_wal_format, zeros_are_no_record)
{
        struct wal_record out;

        memset(segment, 0, sizeof(segment));
        cr_expect_lt(wal_record_decode(segment, sizeof(segment), 128, KEY, &out), 0);
        cr_expect_not(wal_record_begins(segment, sizeof(segment), 128, KEY));
}

Test(raft_wal_format, segment_headers_come_back_and_no_bit_of_them_may_change)
{
        const struct wal_segment_header in = {.sequence = 9,
                                              .key = KEY,
                                              .length = 64u << 20,
                                              .previous_key = 3,
                                              .previous_end = 4096,
                                              .last_index = 1000,
                                              .keep_from = 900,
                                              .hard_state = {.term = 5, .vote = 6},
                                              .rewritten = true};
        struct wal_segment_header out;
        uint8_t bytes[WAL_SEGMENT_HEADER_BYTES];

        memset(&out, 0, sizeof(out));
        wal_segment_header_encode(&in, bytes);
        cr_assert_eq(wal_segment_header_decode(bytes, &out), 0);
        cr_expect(out.sequence == 9 && out.key == KEY && out.length == 64u << 20 &&
                  out.previous_key == 3 && out.previous_end == 4096 && out.last_index == 1000 &&
                  out.keep_from == 900 && out.hard_state.term == 5 && out.hard_state.vote == 6 &&
                  out.rewritten);
        for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                cr_assert_eq(wal_segment_header_decode(bytes, &out), -EUCLEAN, "bit %zu", bit);
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
}
