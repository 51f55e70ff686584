#ifndef CONTROL_SERVER_RESULT_CODEC_H
#define CONTROL_SERVER_RESULT_CODEC_H

/**
 * What applying a command gave, as msgpack: the answer of a leader to a server that forwarded the
 * command. Rows are sent whole, so the receiver gets records of its own.
 */

#include "control/fsm/command.h"
#include "control/store/msgpack.h"

/** Append a result's encoding. */
void fsm_result_encode(const struct fsm_result *result, struct byte_buffer *out);

/**
 * Read one result.
 * @out     initialised by this call; the caller ends it with fsm_result_fini, also on failure.
 * returns  0 or -EBADMSG.
 */
int fsm_result_decode(const uint8_t *bytes, size_t len, struct fsm_result *out);

#endif
