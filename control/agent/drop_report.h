#ifndef LICTOR_DROP_REPORT_H
#define LICTOR_DROP_REPORT_H

/** Tells the operator that workers dropped packets: reasons and numbers, now and then. */

#include <stdint.h>

#include "control/log/log.h"
#include "dataplane/runtime/runtime.h"

struct drop_report;

/** returns  NULL without memory; freed with free(). */
struct drop_report *drop_report_create(void);

/** Compare the workers' counters with those last told and write at most one line a minute. */
void drop_report_run(struct drop_report *report, const struct runtime *runtime,
                     const struct log *log, uint64_t now_ms);

#endif
