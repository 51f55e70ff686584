#ifndef LICTOR_RAFT_DISK_THREAD_H
#define LICTOR_RAFT_DISK_THREAD_H

/**
 * A thread that does one job at a time for a loop. Between a write and its answer lie two hops;
 * libuv's pool takes a mutex and spins on the way back, which a busy machine turns into waits of
 * milliseconds. Here each hop is one semaphore or one event descriptor.
 */

#include <uv.h>

struct disk_thread;

/**
 * @work  runs on the thread, once for each submission.
 * @done  runs on the loop after it.
 * returns  0 or a negative errno.
 */
int disk_thread_create(struct disk_thread **out, uv_loop_t *loop, void (*work)(void *arg),
                       void (*done)(void *arg), void *arg);

/** Have the job done. Not before done was called for the one before. */
void disk_thread_submit(struct disk_thread *thread);

/**
 * End it, between jobs.
 * @closed  called on the loop when it is gone.
 */
void disk_thread_close(struct disk_thread *take_thread, void (*closed)(void *arg));

#endif
