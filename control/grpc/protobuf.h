#ifndef CONTROL_GRPC_PROTOBUF_H
#define CONTROL_GRPC_PROTOBUF_H

/**
 * Protocol Buffers' wire format (protobuf.dev, "Encoding"), version 3: fields with a number and one
 * of four shapes, in any order; those that hold their default are left out, unknown ones are
 * skipped.
 *
 * Pure. Bytes read may be hostile: every bound is checked and nothing is allocated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store/msgpack.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_field {
        uint32_t number;
        enum pb_wire wire;
        uint64_t value;       /* of all but BYTES */
        const uint8_t *bytes; /* of BYTES: in the reader's bytes, not NUL-terminated */
        size_t len;
};

struct pb_reader {
        const uint8_t *at;
        const uint8_t *end;
};

/** The next field. returns  1; 0 at the end; -EBADMSG. */
int pb_next(struct pb_reader *reader, struct pb_field *out);

/** Append a field; one that holds its default, 0 or "", is left out. */
void pb_put_uint(struct byte_buffer *b, uint32_t number, uint64_t value);
void pb_put_int(struct byte_buffer *b, uint32_t number, int64_t value);
void pb_put_text(struct byte_buffer *b, uint32_t number, const char *text);

/** Append a field whatever it holds: members of lists, and of a oneof. */
void pb_put_any_uint(struct byte_buffer *b, uint32_t number, uint64_t value);
void pb_put_double(struct byte_buffer *b, uint32_t number, double value);
void pb_put_bytes(struct byte_buffer *b, uint32_t number, const void *bytes, size_t len);

/**
 * Begin a message within the message; fields appended until pb_end are its own.
 * returns  what pb_end wants.
 */
size_t pb_begin(struct byte_buffer *b, uint32_t number);
void pb_end(struct byte_buffer *b, size_t begun);

#endif
