#ifndef LICTOR_LOOP_METER_H
#define LICTOR_LOOP_METER_H

/**
 * How long an event loop works between two waits, to a millisecond: while it does, nothing else is
 * answered on it.
 */

#include <stdint.h>
#include <uv.h>

struct loop_meter;

/* Turns since the meter was made. */
struct loop_turns {
        uint64_t count;
        uint64_t longest_ns;
        uint64_t longest_lately_ns; /* in the present and the last interval of 10 seconds */
};

/**
 * A meter of a loop, made before other parts start to prepare for waits: it is then called after
 * them. What updates the loop's time while events are handled hides the part before.
 * returns  0 or a negative errno.
 */
int loop_meter_create(struct loop_meter **out, uv_loop_t *loop);
/** Measure from now on. */
void loop_meter_start(struct loop_meter *meter);
/** It is freed by the loop's next turn. NULL is let pass. */
void loop_meter_destroy(struct loop_meter *take_meter);

/** What was measured so far. */
void loop_meter_read(const struct loop_meter *meter, struct loop_turns *out);

#endif
