#ifndef LICTOR_ETHDEV_QUEUE_H
#define LICTOR_ETHDEV_QUEUE_H

/** One receive and send queue of a DPDK port; the port's own business. */

#include "dataplane/port/port.h"

struct ethdev_queue {
        struct port_queue base;
        uint16_t port_id;
        uint16_t queue_id;
        bool forwards;
};

/** @forwards  packets are sent as they came, chains included. */
void ethdev_queue_init(struct ethdev_queue *q, uint16_t port_id, uint16_t queue_id,
                       bool fills_checksums, bool forwards);

#endif
