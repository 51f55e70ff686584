#include "control/checks/status.h"

#include <limits.h>

void check_status_init(struct check_status *status, const struct check_thresholds *thresholds)
{
        *status = (struct check_status){
            .thresholds = *thresholds,
            .successes = thresholds->success_before_passing,
            .failures = thresholds->failures_before_critical,
        };
        if (thresholds->failures_before_warning == 0)
                status->thresholds.failures_before_warning = thresholds->failures_before_critical;
}

static void count(unsigned *row, unsigned *other)
{
        if (*row < UINT_MAX)
                (*row)++;
        *other = 0;
}

bool check_status_take(struct check_status *status, enum check_health result,
                       enum check_health *out)
{
        const struct check_thresholds *wanted = &status->thresholds;

        if (result != CHECK_CRITICAL) {
                count(&status->successes, &status->failures);
                if (status->successes < wanted->success_before_passing)
                        return false;
                *out = result;
                return true;
        }
        count(&status->failures, &status->successes);
        if (status->failures >= wanted->failures_before_critical)
                *out = CHECK_CRITICAL;
        else if (status->failures >= wanted->failures_before_warning)
                *out = CHECK_WARNING;
        else
                return false;
        return true;
}

const char *check_health_text(enum check_health health)
{
        static const char *const texts[] = {[CHECK_PASSING] = "passing",
                                            [CHECK_WARNING] = "warning",
                                            [CHECK_CRITICAL] = "critical"};

        return texts[health];
}
