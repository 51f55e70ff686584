#ifndef CONTROL_CHECKS_DOCKER_STREAM_H
#define CONTROL_CHECKS_DOCKER_STREAM_H

// The multiplexed output of a Docker exec: frames of a channel byte, three zeros and four bytes of
// length. Pure.

#include <stddef.h>
#include <stdint.h>

struct docker_stream {
        uint8_t header[8];
        uint32_t header_len;
        uint32_t left; // bytes of the current frame still to come
};

/**
 * Find the next piece of output in a stream's bytes; start with a zeroed @stream.
 * @used    bytes taken; call again with the rest while there is one.
 * @piece   where in @bytes output lies, or NULL for none.
 * returns  the piece's length.
 */
size_t docker_stream_take(struct docker_stream *stream, const uint8_t *bytes, size_t len,
                          size_t *used, const uint8_t **piece);

#endif
