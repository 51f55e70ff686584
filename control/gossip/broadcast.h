#ifndef CONTROL_GOSSIP_BROADCAST_H
#define CONTROL_GOSSIP_BROADCAST_H

/**
 * Messages that ride on packets until they have been sent often enough (SWIM paper, 4.1): the least
 * often sent first, among those the newest. Pure.
 */

#include "control/pack/pack.h"

struct broadcast;

#define BROADCAST_TRANSMITS_MAX 64u

struct broadcast_list {
        struct broadcast *first, *last; /* newest to oldest */
};

struct broadcast_queue {
        struct broadcast_list lists[BROADCAST_TRANSMITS_MAX]; /* by how often they were sent */
        struct broadcast **buckets;                           /* those with a key */
        size_t bucket_count;                                  /* 0 or a power of two */
        size_t count;
        size_t count_max; /* the oldest of the most often sent goes beyond it; 0: no bound */
        uint64_t seed;    /* of the keys' hashes; secret, as keys come from the network */
};

/** Forget all of them; the queue may be used again. Zeroed it is empty and ready. */
void broadcast_queue_fini(struct broadcast_queue *q);

/**
 * Add a message.
 * @key  what it is about: it replaces a message with the same key. Empty: it replaces none.
 */
void broadcast_queue_add(struct broadcast_queue *q, struct pack_slice key,
                         struct pack_slice message);

/** Whether a message with this key still waits to be sent again. */
bool broadcast_queue_has(const struct broadcast_queue *q, struct pack_slice key);

/**
 * Take messages for one packet. It may be left a little emptier than it could be: a long queue is
 * not searched through for the one message that still fits.
 * @transmit_limit  how often each is sent at most.
 * @room            bytes left in the packet; reduced by what was taken.
 * @overhead        bytes a message costs besides its own.
 * @out             appended to: the messages, one behind the other.
 * @lengths         their lengths; room for @count_max of them.
 * returns          how many were taken.
 */
unsigned broadcast_queue_take(struct broadcast_queue *q, unsigned transmit_limit, size_t *room,
                              size_t overhead, struct byte_buffer *out, uint32_t lengths[],
                              unsigned count_max);

#endif
