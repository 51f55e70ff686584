#ifndef CONTROL_DNS_SHARED_FAILOVER_H
#define CONTROL_DNS_SHARED_FAILOVER_H

/**
 * Prepared queries carried out elsewhere once for all who ask at a time, and, where dns_config has
 * use_cache, once for a while: a front of a dns_failover that is one itself.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/dns/resolver.h"

/* Names held at a time: each with the questions that wait for it, or its answer. What comes beyond
 * is carried out for itself. */
#define SHARED_FAILOVER_NAMES_MAX 256u
/* An answer is never kept longer, whatever age is allowed. */
#define SHARED_FAILOVER_AGE_MAX_MS 10000u

struct shared_failover;

/**
 * @inner   who carries queries out; copied.
 * returns  0 or -ENOMEM.
 */
int shared_failover_create(uv_loop_t *loop, const struct dns_failover *inner,
                           struct shared_failover **out);

/** How old an answer may be that is given again; 0: none is kept. */
void shared_failover_set_age(struct shared_failover *shared, uint64_t age_ms);

/** The front, to be asked in place of the inner one. */
struct dns_failover shared_failover_front(struct shared_failover *shared);

/** All calls have ended or are cancelled. Memory goes with the loop's next turn; NULL is let pass.
 */
void shared_failover_destroy(struct shared_failover *take_shared);

#endif
