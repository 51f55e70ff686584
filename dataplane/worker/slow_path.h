#ifndef LICTOR_SLOW_PATH_H
#define LICTOR_SLOW_PATH_H

/**
 * The slow path of one worker: queries only the control thread can answer, and their replies.
 *
 * A fixed pool of items. The worker takes a free one, fills it and pushes it; the control thread
 * drains the ring into its own queue, serves the newest first and drops what has waited too long,
 * so that a flood costs late answers rather than all of them. Items come back over a second ring.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/port/port.h"

#define RUNTIME_SLOW_DEADLINE_MS 2000u

/* A pool of this many is a tenth of a second of work at 5,000 slow answers a second. */
#define SLOW_ITEM_COUNT 512u

/* What waits at most, so that there is always room for newer queries. */
#define SLOW_PENDING_MAX (SLOW_ITEM_COUNT * 3 / 4)

struct runtime_slow_query {
        struct dns_message message;
        uint64_t received_ns; /* CLOCK_MONOTONIC */
        struct sockaddr_storage client;
};

struct slow_path;

struct slow_item {
        struct runtime_slow_query query; /* first: what the control thread is given */
        struct port_retained retained;
        struct frame_info info; /* of a frame */
        struct port_queue *queue;
        const struct frame_host *host;
        struct slow_path *path;
};

/**
 * Create the path of one worker.
 * @buffer_size  bytes of message storage in each item; 0 for ports whose buffers travel themselves.
 * @wake_fd      eventfd written when the first item arrives; borrowed.
 * returns  0 or -ENOMEM.
 */
int slow_path_create(size_t buffer_size, int wake_fd, struct slow_path **out);

/** Both sides must be at rest; what is still inside is dropped. */
void slow_path_destroy(struct slow_path *take_path);

/** A free item, or NULL: then the query is dropped and counted. context  worker. */
struct slow_item *slow_path_reserve(struct slow_path *path);

/** Hand an item to the control thread. context  worker. */
void slow_path_punt(struct slow_path *path, struct slow_item *take_item);

/** Give an item back unused. context  worker. */
void slow_path_release(struct slow_path *path, struct slow_item *take_item);

/** The next item come back from the control thread, or NULL. context  worker. */
struct slow_item *slow_path_next_reply(struct slow_path *path);

/**
 * Move what the worker pushed into the pending queue and drop what is too old or too much.
 * context  control thread.
 */
void slow_path_drain(struct slow_path *path, uint64_t now_ns);

/** When the newest pending item arrived, 0 when there is none. context  control thread. */
uint64_t slow_path_newest_ns(const struct slow_path *path);

/** Take the newest pending item; NULL when there is none. context  control thread. */
struct slow_item *slow_path_take(struct slow_path *path);

/** Return an item to the worker, its verdict saying whether to send. context  control thread. */
void slow_path_reply(struct slow_path *path, struct slow_item *take_item);

struct slow_path_dropped {
        uint64_t full; /* pushed out by newer ones */
        uint64_t late;
};

/** context  control thread. */
struct slow_path_dropped slow_path_dropped(const struct slow_path *path);

#endif
