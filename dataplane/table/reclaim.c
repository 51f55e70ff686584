#include "dataplane/table/reclaim.h"

#include <stdbool.h>
#include <string.h>

#include "dataplane/table/svc_reader.h"

enum { NONE_OUT, WAITING, GRACE_OVER };

// Entries are immutable to readers, so the link is behind the entry, where none of them looks.
static size_t link_offset(size_t entry_size)
{
        return (entry_size + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
}

static struct svc_entry **entry_link(struct svc_entry *entry)
{
        return (struct svc_entry **)((uint8_t *)entry + link_offset(entry->size));
}

size_t reclaim_entry_bytes(size_t entry_size)
{
        return link_offset(entry_size) + sizeof(struct svc_entry *);
}

void reclaim_init(struct reclaim *r, struct slab *slab)
{
        memset(r, 0, sizeof(*r));
        r->slab = slab;
        mtx_init(&r->mutex, mtx_plain);
        cnd_init(&r->changed);
        // Starts liburcu's thread here rather than in the middle of the first change.
        (void)urcu_qsbr_get_default_call_rcu_data();
}

// Not rcu_barrier: that waits for everybody's callbacks, and allocates where ThreadSanitizer sees a
// race inside liburcu. The loads acquire because ThreadSanitizer does not know C11's mutexes.
void reclaim_fini(struct reclaim *r)
{
        const bool was_online = urcu_qsbr_read_ongoing() != 0;

        if (was_online)
                svc_reader_offline();
        mtx_lock(&r->mutex);
        while (atomic_load_explicit(&r->state, memory_order_acquire) == WAITING)
                cnd_wait(&r->changed, &r->mutex);
        mtx_unlock(&r->mutex);
        if (was_online)
                svc_reader_online();
        cnd_destroy(&r->changed);
        mtx_destroy(&r->mutex);
}

void reclaim_retire_entry(struct reclaim *r, struct svc_entry *take_entry)
{
        *entry_link(take_entry) = r->pending.entries;
        r->pending.entries = take_entry;
}

void reclaim_retire_block(struct reclaim *r, struct reclaim_block *take_block)
{
        take_block->next = r->pending.blocks;
        r->pending.blocks = take_block;
}

static void grace_period_over(struct rcu_head *head)
{
        struct reclaim *r = (struct reclaim *)((uint8_t *)head - offsetof(struct reclaim, head));

        TSAN_ACQUIRE(SVC_READER_SYNC);
        TSAN_ACQUIRE(head);
        mtx_lock(&r->mutex);
        atomic_store_explicit(&r->state, GRACE_OVER, memory_order_release);
        cnd_signal(&r->changed);
        mtx_unlock(&r->mutex);
}

// Returned memory has to be drained before the next batch may come back, which bounds both lists.
static void collect(struct reclaim *r)
{
        if (atomic_load_explicit(&r->state, memory_order_acquire) != GRACE_OVER)
                return;
        if (r->returned.entries != NULL || r->returned.blocks != NULL)
                return;
        r->returned = r->submitted;
        r->submitted = (struct reclaim_list){0};
        atomic_store_explicit(&r->state, NONE_OUT, memory_order_relaxed);
}

void reclaim_submit(struct reclaim *r)
{
        collect(r);
        if (atomic_load_explicit(&r->state, memory_order_relaxed) != NONE_OUT)
                return;
        if (r->pending.entries == NULL && r->pending.blocks == NULL)
                return;
        r->submitted = r->pending;
        r->pending = (struct reclaim_list){0};
        atomic_store_explicit(&r->state, WAITING, memory_order_relaxed);
        TSAN_RELEASE(&r->head);
        urcu_qsbr_call_rcu(&r->head, grace_period_over);
}

void reclaim_drain(struct reclaim *r, unsigned n)
{
        collect(r);
        for (; n > 0 && r->returned.blocks != NULL; n--) {
                struct reclaim_block *block = r->returned.blocks;

                r->returned.blocks = block->next;
                slab_free(r->slab, block, block->bytes);
        }
        for (; n > 0 && r->returned.entries != NULL; n--) {
                struct svc_entry *entry = r->returned.entries;

                r->returned.entries = *entry_link(entry);
                slab_free(r->slab, entry, reclaim_entry_bytes(entry->size));
        }
}
