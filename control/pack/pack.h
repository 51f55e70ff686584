#ifndef CONTROL_PACK_PACK_H
#define CONTROL_PACK_PACK_H

/**
 * Msgpack as Serf, memberlist and Consul's RPC speak it: structures are maps from field names,
 * texts and bytes share the one "raw" family of the first msgpack specification (no str 8, no bin),
 * and a receiver skips names it does not know. Reading accepts the second specification too.
 *
 * Pure. Bytes read may be hostile: every bound is checked, nothing is allocated, nesting is walked
 * with a counter.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store/msgpack.h"

/* Bytes somebody else owns. Texts are not NUL-terminated. */
struct pack_slice {
        const uint8_t *bytes; /* may be NULL when length is 0 */
        uint32_t length;
};

/** A slice of a NUL-terminated text. */
struct pack_slice pack_slice_of(const char *text);
bool pack_slice_equal(struct pack_slice a, struct pack_slice b);
/** A reader at the first of the slice's bytes, which are borrowed. */
struct msgpack_reader pack_reader_of(struct pack_slice s);

/** Append one value, or the head of a map or array whose items follow. */
void pack_put_uint(struct byte_buffer *b, uint64_t value);
void pack_put_int(struct byte_buffer *b, int64_t value);
void pack_put_bool(struct byte_buffer *b, bool value);
void pack_put_nil(struct byte_buffer *b);
void pack_put_float(struct byte_buffer *b, double value);
void pack_put_raw(struct byte_buffer *b, struct pack_slice value);
void pack_put_text(struct byte_buffer *b, const char *text);
void pack_put_map(struct byte_buffer *b, uint32_t pair_count);
void pack_put_array(struct byte_buffer *b, uint32_t count);

/**
 * Read one value. nil reads as zero, false or empty, as Go's decoder takes it. All return 0 or
 * -EBADMSG; the reader then stands nowhere in particular.
 */
int pack_get_uint(struct msgpack_reader *r, uint64_t max, uint64_t *out);
int pack_get_int(struct msgpack_reader *r, int64_t *out);
int pack_get_bool(struct msgpack_reader *r, bool *out);
int pack_get_float(struct msgpack_reader *r, double *out);
/** Text or bytes of either specification. @out  in the reader's bytes. */
int pack_get_raw(struct msgpack_reader *r, struct pack_slice *out);
/** A count is never more than the bytes left could hold. */
int pack_get_map(struct msgpack_reader *r, uint32_t *pair_count);
int pack_get_array(struct msgpack_reader *r, uint32_t *count);
enum pack_type {
        PACK_IS_NIL,
        PACK_IS_BOOL,
        PACK_IS_UINT,
        PACK_IS_INT, /* may be negative */
        PACK_IS_FLOAT,
        PACK_IS_RAW,
        PACK_IS_ARRAY,
        PACK_IS_MAP,
        PACK_IS_OTHER, /* an extension */
        PACK_IS_BROKEN /* or the end */
};

/** What comes next; nothing is read. */
enum pack_type pack_peek(const struct msgpack_reader *r);

/** Pass over one value, whatever it holds. */
int pack_skip(struct msgpack_reader *r);

enum pack_kind {
        PACK_U8,
        PACK_U16,
        PACK_U32,
        PACK_U64,
        PACK_I64,
        PACK_BOOL,
        PACK_RAW,   /* struct pack_slice */
        PACK_BYTES, /* struct pack_slice, absent when empty: Go's "omitempty" */
};

/* One field of a C structure and its name on the wire. */
struct pack_field {
        const char *name;
        enum pack_kind kind;
        uint16_t offset;
};

#define PACK_FIELD(type, member, name, kind)                                                       \
        {                                                                                          \
                name, kind, offsetof(type, member)                                                 \
        }

/** Append a structure as a map in the fields' order. */
void pack_put_struct(struct byte_buffer *b, const struct pack_field fields[], size_t field_count,
                     const void *structure);

/**
 * Read a map into a structure that the caller zeroed; slices point into the reader's bytes.
 * returns  0 or -EBADMSG.
 */
int pack_get_struct(struct msgpack_reader *r, const struct pack_field fields[], size_t field_count,
                    void *structure);

#endif
