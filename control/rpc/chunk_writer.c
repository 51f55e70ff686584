#include "control/rpc/chunk_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 8u

static void on_written(uv_write_t *request, int status)
{
        struct chunk_writer *w = request->data;

        free(w->waiting);
        w->waiting = NULL;
        w->written(w->arg, status);
}

// The rest of a chunk that the kernel has no room for.
static int write_later(struct chunk_writer *w, const uint8_t *bytes, size_t len)
{
        uv_buf_t buf;
        int ret;

        w->waiting = malloc(len);
        if (w->waiting == NULL)
                return -ENOMEM;
        memcpy(w->waiting, bytes, len);
        buf = uv_buf_init((char *)w->waiting, (unsigned)len);
        w->request.data = w;
        ret = uv_write(&w->request, w->stream, &buf, 1, on_written);
        if (ret < 0) {
                free(w->waiting);
                w->waiting = NULL;
        }
        return ret;
}

int chunk_writer_flush(struct chunk_writer *w, uint8_t *chunk, size_t size)
{
        for (unsigned i = 0; w->waiting == NULL; i++) {
                size_t len = w->take(w->arg, chunk, size);
                uv_buf_t buf = uv_buf_init((char *)chunk, (unsigned)len);
                int written, ret;

                if (len == 0)
                        return 0;
                // Others want their turn too: beyond some rounds the loop decides when.
                written = i < ROUNDS ? uv_try_write(w->stream, &buf, 1) : 0;
                if (written < 0 && written != UV_EAGAIN)
                        return written;
                if (written < 0)
                        written = 0;
                if ((size_t)written == len)
                        continue;
                ret = write_later(w, chunk + written, len - (size_t)written);
                if (ret < 0)
                        return ret;
        }
        return 0;
}

void chunk_writer_say_good_bye(struct chunk_writer *w, uint8_t *chunk, size_t size)
{
        uv_buf_t buf;
        size_t len;

        if (w->waiting != NULL)
                return;
        len = w->take(w->arg, chunk, size);
        buf = uv_buf_init((char *)chunk, (unsigned)len);
        if (len > 0)
                uv_try_write(w->stream, &buf, 1);
}
