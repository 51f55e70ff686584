#ifndef LICTOR_EXCEPTION_H
#define LICTOR_EXCEPTION_H

/**
 * The exception path: a kernel interface with a port's own MAC and IP addresses, so that whatever
 * the fast path does not own reaches the host through the same NIC.
 *
 * A TAP interface driven by DPDK's net_tap, one queue for each of the port's, fed from the port's
 * own buffers where those are mbufs.
 */

#include <stddef.h>

#include "dataplane/port/net_address.h"
#include "dataplane/port/port_ethdev.h"

struct exception_config {
        const char *interface_name;
        const uint8_t *mac;              /* of the port whose traffic it takes */
        const struct ethdev_port *pools; /* whose buffers that comes in; NULL: not in mbufs */
        uint16_t mtu;
        unsigned queue_count;
        const struct net_address *addresses;
        size_t address_count;
        const struct net_address *gateway; /* NULL: none */
};

/** Make the interface, address it and bring it up; it ends with ethdev_port_close. */
int exception_open(const struct exception_config *config, struct ethdev_port **out,
                   const struct port_error *error);

#endif
