#ifndef CONTROL_TEXT_WIDE_JSON_H
#define CONTROL_TEXT_WIDE_JSON_H

#include <jansson.h>
#include <stddef.h>

/**
 * Read an answer of any kind. Unsigned integers beyond 63 bits, as flags may be, are kept as the
 * negative ones of the same bits: a cast to uint64_t gives them back.
 * returns  released with json_decref(); NULL when it is no JSON.
 */
json_t *wide_json_load(const char *text, size_t length);

#endif
