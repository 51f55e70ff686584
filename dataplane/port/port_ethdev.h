#ifndef LICTOR_PORT_ETHDEV_H
#define LICTOR_PORT_ETHDEV_H

/** Any DPDK port. EAL must be up. context  control thread, but for the queues. */

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/port/port.h"
#include "dataplane/port/port_error.h"

struct ethdev_port;

struct ethdev_config {
        const char *device;              /* devargs of a vdev, or a PCI address */
        const uint8_t *mac;              /* NULL: the device's own */
        unsigned queue_count;            /* at least 1 */
        unsigned spare_buffers;          /* a queue's buffers held outside the device's rings */
        const struct ethdev_port *pools; /* NULL, or the port whose buffers are used */
        bool forwards;                   /* packets are sent as they came, chains included */
        bool copies;                     /* packets come from and go to a port without mbufs */
};

/**
 * Probe a device if EAL has not yet, configure and start it.
 * returns  0 or a negative errno with the error line written.
 */
int ethdev_port_open(const struct ethdev_config *config, struct ethdev_port **out,
                     const struct port_error *error);

/** Stop and close it; no worker may use its queues any more. */
void ethdev_port_close(struct ethdev_port *take_port);

/** Borrowed until the port is closed. @index  below queue_count. */
struct port_queue *ethdev_port_queue(struct ethdev_port *port, unsigned index);
/** The address and the MTU it answers with; the MAC is borrowed. */
const uint8_t *ethdev_port_mac(const struct ethdev_port *port);
uint16_t ethdev_port_mtu(const struct ethdev_port *port);

/** DPDK's name of the driver, as "net_tap". */
const char *ethdev_port_driver(const struct ethdev_port *port);

#endif
