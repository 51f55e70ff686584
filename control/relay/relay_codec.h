#ifndef CONTROL_RELAY_RELAY_CODEC_H
#define CONTROL_RELAY_RELAY_CODEC_H

/**
 * What agents ask servers: a client agent the servers of its datacenter, a server those of another
 * one. One connection carries any number of calls at once. It starts with RELAY_BYTE; then frames
 * follow, each a head of RELAY_HEAD_SIZE bytes (numbers big-endian) and a piece of a message:
 *
 *      0  4  length of the piece
 *      4  1  RELAY_VERSION
 *      5  1  kind
 *      6  1  1 when the message ends with this piece, else 0
 *      7  1  0
 *      8  8  the call's id, chosen by the caller
 *
 * Pieces of several messages may alternate, those of one call are in order. Messages by kind:
 * REQUEST a relay_request, answered with a relay_answer. If it takes pieces, the answer may come as
 * ITEMs: a relay_answer without its body, then the body, and an ANSWER at its end, which is empty
 * unless the body broke off. RELAY_WINDOW bytes of the body may come before the asking side says
 * with MORE (a relay_more) that it has dealt with some. PROPOSE an encoded command, answered with
 * an encoded fsm_result. INDEX nothing, answered with a relay_index. FOLLOW a follow_request, to
 * which any number of ITEMs come (control/follow/follow_codec.h) until an ANSWER ends it. CANCEL
 * nothing: the call's answer is not waited for any more. DNS whether it came over TCP (bit 0) and
 * wants WAN addresses (bit 1) in 1 byte, how long an answer may be (2) and the message, answered
 * with a message or nothing. CALL a method of Consul's RPC for another datacenter
 * (control/consul/relayed.h), answered with its outcome. SUBSCRIBE a SubscribeRequest for another
 * datacenter (control/subscribe/subscribe_codec.h), to which any number of ITEMs come, events as
 * gRPC frames them, until an ANSWER ends it: a status code and a text in msgpack. PING nothing,
 * answered with a PONG.
 *
 * Pure. Bytes may be hostile: every bound is checked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store/msgpack.h"

#define RELAY_BYTE        0x52 /* DEMUX_RELAY */
#define RELAY_VERSION     1
#define RELAY_HEAD_SIZE   16u
#define RELAY_PIECE_MAX   65536u
#define RELAY_REQUEST_MAX ((size_t)64 << 20)
#define RELAY_ANSWER_MAX  ((size_t)1 << 30) /* a catalog of ten million instances */
#define RELAY_HEADER_MAX  32u
#define RELAY_HOP_MAX     3u /* times a request is passed on */
#define RELAY_TEXT_MAX    1024u
#define RELAY_WINDOW      (1u << 20)

enum relay_kind {
        RELAY_REQUEST = 1,
        RELAY_PROPOSE = 2,
        RELAY_INDEX = 3,
        RELAY_FOLLOW = 4,
        RELAY_CANCEL = 5,
        RELAY_PING = 6,
        RELAY_DNS = 7,
        RELAY_CALL = 8,
        RELAY_SUBSCRIBE = 9,
        RELAY_MORE = 10,
        RELAY_ANSWER = 0x81,
        RELAY_ITEM = 0x82,
        RELAY_PONG = 0x86,
};

struct relay_head {
        uint32_t length;
        uint8_t kind;
        bool last;
        uint64_t id;
};

/** Write a head. */
void relay_head_encode(const struct relay_head *head, uint8_t out[RELAY_HEAD_SIZE]);

/** Read and check a head. returns  0; -EPROTONOSUPPORT; -EMSGSIZE; -EBADMSG. */
int relay_head_decode(const uint8_t in[RELAY_HEAD_SIZE], struct relay_head *out);

/* Bytes somebody else owns. */
struct relay_text {
        const char *text; /* NUL-terminated only when it comes from the encoding side */
        size_t len;
};

struct relay_header {
        struct relay_text name, value;
};

/* Which answers may come in pieces. */
enum relay_pieces {
        RELAY_WHOLE,     /* none */
        RELAY_STREAMS,   /* those made while they are sent, which nobody compresses */
        RELAY_LONG_ONES, /* all long ones */
        RELAY_PIECES_END
};

/* A request of the HTTP API. */
struct relay_request {
        uint64_t method; /* enum http_method */
        uint64_t hops;   /* how often it has been passed on */
        uint64_t pieces; /* enum relay_pieces */
        struct relay_text target;
        struct relay_text origin; /* name of the node whose agent was asked */
        struct relay_header headers[RELAY_HEADER_MAX];
        uint32_t header_count;
        struct relay_text body; /* any bytes */
};

struct relay_answer {
        uint64_t status; /* HTTP's */
        struct relay_text content_type;
        struct relay_header headers[RELAY_HEADER_MAX];
        uint32_t header_count;
        struct relay_text body; /* any bytes */
};

/** Append an encoding. */
void relay_request_encode(const struct relay_request *in, struct byte_buffer *out);
void relay_answer_encode(const struct relay_answer *in, struct byte_buffer *out);

/** Read one; texts stay in @bytes. returns  0 or -EBADMSG. */
int relay_request_decode(const uint8_t *bytes, size_t len, struct relay_request *out);
int relay_answer_decode(const uint8_t *bytes, size_t len, struct relay_answer *out);

/** Bytes of an answer that were dealt with. Append an encoding; read one: 0 or -EBADMSG. */
void relay_more_encode(uint32_t dealt_with, struct byte_buffer *out);
int relay_more_decode(const uint8_t *bytes, size_t len, uint32_t *dealt_with);

/* How far a server's catalog had come when all that was acknowledged before was in it. */
struct relay_index {
        char error[RELAY_TEXT_MAX]; /* "" or why it cannot be told */
        uint64_t catalog_index;
};

/** Append an encoding; read one: 0 or -EBADMSG. */
void relay_index_encode(const struct relay_index *in, struct byte_buffer *out);
int relay_index_decode(const uint8_t *bytes, size_t len, struct relay_index *out);

#endif
