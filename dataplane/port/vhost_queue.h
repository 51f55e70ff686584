#ifndef LICTOR_VHOST_QUEUE_H
#define LICTOR_VHOST_QUEUE_H

/**
 * One receive and send queue of a vhost-user device: two virtqueues of the guest's, which come and
 * go while the worker polls. Received frames lie in slots of the queue's own until its next
 * receive; whatever is sent is copied.
 */

#include "dataplane/port/port.h"
#include "dataplane/virtio/virtqueue.h"

struct vhost_ring {
        struct virtqueue *published; /* NULL: the worker must not touch it; read under RCU */
        int call_fd;                 /* the guest's interrupt; -1: none */
        struct virtqueue queue;
};

struct vhost_queue {
        struct port_queue base;
        struct vhost_ring from_guest;
        struct vhost_ring to_guest;
        uint64_t dropped; /* frames of the guest that could not be read; the worker writes */
        uint8_t *slots;   /* PORT_BURST_MAX of VIRTQUEUE_SLOT_BYTES */
};

/** Without rings: nothing is received and what is sent is dropped. returns 0 or -ENOMEM. */
int vhost_queue_init(struct vhost_queue *q);
void vhost_queue_fini(struct vhost_queue *q);

/** Let the worker at a ring whose queue and call_fd are set. context  any one thread. */
void vhost_ring_publish(struct vhost_ring *ring);

/**
 * Take a ring from the worker, who goes on using it until a grace period has passed.
 * returns  whether it was published.
 */
bool vhost_ring_withdraw(struct vhost_ring *ring);

#endif
