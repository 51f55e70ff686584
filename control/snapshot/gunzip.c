#include "control/snapshot/gunzip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SLICE_MAX     (1u << 30)
#define GZIP_HEAD_LEN 10

static int refuse(struct gunzip *g, const char *text)
{
        snprintf(g->error, sizeof(g->error), "%s", text);
        return -EBADMSG;
}

static bool is_gzip(const uint8_t *bytes)
{
        return bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8;
}

int gunzip_init(struct gunzip *g, const uint8_t *bytes, size_t len)
{
        memset(g, 0, offsetof(struct gunzip, block));
        g->next = bytes;
        g->left = len;
        if (len == 0)
                return refuse(g, "EOF");
        if (len < GZIP_HEAD_LEN)
                return refuse(g, "unexpected EOF");
        if (!is_gzip(bytes))
                return refuse(g, "gzip: invalid header");
        return inflateInit2(&g->z, 15 + 16) == Z_OK ? 0 : -ENOMEM;
}

void gunzip_fini(struct gunzip *g)
{
        inflateEnd(&g->z);
}

static void feed(struct gunzip *g)
{
        if (g->z.avail_in > 0 || g->left == 0)
                return;
        g->z.next_in = (Bytef *)(uintptr_t)g->next;
        g->z.avail_in = (uInt)(g->left < SLICE_MAX ? g->left : SLICE_MAX);
        g->next += g->z.avail_in;
        g->left -= g->z.avail_in;
}

static int explain(struct gunzip *g)
{
        if (g->z.msg != NULL && strstr(g->z.msg, "header") != NULL)
                return refuse(g, "gzip: invalid header");
        if (g->z.msg != NULL && strstr(g->z.msg, "data check") != NULL)
                return refuse(g, "gzip: invalid checksum");
        if (g->z.msg != NULL && strstr(g->z.msg, "length check") != NULL)
                return refuse(g, "gzip: invalid checksum");
        snprintf(g->error, sizeof(g->error), "flate: corrupt input before offset %lu",
                 g->z.total_in);
        return -EBADMSG;
}

long gunzip_next(struct gunzip *g, const uint8_t **out)
{
        if (g->error[0] != '\0')
                return -EBADMSG;
        *out = g->block;
        g->z.next_out = g->block;
        g->z.avail_out = sizeof(g->block);
        while (!g->ended && g->z.avail_out > 0) {
                int ret;

                feed(g);
                ret = inflate(&g->z, Z_NO_FLUSH);
                if (ret == Z_STREAM_END) {
                        // Members follow each other until the input ends.
                        feed(g);
                        g->ended = g->z.avail_in == 0;
                        if (!g->ended)
                                inflateReset(&g->z);
                } else if (ret == Z_BUF_ERROR) {
                        return refuse(g, "unexpected EOF");
                } else if (ret != Z_OK) {
                        return explain(g);
                }
        }
        g->produced += sizeof(g->block) - g->z.avail_out;
        return (long)(sizeof(g->block) - g->z.avail_out);
}
