#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

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

TestSuite(virtqueue, .init = set_up, .fini = tear_down);

static void fill(uint8_t *bytes, unsigned n, unsigned seed)
{
        for (unsigned i = 0; i < n; i++)
                bytes[i] = (uint8_t)(seed + 7 * i + i / 256);
}

// How a packet of header and frame lies in the guest.
#define BORDER (GUEST_BASE + GUEST_HALF) // where the regions meet

static const struct {
        const char *name;
        uint32_t frame_length;
        uint64_t address; // 0: anywhere
        uint32_t cuts[4]; // where descriptors end, of header and frame together
} layouts[] = {
    {"one descriptor", 83, 0, {0}},
    {"the empty frame", 0, 0, {0}},
    {"one byte", 1, 0, {0}},
    {"63 bytes", 63, 0, {0}},
    {"64 bytes", 64, 0, {0}},
    {"65 bytes", 65, 0, {0}},
    {"128 bytes", 128, 0, {0}},
    {"the longest of an MTU of 1500 with two VLAN tags", 1522, 0, {0}},
    {"all that fits a slot", VIRTQUEUE_SLOT_BYTES, 0, {0}},
    {"the header in a descriptor of its own", 83, 0, {12}},
    {"a header in two, a frame in three", 300, 0, {5, 12, 100, 200}},
    {"header and frame meet inside a descriptor", 300, 0, {11, 13}},
    {"a descriptor across regions", 700, BORDER - 100, {0}},
    {"a header across regions", 83, BORDER - 6, {0}},
    {"descriptors on both sides of the border", 700, BORDER - 100, {100}},
    {"to the guest's last byte", 83, GUEST_END - 95, {0}},
    {"from its first byte", 83, GUEST_BASE, {0}},
};

// returns  how many descriptors, filled from 0 on.
static unsigned describe(size_t row, uint64_t address, uint16_t flags)
{
        const uint32_t total = 12 + layouts[row].frame_length;
        struct guest_piece pieces[5];
        uint32_t at = 0;
        unsigned n = 0;

        for (unsigned i = 0; i < ARRAY_LEN(layouts[row].cuts) && layouts[row].cuts[i] > 0; i++) {
                pieces[n++] = (struct guest_piece){address + at, layouts[row].cuts[i] - at, flags};
                at = layouts[row].cuts[i];
        }
        pieces[n++] = (struct guest_piece){address + at, total - at, flags};
        guest_describe(&g, 0, pieces, n);
        return n;
}

static uint64_t address_of(size_t row)
{
        return layouts[row].address != 0 ? layouts[row].address
                                         : guest_place(&g, 12 + layouts[row].frame_length);
}

Test(virtqueue, a_frame_is_received_however_it_lies_in_memory)
{
        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
                const uint64_t address = address_of(i);
                uint8_t frame[VIRTQUEUE_SLOT_BYTES];
                struct virtq_used_element used;

                fill(frame, layouts[i].frame_length, (unsigned)i);
                guest_write(&g, address + 12, frame, layouts[i].frame_length);
                (void)describe(i, address, 0);
                guest_offer(&g, 0);
                cr_expect_eq(virtqueue_receive(&vq, slots, lengths, VIRTQUEUE_BURST, &dropped), 1,
                             "%s", layouts[i].name);
                cr_expect_eq(lengths[0], layouts[i].frame_length, "%s", layouts[i].name);
                cr_expect_arr_eq(slots, frame, layouts[i].frame_length, "%s", layouts[i].name);
                cr_expect(guest_reap(&g, &used), "%s", layouts[i].name);
                cr_expect_eq(used.id, 0, "%s", layouts[i].name);
        }
        cr_expect_eq(dropped, 0);
}

Test(virtqueue, an_answer_is_written_however_the_buffer_lies_in_memory)
{
        static const uint8_t header[12] = {[10] = 1};

        guest_attach(&g, &vq, VIRTQUEUE_TO_GUEST);
        for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
                const uint64_t address = address_of(i);
                const uint16_t length = (uint16_t)layouts[i].frame_length;
                uint8_t frame[VIRTQUEUE_SLOT_BYTES], seen[12 + VIRTQUEUE_SLOT_BYTES];
                const uint8_t *const frames[] = {frame};
                struct virtq_used_element used;

                fill(frame, length, (unsigned)i);
                (void)describe(i, address, VIRTQ_WRITE);
                guest_offer(&g, 0);
                cr_expect_eq(virtqueue_send(&vq, frames, &length, 1), 1, "%s", layouts[i].name);
                guest_read(&g, address, seen, 12u + length);
                cr_expect_arr_eq(seen, header, 12, "%s", layouts[i].name);
                cr_expect_arr_eq(seen + 12, frame, length, "%s", layouts[i].name);
                cr_expect(guest_reap(&g, &used), "%s", layouts[i].name);
                cr_expect_eq(used.length, 12u + length, "%s", layouts[i].name);
        }
}

