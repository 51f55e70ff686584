#ifndef LICTOR_ETHDEV_QUEUE_H
#define LICTOR_ETHDEV_QUEUE_H

/** One receive and send queue of a DPDK port; the port's own business. */

#include "dataplane/port/port.h"

struct rte_mbuf;

struct ethdev_queue {
        struct port_queue base;
        uint16_t port_id;
        uint16_t queue_id;
        bool forwards;
};

/** @forwards  packets are sent as they came, chains included. */
void ethdev_queue_init(struct ethdev_queue *q, uint16_t port_id, uint16_t queue_id,
                       bool fills_checksums, bool forwards);

/**
 * Write the TCP or UDP checksum of a packet whose device vouched for it instead, as virtio peers
 * of the same host do; the next to look at the packet may check. Other packets stay as they are.
 */
void ethdev_complete_checksum(struct rte_mbuf *m);

#endif
