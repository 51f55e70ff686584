#ifndef CONTROL_TEXT_JSON_SYNTAX_H
#define CONTROL_TEXT_JSON_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Find the first mistake in the JSON value that a text begins with, in the words of Go's decoder,
 * which clients know. What follows the value is not looked at. Pure.
 * @error   on failure what is wrong, cut to @size.
 * returns  whether it is well-formed.
 */
bool json_syntax_check(const char *text, size_t len, char *error, size_t size);

#endif
