#ifndef LICTOR_WORKER_H
#define LICTOR_WORKER_H

/**
 * The worker loop: run to completion over the queues one thread owns.
 *
 * Per turn and queue: receive a burst, classify, answer, send; exceptions go to and come from the
 * kernel interface; queries for the slow path are handed over and their replies sent.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/packet/frame.h"
#include "dataplane/port/port.h"
#include "dataplane/worker/slow_path.h"
#include "dataplane/worker/worker_counters.h"
#include "lictor/bytes.h"
#include "lictor/dataplane.h"

#define WORKER_UNIT_MAX 16u

/* One queue of one port. */
struct worker_unit {
        struct port_queue *queue;
        struct port_queue *exception;  /* NULL without a kernel interface */
        const struct frame_host *host; /* NULL on datagram ports */
};

struct worker_idle {
        bool always_poll;
        uint32_t empty_turns;
        uint32_t sleep_ns;
};

struct worker {
        _Alignas(LICTOR_CACHE_LINE) struct runtime_counters counters; /* this worker writes */
        _Alignas(LICTOR_CACHE_LINE) struct runtime_counters replied;  /* control thread writes */
        _Alignas(LICTOR_CACHE_LINE) const struct lictor_dataplane *dp;
        struct slow_path *slow;
        struct worker_idle idle;
        struct dns_random random;
        uint64_t started_cycles;
        unsigned unit_count;
        struct worker_unit units[WORKER_UNIT_MAX];
        _Alignas(LICTOR_CACHE_LINE) atomic_bool stop; /* control thread writes */
};

/** Serve until worker->stop. Registers and unregisters the thread as a reader. */
void worker_run(struct worker *w);

/**
 * One turn over all units, without sleeping or reporting a quiescent state.
 * returns  packets moved. context  registered reader.
 */
unsigned worker_turn(struct worker *w);

/** Ask worker_run to return soon. context  control thread. */
void worker_stop(struct worker *w);

/**
 * Send or drop an answered slow query: here when the port allows that from any thread, else by
 * handing it to its worker. context  control thread.
 */
void worker_reply(struct worker *w, struct slow_item *take_item);

/** Sum of what the worker and the control thread counted for it. context  control thread. */
void worker_counters_read(const struct worker *w, struct runtime_counters *out);

/** A counter of time for busy fractions: the TSC where there is one, else nanoseconds. */
uint64_t worker_cycles(void);

#endif
