#include "dataplane/worker/slow_path.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/worker/spsc_ring.h"

#define NS_PER_MS 1000000ull

static_assert((SLOW_ITEM_COUNT & (SLOW_ITEM_COUNT - 1)) == 0, "rings index by mask");

struct slow_path {
        struct spsc_ring punts;   // worker to control thread
        struct spsc_ring replies; // control thread to worker
        void *punt_slots[SLOW_ITEM_COUNT];
        void *reply_slots[SLOW_ITEM_COUNT];

        alignas(LICTOR_CACHE_LINE) struct slow_item *free[SLOW_ITEM_COUNT]; // worker's
        unsigned free_count;
        int wake_fd;

        alignas(LICTOR_CACHE_LINE) atomic_bool armed; // items wait and the descriptor was written

        alignas(LICTOR_CACHE_LINE) struct slow_item *pending[SLOW_ITEM_COUNT]; // control thread's
        uint32_t oldest; // pending[oldest .. newest), by mask
        uint32_t newest;
        struct slow_path_dropped dropped;

        uint8_t *buffers;
        size_t buffer_size;
        struct slow_item items[SLOW_ITEM_COUNT];
};

static int map_buffers(struct slow_path *path, size_t buffer_size)
{
        void *memory;

        // Touched only as far as messages reach, so idle buffers cost address space alone.
        memory = mmap(NULL, buffer_size * SLOW_ITEM_COUNT, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
                return -ENOMEM;
        path->buffers = memory;
        path->buffer_size = buffer_size;
        return 0;
}

int slow_path_create(size_t buffer_size, int wake_fd, struct slow_path **out)
{
        size_t size =
            (sizeof(struct slow_path) + LICTOR_CACHE_LINE - 1) & ~(size_t)(LICTOR_CACHE_LINE - 1);
        struct slow_path *path = aligned_alloc(LICTOR_CACHE_LINE, size);

        if (path == NULL)
                return -ENOMEM;
        memset(path, 0, size);
        if (buffer_size > 0 && map_buffers(path, buffer_size) < 0) {
                free(path);
                return -ENOMEM;
        }
        path->wake_fd = wake_fd;
        spsc_ring_init(&path->punts, path->punt_slots, SLOW_ITEM_COUNT);
        spsc_ring_init(&path->replies, path->reply_slots, SLOW_ITEM_COUNT);
        atomic_init(&path->armed, false);
        for (unsigned i = 0; i < SLOW_ITEM_COUNT; i++) {
                struct slow_item *item = &path->items[i];

                item->path = path;
                if (buffer_size > 0)
                        item->retained.buffer = path->buffers + i * buffer_size;
                item->retained.buffer_size = buffer_size;
                path->free[path->free_count++] = item;
        }
        *out = path;
        return 0;
}

static void drop_item(struct slow_item *item)
{
        item->queue->operations->drop_retained(item->queue, &item->retained);
}

void slow_path_destroy(struct slow_path *take_path)
{
        struct slow_path *path = take_path;
        struct slow_item *item;

        if (path == NULL)
                return;
        while ((item = spsc_ring_pop(&path->punts)) != NULL)
                drop_item(item);
        while ((item = spsc_ring_pop(&path->replies)) != NULL)
                if (!item->queue->replies_from_anyone)
                        drop_item(item);
        while ((item = slow_path_take(path)) != NULL)
                drop_item(item);
        if (path->buffers != NULL)
                munmap(path->buffers, path->buffer_size * SLOW_ITEM_COUNT);
        free(path);
}

struct slow_item *slow_path_reserve(struct slow_path *path)
{
        return path->free_count == 0 ? NULL : path->free[--path->free_count];
}

void slow_path_release(struct slow_path *path, struct slow_item *take_item)
{
        path->free[path->free_count++] = take_item;
}

void slow_path_punt(struct slow_path *path, struct slow_item *take_item)
{
        const uint64_t one = 1;

        // There are as many slots as items: this cannot be full.
        (void)spsc_ring_push(&path->punts, take_item);
        // The exchange orders the push before it against slow_path_drain's clearing: either that
        // drain sees this item, or this sees the flag cleared and wakes the control thread.
        if (atomic_exchange_explicit(&path->armed, true, memory_order_seq_cst))
                return;
        // An eventfd takes 2^64 - 2 wake-ups before it refuses one.
        while (write(path->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
}

struct slow_item *slow_path_next_reply(struct slow_path *path)
{
        return spsc_ring_pop(&path->replies);
}

static void give_back_oldest(struct slow_path *path)
{
        struct slow_item *item = path->pending[path->oldest++ & (SLOW_ITEM_COUNT - 1)];

        item->query.message.verdict = DNS_PUNT;
        slow_path_reply(path, item);
}

void slow_path_drain(struct slow_path *path, uint64_t now_ns)
{
        struct slow_item *item;

        atomic_exchange_explicit(&path->armed, false, memory_order_seq_cst);
        for (unsigned i = 0; i < SLOW_ITEM_COUNT; i++) {
                item = spsc_ring_pop(&path->punts);
                if (item == NULL)
                        break;
                path->pending[path->newest++ & (SLOW_ITEM_COUNT - 1)] = item;
        }
        while (path->oldest != path->newest) {
                item = path->pending[path->oldest & (SLOW_ITEM_COUNT - 1)];
                if (item->query.received_ns + RUNTIME_SLOW_DEADLINE_MS * NS_PER_MS >= now_ns)
                        break;
                path->dropped.late++;
                give_back_oldest(path);
        }
        while (path->newest - path->oldest > SLOW_PENDING_MAX) {
                path->dropped.full++;
                give_back_oldest(path);
        }
}

uint64_t slow_path_newest_ns(const struct slow_path *path)
{
        if (path->oldest == path->newest)
                return 0;
        return path->pending[(path->newest - 1) & (SLOW_ITEM_COUNT - 1)]->query.received_ns;
}

struct slow_item *slow_path_take(struct slow_path *path)
{
        if (path->oldest == path->newest)
                return NULL;
        return path->pending[--path->newest & (SLOW_ITEM_COUNT - 1)];
}

void slow_path_reply(struct slow_path *path, struct slow_item *take_item)
{
        // A reply waits for the worker's next turn, a drop for the same: neither needs a wake-up.
        (void)spsc_ring_push(&path->replies, take_item);
}

struct slow_path_dropped slow_path_dropped(const struct slow_path *path)
{
        return path->dropped;
}
