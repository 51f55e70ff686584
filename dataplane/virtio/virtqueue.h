#ifndef LICTOR_VIRTQUEUE_H
#define LICTOR_VIRTQUEUE_H

/**
 * The device's side of a virtio-net split virtqueue (virtio 1.2, 2.7 and 5.1.6): frames out of the
 * guest's transmit queue, answers into its receive queue.
 *
 * The rings and all they point at are the guest's memory, which it may change at any time: each
 * word is read once and checked before use, and frames are copied before anyone looks at them. A
 * guest can hurt nobody but itself: a chain that is malformed, or that a frame does not fit, goes
 * back empty; a ring that contradicts itself is not touched again.
 *
 * Buffers are used in the order they were made available (VIRTIO_F_IN_ORDER), and the cache misses
 * of a burst's buffers, which another core wrote or read last, are started a burst ahead.
 *
 * Pure; one thread, the peer being any.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/virtio/guest_memory.h"

#define VIRTQUEUE_BURST    32u
#define VIRTQUEUE_SIZE_MAX 32768u

/* Received frames stand this far apart: an odd number of cache lines, so that the first lines of
 * all do not compete for the same sets. The largest frame of an MTU of 1500 fits. */
#define VIRTQUEUE_SLOT_BYTES 1728u

enum virtqueue_direction { VIRTQUEUE_FROM_GUEST, VIRTQUEUE_TO_GUEST };

/* The guest's rings in our memory, whole. */
struct virtqueue_rings {
        const void *descriptors;
        const void *available;
        void *used;
        uint16_t size;
};

/* Up to which buffer the queue was served, before and after. */
struct virtqueue_position {
        uint16_t available;
        uint16_t used;
};

/* The buffer of one chain, checked; NULL when it takes a closer look. */
struct virtqueue_chain {
        uint8_t *data;
        uint32_t length;
        uint16_t head;
};

#define VIRTQUEUE_STAGE 64u /* chains checked and not used yet; a power of two above a burst */

struct virtqueue {
        const struct virtq_descriptor *descriptors;
        const struct virtq_available *available;
        struct virtq_used *used;
        uint16_t size;
        uint16_t plain_flags;     /* of a descriptor that is the whole chain */
        uint16_t header_length;   /* of virtio_net_hdr */
        uint16_t available_index; /* the guest's, when last looked at */
        uint16_t next_available;  /* first chain not staged */
        uint16_t next_used;
        uint16_t first_staged;
        uint16_t staged_count;
        bool is_broken;
        bool is_unsignalled; /* buffers may have been used and nobody told the guest */
        struct guest_region recent;
        struct virtqueue_chain staged[VIRTQUEUE_STAGE];
        struct guest_memory memory;
};

/**
 * Serve a queue from a position on, and tell the guest that it need not notify us. Buffers used
 * before count as not signalled yet.
 * @header_length  12 once VIRTIO_F_VERSION_1 is negotiated, else 10.
 * returns  0, or -EINVAL when size or alignment are not what virtio demands.
 */
int virtqueue_init(struct virtqueue *vq, enum virtqueue_direction direction,
                   const struct virtqueue_rings *rings, const struct guest_memory *memory,
                   uint16_t header_length, struct virtqueue_position position);

/** Where another device would go on. */
struct virtqueue_position virtqueue_position(const struct virtqueue *vq);

/**
 * Copy up to n frames out of the guest's buffers and give those back.
 * @slots    n slots of VIRTQUEUE_SLOT_BYTES; frame i lies at the beginning of slot i.
 * @n        at most VIRTQUEUE_BURST.
 * @dropped  raised by the chains that held no frame; a relaxed atomic.
 * returns  how many frames.
 */
unsigned virtqueue_receive(struct virtqueue *vq, uint8_t *slots, uint16_t lengths[], unsigned n,
                           uint64_t *dropped);

/**
 * Copy n frames into the guest's buffers.
 * @n  at most VIRTQUEUE_BURST.
 * returns  how many the guest had room for.
 */
unsigned virtqueue_send(struct virtqueue *vq, const uint8_t *const frames[],
                        const uint16_t lengths[], unsigned n);

/**
 * Whether the guest wants to be interrupted for buffers used since it last was.
 * @settle  ask for the last time until more are used: costs a full fence. Until then, ask again.
 */
bool virtqueue_take_signal(struct virtqueue *vq, bool settle);

#endif
