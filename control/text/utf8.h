#ifndef CONTROL_TEXT_UTF8_H
#define CONTROL_TEXT_UTF8_H

#include <stddef.h>

/**
 * Length of the UTF-8 sequence (RFC 3629) a text begins with.
 * @len     bytes there are, at least 1.
 * returns  1 to 4, or 0 when it begins with none.
 */
size_t utf8_sequence(const unsigned char *text, size_t len);

/**
 * A copy with U+FFFD for each byte that is no UTF-8: paths and query parameters may hold any.
 * @len     bytes of @text to copy, which holds no NUL among them.
 * returns  to be freed; NULL when memory ran out.
 */
char *utf8_repair(const char *text, size_t len);

#endif
