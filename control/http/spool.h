#ifndef CONTROL_HTTP_SPOOL_H
#define CONTROL_HTTP_SPOOL_H

/** A file without a name, for bytes too many to be held in memory. It goes when it is closed. */

#include <stddef.h>
#include <stdint.h>

struct spool {
        int fd;
        uint64_t len;
        uint8_t *map; /* once mapped */
};

/**
 * @dir     where it is made; "" or one that cannot hold such files: the system's memory.
 * returns  0 or a negative errno.
 */
int spool_open(struct spool *s, const char *dir);
/** Give it back; also one that was not opened, with fd -1. */
void spool_close(struct spool *s);

/** Append. returns 0 or a negative errno. @spool a struct spool: a snapshot_sink_fn. */
int spool_append(void *spool, const uint8_t *bytes, size_t len);

/** All that was appended, borrowed until the end. returns 0 or a negative errno. */
int spool_map(struct spool *s, const uint8_t **out);

/** Read a part. returns the bytes read, 0 at the end, or a negative errno. */
long spool_read(const struct spool *s, uint64_t offset, void *out, size_t size);

#endif
