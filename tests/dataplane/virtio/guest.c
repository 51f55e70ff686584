#include "tests/dataplane/virtio/guest.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(size_t alignment, size_t size)
{
        void *memory = NULL;

        if (posix_memalign(&memory, alignment, size) != 0)
                abort();
        memset(memory, 0, size);
        return memory;
}

void guest_init(struct guest *g)
{
        *g = (struct guest){.next_address = GUEST_BASE};
        g->descriptors = allocate(16, GUEST_RINGS * sizeof(g->descriptors[0]));
        g->available = allocate(16, sizeof(*g->available) + GUEST_RINGS * sizeof(uint16_t));
        g->used = allocate(16, sizeof(*g->used) + GUEST_RINGS * sizeof(g->used->ring[0]));
        g->rings = (struct virtqueue_rings){
            .descriptors = g->descriptors,
            .available = g->available,
            .used = g->used,
            .size = GUEST_RINGS,
        };
        // The upper half first: a search must not rely on their order.
        for (unsigned i = 0; i < 2; i++)
                g->memory.regions[g->memory.region_count++] = (struct guest_region){
                    .guest_address = GUEST_BASE + (1 - i) * GUEST_HALF,
                    .size = GUEST_HALF,
                    .host = allocate(64, GUEST_HALF),
                };
}

void guest_fini(struct guest *g)
{
        free(g->descriptors);
        free(g->available);
        free(g->used);
        for (unsigned i = 0; i < g->memory.region_count; i++)
                free(g->memory.regions[i].host);
}

void guest_attach(struct guest *g, struct virtqueue *vq, enum virtqueue_direction direction)
{
        if (virtqueue_init(vq, direction, &g->rings, &g->memory, 12,
                           (struct virtqueue_position){0}) < 0)
                abort();
}

uint64_t guest_place(struct guest *g, uint32_t length)
{
        const uint64_t at = g->next_address;

        g->next_address += length;
        if (g->next_address > GUEST_BASE + GUEST_HALF)
                abort();
        return at;
}

static uint8_t *byte_at(const struct guest *g, uint64_t address)
{
        for (unsigned i = 0; i < g->memory.region_count; i++) {
                const struct guest_region *r = &g->memory.regions[i];

                if (address >= r->guest_address && address < r->guest_address + r->size)
                        return r->host + (address - r->guest_address);
        }
        abort();
}

void guest_write(struct guest *g, uint64_t address, const uint8_t *bytes, uint64_t length)
{
        for (uint64_t i = 0; i < length; i++)
                *byte_at(g, address + i) = bytes[i];
}

void guest_read(const struct guest *g, uint64_t address, uint8_t *bytes, uint64_t length)
{
        for (uint64_t i = 0; i < length; i++)
                bytes[i] = *byte_at(g, address + i);
}

void guest_describe(struct guest *g, uint16_t first, const struct guest_piece pieces[], unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                const uint16_t index = (uint16_t)((first + i) % GUEST_RINGS);
                const uint64_t next = (first + i + 1) % GUEST_RINGS;
                const uint64_t flags = pieces[i].flags | (i + 1 < n ? VIRTQ_NEXT : 0u);

                g->descriptors[index] = (struct virtq_descriptor){
                    .address = pieces[i].address,
                    .rest = pieces[i].length | flags << 32 | next << 48,
                };
        }
}

void guest_offer(struct guest *g, uint16_t head)
{
        g->available->ring[g->available->index % GUEST_RINGS] = head;
        g->available->index++;
}

bool guest_reap(struct guest *g, struct virtq_used_element *out)
{
        if (g->used_seen == g->used->index)
                return false;
        *out = g->used->ring[g->used_seen++ % GUEST_RINGS];
        return true;
}
