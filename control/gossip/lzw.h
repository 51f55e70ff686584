#ifndef CONTROL_GOSSIP_LZW_H
#define CONTROL_GOSSIP_LZW_H

/**
 * LZW as memberlist compresses with it: codes of 9 to 12 bits, least significant bit first, 256
 * clears the table, 257 ends (Welch, "A technique for high-performance data compression", 1984, in
 * GIF's bit order). Pure.
 */

#include "control/store/msgpack.h"

/** Append the compressed bytes. */
void lzw_compress(const uint8_t *bytes, size_t length, struct byte_buffer *out);

/**
 * Append what compressed bytes stand for.
 * @max     more than this many bytes are refused: the sender may be hostile.
 * returns  0; -EBADMSG for bytes that are no LZW, or end before the end code; -E2BIG.
 */
int lzw_expand(const uint8_t *bytes, size_t length, size_t max, struct byte_buffer *out);

#endif
