#ifndef LICTOR_TEST_GUEST_H
#define LICTOR_TEST_GUEST_H

/**
 * A guest's side of one virtqueue, as plain as can be: rings and memory of exactly their size, so
 * that AddressSanitizer sees a step outside. Two regions meet in the guest's addresses but not in
 * ours.
 */

#include <stdint.h>

#include "dataplane/virtio/virtqueue_internal.h"

#define GUEST_BASE  0x100000ull
#define GUEST_HALF  0x40000ull /* bytes of each region */
#define GUEST_END   (GUEST_BASE + 2 * GUEST_HALF)
#define GUEST_RINGS 64u

struct guest {
        struct guest_memory memory;
        struct virtq_descriptor *descriptors;
        struct virtq_available *available;
        struct virtq_used *used;
        struct virtqueue_rings rings;
        uint16_t used_seen;
        uint64_t next_address; /* of guest_place */
};

/* One descriptor of a chain to offer. */
struct guest_piece {
        uint64_t address;
        uint32_t length;
        uint16_t flags; /* beside VIRTQ_NEXT */
};

void guest_init(struct guest *g);
void guest_fini(struct guest *g);

/** A queue of the given direction on the guest's rings, with headers of 12 bytes. */
void guest_attach(struct guest *g, struct virtqueue *vq, enum virtqueue_direction direction);

/** Bytes of the guest that were not placed before, far from the meeting of the regions. */
uint64_t guest_place(struct guest *g, uint32_t length);

/** Read or write guest memory byte by byte, across regions. */
void guest_write(struct guest *g, uint64_t address, const uint8_t *bytes, uint64_t length);
void guest_read(const struct guest *g, uint64_t address, uint8_t *bytes, uint64_t length);

/** Fill descriptors from first on with a chain. */
void guest_describe(struct guest *g, uint16_t first, const struct guest_piece pieces[], unsigned n);

/** Make a chain available. */
void guest_offer(struct guest *g, uint16_t head);

/** The next buffer given back, or false. */
bool guest_reap(struct guest *g, struct virtq_used_element *out);

#endif
