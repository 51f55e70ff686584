#ifndef CONTROL_SERVER_FORWARD_CODEC_H
#define CONTROL_SERVER_FORWARD_CODEC_H

/**
 * The messages servers send each other beside Raft's own, over one connection per pair: requests
 * in either order, answered in any.
 *
 * A connection starts with FORWARD_BYTE. Then frames follow, each a head of FORWARD_HEAD_SIZE bytes
 * (numbers big-endian) and a payload:
 *
 *      0  4  length of the payload
 *      4  1  FORWARD_VERSION
 *      5  1  kind; with FORWARD_ANSWER in an answer
 *      6  1  status of an answer, 0 in a request
 *      7  1  0
 *      8  8  the sender's cluster, 0 when it belongs to none yet
 *     16  8  request id, the same in the answer
 *
 * Payloads: PROPOSE an encoded command, answered with an encoded fsm_result. READ_INDEX one byte, 1
 * when the leader's lease may serve, answered with the index (8 bytes) to wait for. OPERATOR an
 * operator_request, answered with an operator_answer. INTRODUCE an introduction, answered with one.
 * Any answer whose status is not FORWARD_OK holds a text instead.
 */

#include "control/store/msgpack.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORWARD_BYTE        0x46 /* DEMUX_FORWARD */
#define FORWARD_VERSION     1
#define FORWARD_HEAD_SIZE   24u
#define FORWARD_ANSWER      0x80
#define FORWARD_REQUEST_MAX ((4u << 20) + 4096u)
#define FORWARD_ANSWER_MAX  (96u << 20) /* a transaction that reads many large values */
#define FORWARD_TEXT_MAX    1024u

enum forward_kind {
        FORWARD_PROPOSE = 1,
        FORWARD_READ_INDEX = 2,
        FORWARD_OPERATOR = 3,
        FORWARD_INTRODUCE = 4,
};

enum forward_status {
        FORWARD_OK = 0,
        FORWARD_NOT_LEADER = 1,    /* nothing was done: ask the leader */
        FORWARD_REFUSED = 2,       /* nothing was done, and trying again will not help */
        FORWARD_UNSUPPORTED = 3,   /* a kind the other side does not know */
        FORWARD_WRONG_CLUSTER = 4, /* the two belong to different clusters */
};

struct forward_head {
        uint32_t length;
        uint8_t kind;
        uint8_t status;
        uint64_t cluster_id;
        uint64_t request_id;
};

/** Write a head. */
void forward_head_encode(const struct forward_head *head, uint8_t out[FORWARD_HEAD_SIZE]);

/**
 * Read and check a head.
 * returns  0; -EPROTONOSUPPORT another version; -EMSGSIZE a payload beyond the bound of its kind;
 *          -EBADMSG anything else that no server sends.
 */
int forward_head_decode(const uint8_t in[FORWARD_HEAD_SIZE], struct forward_head *out);

/* What an operator's endpoint asks of the leader. */
enum operator_action {
        OPERATOR_REMOVE_BY_ID = 1,
        OPERATOR_REMOVE_BY_ADDRESS = 2,
        OPERATOR_TRANSFER = 3,
        OPERATOR_HEALTH = 4,
        OPERATOR_STATE = 5,
        OPERATOR_RENEW_SESSION = 6, /* a session's time is kept by the leader */
};

struct operator_request {
        enum operator_action action;
        bool pretty;
        char argument[128]; /* an id or an address, or "" */
};

struct operator_answer {
        uint16_t status; /* HTTP's */
        bool is_json;
        const char *body; /* not NUL-terminated; in the bytes decoded */
        size_t body_len;
};

/** Append an encoding. */
void operator_request_encode(const struct operator_request *in, struct byte_buffer *out);
void operator_answer_encode(const struct operator_answer *in, struct byte_buffer *out);

/** returns  0 or -EBADMSG. */
int operator_request_decode(const uint8_t *bytes, size_t len, struct operator_request *out);
int operator_answer_decode(const uint8_t *bytes, size_t len, struct operator_answer *out);

/** Big-endian numbers, for the payloads that are nothing else. */
void forward_put_u64(uint8_t out[8], uint64_t value);
uint64_t forward_get_u64(const uint8_t in[8]);

#endif
