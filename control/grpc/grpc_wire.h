#ifndef CONTROL_GRPC_GRPC_WIRE_H
#define CONTROL_GRPC_GRPC_WIRE_H

/**
 * What gRPC puts on HTTP/2 (grpc.github.io, "gRPC over HTTP2"): messages after a flag byte and four
 * bytes of length, and a status in the trailers. Pure.
 */

#include <stddef.h>
#include <stdint.h>

#include "control/store/msgpack.h"

#define GRPC_FRAME_HEAD 5u

/* Status codes that are used here. */
enum grpc_code {
        GRPC_OK = 0,
        GRPC_CODE_UNKNOWN = 2,
        GRPC_RESOURCE_EXHAUSTED = 8,
        GRPC_ABORTED = 10,
        GRPC_UNIMPLEMENTED = 12,
        GRPC_INTERNAL = 13,
        GRPC_UNAVAILABLE = 14
};

/** A status code's name as Go prints it: 14 is "Unavailable". */
const char *grpc_code_name(int code);

/** Leave room for a message's head; what is appended until grpc_frame_end is the message. */
size_t grpc_frame_begin(struct byte_buffer *b);
void grpc_frame_end(struct byte_buffer *b, size_t begun);

/**
 * The message that bytes consist of.
 * @out     in @bytes.
 * returns  0; -EBADMSG for bytes that are not one whole message; -ENOTSUP for a compressed one.
 */
int grpc_frame_read(const uint8_t *bytes, size_t len, const uint8_t **out, size_t *out_len);

/** Undo the percent-encoding of a grpc-message trailer in place; what is no encoding stays. */
void grpc_status_text_decode(char *text);

/** The reverse: as much of the text as there is room for. @size  not 0. */
void grpc_status_text_encode(const char *text, char *out, size_t size);

#endif