Test(virtqueue, a_legacy_header_has_ten_bytes)
{
        const uint64_t address = guest_place(&g, 100);
        const uint8_t frame[14] = "fourteen bytes", *frames[] = {frame};
        const uint16_t length = sizeof(frame);
        uint8_t seen[11 + sizeof(frame)], before = 0x5a;

        cr_assert_eq(virtqueue_init(&vq, VIRTQUEUE_TO_GUEST, &g.rings, &g.memory, 10,
                                    (struct virtqueue_position){0}),
                     0);
        guest_write(&g, address + 24, &before, 1);
        guest_describe(&g, 0, &(struct guest_piece){address, 100, VIRTQ_WRITE}, 1);
        guest_offer(&g, 0);
        cr_assert_eq(virtqueue_send(&vq, frames, &length, 1), 1);
        guest_read(&g, address, seen, sizeof(seen));
        cr_expect_arr_eq(seen, "\0\0\0\0\0\0\0\0\0\0", 10);
        cr_expect_arr_eq(seen + 10, frame, sizeof(frame));
        cr_expect_eq(seen[24], 0x5a, "nothing behind the frame is touched");
}

Test(virtqueue, rings_that_virtio_forbids_are_refused)
{
        static const struct {
                const char *name;
                uint16_t size;
                uint8_t descriptors_off, available_off, used_off, header_length;
        } cases[] = {
            {"no entries", 0, 0, 0, 0, 12},
            {"no power of two", 48, 0, 0, 0, 12},
            {"descriptors off by one", 16, 1, 0, 0, 12},
            {"descriptors off by eight", 16, 8, 0, 0, 12},
            {"available ring off by one", 16, 0, 1, 0, 12},
            {"used ring off by two", 16, 0, 0, 2, 12},
            {"a header of no version", 16, 0, 0, 0, 11},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct virtqueue_rings rings = {
                    .descriptors = (const uint8_t *)g.descriptors + cases[i].descriptors_off,
                    .available = (const uint8_t *)g.available + cases[i].available_off,
                    .used = (uint8_t *)g.used + cases[i].used_off,
                    .size = cases[i].size,
                };

                cr_expect_eq(virtqueue_init(&vq, VIRTQUEUE_TO_GUEST, &rings, &g.memory,
                                            cases[i].header_length, (struct virtqueue_position){0}),
                             -EINVAL, "%s", cases[i].name);
        }
}

// So many one-descriptor frames whose first byte tells them apart.
static void offer_frames(unsigned from, unsigned n)
{
        for (unsigned i = from; i < from + n; i++) {
                const uint64_t address = GUEST_BASE + (i % GUEST_RINGS) * 256;
                const uint8_t number = (uint8_t)i;

                guest_write(&g, address + 12, &number, 1);
                guest_describe(&g, (uint16_t)(i % GUEST_RINGS),
                               &(struct guest_piece){address, 12 + 60, 0}, 1);
                guest_offer(&g, (uint16_t)(i % GUEST_RINGS));
        }
}

Test(virtqueue, frames_come_in_order_however_many_are_asked_for)
{
        static const unsigned asked[] = {1, 31, 32, 2, 32, 30, 7, 32};
        unsigned offered = 0, seen = 0;

        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        for (unsigned round = 0; round < 2000; round++) {
                const unsigned n = asked[round % ARRAY_LEN(asked)];
                unsigned want = offered - seen < n ? offered - seen : n, got;

                got = virtqueue_receive(&vq, slots, lengths, n, &dropped);
                cr_assert(got <= n && (got > 0 || want == 0), "round %u: %u of %u", round, got,
                          want);
                for (unsigned i = 0; i < got; i++)
                        cr_assert_eq(slots[i * VIRTQUEUE_SLOT_BYTES], (uint8_t)seen++);
                want = GUEST_RINGS - (offered - seen);
                offer_frames(offered, want < round % 60 ? want : round % 60);
                offered += want < round % 60 ? want : round % 60;
        }
        cr_expect_gt(seen, 30000, "the indices went round their rings: %u", seen);
}

Test(virtqueue, all_that_waits_is_received_in_the_next_calls)
{
        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        offer_frames(0, GUEST_RINGS);
        cr_expect_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 32);
        cr_expect_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 32);
        cr_expect_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 0);
}

