// The queue against a naive guest that does random things: every frame arrives once, whole and in
// order, every buffer comes back once.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/dataplane/virtio/guest.h"

#define STEPS     20000u
#define SLOT_ROOM (12u + VIRTQUEUE_SLOT_BYTES)

static struct guest g;
static struct virtqueue vq;
static uint64_t state;

static unsigned pick(unsigned n)
{
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (unsigned)(state >> 33) % n;
}

static void seed(void)
{
        const char *given = getenv("LICTOR_SEED");

        state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
        printf("LICTOR_SEED=%llu\n", (unsigned long long)state);
}

static void set_up(void)
{
        seed();
        guest_init(&g);
}

static void tear_down(void)
{
        guest_fini(&g);
}

TestSuite(virtqueue_model, .init = set_up, .fini = tear_down);

// The frame of a number: length and bytes follow from it.
static uint16_t frame_of(unsigned number, uint8_t *frame)
{
        const uint16_t length = (uint16_t)(number * 2654435761u % (VIRTQUEUE_SLOT_BYTES + 1));

        for (unsigned i = 0; i < length; i++)
                frame[i] = (uint8_t)(number + 31 * i);
        return length;
}

// A buffer of this length, in one to four descriptors from head on. Four belong to each chain.
static void describe(unsigned chain, uint32_t length, uint16_t flags)
{
        const uint64_t address =
            GUEST_BASE + GUEST_HALF + 6000 - (chain + 1ull) * 4096 + pick(1000);
        unsigned n = 1 + pick(4);
        struct guest_piece pieces[4];
        uint32_t at = 0;

        for (unsigned i = 0; i < n; i++) {
                const uint32_t end = i + 1 == n ? length : at + pick(length - at + 1);

                pieces[i] = (struct guest_piece){address + at, end - at, flags};
                at = end;
        }
        guest_describe(&g, (uint16_t)(chain * 4), pieces, n);
}

static uint64_t address_of(unsigned chain)
{
        return g.descriptors[chain * 4].address;
}

#define CHAINS (GUEST_RINGS / 4)

static void reattach(enum virtqueue_direction direction)
{
        cr_assert_eq(
            virtqueue_init(&vq, direction, &g.rings, &g.memory, 12, virtqueue_position(&vq)), 0);
}

Test(virtqueue_model, every_frame_of_the_guest_arrives_once_and_in_order)
{
        static uint8_t slots[VIRTQUEUE_BURST * VIRTQUEUE_SLOT_BYTES];
        uint8_t frame[VIRTQUEUE_SLOT_BYTES];
        uint16_t lengths[VIRTQUEUE_BURST];
        unsigned offered = 0, received = 0, reaped = 0;
        struct virtq_used_element used;
        uint64_t dropped = 0;

        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        for (unsigned step = 0; step < STEPS; step++) {
                if (pick(50) == 0)
                        reattach(VIRTQUEUE_FROM_GUEST);
                for (unsigned n = pick(12); n > 0 && offered - reaped < CHAINS; n--) {
                        const uint16_t length = frame_of(offered, frame);

                        describe(offered % CHAINS, 12u + length, 0);
                        guest_write(&g, address_of(offered % CHAINS) + 12, frame, length);
                        guest_offer(&g, (uint16_t)(offered++ % CHAINS * 4));
                }
                for (unsigned i = 0,
                              n = virtqueue_receive(&vq, slots, lengths, 1 + pick(32), &dropped);
                     i < n; i++) {
                        cr_assert_eq(lengths[i], frame_of(received, frame), "step %u", step);
                        cr_assert_arr_eq(&slots[i * VIRTQUEUE_SLOT_BYTES], frame, lengths[i],
                                         "step %u", step);
                        received++;
                }
                while (guest_reap(&g, &used))
                        cr_assert_eq(used.id, reaped++ % CHAINS * 4, "step %u", step);
                cr_assert_eq(reaped, received, "step %u", step);
        }
        cr_expect_eq(dropped, 0);
        cr_expect_gt(received, STEPS);
}

Test(virtqueue_model, every_answer_reaches_the_guest_once_and_in_order)
{
        static uint8_t storage[VIRTQUEUE_BURST][VIRTQUEUE_SLOT_BYTES];
        uint8_t frame[VIRTQUEUE_SLOT_BYTES], seen[VIRTQUEUE_SLOT_BYTES];
        const uint8_t *frames[VIRTQUEUE_BURST];
        uint16_t lengths[VIRTQUEUE_BURST];
        unsigned offered = 0, sent = 0, reaped = 0;
        struct virtq_used_element used;

        guest_attach(&g, &vq, VIRTQUEUE_TO_GUEST);
        for (unsigned step = 0; step < STEPS; step++) {
                const unsigned n = pick(VIRTQUEUE_BURST + 1);

                if (pick(50) == 0)
                        reattach(VIRTQUEUE_TO_GUEST);
                while (offered - reaped < CHAINS && pick(12) != 0) {
                        describe(offered % CHAINS, SLOT_ROOM, VIRTQ_WRITE);
                        guest_offer(&g, (uint16_t)(offered++ % CHAINS * 4));
                }
                for (unsigned i = 0; i < n; i++) {
                        lengths[i] = frame_of(sent + i, storage[i]);
                        frames[i] = storage[i];
                }
                sent += virtqueue_send(&vq, frames, lengths, n);
                while (guest_reap(&g, &used)) {
                        const uint16_t length = frame_of(reaped, frame);

                        cr_assert_eq(used.id, reaped % CHAINS * 4, "step %u", step);
                        cr_assert_eq(used.length, 12u + length, "step %u", step);
                        guest_read(&g, address_of(reaped++ % CHAINS), seen, 12);
                        guest_read(&g, address_of((reaped - 1) % CHAINS) + 12, seen, length);
                        cr_assert_arr_eq(seen, frame, length, "step %u", step);
                }
                cr_assert_eq(reaped, sent, "step %u", step);
        }
        cr_expect_gt(sent, STEPS);
}
