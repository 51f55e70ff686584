#include "dataplane/port/vhost_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lictor/bytes.h"

static_assert(PORT_BURST_MAX == VIRTQUEUE_BURST, "what the worker asks for is staged at once");

static struct vhost_queue *vhost_of(struct port_queue *q)
{
        return (struct vhost_queue *)q;
}

static struct virtqueue *published(const struct vhost_ring *ring)
{
        return __atomic_load_n(&ring->published, __ATOMIC_ACQUIRE);
}

static void signal_guest(const struct vhost_ring *ring, struct virtqueue *vq, bool settle)
{
        if (virtqueue_take_signal(vq, settle) && ring->call_fd >= 0)
                (void)eventfd_write(ring->call_fd, 1);
}

static unsigned vhost_receive(struct port_queue *q, struct port_packet packets[], unsigned n)
{
        struct vhost_queue *v = vhost_of(q);
        struct virtqueue *from = published(&v->from_guest), *to = published(&v->to_guest);
        uint16_t lengths[PORT_BURST_MAX];
        unsigned count = 0;

        if (from != NULL) {
                count = virtqueue_receive(from, v->slots, lengths, n, &v->dropped);
                signal_guest(&v->from_guest, from, count == 0);
        }
        // Busy, the next send asks; when nothing comes any more it is settled here.
        if (count == 0 && to != NULL)
                signal_guest(&v->to_guest, to, true);
        for (unsigned i = 0; i < count; i++) {
                struct port_packet *p = &packets[i];

                p->data = v->slots + (size_t)i * VIRTQUEUE_SLOT_BYTES;
                p->handle = NULL;
                p->length = lengths[i];
                p->capacity = VIRTQUEUE_SLOT_BYTES;
                p->checksums = (struct frame_checksums){0};
                p->l2_length = 0;
                p->l3_length = 0;
                p->ip_version = 0;
        }
        return count;
}

static unsigned vhost_send(struct port_queue *q, const struct port_packet take_packets[],
                           unsigned n)
{
        struct vhost_queue *v = vhost_of(q);
        struct virtqueue *to = published(&v->to_guest);
        const uint8_t *frames[PORT_BURST_MAX];
        uint16_t lengths[PORT_BURST_MAX];
        unsigned sent;

        if (to == NULL)
                return 0;
        for (unsigned i = 0; i < n; i++) {
                frames[i] = take_packets[i].data;
                lengths[i] = take_packets[i].length;
        }
        sent = virtqueue_send(to, frames, lengths, n);
        signal_guest(&v->to_guest, to, false);
        return sent;
}

static void vhost_drop(struct port_queue *q, const struct port_packet take_packets[], unsigned n)
{
        // Slots belong to the queue and are used again by the next receive.
        (void)q;
        (void)take_packets;
        (void)n;
}

static bool vhost_retain(struct port_queue *q, const struct port_packet *packet,
                         struct port_retained *slot)
{
        (void)q;
        if (packet->length > slot->buffer_size)
                return false;
        slot->packet = *packet;
        slot->packet.data = slot->buffer;
        if (slot->packet.capacity > slot->buffer_size)
                slot->packet.capacity = (uint16_t)slot->buffer_size;
        memcpy(slot->buffer, packet->data, packet->length);
        return true;
}

static bool vhost_send_retained(struct port_queue *q, const struct port_retained *slot)
{
        return vhost_send(q, &slot->packet, 1) == 1;
}

static void vhost_drop_retained(struct port_queue *q, const struct port_retained *slot)
{
        (void)q;
        (void)slot;
}

static const struct port_operations vhost_operations = {
    .receive = vhost_receive,
    .send = vhost_send,
    .drop = vhost_drop,
    .retain = vhost_retain,
    .send_retained = vhost_send_retained,
    .drop_retained = vhost_drop_retained,
};

int vhost_queue_init(struct vhost_queue *q)
{
        *q = (struct vhost_queue){
            .base =
                {
                    .operations = &vhost_operations,
                    .receive_dropped = &q->dropped,
                    .carries_frames = true,
                },
            .from_guest.call_fd = -1,
            .to_guest.call_fd = -1,
            .slots =
                aligned_alloc(LICTOR_CACHE_LINE, (size_t)PORT_BURST_MAX * VIRTQUEUE_SLOT_BYTES),
        };
        if (q->slots == NULL)
                return -ENOMEM;
        memset(q->slots, 0, (size_t)PORT_BURST_MAX * VIRTQUEUE_SLOT_BYTES);
        return 0;
}

void vhost_queue_fini(struct vhost_queue *q)
{
        free(q->slots);
}

void vhost_ring_publish(struct vhost_ring *ring)
{
        __atomic_store_n(&ring->published, &ring->queue, __ATOMIC_RELEASE);
}

bool vhost_ring_withdraw(struct vhost_ring *ring)
{
        return __atomic_exchange_n(&ring->published, NULL, __ATOMIC_RELAXED) != NULL;
}
