#ifndef CONTROL_LEADER_LOCK_DELAYS_H
#define CONTROL_LEADER_LOCK_DELAYS_H

/**
 * Keys nobody may lock for a while, because the session that held them ended without giving them
 * back: its program may still believe that it holds the lock. Pure: time is told.
 */

#include <stdbool.h>
#include <stdint.h>

struct lock_delays;

/** An empty set, owned by the caller. */
struct lock_delays *lock_delays_create(void);
/** NULL is let pass. */
void lock_delays_destroy(struct lock_delays *take_delays);

/** Delay a key's next lock until @until_ms. @key  copied. */
void lock_delays_add(struct lock_delays *delays, const char *key, uint64_t until_ms);

/** Whether a key may not be locked yet. */
bool lock_delays_has(struct lock_delays *delays, const char *key, uint64_t now_ms);

#endif
