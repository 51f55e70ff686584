// A hostile guest: rings of any contents that change between bursts never make the device read or
// write outside rings, slots and guest memory, nor work without end.
//
// Input: ring size and direction, then operations: a byte each, some with bytes to put into the
// rings.

#include <stdlib.h>
#include <string.h>

#include "dataplane/virtio/virtqueue_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIRST_REGION  4096u
#define SECOND_REGION 2048u

static void require(bool condition)
{
        if (!condition)
                abort();
}

static void *allocate(size_t size)
{
        void *memory = NULL;

        require(posix_memalign(&memory, 16, size) == 0);
        memset(memory, 0x5a, size);
        return memory;
}

struct world {
        struct virtqueue_rings rings;
        struct guest_memory memory;
        uint8_t *writable[2]; // rings the guest writes
        size_t writable_size[2];
        uint8_t *slots;
        enum virtqueue_direction direction;
        struct virtqueue queue;
};

static void make_world(struct world *w, uint8_t settings)
{
        const uint16_t count = (uint16_t)(1u << (settings & 7));

        w->direction = (settings & 8) != 0 ? VIRTQUEUE_TO_GUEST : VIRTQUEUE_FROM_GUEST;
        w->writable_size[0] = count * sizeof(struct virtq_descriptor);
        w->writable_size[1] = sizeof(struct virtq_available) + count * sizeof(uint16_t);
        for (unsigned i = 0; i < 2; i++) {
                w->writable[i] = allocate(w->writable_size[i]);
                memset(w->writable[i], 0, w->writable_size[i]);
        }
        w->rings = (struct virtqueue_rings){
            .descriptors = w->writable[0],
            .available = w->writable[1],
            .used = allocate(sizeof(struct virtq_used) + count * sizeof(struct virtq_used_element)),
            .size = count,
        };
        // They meet in the guest's addresses, which are small so that inputs find them.
        w->memory = (struct guest_memory){
            .region_count = 2,
            .regions = {{0, FIRST_REGION, allocate(FIRST_REGION)},
                        {FIRST_REGION, SECOND_REGION, allocate(SECOND_REGION)}},
        };
        w->slots = allocate(VIRTQUEUE_BURST * VIRTQUEUE_SLOT_BYTES);
        require(virtqueue_init(&w->queue, w->direction, &w->rings, &w->memory,
                               (settings & 16) != 0 ? 12 : 10,
                               (struct virtqueue_position){0}) == 0);
}

static void free_world(struct world *w)
{
        free(w->writable[0]);
        free(w->writable[1]);
        free(w->rings.used);
        free(w->memory.regions[0].host);
        free(w->memory.regions[1].host);
        free(w->slots);
}

static void burst(struct world *w, unsigned n)
{
        const struct virtqueue_position before = virtqueue_position(&w->queue);
        uint16_t lengths[VIRTQUEUE_BURST];
        struct virtqueue_position after;
        uint64_t dropped = 0;
        unsigned done;

        if (w->direction == VIRTQUEUE_FROM_GUEST) {
                done = virtqueue_receive(&w->queue, w->slots, lengths, n, &dropped);
                for (unsigned i = 0; i < done; i++)
                        require(lengths[i] <= VIRTQUEUE_SLOT_BYTES);
        } else {
                const uint8_t *frames[VIRTQUEUE_BURST];

                for (unsigned i = 0; i < n; i++) {
                        frames[i] = w->slots + (size_t)i * VIRTQUEUE_SLOT_BYTES;
                        lengths[i] = (uint16_t)(n * i * 7 % (VIRTQUEUE_SLOT_BYTES + 1));
                }
                done = virtqueue_send(&w->queue, frames, lengths, n);
        }
        after = virtqueue_position(&w->queue);
        require(done + dropped <= n);
        require((uint16_t)(after.available - before.available) <= n);
        require((uint16_t)(after.used - before.used) ==
                (uint16_t)(after.available - before.available));
        (void)virtqueue_take_signal(&w->queue, n % 2 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct world w = {0};
        size_t at = 1;

        if (size < 1)
                return 0;
        make_world(&w, data[0]);
        while (at < size) {
                const uint8_t operation = data[at++];

                if (operation < 128) {
                        burst(&w, 1 + operation % VIRTQUEUE_BURST);
                } else {
                        const unsigned ring = operation & 1;
                        size_t offset, n = operation >> 1 & 31;

                        if (at == size)
                                break;
                        offset = data[at++] * (ring == 0 ? 8u : 1u) % w.writable_size[ring];
                        if (n > size - at)
                                n = size - at;
                        if (n > w.writable_size[ring] - offset)
                                n = w.writable_size[ring] - offset;
                        memcpy(w.writable[ring] + offset, data + at, n);
                        at += n;
                }
        }
        free_world(&w);
        return 0;
}
