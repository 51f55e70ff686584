#ifndef CONTROL_CHECKS_STATUS_H
#define CONTROL_CHECKS_STATUS_H

// From single results to a check's status: a row of results of one kind may be needed before the
// status follows. Pure.

#include <stdbool.h>

enum check_health { CHECK_PASSING, CHECK_WARNING, CHECK_CRITICAL };

// Zero asks for none beyond the first.
struct check_thresholds {
        unsigned success_before_passing;
        unsigned failures_before_warning; // 0: as failures_before_critical
        unsigned failures_before_critical;
};

struct check_status {
        struct check_thresholds thresholds;
        unsigned successes; // in a row
        unsigned failures;
};

/**
 * Begin: the very first result counts at once, of either kind; a row is asked for from then on.
 */
void check_status_init(struct check_status *status, const struct check_thresholds *thresholds);

/**
 * Take a result.
 * @out     the check's status now; untouched when it does not follow yet.
 * returns  whether it does.
 */
bool check_status_take(struct check_status *status, enum check_health result,
                       enum check_health *out);

/** "passing", "warning" or "critical". */
const char *check_health_text(enum check_health health);

#endif
