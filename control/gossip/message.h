#ifndef CONTROL_GOSSIP_MESSAGE_H
#define CONTROL_GOSSIP_MESSAGE_H

/**
 * memberlist's messages (protocol versions 1 to 5) and how they stand in packets and streams. Pure.
 *
 * A message is a type byte and a msgpack map. A packet is, from the outside in: encryption
 * (keyring.h), a checksum, compression, a compound of messages, a message; every layer but the last
 * may be missing. Slices point into the bytes decoded and live as long as they do.
 */

#include "control/pack/pack.h"

enum gossip_type {
        GOSSIP_PING = 0,
        GOSSIP_INDIRECT_PING = 1,
        GOSSIP_ACK = 2,
        GOSSIP_SUSPECT = 3,
        GOSSIP_ALIVE = 4,
        GOSSIP_DEAD = 5,
        GOSSIP_PUSH_PULL = 6,
        GOSSIP_COMPOUND = 7,
        GOSSIP_USER = 8,
        GOSSIP_COMPRESS = 9,
        GOSSIP_ENCRYPT = 10,
        GOSSIP_NACK = 11,
        GOSSIP_CHECKSUM = 12,
        GOSSIP_ERROR = 13,
};

#define GOSSIP_COMPOUND_MAX 255u /* the count is one byte */
#define GOSSIP_META_MAX     512u /* a node's tags, as memberlist bounds them */
#define GOSSIP_NAME_MAX     255u
#define GOSSIP_EXPAND_MAX   (32u << 20) /* what a compressed message may become */

struct gossip_ping {
        uint32_t sequence;
        struct pack_slice node; /* who it is for */
        struct pack_slice source_address;
        uint16_t source_port;
        struct pack_slice source_node;
};

struct gossip_indirect_ping {
        uint32_t sequence;
        struct pack_slice target; /* 4 or 16 address bytes */
        uint16_t port;
        struct pack_slice node;
        bool nack; /* the asker understands a nack */
        struct pack_slice source_address;
        uint16_t source_port;
        struct pack_slice source_node;
};

struct gossip_ack {
        uint32_t sequence;
        struct pack_slice payload;
};

struct gossip_nack {
        uint32_t sequence;
};

/* A suspicion or a death; from is who says so. A node that declares itself dead leaves. */
struct gossip_accusation {
        uint32_t incarnation;
        struct pack_slice node;
        struct pack_slice from;
};

/* Protocol version: least, greatest and current of memberlist, then of the layer above. */
#define GOSSIP_VERSION_COUNT 6

struct gossip_alive {
        uint32_t incarnation;
        struct pack_slice node;
        struct pack_slice address;
        uint16_t port;
        struct pack_slice meta;
        struct pack_slice versions; /* GOSSIP_VERSION_COUNT bytes, or none from version 1 */
};

enum gossip_state {
        GOSSIP_STATE_ALIVE,
        GOSSIP_STATE_SUSPECT,
        GOSSIP_STATE_DEAD,
        GOSSIP_STATE_LEFT
};

/* One row of a push/pull. */
struct gossip_node_state {
        struct pack_slice name;
        struct pack_slice address;
        uint16_t port;
        struct pack_slice meta;
        uint32_t incarnation;
        uint8_t state; /* enum gossip_state */
        struct pack_slice versions;
};

struct gossip_push_pull {
        uint32_t node_count;
        uint32_t user_state_length;
        bool join;
};

/** Append a message, type byte included. */
void gossip_put_ping(struct byte_buffer *b, const struct gossip_ping *m);
void gossip_put_indirect_ping(struct byte_buffer *b, const struct gossip_indirect_ping *m);
void gossip_put_ack(struct byte_buffer *b, const struct gossip_ack *m);
void gossip_put_nack(struct byte_buffer *b, const struct gossip_nack *m);
/** @type  GOSSIP_SUSPECT or GOSSIP_DEAD. */
void gossip_put_accusation(struct byte_buffer *b, enum gossip_type type,
                           const struct gossip_accusation *m);
void gossip_put_alive(struct byte_buffer *b, const struct gossip_alive *m);
/** A push/pull's head; its rows and the user state's bytes follow. */
void gossip_put_push_pull(struct byte_buffer *b, const struct gossip_push_pull *m);
void gossip_put_node_state(struct byte_buffer *b, const struct gossip_node_state *m);

/** Read a message's map; the type byte is behind. return 0 or -EBADMSG. */
int gossip_get_ping(struct msgpack_reader *r, struct gossip_ping *m);
int gossip_get_indirect_ping(struct msgpack_reader *r, struct gossip_indirect_ping *m);
int gossip_get_ack(struct msgpack_reader *r, struct gossip_ack *m);
int gossip_get_nack(struct msgpack_reader *r, struct gossip_nack *m);
int gossip_get_accusation(struct msgpack_reader *r, struct gossip_accusation *m);
int gossip_get_alive(struct msgpack_reader *r, struct gossip_alive *m);
int gossip_get_push_pull(struct msgpack_reader *r, struct gossip_push_pull *m);
int gossip_get_node_state(struct msgpack_reader *r, struct gossip_node_state *m);
/** @text  the peer's reason. */
int gossip_get_error(struct msgpack_reader *r, struct pack_slice *text);

/**
 * Append a compound of 1 to GOSSIP_COMPOUND_MAX messages of at most 64 KiB each; a single one
 * stands for itself.
 */
void gossip_put_compound(struct byte_buffer *b, const struct pack_slice messages[], size_t count);

/** Append the message compressed, or as it is when that is not shorter. */
void gossip_put_compressed(struct byte_buffer *b, struct pack_slice message);

/** Append the checksum's header (IEEE CRC-32, big-endian) and the message. */
void gossip_put_checksummed(struct byte_buffer *b, struct pack_slice message);

/* Takes one message apart from its packet: type, and the map or bytes behind it. */
typedef void (*gossip_message_fn)(void *arg, uint8_t type, struct pack_slice body);

/**
 * Hand on every message of a decrypted packet, or of a message in a stream, unpacking what wraps
 * them. What is good before a damaged part is handed on.
 * @scratch  holds what was compressed; the bodies handed on live until it changes.
 * returns   0; -EBADMSG for a damaged wrapper, a wrong checksum or wrappers nested too deep.
 */
int gossip_unpack(struct pack_slice packet, struct byte_buffer *scratch, gossip_message_fn fn,
                  void *arg);

/** Expand the body of a GOSSIP_COMPRESS. @out  appended to. returns 0, -EBADMSG or -E2BIG. */
int gossip_expand(struct pack_slice body, struct byte_buffer *out);

#endif
