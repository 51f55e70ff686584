#ifndef CONTROL_GRPC_GRPC_CALL_H
#define CONTROL_GRPC_GRPC_CALL_H

/**
 * One call of gRPC, as a method sees it: one request, any number of messages back, a status. It may
 * last for days and costs no thread.
 *
 * context  one thread.
 */

#include "control/grpc/grpc_wire.h"

struct grpc_call;

/* Messages on their way, one after the other, shared by all calls that are to send them. */
struct grpc_message;

/**
 * Make it of frames (grpc_frame_begin); the buffer is emptied.
 * @kept    counts the bytes while there are references; outlives them. May be NULL.
 * returns  with one reference; memory that cannot be had ends the process.
 */
struct grpc_message *grpc_message_create(struct byte_buffer *take_frames, size_t *kept);
void grpc_message_release(struct grpc_message *take_message);
struct grpc_message *grpc_message_share(struct grpc_message *message);

/** The frames. */
const uint8_t *grpc_message_bytes(const struct grpc_message *message, size_t *len);

/**
 * Serve a call. Whoever keeps it for later says so with grpc_call_on_cancel before returning;
 * otherwise it has been finished by then.
 * @request  the message, borrowed until return.
 */
typedef void grpc_serve_fn(void *owner, struct grpc_call *call, const uint8_t *request,
                           size_t request_len);

struct grpc_method {
        const char *path; /* "/package.Service/Method" */
        grpc_serve_fn *serve;
        void *owner;
};

/** Send after what was sent before; it takes a reference of its own. */
void grpc_call_send(struct grpc_call *call, struct grpc_message *message);

/** Bytes that wait for the other side to take them. */
size_t grpc_call_backlog(const struct grpc_call *call);

/**
 * End it; what waits to be sent still is.
 * @text  for a status other than OK; may be "".
 */
void grpc_call_finish(struct grpc_call *take_call, enum grpc_code code, const char *text);

/** End it now: what waits is dropped, the status is sent. */
void grpc_call_abort(struct grpc_call *take_call, enum grpc_code code, const char *text);

/** Who is told, and must forget the call, when the other side does not wait for it any more. */
void grpc_call_on_cancel(struct grpc_call *call, void (*cancel)(void *arg), void *arg);

#endif
