#ifndef CONTROL_SNAPSHOT_GUNZIP_H
#define CONTROL_SNAPSHOT_GUNZIP_H

/** Gzip (RFC 1952) in memory, decompressed block by block. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#define GUNZIP_BLOCK_LEN  65536
#define GUNZIP_ERROR_SIZE 96

struct gunzip {
        z_stream z;
        const uint8_t *next; /* not yet given to zlib */
        size_t left;
        uint64_t produced; /* bytes in all */
        bool ended;
        char error[GUNZIP_ERROR_SIZE]; /* "" until something was wrong */
        uint8_t block[GUNZIP_BLOCK_LEN];
};

/**
 * Begin with bytes that stay until the end.
 * returns  0; -ENOMEM; -EBADMSG with the error set for bytes that do not begin as gzip does, where
 *          nothing needs to be ended.
 */
int gunzip_init(struct gunzip *g, const uint8_t *bytes, size_t len);
void gunzip_fini(struct gunzip *g);

/**
 * The next block.
 * @out     in @g until the next call.
 * returns  its length, 0 at the end of all, -EBADMSG with the error set.
 */
long gunzip_next(struct gunzip *g, const uint8_t **out);

#endif
