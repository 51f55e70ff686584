#include "dataplane/virtio/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dataplane/virtio/virtqueue_internal.h"

static_assert((VIRTQUEUE_STAGE & (VIRTQUEUE_STAGE - 1)) == 0, "staged chains are found by mask");
static_assert(VIRTQUEUE_STAGE >= 2 * VIRTQUEUE_BURST, "one burst is staged while another is used");
static_assert(VIRTQUEUE_SLOT_BYTES / 64 % 2 == 1, "slots begin in different cache sets");

// virtio_net_hdr: no offloads; num_buffers, in the longer form alone, is one.
static const uint8_t header[12] = {[10] = 1};

static inline void prefetch_to_read(const uint8_t *p)
{
        __builtin_prefetch(p, 0, 3);
}

// Takes the line from the core that has it; a plain prefetch would leave that for the store.
static inline void prefetch_to_write(const uint8_t *p)
{
#if defined(__x86_64__)
        __asm__ volatile("prefetchw %0" : : "m"(*p));
#else
        __builtin_prefetch(p, 1, 3);
#endif
}

// Exactly n bytes, in steps that overlap at the end: branches depend on the size class alone.
static inline void copy_frame(uint8_t *to, const uint8_t *from, size_t n)
{
        if (n < 64) {
                memcpy(to, from, n);
                return;
        }
        for (size_t at = 0; at + 64 < n; at += 64)
                memcpy(to + at, from + at, 64);
        memcpy(to + n - 64, from + n - 64, 64);
}

int virtqueue_init(struct virtqueue *vq, enum virtqueue_direction direction,
                   const struct virtqueue_rings *rings, const struct guest_memory *memory,
                   uint16_t header_length, struct virtqueue_position position)
{
        if (rings->size == 0 || rings->size > VIRTQUEUE_SIZE_MAX ||
            (rings->size & (rings->size - 1)) != 0 || (uintptr_t)rings->descriptors % 16 != 0 ||
            (uintptr_t)rings->available % 2 != 0 || (uintptr_t)rings->used % 4 != 0 ||
            (header_length != 10 && header_length != 12))
                return -EINVAL;
        *vq = (struct virtqueue){
            .descriptors = rings->descriptors,
            .available = rings->available,
            .used = rings->used,
            .size = rings->size,
            .plain_flags = direction == VIRTQUEUE_TO_GUEST ? VIRTQ_WRITE : 0,
            .header_length = header_length,
            .available_index = position.available,
            .next_available = position.available,
            .next_used = position.used,
            // Buffers may have been used before the guest had an interrupt to give.
            .is_unsignalled = true,
            .memory = *memory,
        };
        __atomic_store_n(&vq->used->flags, VIRTQ_NO_NOTIFY, __ATOMIC_RELAXED);
        return 0;
}

struct virtqueue_position virtqueue_position(const struct virtqueue *vq)
{
        return (struct virtqueue_position){
            .available = (uint16_t)(vq->next_available - vq->staged_count),
            .used = vq->next_used,
        };
}

static uint8_t *locate(struct virtqueue *vq, uint64_t address, uint64_t length)
{
        uint8_t *data = guest_region_at(&vq->recent, address, length);

        for (unsigned i = 0; data == NULL && i < vq->memory.region_count; i++) {
                data = guest_region_at(&vq->memory.regions[i], address, length);
                if (data != NULL)
                        vq->recent = vq->memory.regions[i];
        }
        return data;
}

static inline struct virtqueue_chain check_chain(struct virtqueue *vq, uint16_t head)
{
        struct virtqueue_chain chain = {.head = head};
        struct virtqueue_descriptor d;

        if (head >= vq->size)
                return chain;
        d = virtqueue_read_descriptor(vq, head);
        if (d.flags != vq->plain_flags || d.length < vq->header_length)
                return chain;
        if (vq->plain_flags == 0 && d.length > vq->header_length + VIRTQUEUE_SLOT_BYTES)
                return chain;
        chain.length = d.length;
        chain.data = locate(vq, d.address, d.length);
        return chain;
}

static inline void prefetch_chain(const struct virtqueue *vq, const struct virtqueue_chain *chain)
{
        if (vq->plain_flags == 0) {
                // The header says nothing without the offloads that are not offered.
                prefetch_to_read(chain->data + vq->header_length);
                prefetch_to_read(chain->data + chain->length - 1);
        } else {
                prefetch_to_write(chain->data);
                prefetch_to_write(chain->data + 64);
                prefetch_to_write(chain->data + 128);
        }
}

