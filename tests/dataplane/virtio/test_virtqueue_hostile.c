#include <criterion/criterion.h>

#include "lictor/bytes.h"
#include "tests/dataplane/virtio/guest.h"

static struct guest g;
static struct virtqueue vq;
static uint8_t slots[VIRTQUEUE_BURST * VIRTQUEUE_SLOT_BYTES];
static uint16_t lengths[VIRTQUEUE_BURST];
static uint64_t dropped;

static void set_up(void)
{
        guest_init(&g);
        dropped = 0;
}

static void tear_down(void)
{
        guest_fini(&g);
}

TestSuite(virtqueue_hostile, .init = set_up, .fini = tear_down);

#define FITS GUEST_BASE + 4096
#define LONG (12 + VIRTQUEUE_SLOT_BYTES + 1)

// Chains that hold no frame, from the guest's descriptor 0 on.
static const struct {
        const char *name;
        uint16_t head;
        unsigned count;
        struct guest_piece pieces[3];
} bad_chains[] = {
    {"head outside the ring", GUEST_RINGS, 1, {{FITS, 100, 0}}},
    {"head far outside", 65535, 1, {{FITS, 100, 0}}},
    {"shorter than a header", 0, 1, {{FITS, 11, 0}}},
    {"empty", 0, 1, {{FITS, 0, 0}}},
    {"longer than a slot", 0, 1, {{FITS, LONG, 0}}},
    {"longer than a slot together", 0, 2, {{FITS, 12, 0}, {FITS, VIRTQUEUE_SLOT_BYTES + 1, 0}}},
    {"four gigabytes", 0, 1, {{FITS, UINT32_MAX, 0}}},
    {"four gigabytes behind a header", 0, 2, {{FITS, 12, 0}, {FITS, UINT32_MAX, 0}}},
    {"below the guest's memory", 0, 1, {{GUEST_BASE - 1, 100, 0}}},
    {"at zero", 0, 1, {{0, 100, 0}}},
    {"above it", 0, 1, {{GUEST_END, 100, 0}}},
    {"over its end", 0, 1, {{GUEST_END - 99, 100, 0}}},
    {"over its end in the second", 0, 2, {{FITS, 12, 0}, {GUEST_END - 99, 100, 0}}},
    {"round the end of all addresses", 0, 1, {{UINT64_MAX - 50, 100, 0}}},
    {"of the other direction", 0, 1, {{FITS, 100, VIRTQ_WRITE}}},
    {"of the other direction in the second", 0, 2, {{FITS, 12, 0}, {FITS, 100, VIRTQ_WRITE}}},
    {"indirect, which was not offered", 0, 1, {{FITS, 96, VIRTQ_INDIRECT}}},
};

// A chain bent afterwards: its last descriptor has a next one.
static const struct {
        const char *name;
        uint16_t next;
} bad_links[] = {
    {"to itself", 1},
    {"back to the head", 0},
    {"outside the ring", GUEST_RINGS},
    {"far outside", 65535},
};

static void expect_dropped(const char *name, uint16_t head)
{
        const uint64_t before = dropped;
        struct virtq_used_element used;

        guest_offer(&g, head);
        cr_expect_eq(virtqueue_receive(&vq, slots, lengths, VIRTQUEUE_BURST, &dropped), 0, "%s",
                     name);
        cr_expect_eq(dropped, before + 1, "%s", name);
        cr_expect(guest_reap(&g, &used) && used.id == head && used.length == 0, "%s", name);
}

Test(virtqueue_hostile, chains_without_a_frame_go_back_and_are_counted)
{
        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        for (size_t i = 0; i < ARRAY_LEN(bad_chains); i++) {
                guest_describe(&g, 0, bad_chains[i].pieces, bad_chains[i].count);
                expect_dropped(bad_chains[i].name, bad_chains[i].head);
        }
        for (size_t i = 0; i < ARRAY_LEN(bad_links); i++) {
                static const struct guest_piece pieces[] = {{FITS, 12, 0}, {FITS, 10, 0}};

                guest_describe(&g, 0, pieces, 2);
                g.descriptors[1].rest =
                    10 | (uint64_t)VIRTQ_NEXT << 32 | (uint64_t)bad_links[i].next << 48;
                expect_dropped(bad_links[i].name, 0);
        }
}

Test(virtqueue_hostile, buffers_that_cannot_be_written_go_back_empty)
{
        const uint8_t frame[100] = {0}, *frames[] = {frame};
        const uint16_t length = sizeof(frame);

        guest_attach(&g, &vq, VIRTQUEUE_TO_GUEST);
        for (size_t i = 0; i < ARRAY_LEN(bad_chains); i++) {
                struct guest_piece pieces[3];
                struct virtq_used_element used;
                bool is_large = false;

                // Here large buffers are good ones, and 100 bytes do not fit frame and header.
                for (unsigned n = 0; n < bad_chains[i].count; n++) {
                        pieces[n] = bad_chains[i].pieces[n];
                        pieces[n].flags ^= VIRTQ_WRITE;
                        is_large |= pieces[n].length > 100 && pieces[n].length < UINT32_MAX;
                }
                if (is_large)
                        continue;
                guest_describe(&g, 0, pieces, bad_chains[i].count);
                guest_offer(&g, bad_chains[i].head);
                cr_expect_eq(virtqueue_send(&vq, frames, &length, 1), 0, "%s", bad_chains[i].name);
                cr_expect(guest_reap(&g, &used) && used.length == 0, "%s", bad_chains[i].name);
        }
}

Test(virtqueue_hostile, a_good_frame_among_bad_ones_is_received)
{
        const uint8_t byte = 0x42;

        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        guest_write(&g, FITS + 12, &byte, 1);
        guest_describe(&g, 0, &(struct guest_piece){FITS, 11, 0}, 1);
        guest_describe(&g, 1, &(struct guest_piece){FITS, 100, 0}, 1);
        for (unsigned i = 0; i < 30; i++)
                guest_offer(&g, i == 17 ? 1 : 0);
        cr_expect_eq(virtqueue_receive(&vq, slots, lengths, VIRTQUEUE_BURST, &dropped), 1);
        cr_expect_eq(dropped, 29);
        cr_expect_eq(slots[0], 0x42);
        cr_expect_eq(lengths[0], 88);
        cr_expect_eq(g.used->index, 30);
}

Test(virtqueue_hostile, an_index_that_jumps_ends_the_queue)
{
        const uint8_t frame[60] = {0}, *frames[] = {frame};
        const uint16_t length = sizeof(frame);

        for (unsigned direction = 0; direction < 2; direction++) {
                const uint16_t used = g.used->index;

                g.available->index = 0;
                guest_attach(&g, &vq, (enum virtqueue_direction)direction);
                g.available->index = GUEST_RINGS + 1;
                for (unsigned i = 0; i < 3; i++) {
                        cr_expect_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 0);
                        cr_expect_eq(virtqueue_send(&vq, frames, &length, 1), 0);
                        g.available->index = 1; // too late
                }
                cr_expect_eq(g.used->index, used);
        }
}
