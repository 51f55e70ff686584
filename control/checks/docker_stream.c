#include "control/checks/docker_stream.h"

#include "lictor/bytes.h"

size_t docker_stream_take(struct docker_stream *stream, const uint8_t *bytes, size_t len,
                          size_t *used, const uint8_t **piece)
{
        size_t at = 0, part;

        *piece = NULL;
        while (stream->left == 0 && at < len) {
                stream->header[stream->header_len++] = bytes[at++];
                if (stream->header_len == sizeof(stream->header)) {
                        stream->left = load_be32(stream->header + 4);
                        stream->header_len = 0;
                }
        }
        part = stream->left < len - at ? stream->left : len - at;
        if (part > 0)
                *piece = bytes + at;
        stream->left -= (uint32_t)part;
        *used = at + part;
        return part;
}
