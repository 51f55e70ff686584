#include "control/agent/drop_report.h"

#include <stdio.h>
#include <stdlib.h>

#include "lictor/bytes.h"

#define LINE_INTERVAL_MS 60000u

enum { LATE = FRAME_VERDICT_COUNT, FULL, UNSENT, KERNEL, REASON_COUNT };

struct drop_report {
        struct log_limit limit;
        uint64_t told[REASON_COUNT];
        struct runtime_worker_info workers[RUNTIME_WORKER_MAX];
};

struct drop_report *drop_report_create(void)
{
        struct drop_report *report = calloc(1, sizeof(*report));

        if (report != NULL)
                report->limit.interval_ms = LINE_INTERVAL_MS;
        return report;
}

static const char *reason_name(unsigned reason)
{
        static const char *const others[] = {"slow_path_late", "slow_path_full", "not_sent",
                                             "kernel_interface_full"};

        return reason < FRAME_VERDICT_COUNT ? frame_verdict_name((enum frame_verdict)reason)
                                            : others[reason - FRAME_VERDICT_COUNT];
}

static void sum_up(struct drop_report *report, const struct runtime *runtime,
                   uint64_t sums[REASON_COUNT])
{
        unsigned count = runtime_counters_read(runtime, report->workers, RUNTIME_WORKER_MAX);

        for (unsigned w = 0; w < count; w++) {
                const struct runtime_counters *c = &report->workers[w].counters;

                for (unsigned v = FRAME_DROP_SHORT; v < FRAME_VERDICT_COUNT; v++)
                        sums[v] += c->frames[v];
                sums[LATE] += c->punt_dropped_late;
                sums[FULL] += c->punt_dropped_full;
                sums[UNSENT] += c->send_dropped;
                sums[KERNEL] += c->exception_dropped;
        }
        // What is meant for others is ordinary on a shared wire.
        sums[FRAME_DROP_NOT_FOR_US] = 0;
}

void drop_report_run(struct drop_report *report, const struct runtime *runtime,
                     const struct log *log, uint64_t now_ms)
{
        uint64_t sums[REASON_COUNT] = {0}, suppressed;
        char line[1024];
        size_t length = 0;
        bool any = false;

        if (runtime == NULL)
                return;
        sum_up(report, runtime, sums);
        for (unsigned i = 0; i < REASON_COUNT; i++)
                any = any || sums[i] > report->told[i];
        if (!any || !log_limit_allow(&report->limit, now_ms, &suppressed))
                return;
        for (unsigned i = 0; i < REASON_COUNT && length < sizeof(line); i++) {
                if (sums[i] > report->told[i])
                        length += (size_t)snprintf(line + length, sizeof(line) - length, " %s=%llu",
                                                   reason_name(i),
                                                   (unsigned long long)(sums[i] - report->told[i]));
                report->told[i] = sums[i];
        }
        log_warn(log, "agent.dataplane", "Packets were dropped:%s", line);
}
