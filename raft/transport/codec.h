#ifndef LICTOR_RAFT_CODEC_H
#define LICTOR_RAFT_CODEC_H

/**
 * Raft's messages as bytes between servers. Pure.
 *
 * A frame, all numbers big-endian:
 *   length (4) of the body, XXH3-64 (8) of the body, body.
 * A body:
 *   version (1), type (1), flags (1), 0 (1), then
 *   hello (type 128; flags: the channel): cluster id, from, to (8 each), address length (1),
 * address; messages (enum raft_message_type): from, to, term, log_index, log_term, refused_index,
 *   commit_index, round, offset (8 each), then
 *     append requests: entry count (4), and each entry's term (8), type (1), length (4), data;
 *     snapshot requests: length (4), bytes.
 */

#include "raft/core/raft.h"

#define CODEC_VERSION    1u
#define CODEC_HEADER     12u
#define CODEC_FRAME_MAX  (16u << 20)
#define CODEC_TYPE_HELLO 128u

/* What a connection carries. */
enum codec_channel {
        CODEC_PROMPT, /* heartbeats, votes and answers: never behind anything large */
        CODEC_BULK,   /* entries and snapshots */
        CODEC_CHANNEL_COUNT
};

/* The first frame of a connection. */
struct codec_hello {
        enum codec_channel channel;
        uint64_t cluster_id; /* 0: not known to the sender yet */
        raft_server_id from;
        raft_server_id to;
        char address[RAFT_ADDRESS_MAX]; /* where the sender can be reached */
};

/** Room for one message's entries, reused from message to message. Starts as zeros. */
struct codec_entries {
        struct raft_entry *items;
        size_t count;
        size_t capacity;
};

/** Drop the references to the last message's data. */
void codec_entries_clear(struct codec_entries *entries);
/** Free it. */
void codec_entries_fini(struct codec_entries *entries);

/** The frame's length; 0 when it would exceed CODEC_FRAME_MAX. */
size_t codec_message_length(const struct raft_message *message);
size_t codec_hello_length(const struct codec_hello *hello);

/** Write a frame of that length. */
void codec_encode_message(const struct raft_message *message, uint8_t *out);
void codec_encode_hello(const struct codec_hello *hello, uint8_t *out);

/**
 * How long the frame is that begins here.
 * @total  0 while fewer than CODEC_HEADER bytes are there.
 * returns 0; -EMSGSIZE for a length that no frame of ours has.
 */
int codec_frame_length(const uint8_t *bytes, size_t length, size_t *total);

/**
 * Check and read one whole frame.
 * @out      bytes are borrowed from the frame; entries from the given room.
 * returns 0; -EBADMSG damaged or malformed; -EPROTONOSUPPORT another version; -ENOMEM.
 */
int codec_decode_message(const uint8_t *frame, size_t length, struct codec_entries *entries,
                         struct raft_message *out);
int codec_decode_hello(const uint8_t *frame, size_t length, struct codec_hello *out);

#endif
