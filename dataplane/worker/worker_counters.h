#ifndef LICTOR_WORKER_COUNTERS_H
#define LICTOR_WORKER_COUNTERS_H

/** What one worker counts: written by it alone, read by the control thread at any time. */

#include <stdint.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/packet/frame.h"

/* Written by one worker, read by the control thread; monotonic since start. */
struct runtime_counters {
        uint64_t received;
        uint64_t answered;
        uint64_t answered_by_rcode[16];
        uint64_t dns_dropped[DNS_VERDICT_COUNT];
        uint64_t frames[FRAME_VERDICT_COUNT];
        uint64_t punted;
        uint64_t punt_dropped_full;
        uint64_t punt_dropped_late;
        uint64_t receive_dropped; /* by the ports */
        uint64_t send_dropped;
        uint64_t exception_to_kernel;
        uint64_t exception_from_kernel;
        uint64_t exception_dropped;
        uint64_t bursts;      /* that held at least one packet */
        uint64_t busy_cycles; /* spent in those */
        uint64_t total_cycles;
        uint64_t sleeps;
};

/* Relaxed atomics cost nothing here and let a reader on another thread see whole values. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
        __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
        return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/** Add every counter of from, which its writer may be changing, to sum. */
void worker_counters_add(struct runtime_counters *sum, const struct runtime_counters *from);

#endif
