#ifndef CONTROL_RPC_RPC_CODEC_H
#define CONTROL_RPC_RPC_CODEC_H

/**
 * Calls as Go's net/rpc writes them in msgpack (github.com/hashicorp/net-rpc-msgpackrpc): a stream
 * of values without frames, two for each call. The caller sends a map {ServiceMethod, Seq} and the
 * arguments; it gets a map {ServiceMethod, Seq, Error} and the result, or an empty map after an
 * error. Answers come in any order and are known by Seq.
 *
 * Pure. Bytes may be hostile: what is kept is bounded, and looked at once however it is cut.
 */

#include "control/pack/pack.h"

#define RPC_HEAD_MAX        1024u
#define RPC_METHOD_MAX      256u
#define RPC_ANSWER_HEAD_MAX 65536u /* whose error may be long */

/* Takes the values of a stream apart. Zeroed, with args_max set: nothing has come. */
struct rpc_reader {
        uint32_t args_max;
        struct byte_buffer buffer;
        size_t start; /* of the call that is being read */
        size_t at;    /* seen so far; beyond the buffer when that is known to belong to a value */
        size_t head_end;
        uint64_t items; /* that the value still has; 0: a value begins */
        bool in_args;
};

struct rpc_request {
        struct pack_slice method;
        uint64_t seq;
        struct pack_slice args;
};

/* What comes back. */
struct rpc_answer {
        uint64_t seq;
        struct pack_slice error; /* empty: it succeeded */
        struct pack_slice result;
};

/** Free what it keeps; it may be used again. */
void rpc_reader_fini(struct rpc_reader *reader);

/** Bytes came. */
void rpc_reader_append(struct rpc_reader *reader, const uint8_t *bytes, size_t len);

/**
 * The next whole call.
 * @out     in the reader's bytes, until it is called again or more is appended.
 * returns  1; 0 when there is none yet; -EBADMSG for what is no call; -EMSGSIZE for one too large.
 */
int rpc_reader_next(struct rpc_reader *reader, struct rpc_request *out);

/** Likewise of a stream of answers. returns  as rpc_reader_next. */
int rpc_reader_next_answer(struct rpc_reader *reader, struct rpc_answer *out);

/** Bytes kept, of a call that is not whole or that was not asked for. */
size_t rpc_reader_len(const struct rpc_reader *reader);

/** Append the head of a call; the arguments follow. */
void rpc_put_call_head(struct byte_buffer *b, struct pack_slice method, uint64_t seq);

/** Append the head of an answer; the result follows. @error  "" for none. */
void rpc_put_answer_head(struct byte_buffer *b, struct pack_slice method, uint64_t seq,
                         const char *error);

/** Append what stands in for the result after an error. */
void rpc_put_no_result(struct byte_buffer *b);

#endif
