#ifndef CONTROL_STORE_TEXT_H
#define CONTROL_STORE_TEXT_H

/** Letter case of ASCII, which is the only one that names ignore. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint8_t text_lower_byte(uint8_t c)
{
        return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/** Append the lower-cased text. returns  the position after it; no NUL is written. */
uint8_t *text_put_lower(uint8_t *at, const char *text);

/** Order and equality with letter case ignored. */
int text_compare_fold(const char *a, const char *b);
static inline bool text_equal_fold(const char *a, const char *b)
{
        return text_compare_fold(a, b) == 0;
}

#endif
