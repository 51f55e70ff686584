#include "control/api/session_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/text/duration.h"

#define TTL_MAX_NS (INT64_C(24) * 3600 * 1000000000)

int session_rules_check(const struct catalog_session *session, int64_t ttl_min_ns,
                        char error[SESSION_ERROR_MAX])
{
        const char *behavior = session->behavior, *ttl = session->ttl;
        char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
        char why[160];
        int64_t ttl_ns;

        if (*behavior != '\0' && strcmp(behavior, "release") != 0 &&
            strcmp(behavior, "delete") != 0) {
                snprintf(error, SESSION_ERROR_MAX, "Invalid Behavior setting '%.100s'", behavior);
                return -EINVAL;
        }
        if (*ttl == '\0')
                return 0;
        if (duration_parse(ttl, &ttl_ns) < 0) {
                duration_explain(ttl, why, sizeof(why));
                snprintf(error, SESSION_ERROR_MAX, "Session TTL '%.60s' invalid: %s", ttl, why);
                return -EINVAL;
        }
        if (ttl_ns == 0 || (ttl_ns >= ttl_min_ns && ttl_ns <= TTL_MAX_NS))
                return 0;
        snprintf(error, SESSION_ERROR_MAX, "Invalid Session TTL '%lld', must be between [%s=%s]",
                 (long long)ttl_ns, duration_format(ttl_min_ns, min),
                 duration_format(TTL_MAX_NS, max));
        return -EINVAL;
}
