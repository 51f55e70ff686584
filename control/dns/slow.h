#ifndef LICTOR_CONTROL_DNS_SLOW_H
#define LICTOR_CONTROL_DNS_SLOW_H

/** Answers what the workers punted, as soon as the loop sees it. */

#include <uv.h>

#include "control/dns/resolver.h"
#include "dataplane/runtime/runtime.h"

struct dns_slow;

/**
 * Watch a runtime's slow path on the loop.
 * @runtime, @dataplane, @resolver  borrowed until dns_slow_stop.
 * returns  0 or a negative errno.
 */
int dns_slow_start(uv_loop_t *loop, struct runtime *runtime,
                   const struct lictor_dataplane *dataplane, struct dns_resolver *resolver,
                   struct dns_slow **out);

/** Stop watching, after the resolver; the loop's next turn frees it. */
void dns_slow_stop(struct dns_slow *take_slow);

#endif
