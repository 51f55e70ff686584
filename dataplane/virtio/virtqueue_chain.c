#include <string.h>

#include "dataplane/virtio/virtqueue_internal.h"

// Linux makes at most 19 descriptors of a packet; more is a loop or a waste of our time.
#define CHAIN_MAX 32u

struct piece {
        uint8_t *data;
        uint64_t length;
};

struct pieces {
        unsigned count;
        uint64_t length;
        struct piece piece[CHAIN_MAX];
};

// One descriptor's bytes; several pieces where regions of the guest's memory meet.
static bool add_pieces(const struct virtqueue *vq, struct virtqueue_descriptor d,
                       struct pieces *out)
{
        uint64_t address = d.address, left = d.length;

        while (left > 0) {
                uint64_t length = left;
                uint8_t *data = guest_memory_at(&vq->memory, address, &length);

                if (data == NULL || out->count == CHAIN_MAX)
                        return false;
                out->piece[out->count++] = (struct piece){.data = data, .length = length};
                out->length += length;
                address += length;
                left -= length;
        }
        return true;
}

static bool walk(const struct virtqueue *vq, uint16_t head, struct pieces *out)
{
        uint16_t index = head;

        out->count = 0;
        out->length = 0;
        for (unsigned n = 0; n < CHAIN_MAX; n++) {
                struct virtqueue_descriptor d;

                if (index >= vq->size)
                        return false;
                d = virtqueue_read_descriptor(vq, index);
                if ((d.flags & (VIRTQ_WRITE | VIRTQ_INDIRECT)) != vq->plain_flags ||
                    !add_pieces(vq, d, out))
                        return false;
                if ((d.flags & VIRTQ_NEXT) == 0)
                        return true;
                index = d.next;
        }
        return false;
}

bool virtqueue_gather(const struct virtqueue *vq, uint16_t head, uint8_t *slot, uint16_t *length)
{
        uint64_t skip = vq->header_length, at = 0;
        struct pieces p;

        if (!walk(vq, head, &p) || p.length < skip || p.length - skip > VIRTQUEUE_SLOT_BYTES)
                return false;
        for (unsigned i = 0; i < p.count; i++) {
                const struct piece *piece = &p.piece[i];
                const uint64_t skipped = skip < piece->length ? skip : piece->length;

                memcpy(slot + at, piece->data + skipped, piece->length - skipped);
                at += piece->length - skipped;
                skip -= skipped;
        }
        *length = (uint16_t)at;
        return true;
}

// Fill pieces from a place on. returns  the place behind.
static uint64_t put(const struct pieces *p, uint64_t at, const uint8_t *bytes, uint64_t length)
{
        uint64_t start = 0, put = 0;

        for (unsigned i = 0; i < p->count && put < length; i++) {
                const struct piece *piece = &p->piece[i];
                const uint64_t place = at + put;
                uint64_t n;

                if (place < start + piece->length) {
                        n = start + piece->length - place;
                        if (n > length - put)
                                n = length - put;
                        memcpy(piece->data + (place - start), bytes + put, n);
                        put += n;
                }
                start += piece->length;
        }
        return at + put;
}

bool virtqueue_scatter(const struct virtqueue *vq, uint16_t head, const uint8_t *header,
                       const uint8_t *frame, uint16_t length)
{
        struct pieces p;

        if (!walk(vq, head, &p) || p.length < (uint64_t)vq->header_length + length)
                return false;
        (void)put(&p, put(&p, 0, header, vq->header_length), frame, length);
        return true;
}
