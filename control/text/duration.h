#ifndef CONTROL_TEXT_DURATION_H
#define CONTROL_TEXT_DURATION_H

#include <stddef.h>
#include <stdint.h>

// Enough for the longest text duration_format() produces, with its NUL.
#define DURATION_TEXT_MAX 40

/**
 * Read a duration as Go writes it: "1h30m", "1.5s", "-2ms", "0"; units ns us µs ms s m h.
 * @text    NUL-terminated; borrowed.
 * @out_ns  nanoseconds; untouched on failure.
 * returns  0, -EINVAL for text that is no duration, -ERANGE when it does not fit 64 bits.
 * context  any thread.
 */
int duration_parse(const char *text, int64_t *out_ns);

/**
 * Write a duration as Go prints it: 60 s is "1m0s", 0 is "0s", 1.5 ms is "1.5ms".
 * @out     at least DURATION_TEXT_MAX bytes.
 * returns  out.
 * context  any thread.
 */
const char *duration_format(int64_t duration_ns, char out[DURATION_TEXT_MAX]);

/**
 * Why duration_parse() refuses a text, in Go's words.
 * @text  must be one that it refuses.
 */
void duration_explain(const char *text, char *out, size_t size);

#endif