// Check up to n chains that became available and start fetching their buffers.
static inline void stage(struct virtqueue *vq, unsigned n)
{
        uint16_t waiting = (uint16_t)(vq->available_index - vq->next_available);
        unsigned slot = vq->first_staged + vq->staged_count;

        if (waiting < n) {
                vq->available_index = __atomic_load_n(&vq->available->index, __ATOMIC_ACQUIRE);
                waiting = (uint16_t)(vq->available_index - vq->next_available);
                if (waiting > vq->size) {
                        vq->is_broken = true;
                        return;
                }
                if (waiting < n)
                        n = waiting;
        }
        for (unsigned i = 0; i < n; i++) {
                struct virtqueue_chain *chain = &vq->staged[(slot + i) % VIRTQUEUE_STAGE];
                const unsigned at = (vq->next_available + i) & (vq->size - 1u);

                *chain =
                    check_chain(vq, __atomic_load_n(&vq->available->ring[at], __ATOMIC_RELAXED));
                if (chain->data != NULL)
                        prefetch_chain(vq, chain);
        }
        vq->next_available = (uint16_t)(vq->next_available + n);
        vq->staged_count = (uint16_t)(vq->staged_count + n);
}

static inline void use(struct virtqueue *vq, unsigned i, uint16_t head, uint32_t length)
{
        struct virtq_used_element *e = &vq->used->ring[(vq->next_used + i) & (vq->size - 1u)];

        __atomic_store_n(&e->id, head, __ATOMIC_RELAXED);
        __atomic_store_n(&e->length, length, __ATOMIC_RELAXED);
}

// The first n staged chains are used: the guest may have them back.
static inline void publish(struct virtqueue *vq, unsigned n)
{
        vq->first_staged = (uint16_t)((vq->first_staged + n) % VIRTQUEUE_STAGE);
        vq->staged_count = (uint16_t)(vq->staged_count - n);
        vq->next_used = (uint16_t)(vq->next_used + n);
        __atomic_store_n(&vq->used->index, vq->next_used, __ATOMIC_RELEASE);
        vq->is_unsignalled = true;
}

unsigned virtqueue_receive(struct virtqueue *vq, uint8_t *slots, uint16_t lengths[], unsigned n,
                           uint64_t *dropped)
{
        unsigned count = 0;

        if (vq->is_broken)
                return 0;
        if (vq->staged_count == 0)
                stage(vq, n);
        if (vq->staged_count < n)
                n = vq->staged_count;
        if (n == 0)
                return 0;
        stage(vq, VIRTQUEUE_BURST + n - vq->staged_count);
        for (unsigned i = 0; i < n; i++) {
                const struct virtqueue_chain *chain =
                    &vq->staged[(vq->first_staged + i) % VIRTQUEUE_STAGE];
                uint8_t *slot = slots + (size_t)count * VIRTQUEUE_SLOT_BYTES;

                if (chain->data != NULL) {
                        lengths[count] = (uint16_t)(chain->length - vq->header_length);
                        copy_frame(slot, chain->data + vq->header_length, lengths[count]);
                        count++;
                } else if (virtqueue_gather(vq, chain->head, slot, &lengths[count])) {
                        count++;
                } else {
                        __atomic_store_n(dropped, *dropped + 1, __ATOMIC_RELAXED);
                }
                use(vq, i, chain->head, 0);
        }
        publish(vq, n);
        return count;
}

// returns  bytes written, header and all; 0 when the frame does not fit.
static inline uint32_t fill_chain(const struct virtqueue *vq, const struct virtqueue_chain *chain,
                                  const uint8_t *frame, uint16_t length)
{
        const uint32_t total = (uint32_t)vq->header_length + length;

        if (chain->data == NULL)
                return virtqueue_scatter(vq, chain->head, header, frame, length) ? total : 0;
        if (chain->length < total)
                return 0;
        memcpy(chain->data, header, 10);
        if (vq->header_length == sizeof(header))
                memcpy(chain->data + 10, header + 10, 2);
        copy_frame(chain->data + vq->header_length, frame, length);
        return total;
}

unsigned virtqueue_send(struct virtqueue *vq, const uint8_t *const frames[],
                        const uint16_t lengths[], unsigned n)
{
        unsigned sent = 0;

        if (vq->is_broken)
                return 0;
        if (vq->staged_count < n)
                stage(vq, n - vq->staged_count);
        if (vq->staged_count < n)
                n = vq->staged_count;
        if (n == 0)
                return 0;
        for (unsigned i = 0; i < n; i++) {
                const struct virtqueue_chain *chain =
                    &vq->staged[(vq->first_staged + i) % VIRTQUEUE_STAGE];
                const uint32_t written = fill_chain(vq, chain, frames[i], lengths[i]);

                use(vq, i, chain->head, written);
                sent += written > 0;
        }
        publish(vq, n);
        stage(vq, VIRTQUEUE_BURST - vq->staged_count);
        return sent;
}

bool virtqueue_take_signal(struct virtqueue *vq, bool settle)
{
        if (!vq->is_unsignalled)
                return false;
        // Orders the used index before the guest's flags: either it sees the index when it asks for
        // interrupts, or we see that it did.
        if (settle)
                __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if ((__atomic_load_n(&vq->available->flags, __ATOMIC_RELAXED) & VIRTQ_NO_INTERRUPT) != 0) {
                vq->is_unsignalled = !settle;
                return false;
        }
        vq->is_unsignalled = false;
        return true;
}
