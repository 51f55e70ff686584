#include <stdlib.h>
#include <zlib.h>

#include "control/http/http_internal.h"

// Shorter answers fit one packet anyway; the reference's limit is of this size too.
#define COMPRESS_MIN 1400
#define GZIP_WINDOW  (15 + 16)

bool http_compress(char **data, size_t *len)
{
        z_stream stream = {0};
        uLong bound;
        char *packed;

        if (*len < COMPRESS_MIN || *len > UINT32_MAX / 2)
                return false;
        if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
            Z_OK)
                return false;
        bound = deflateBound(&stream, (uLong)*len);
        packed = malloc(bound);
        if (packed == NULL)
                goto end_stream;
        stream.next_in = (Bytef *)*data;
        stream.avail_in = (uInt)*len;
        stream.next_out = (Bytef *)packed;
        stream.avail_out = (uInt)bound;
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
                goto free_packed;
        free(*data);
        *data = packed;
        *len = stream.total_out;
        deflateEnd(&stream);
        return true;
free_packed:
        free(packed);
end_stream:
        deflateEnd(&stream);
        return false;
}