Test(virtqueue, another_device_goes_on_where_this_one_stopped)
{
        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        offer_frames(0, 40);
        cr_assert_eq(virtqueue_receive(&vq, slots, lengths, 10, &dropped), 10);
        // Thirty are checked and waiting inside: they are not ours yet.
        cr_expect_eq(virtqueue_position(&vq).available, 10);
        cr_expect_eq(virtqueue_position(&vq).used, 10);
        cr_assert_eq(virtqueue_init(&vq, VIRTQUEUE_FROM_GUEST, &g.rings, &g.memory, 12,
                                    virtqueue_position(&vq)),
                     0);
        cr_assert_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 30);
        cr_expect_eq(slots[0], 10);
        cr_expect_eq(g.used->index, 40);
}

Test(virtqueue, whoever_takes_a_queue_over_signals_what_its_predecessor_did_not)
{
        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        g.available->flags = VIRTQ_NO_INTERRUPT;
        offer_frames(0, 2);
        cr_assert_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 2);
        cr_assert_not(virtqueue_take_signal(&vq, false));
        cr_assert_eq(virtqueue_init(&vq, VIRTQUEUE_FROM_GUEST, &g.rings, &g.memory, 12,
                                    virtqueue_position(&vq)),
                     0);
        g.available->flags = 0;
        cr_expect(virtqueue_take_signal(&vq, true));
        cr_expect_not(virtqueue_take_signal(&vq, true), "once is enough");
}

Test(virtqueue, what_the_guest_has_no_buffers_for_is_not_sent)
{
        const uint8_t frame[60] = {0}, *frames[VIRTQUEUE_BURST];
        uint16_t sizes[VIRTQUEUE_BURST];

        for (unsigned i = 0; i < VIRTQUEUE_BURST; i++) {
                frames[i] = frame;
                sizes[i] = sizeof(frame);
        }
        guest_attach(&g, &vq, VIRTQUEUE_TO_GUEST);
        cr_expect_eq(virtqueue_send(&vq, frames, sizes, VIRTQUEUE_BURST), 0);
        for (uint16_t i = 0; i < 5; i++) {
                guest_describe(&g, i,
                               &(struct guest_piece){GUEST_BASE + i * 2048u, 1600, VIRTQ_WRITE}, 1);
                guest_offer(&g, i);
        }
        cr_expect_eq(virtqueue_send(&vq, frames, sizes, VIRTQUEUE_BURST), 5);
        cr_expect_eq(virtqueue_send(&vq, frames, sizes, VIRTQUEUE_BURST), 0);
}

Test(virtqueue, the_guest_is_interrupted_when_it_wants_to_be)
{
        guest_attach(&g, &vq, VIRTQUEUE_FROM_GUEST);
        cr_expect_eq(g.used->flags, VIRTQ_NO_NOTIFY, "we poll");
        cr_expect(virtqueue_take_signal(&vq, true), "another may have used buffers");
        cr_expect_not(virtqueue_take_signal(&vq, true), "nothing was used");

        offer_frames(0, 2);
        cr_assert_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 2);
        cr_expect(virtqueue_take_signal(&vq, false));
        cr_expect_not(virtqueue_take_signal(&vq, false), "once is enough");

        g.available->flags = VIRTQ_NO_INTERRUPT;
        offer_frames(2, 2);
        cr_assert_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 2);
        cr_expect_not(virtqueue_take_signal(&vq, false));
        g.available->flags = 0;
        cr_expect(virtqueue_take_signal(&vq, true), "it changed its mind before it was settled");

        g.available->flags = VIRTQ_NO_INTERRUPT;
        offer_frames(4, 2);
        cr_assert_eq(virtqueue_receive(&vq, slots, lengths, 32, &dropped), 2);
        cr_expect_not(virtqueue_take_signal(&vq, true));
        g.available->flags = 0;
        cr_expect_not(virtqueue_take_signal(&vq, true), "settled: the guest looks by itself");
}

Test(guest_memory, what_it_holds_lies_in_one_region_to_the_last_byte)
{
        static uint8_t bytes[96];
        const struct guest_memory memory = {
            .region_count = 2,
            .regions = {{.guest_address = 0x1000, .size = 32, .host = bytes + 32},
                        {.guest_address = 0x5000, .size = 16, .host = bytes + 64}},
        };
        static const struct {
                const char *name;
                unsigned at;
                uint64_t length;
                bool held;
        } cases[] = {
            {"a region, whole", 32, 32, true},
            {"its last byte", 63, 1, true},
            {"one byte more", 32, 33, false},
            {"on into the next region, though they touch", 48, 32, false},
            {"the next region, whole", 64, 16, true},
            {"behind the last", 80, 1, false},
            {"before the first", 31, 1, false},
            {"a length that would wrap around", 40, UINT64_MAX, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_expect_eq(guest_memory_holds(&memory, bytes + cases[i].at, cases[i].length),
                             cases[i].held, "%s", cases[i].name);
        cr_expect_not(guest_memory_holds(&memory, NULL, 1), "no address");
}
