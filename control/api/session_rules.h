#ifndef CONTROL_API_SESSION_RULES_H
#define CONTROL_API_SESSION_RULES_H

/** What a new session must be, whichever way it is asked for. Pure. */

#include "control/store/records.h"

#define SESSION_ERROR_MAX 256

/**
 * Check a session's behavior and its time.
 * @ttl_min_ns  the shortest time there is; 0 as a TTL stands for none.
 * @error       on failure what is wrong, in Consul's words.
 * returns      0 or -EINVAL.
 */
int session_rules_check(const struct catalog_session *session, int64_t ttl_min_ns,
                        char error[SESSION_ERROR_MAX]);

#endif
