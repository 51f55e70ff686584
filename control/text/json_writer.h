#ifndef CONTROL_TEXT_JSON_WRITER_H
#define CONTROL_TEXT_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITER_DEPTH_MAX 32

// Appends JSON text to a growing buffer, spaced and escaped as Go's encoder does. When memory runs
// out `failed` is set, everything after is ignored, and json_writer_take() returns NULL.
struct json_writer {
        char *data;
        size_t len;
        size_t capacity;
        bool pretty; // four spaces of indentation, ": " after keys
        bool failed;
        bool after_key; // the next value continues a line
        unsigned depth;
        bool has_items[JSON_WRITER_DEPTH_MAX];
};

/**
 * Prepare an empty document.
 * context  any thread; cannot fail.
 */
void json_writer_init(struct json_writer *w, bool pretty);

/**
 * Give the text away.
 * @len     set to its length, without the NUL that follows it.
 * returns  memory to be freed with free(), or NULL when memory ran out; the writer is empty after.
 */
char *json_writer_take(struct json_writer *w, size_t *len);

/**
 * Free what was written and not taken.
 */
void json_writer_fini(struct json_writer *w);

/** Begin and end containers; nesting beyond JSON_WRITER_DEPTH_MAX is asserted. */
void json_writer_begin_object(struct json_writer *w);
/** See json_writer_begin_object(). */
void json_writer_end_object(struct json_writer *w);
/** See json_writer_begin_object(). */
void json_writer_begin_array(struct json_writer *w);
/** See json_writer_begin_object(). */
void json_writer_end_array(struct json_writer *w);

/** Write an object's next key; a value must follow. */
void json_writer_key(struct json_writer *w, const char *key);
/** Write a string value; NULL counts as "". Invalid UTF-8 becomes U+FFFD. */
void json_writer_string(struct json_writer *w, const char *text);
/** Write a string value of a given length, which may hold NUL bytes. */
void json_writer_string_len(struct json_writer *w, const char *text, size_t len);
/** Write bytes as base64. */
void json_writer_base64(struct json_writer *w, const void *bytes, size_t len);
/** Write a signed integer value. */
void json_writer_int(struct json_writer *w, int64_t value);
/** Write an unsigned integer value. */
void json_writer_uint(struct json_writer *w, uint64_t value);
/** Write a floating point value; not-a-number and infinities become 0. */
void json_writer_double(struct json_writer *w, double value);
/** Write true or false. */
void json_writer_bool(struct json_writer *w, bool value);
/** Write null. */
void json_writer_null(struct json_writer *w);
/** Forget what has been written and taken from `data`; the document goes on. */
void json_writer_drain(struct json_writer *w);
/** Write text that is JSON already, as it stands. */
void json_writer_raw(struct json_writer *w, const char *json, size_t len);
/** End a pretty document with a line feed. */
void json_writer_finish(struct json_writer *w);

/** Key and string value. */
void json_writer_put_string(struct json_writer *w, const char *key, const char *text);
/** Key and signed value. */
void json_writer_put_int(struct json_writer *w, const char *key, int64_t value);
/** Key and unsigned value. */
void json_writer_put_uint(struct json_writer *w, const char *key, uint64_t value);
/** Key and boolean. */
void json_writer_put_bool(struct json_writer *w, const char *key, bool value);
/** Key and null. */
void json_writer_put_null(struct json_writer *w, const char *key);

#endif
