#ifndef CONTROL_GRPC_GRPC_SESSION_H
#define CONTROL_GRPC_GRPC_SESSION_H

/**
 * The server's side of one connection that carries gRPC: HTTP/2 with prior knowledge, by
 * libnghttp2. Bytes come in and go out by the caller's hands; bytes that come in may be hostile:
 * what a stream may keep is bounded, and so is what all of them may.
 *
 * context  one thread.
 */

#include <stdbool.h>

#include "control/grpc/grpc_call.h"

struct grpc_session;

struct grpc_session_options {
        const struct grpc_method *methods; /* borrowed */
        size_t method_count;
        /* A call has something to send now; called from within grpc_call_*. */
        void (*wake)(void *arg);
        unsigned *calls_open; /* of all sessions; borrowed */
        unsigned calls_max;   /* of them; more are refused */
        void *arg;
};

/** returns  0; -ENOMEM, also when the library is missing. */
int grpc_session_create(const struct grpc_session_options *options, struct grpc_session **out);

/** Cancel its calls and free it; not from within a method or a cancel function. */
void grpc_session_destroy(struct grpc_session *take_session);

/**
 * Take bytes; methods are called meanwhile.
 * returns  0; -EPROTO when the session is over for what came: what is to be sent says why.
 */
int grpc_session_receive(struct grpc_session *session, const uint8_t *bytes, size_t len);

/** Take bytes for the other side. returns  how many; 0 when there are none. */
size_t grpc_session_take_output(struct grpc_session *session, uint8_t *out, size_t size);

/** Whether the session has ended from within: all that remains is to send its output. */
bool grpc_session_is_over(const struct grpc_session *session);

/** Whether the other side has said that it speaks HTTP/2. */
bool grpc_session_has_begun(const struct grpc_session *session);

/** Tell the other side to go elsewhere; no further calls are taken. */
void grpc_session_go_away(struct grpc_session *session);

#endif
