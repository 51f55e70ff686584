#ifndef CONTROL_AGENT_DEADLINES_H
#define CONTROL_AGENT_DEADLINES_H

// A heap of moments at which something is due; the soonest is found at once. Pure: time is told.

#include <stddef.h>
#include <stdint.h>

// Lies in what is due; slot is zero when idle.
struct deadline {
        uint64_t at_ms;
        int kind;    // the owner's business
        void *owner; // likewise
        size_t slot; // position + 1; 0: not in the heap
};

struct deadlines {
        struct deadline **heap;
        size_t count;
        size_t capacity;
};

/** Free the heap's own memory. */
void deadlines_fini(struct deadlines *heap);

/**
 * Set or move a deadline.
 * returns  0 or -ENOMEM (never when it was set already).
 */
int deadlines_set(struct deadlines *heap, struct deadline *deadline, uint64_t at_ms);

/** Take a deadline out; nothing happens when it is not in. */
void deadlines_clear(struct deadlines *heap, struct deadline *deadline);

/** The soonest, or NULL. */
struct deadline *deadlines_first(const struct deadlines *heap);

#endif
