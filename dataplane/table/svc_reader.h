#ifndef LICTOR_SVC_READER_H
#define LICTOR_SVC_READER_H

/**
 * A reader thread's life under liburcu QSBR: register, then report a quiescent state between bursts
 * or go offline to sleep. These are liburcu's own calls, told to ThreadSanitizer.
 */

#include <stdint.h>

#include <urcu-qsbr.h>

#include "dataplane/table/sanitizer.h"

// Only an address both sides agree on: whatever a reader read before is over by the grace period.
#define SVC_READER_SYNC (&urcu_qsbr_flavor)

static inline void svc_reader_register(void)
{
        urcu_qsbr_register_thread();
}

static inline void svc_reader_unregister(void)
{
        TSAN_RELEASE(SVC_READER_SYNC);
        urcu_qsbr_unregister_thread();
}

static inline void svc_reader_quiescent(void)
{
        TSAN_RELEASE(SVC_READER_SYNC);
        urcu_qsbr_quiescent_state();
}

static inline void svc_reader_offline(void)
{
        TSAN_RELEASE(SVC_READER_SYNC);
        urcu_qsbr_thread_offline();
}

static inline void svc_reader_online(void)
{
        urcu_qsbr_thread_online();
}

#endif
