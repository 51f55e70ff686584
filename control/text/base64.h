#ifndef CONTROL_TEXT_BASE64_H
#define CONTROL_TEXT_BASE64_H

/** Base64 with padding (RFC 4648, 4). Pure. */

#include <stddef.h>
#include <stdint.h>

/** Length of the text that stands for len bytes, without a NUL. */
static inline size_t base64_text_len(size_t len)
{
        return (len + 2) / 3 * 4;
}

/** Write base64_text_len(len) characters and no NUL. */
void base64_encode(const uint8_t *bytes, size_t len, char *out);

/**
 * Read a text; line ends within it are skipped, as Go does.
 * @out     text_len / 4 * 3 bytes are always enough.
 * returns  bytes written, or -1 for a text that is no base64; @bad_at then says where.
 */
long base64_decode(const char *text, size_t text_len, uint8_t *out, size_t *bad_at);

#endif
