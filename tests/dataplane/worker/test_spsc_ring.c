#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "dataplane/worker/spsc_ring.h"

#define CAPACITY   8u
#define ITEM_COUNT 200000u

static void *item(uintptr_t n)
{
        return (void *)n;
}

Test(spsc_ring, is_empty_when_new)
{
        void *slots[CAPACITY];
        struct spsc_ring ring;

        spsc_ring_init(&ring, slots, CAPACITY);
        cr_expect_null(spsc_ring_pop(&ring));
}

Test(spsc_ring, holds_exactly_its_capacity_and_keeps_the_order)
{
        void *slots[CAPACITY];
        struct spsc_ring ring;

        spsc_ring_init(&ring, slots, CAPACITY);
        for (unsigned round = 0; round < 5; round++) {
                for (uintptr_t i = 1; i <= CAPACITY; i++)
                        cr_assert(spsc_ring_push(&ring, item(i)));
                cr_expect_not(spsc_ring_push(&ring, item(99)), "one more than fits");
                for (uintptr_t i = 1; i <= CAPACITY; i++)
                        cr_assert_eq(spsc_ring_pop(&ring), item(i));
                cr_expect_null(spsc_ring_pop(&ring));
        }
}

Test(spsc_ring, of_one_slot_alternates)
{
        void *slots[1];
        struct spsc_ring ring;

        spsc_ring_init(&ring, slots, 1);
        for (uintptr_t i = 1; i < 10; i++) {
                cr_assert(spsc_ring_push(&ring, item(i)));
                cr_assert_not(spsc_ring_push(&ring, item(i)));
                cr_assert_eq(spsc_ring_pop(&ring), item(i));
        }
}

Test(spsc_ring, survives_the_wrapping_of_its_indexes)
{
        void *slots[CAPACITY];
        struct spsc_ring ring;

        spsc_ring_init(&ring, slots, CAPACITY);
        atomic_store(&ring.head, UINT32_MAX - 2);
        atomic_store(&ring.tail, UINT32_MAX - 2);
        ring.head_seen = UINT32_MAX - 2;
        ring.tail_seen = UINT32_MAX - 2;
        for (uintptr_t i = 1; i <= CAPACITY; i++)
                cr_assert(spsc_ring_push(&ring, item(i)));
        cr_expect_not(spsc_ring_push(&ring, item(99)));
        for (uintptr_t i = 1; i <= CAPACITY; i++)
                cr_assert_eq(spsc_ring_pop(&ring), item(i));
}

static void *produce(void *argument)
{
        for (uintptr_t i = 1; i <= ITEM_COUNT; i++)
                while (!spsc_ring_push(argument, item(i)))
                        sched_yield();
        return NULL;
}

Test(spsc_ring, passes_everything_once_and_in_order_between_two_threads)
{
        void *slots[CAPACITY];
        struct spsc_ring ring;
        pthread_t producer;

        spsc_ring_init(&ring, slots, CAPACITY);
        cr_assert_eq(pthread_create(&producer, NULL, produce, &ring), 0);
        for (uintptr_t want = 1; want <= ITEM_COUNT;) {
                void *got = spsc_ring_pop(&ring);

                if (got == NULL) {
                        sched_yield();
                        continue;
                }
                cr_assert_eq(got, item(want));
                want++;
        }
        pthread_join(producer, NULL);
        cr_expect_null(spsc_ring_pop(&ring));
}
