#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "raft/transport/codec.h"

static uint8_t *encode(const struct raft_message *message, size_t *length)
{
        uint8_t *frame;

        *length = codec_message_length(message);
        cr_assert_neq(*length, 0);
        frame = malloc(*length);
        cr_assert_not_null(frame);
        codec_encode_message(message, frame);
        return frame;
}

static void check_same(const struct raft_message *a, const struct raft_message *b)
{
        cr_expect_eq(a->type, b->type);
        cr_expect_eq(a->from, b->from);
        cr_expect_eq(a->to, b->to);
        cr_expect_eq(a->term, b->term);
        cr_expect_eq(a->log_index, b->log_index);
        cr_expect_eq(a->log_term, b->log_term);
        cr_expect_eq(a->granted, b->granted);
        cr_expect_eq(a->refused, b->refused);
        cr_expect_eq(a->refused_index, b->refused_index);
        cr_expect_eq(a->transfer, b->transfer);
        cr_expect_eq(a->commit_index, b->commit_index);
        cr_expect_eq(a->round, b->round);
        cr_expect_eq(a->offset, b->offset);
        cr_expect_eq(a->last, b->last);
        cr_assert_eq(a->length, b->length);
        if (a->length > 0)
                cr_expect_eq(memcmp(a->bytes, b->bytes, a->length), 0);
        cr_assert_eq(a->entry_count, b->entry_count);
        for (unsigned i = 0; i < a->entry_count; i++) {
                const struct raft_entry *x = &a->entries[i], *y = &b->entries[i];

                cr_expect_eq(x->index, y->index);
                cr_expect_eq(x->term, y->term);
                cr_expect_eq(x->type, y->type);
                cr_assert_eq(x->data == NULL, y->data == NULL);
                if (x->data == NULL)
                        continue;
                cr_assert_eq(x->data->length, y->data->length);
                cr_expect_eq(memcmp(x->data->bytes, y->data->bytes, x->data->length), 0);
        }
}

// A message with every field set to something of its own, three entries and a chunk.
static struct raft_message full_message(enum raft_message_type type, struct raft_entry entries[3])
{
        entries[0] = (struct raft_entry){.index = 12, .term = 3, .type = RAFT_ENTRY_NOOP};
        entries[1] = (struct raft_entry){.index = 13,
                                         .term = 3,
                                         .type = RAFT_ENTRY_COMMAND,
                                         .data = raft_buffer_create("abc", 3)};
        entries[2] = (struct raft_entry){
            .index = 14, .term = 4, .type = RAFT_ENTRY_COMMAND, .data = raft_buffer_create("", 0)};
        return (struct raft_message){.type = type,
                                     .from = 1,
                                     .to = UINT64_MAX,
                                     .term = 5,
                                     .log_index = 11,
                                     .log_term = 2,
                                     .granted = true,
                                     .refused = true,
                                     .refused_index = 9,
                                     .transfer = true,
                                     .commit_index = 8,
                                     .round = 7,
                                     .offset = 1ull << 40,
                                     .last = true,
                                     .entries = type == RAFT_APPEND_REQUEST ? entries : NULL,
                                     .entry_count = type == RAFT_APPEND_REQUEST ? 3 : 0,
                                     .bytes = (const uint8_t *)"chunk",
                                     .length = type == RAFT_SNAPSHOT_REQUEST ? 5 : 0};
}

static void free_entries(struct raft_entry entries[3])
{
        for (unsigned i = 0; i < 3; i++)
                raft_buffer_unref(entries[i].data);
}

Test(raft_codec, what_is_encoded_is_decoded)
{
        struct codec_entries room = {0};

        for (int type = 0; type < RAFT_MESSAGE_TYPE_COUNT; type++) {
                struct raft_entry entries[3];
                struct raft_message message = full_message((enum raft_message_type)type, entries);
                struct raft_message back;
                size_t length, total;
                uint8_t *frame = encode(&message, &length);

                cr_expect_eq(codec_frame_length(frame, length, &total), 0);
                cr_expect_eq(total, length);
                cr_assert_eq(codec_decode_message(frame, length, &room, &back), 0);
                check_same(&message, &back);
                free(frame);
                free_entries(entries);
        }
        codec_entries_fini(&room);
}

// Damage that a checksum would show, made with a right checksum: the decoder alone must refuse it.
static void seal(uint8_t *frame, size_t length)
{
        uint64_t sum;

        for (unsigned i = 0; i < 4; i++)
                frame[i] = (uint8_t)((length - CODEC_HEADER) >> (24 - 8 * i));
        sum = XXH3_64bits(frame + CODEC_HEADER, length - CODEC_HEADER);
        for (unsigned i = 0; i < 8; i++)
                frame[4 + i] = (uint8_t)(sum >> (56 - 8 * i));
}

