#ifndef LICTOR_SPSC_RING_H
#define LICTOR_SPSC_RING_H

/**
 * A bounded ring of pointers between exactly one producer and one consumer thread.
 *
 * Pure C11 atomics. Each side keeps a private copy of the other's index and refreshes it only when
 * the ring looks full or empty, so that a side usually touches its own cache line alone.
 */

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lictor/bytes.h"

struct spsc_ring {
        alignas(LICTOR_CACHE_LINE) _Atomic uint32_t head; /* producer writes: next free slot */
        uint32_t tail_seen;
        alignas(LICTOR_CACHE_LINE) _Atomic uint32_t tail; /* consumer writes: next full slot */
        uint32_t head_seen;
        alignas(LICTOR_CACHE_LINE) uint32_t mask; /* constant */
        void **slots;                             /* caller's memory */
};

/**
 * @slots     capacity pointers; borrowed for the ring's life.
 * @capacity  a power of two.
 */
static inline void spsc_ring_init(struct spsc_ring *r, void **slots, uint32_t capacity)
{
        atomic_init(&r->head, 0);
        atomic_init(&r->tail, 0);
        r->tail_seen = 0;
        r->head_seen = 0;
        r->mask = capacity - 1;
        r->slots = slots;
}

/** returns  false when the ring is full. context  producer. */
static inline bool spsc_ring_push(struct spsc_ring *r, void *item)
{
        uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

        if (head - r->tail_seen > r->mask) {
                r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
                if (head - r->tail_seen > r->mask)
                        return false;
        }
        r->slots[head & r->mask] = item;
        atomic_store_explicit(&r->head, head + 1, memory_order_release);
        return true;
}

/** returns  NULL when the ring is empty. context  consumer. */
static inline void *spsc_ring_pop(struct spsc_ring *r)
{
        uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
        void *item;

        if (tail == r->head_seen) {
                r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
                if (tail == r->head_seen)
                        return NULL;
        }
        item = r->slots[tail & r->mask];
        atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
        return item;
}

#endif
