#ifndef LICTOR_ETHDEV_QUEUE_H
#define LICTOR_ETHDEV_QUEUE_H

/** One receive and send queue of a DPDK port; the port's own business. */

#include "dataplane/port/port.h"

struct rte_mbuf;
struct rte_mempool;

struct ethdev_queue {
        struct port_queue base;
        uint16_t port_id;
        uint16_t queue_id;
        bool forwards;
        uint16_t lent_count; /* of a copying queue: what its last receive gave out */
        struct rte_mempool *pool;
        struct rte_mbuf *lent[PORT_BURST_MAX];
};

/** @forwards  packets are sent as they came, chains included. */
void ethdev_queue_init(struct ethdev_queue *q, uint16_t port_id, uint16_t queue_id,
                       bool fills_checksums, bool forwards);

/**
 * The same for packets from and to a port whose buffers are no mbufs: what is sent is copied into
 * mbufs of pool, and what was received is the queue's again with its next receive.
 */
void ethdev_copying_queue_init(struct ethdev_queue *q, uint16_t port_id, uint16_t queue_id,
                               struct rte_mempool *pool);

/**
 * Write the TCP or UDP checksum of a packet whose device vouched for it instead, as virtio peers
 * of the same host do; the next to look at the packet may check. Other packets stay as they are.
 */
void ethdev_complete_checksum(struct rte_mbuf *m);

#endif
