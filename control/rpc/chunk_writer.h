#ifndef CONTROL_RPC_CHUNK_WRITER_H
#define CONTROL_RPC_CHUNK_WRITER_H

/**
 * Writes what a protocol has to say to its connection, a chunk at a time: nothing is taken from the
 * protocol before the kernel has room, so that what waits waits there, where it is counted.
 *
 * context  the loop's thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Caller's storage, until the stream is closed; all zero but for the first four to begin with. */
struct chunk_writer {
        uv_stream_t *stream;
        /** Copy up to size bytes out of the protocol. returns  how many; 0 when it has none. */
        size_t (*take)(void *arg, uint8_t *out, size_t size);
        /** A write that had to wait has ended, well or with status: there may be more to flush. */
        void (*written)(void *arg, int status);
        void *arg;
        uv_write_t request;
        uint8_t *waiting; /* bytes of it; NULL: none is under way */
};

/**
 * Write what there is, or as much as the kernel and the loop's other work allow.
 * @chunk   size bytes to copy through, anybody's between calls.
 * returns  0, or a negative errno: the connection cannot be written any more.
 */
int chunk_writer_flush(struct chunk_writer *w, uint8_t *chunk, size_t size);

/** Write one more chunk before the stream is closed, if the kernel has room for it. */
void chunk_writer_say_good_bye(struct chunk_writer *w, uint8_t *chunk, size_t size);

/** Whether a write waits for the other side to read. */
static inline bool chunk_writer_is_busy(const struct chunk_writer *w)
{
        return w->waiting != NULL;
}

#endif
