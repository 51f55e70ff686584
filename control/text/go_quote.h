#ifndef CONTROL_TEXT_GO_QUOTE_H
#define CONTROL_TEXT_GO_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Read a string literal of Go's, in double quotes or backquotes.
 * @out      room for @len bytes, or NULL only to check; NUL-terminated.
 * @out_len  set unless NULL.
 * returns   false when it is none.
 */
bool go_unquote(const char *text, size_t len, char *out, size_t *out_len);

#endif
