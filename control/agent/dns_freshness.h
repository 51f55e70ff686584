#ifndef LICTOR_AGENT_DNS_FRESHNESS_H
#define LICTOR_AGENT_DNS_FRESHNESS_H

/**
 * dns_config's allow_stale and max_stale: says to the data plane when what it has published is too
 * old to be answered. Then the slow path waits until it is not, or answers SERVFAIL.
 *
 * context  the control thread.
 */

#include <stdbool.h>

struct agent;
struct dns_freshness;

/** Begin to look; the publisher and what fills the store are there. returns  NULL without memory.
 */
struct dns_freshness *dns_freshness_start(struct agent *agent);

/** End it, before what it looks at. NULL is let pass. */
void dns_freshness_stop(struct dns_freshness *take_freshness);

/** Look now: the settings have changed, or a copy of the catalog has come. NULL is let pass. */
void dns_freshness_check(struct dns_freshness *freshness);

#endif
