#ifndef LICTOR_RECLAIM_H
#define LICTOR_RECLAIM_H

/**
 * Memory readers may still hold, on its way back to the slab.
 *
 * The writer retires what it has unlinked and submits it to RCU as one batch; liburcu's thread only
 * reports that the grace period is over, and the writer takes the memory back a little at a time.
 * So the slab stays the writer's alone and nobody waits. One batch is out at a time: what is
 * retired meanwhile goes with the next, at most one grace period later.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <threads.h>

#include <urcu-qsbr.h>

#include "dataplane/table/slab.h"
#include "dataplane/table/svc_table.h"

/* Opens every block of the index that readers follow; readers do not read it. */
struct reclaim_block {
        struct reclaim_block *next;
        size_t bytes; /* of the whole block */
};

struct reclaim_list {
        struct svc_entry *entries;
        struct reclaim_block *blocks;
};

struct reclaim {
        struct slab *slab;
        struct reclaim_list pending;   /* retired, not yet submitted */
        struct reclaim_list submitted; /* untouchable until its grace period ends */
        struct reclaim_list returned;  /* nobody's: free to take back */
        struct rcu_head head;
        atomic_uint state;
        mtx_t mutex; /* with changed: how reclaim_fini waits */
        cnd_t changed;
};

/** @slab is borrowed until reclaim_fini. */
void reclaim_init(struct reclaim *r, struct slab *slab);

/**
 * Wait for the batch that is out; the calling thread is offline meanwhile. The memory is left to
 * the slab.
 */
void reclaim_fini(struct reclaim *r);

/** Bytes a block for an entry of this size needs: behind the entry lies its link. */
size_t reclaim_entry_bytes(size_t entry_size);

/** Take what readers can no longer reach from now on. Cannot fail; O(1). */
void reclaim_retire_entry(struct reclaim *r, struct svc_entry *take_entry);
void reclaim_retire_block(struct reclaim *r, struct reclaim_block *take_block);

/** Submit what was retired, unless a batch is still out. Never blocks. */
void reclaim_submit(struct reclaim *r);

/** Give at most n pieces back to the slab of those whose grace period is over. */
void reclaim_drain(struct reclaim *r, unsigned n);

#endif
