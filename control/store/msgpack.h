#ifndef CONTROL_STORE_MSGPACK_H
#define CONTROL_STORE_MSGPACK_H

/**
 * The part of msgpack that the log and snapshots use: nil, booleans, integers, texts, bytes, arrays
 * and maps, in their shortest form. The reader is a cursor over bytes that may be hostile: it
 * checks every bound, allocates nothing and needs no recursion, as the caller knows what comes
 * next.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grows as needed; memory that cannot be had ends the process. */
struct byte_buffer {
        uint8_t *bytes;
        size_t len;
        size_t capacity;
};

#define BYTE_BUFFER_INIT                                                                           \
        {                                                                                          \
                NULL, 0, 0                                                                         \
        }

/** Copy bytes to its end. */
void byte_buffer_append(struct byte_buffer *b, const void *bytes, size_t len);
/** Free its memory; it may be used again. */
void byte_buffer_fini(struct byte_buffer *b);

/** Append one value, or the head of an array or map whose items follow. */
void msgpack_put_bool(struct byte_buffer *b, bool value);
void msgpack_put_uint(struct byte_buffer *b, uint64_t value);
void msgpack_put_int(struct byte_buffer *b, int64_t value);
void msgpack_put_text(struct byte_buffer *b, const char *text);
/** Binary data, which msgpack tells from text. @bytes  may be NULL when len is 0. */
void msgpack_put_bytes(struct byte_buffer *b, const void *bytes, uint32_t len);
void msgpack_put_array(struct byte_buffer *b, uint32_t count);
void msgpack_put_map(struct byte_buffer *b, uint32_t count);

struct msgpack_reader {
        const uint8_t *at;
        const uint8_t *end;
};

/**
 * Read one value of the kind named. All return 0, or -EBADMSG when something else is there, the
 * bytes end early, or the value is out of range; the reader then stands nowhere in particular.
 */
int msgpack_get_bool(struct msgpack_reader *r, bool *out);
int msgpack_get_uint(struct msgpack_reader *r, uint64_t *out);
int msgpack_get_int(struct msgpack_reader *r, int64_t *out);
/** @out  in the reader's bytes, not NUL-terminated; a text with a NUL in it is refused. */
int msgpack_get_text(struct msgpack_reader *r, const char **out, size_t *len);
/** @out  in the reader's bytes; any bytes. */
int msgpack_get_bytes(struct msgpack_reader *r, const uint8_t **out, uint32_t *len);
/** A count is never more than the bytes left could hold. */
int msgpack_get_array(struct msgpack_reader *r, uint32_t *count);
int msgpack_get_map(struct msgpack_reader *r, uint32_t *pair_count);

static inline bool msgpack_at_end(const struct msgpack_reader *r)
{
        return r->at == r->end;
}

#endif
