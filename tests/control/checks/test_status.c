#include <criterion/criterion.h>

#include "control/checks/status.h"

// Results and statuses as letters: p, w, c; a dot for a status that does not follow yet.
static char letter(enum check_health health)
{
        return "pwc"[health];
}

static enum check_health health(char c)
{
        return c == 'p' ? CHECK_PASSING : c == 'w' ? CHECK_WARNING : CHECK_CRITICAL;
}

Test(check_status, a_status_follows_after_the_row_that_was_asked_for)
{
        static const struct {
                const char *name;
                struct check_thresholds thresholds;
                const char *results, *statuses;
        } cases[] = {
            {"without thresholds each result counts", {0, 0, 0}, "pcwcp", "pcwcp"},
            {"one of each is no threshold", {1, 1, 1}, "pcpc", "pcpc"},
            {"the first failure counts at once", {0, 0, 3}, "ccpcccp", "ccp..cp"},
            {"the first success counts at once", {3, 0, 0}, "ppcpppp", "ppc..pp"},
            {"a warning is a success", {2, 0, 0}, "pcwwp", "pc.wp"},
            {"a success breaks a row of failures", {0, 0, 2}, "pcpcpcc", "p.p.p.c"},
            {"a failure breaks a row of successes", {2, 0, 0}, "pcpcpp", "pc.c.p"},
            {"warning comes before critical", {0, 2, 4}, "pcccccp", "p.wwccp"},
            {"warning is as critical when not given", {0, 0, 2}, "pcc", "p.c"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct check_status status;
                char seen[16] = "";

                check_status_init(&status, &cases[i].thresholds);
                for (size_t n = 0; cases[i].results[n] != '\0'; n++) {
                        enum check_health out = CHECK_PASSING;
                        bool follows =
                            check_status_take(&status, health(cases[i].results[n]), &out);

                        seen[n] = follows ? letter(out) : '.';
                }
                cr_expect_str_eq(seen, cases[i].statuses, "%s: %s", cases[i].name, seen);
        }
}
