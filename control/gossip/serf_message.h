#ifndef CONTROL_GOSSIP_SERF_MESSAGE_H
#define CONTROL_GOSSIP_SERF_MESSAGE_H

/**
 * Serf's messages (protocol versions 2 to 5), which travel as memberlist's user messages: a type
 * byte and a msgpack map. Pure; slices point into the bytes decoded.
 */

#include "control/pack/pack.h"

enum serf_type {
        SERF_LEAVE = 0,
        SERF_JOIN = 1,
        SERF_PUSH_PULL = 2,
        SERF_USER_EVENT = 3,
        SERF_QUERY = 4,
        SERF_QUERY_RESPONSE = 5,
        SERF_CONFLICT_RESPONSE = 6,
        SERF_KEY_REQUEST = 7,
        SERF_KEY_RESPONSE = 8,
        SERF_RELAY = 9,
};

/* A node wants to join or leave, at a Lamport time. */
struct serf_intent {
        uint64_t lamport;
        struct pack_slice node;
        bool prune; /* leaving: forget the node altogether */
};

struct serf_user_event {
        uint64_t lamport;
        struct pack_slice name, payload;
        bool coalesce;
};

enum serf_query_flags { SERF_QUERY_ACK = 1, SERF_QUERY_NO_BROADCAST = 2 };

struct serf_query_message {
        uint64_t lamport;
        uint32_t id;
        struct pack_slice address; /* 4 or 16 bytes: where answers go */
        uint16_t port;
        struct pack_slice source_node;
        struct pack_slice filters; /* the array as it stands, head included; serf_filter_next */
        uint32_t flags;
        uint8_t relay_factor;
        int64_t timeout_ns;
        struct pack_slice name, payload;
};

struct serf_query_response {
        uint64_t lamport;
        uint32_t id;
        struct pack_slice from;
        uint32_t flags; /* SERF_QUERY_ACK: an acknowledgement without payload */
        struct pack_slice payload;
};

struct serf_relay {
        struct pack_slice address;
        uint16_t port;
        struct pack_slice node;
        struct pack_slice message;
};

/** Append a message, type byte included. */
void serf_put_intent(struct byte_buffer *b, enum serf_type type, const struct serf_intent *m);
void serf_put_user_event(struct byte_buffer *b, const struct serf_user_event *m);
void serf_put_query(struct byte_buffer *b, const struct serf_query_message *m);
void serf_put_query_response(struct byte_buffer *b, const struct serf_query_response *m);
void serf_put_relay(struct byte_buffer *b, const struct serf_relay *m);

/** Read what is behind the type byte. return 0 or -EBADMSG. */
int serf_get_intent(struct pack_slice body, struct serf_intent *m);
int serf_get_user_event(struct pack_slice body, struct serf_user_event *m);
int serf_get_query(struct pack_slice body, struct serf_query_message *m);
int serf_get_query_response(struct pack_slice body, struct serf_query_response *m);
int serf_get_relay(struct pack_slice body, struct serf_relay *m);

enum serf_filter_kind { SERF_FILTER_NODES = 0, SERF_FILTER_TAG = 1 };

/* Who a query is for: nodes by name, or by a regular expression on a tag. */
struct serf_filter {
        enum serf_filter_kind kind;
        struct msgpack_reader nodes; /* texts: pack_get_raw */
        uint32_t node_count;
        struct pack_slice tag, expression;
};

/** Append a list of filters' head, then each filter. */
void serf_put_filters(struct byte_buffer *b, uint32_t count);
void serf_put_filter_nodes(struct byte_buffer *b, const struct pack_slice names[], uint32_t count);
void serf_put_filter_tag(struct byte_buffer *b, struct pack_slice tag,
                         struct pack_slice expression);

/**
 * Walk over filters.
 * @r       begun by serf_filters_open.
 * returns  1 with a filter, 0 at the end, -EBADMSG.
 */
struct serf_filter_reader {
        struct msgpack_reader reader;
        uint32_t left;
};
int serf_filters_open(struct pack_slice filters, struct serf_filter_reader *r);
int serf_filter_next(struct serf_filter_reader *r, struct serf_filter *out);

#endif