Test(raft_codec, every_cut_and_every_flipped_bit_is_refused)
{
        struct raft_entry entries[3];
        struct raft_message message = full_message(RAFT_APPEND_REQUEST, entries), back;
        struct codec_entries room = {0};
        size_t length;
        uint8_t *frame = encode(&message, &length);

        for (size_t n = 0; n < length; n++) {
                uint8_t *cut = malloc(n + 1);

                cr_assert_not_null(cut);
                memcpy(cut, frame, n);
                cr_expect_neq(codec_decode_message(cut, n, &room, &back), 0, "cut at %zu", n);
                if (n >= CODEC_HEADER + 4) {
                        seal(cut, n);
                        cr_expect_neq(codec_decode_message(cut, n, &room, &back), 0,
                                      "cut at %zu with a right checksum", n);
                }
                free(cut);
        }
        for (size_t bit = 0; bit < length * 8; bit++) {
                frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
                cr_expect_neq(codec_decode_message(frame, length, &room, &back), 0, "bit %zu", bit);
                frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(frame);
        free_entries(entries);
        codec_entries_fini(&room);
}

Test(raft_codec, malformed_bodies_with_right_checksums_are_refused)
{
        static const struct {
                const char *name;
                enum raft_message_type type;
                size_t at; /* in the body */
                uint8_t value;
                int want;
        } cases[] = {
            {"another version", RAFT_VOTE_REQUEST, 0, 2, -EPROTONOSUPPORT},
            {"an unknown type", RAFT_VOTE_REQUEST, 1, RAFT_MESSAGE_TYPE_COUNT, -EBADMSG},
            {"a hello", RAFT_VOTE_REQUEST, 1, CODEC_TYPE_HELLO, -EBADMSG},
            {"unknown flags", RAFT_VOTE_REQUEST, 2, 16, -EBADMSG},
            {"a reserved byte", RAFT_VOTE_REQUEST, 3, 1, -EBADMSG},
            {"an index past all", RAFT_VOTE_REQUEST, 4 + 3 * 8, 0x80, -EBADMSG},
            {"fewer entries than bytes", RAFT_APPEND_REQUEST, 76 + 3, 2, -EBADMSG},
            {"more entries than bytes", RAFT_APPEND_REQUEST, 76 + 3, 4, -EBADMSG},
            {"billions of entries", RAFT_APPEND_REQUEST, 76, 255, -EBADMSG},
            {"an unknown entry type", RAFT_APPEND_REQUEST, 76 + 4 + 8, 3, -EBADMSG},
            {"an empty entry that is not", RAFT_APPEND_REQUEST, 76 + 4 + 13 + 8, 0, -EBADMSG},
            {"an entry past the end", RAFT_APPEND_REQUEST, 76 + 4 + 13 + 9, 1, -EBADMSG},
            {"a chunk past the end", RAFT_SNAPSHOT_REQUEST, 76 + 3, 6, -EBADMSG},
            {"bytes behind the chunk", RAFT_SNAPSHOT_REQUEST, 76 + 3, 4, -EBADMSG},
        };
        struct codec_entries room = {0};

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct raft_entry entries[3];
                struct raft_message message = full_message(cases[i].type, entries), back;
                size_t length;
                uint8_t *frame = encode(&message, &length);

                frame[CODEC_HEADER + cases[i].at] = cases[i].value;
                seal(frame, length);
                cr_expect_eq(codec_decode_message(frame, length, &room, &back), cases[i].want, "%s",
                             cases[i].name);
                cr_expect_eq(room.count, 0, "%s", cases[i].name);
                free(frame);
                free_entries(entries);
        }
        codec_entries_fini(&room);
}

Test(raft_codec, lengths_are_bounded_both_ways)
{
        static const struct {
                uint32_t body;
                int want;
        } cases[] = {
            {0, -EMSGSIZE},
            {3, -EMSGSIZE},
            {4, 0},
            {CODEC_FRAME_MAX - CODEC_HEADER, 0},
            {CODEC_FRAME_MAX - CODEC_HEADER + 1, -EMSGSIZE},
            {UINT32_MAX, -EMSGSIZE},
        };
        struct raft_message chunk = {.type = RAFT_SNAPSHOT_REQUEST, .length = CODEC_FRAME_MAX};
        size_t total;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t header[CODEC_HEADER] = {
                    (uint8_t)(cases[i].body >> 24), (uint8_t)(cases[i].body >> 16),
                    (uint8_t)(cases[i].body >> 8), (uint8_t)cases[i].body};

                cr_expect_eq(codec_frame_length(header, sizeof(header), &total), cases[i].want,
                             "%u", cases[i].body);
                cr_expect_eq(codec_frame_length(header, sizeof(header) - 1, &total), 0);
                cr_expect_eq(total, 0, "unknown until the header is there");
        }
        cr_expect_eq(codec_message_length(&chunk), 0, "too large to send");
}

Test(raft_codec, a_hello_says_who_speaks)
{
        struct codec_hello hello = {.channel = CODEC_BULK, .cluster_id = 9, .from = 1, .to = 2};
        struct codec_hello back;
        uint8_t frame[256];
        size_t length;

        snprintf(hello.address, sizeof(hello.address), "127.0.0.1:8300");
        length = codec_hello_length(&hello);
        codec_encode_hello(&hello, frame);
        cr_assert_eq(codec_decode_hello(frame, length, &back), 0);
        cr_expect_eq(memcmp(&hello, &back, sizeof(hello)), 0);
        for (size_t n = 0; n < length; n++)
                cr_expect_neq(codec_decode_hello(frame, n, &back), 0, "cut at %zu", n);
        frame[CODEC_HEADER + 2] = CODEC_CHANNEL_COUNT;
        seal(frame, length);
        cr_expect_eq(codec_decode_hello(frame, length, &back), -EBADMSG, "an unknown channel");
        frame[CODEC_HEADER + 2] = CODEC_PROMPT;
        frame[CODEC_HEADER] = 2;
        seal(frame, length);
        cr_expect_eq(codec_decode_hello(frame, length, &back), -EPROTONOSUPPORT);
        hello.from = RAFT_NO_SERVER;
        codec_encode_hello(&hello, frame);
        cr_expect_eq(codec_decode_hello(frame, length, &back), -EBADMSG, "from nobody");
}
