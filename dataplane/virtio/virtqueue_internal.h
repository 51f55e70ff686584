#ifndef LICTOR_VIRTQUEUE_INTERNAL_H
#define LICTOR_VIRTQUEUE_INTERNAL_H

/** The rings' layout, and chains of more than one descriptor. */

#include "dataplane/virtio/virtqueue.h"

#define VIRTQ_NEXT         1u
#define VIRTQ_WRITE        2u
#define VIRTQ_INDIRECT     4u
#define VIRTQ_NO_INTERRUPT 1u /* in the available ring's flags */
#define VIRTQ_NO_NOTIFY    1u /* in the used ring's flags */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio 1 rings are little-endian");

struct virtq_descriptor {
        uint64_t address;
        uint64_t rest; /* length, 32 bits; flags, 16; next, 16: read at once */
};

struct virtq_available {
        uint16_t flags;
        uint16_t index;
        uint16_t ring[];
};

struct virtq_used_element {
        uint32_t id;
        uint32_t length;
};

struct virtq_used {
        uint16_t flags;
        uint16_t index;
        struct virtq_used_element ring[];
};

/* A descriptor as it was at one moment. */
struct virtqueue_descriptor {
        uint64_t address;
        uint32_t length;
        uint16_t flags;
        uint16_t next;
};

static inline struct virtqueue_descriptor virtqueue_read_descriptor(const struct virtqueue *vq,
                                                                    uint16_t index)
{
        const struct virtq_descriptor *d = &vq->descriptors[index];
        const uint64_t rest = __atomic_load_n(&d->rest, __ATOMIC_RELAXED);

        return (struct virtqueue_descriptor){
            .address = __atomic_load_n(&d->address, __ATOMIC_RELAXED),
            .length = (uint32_t)rest,
            .flags = (uint16_t)(rest >> 32),
            .next = (uint16_t)(rest >> 48),
        };
}

/**
 * Copy a frame out of a chain of any form into a slot.
 * returns  false when the chain is malformed or the frame is longer than the slot.
 */
bool virtqueue_gather(const struct virtqueue *vq, uint16_t head, uint8_t *slot, uint16_t *length);

/**
 * Copy header and frame into a chain of any form.
 * returns  false when it is malformed or too small.
 */
bool virtqueue_scatter(const struct virtqueue *vq, uint16_t head, const uint8_t *header,
                       const uint8_t *frame, uint16_t length);

#endif
