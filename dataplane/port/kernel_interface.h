#ifndef LICTOR_KERNEL_INTERFACE_H
#define LICTOR_KERNEL_INTERFACE_H

/** Configure a kernel network interface by rtnetlink. context  control thread, CAP_NET_ADMIN. */

#include <stdint.h>

#include "dataplane/port/net_address.h"

/** Set the MTU and bring it up. returns 0 or a negative errno. */
int kernel_interface_up(const char *name, uint16_t mtu);

/** Give it an address with its prefix. returns 0, also when it is there already. */
int kernel_interface_add_address(const char *name, const struct net_address *address);

/*
 * Behind whatever default route the host has already, by which it is managed; that one may come
 * from a network manager, whose metrics stay far below.
 */
#define KERNEL_INTERFACE_GATEWAY_METRIC 20000u

/** A default route through gateway, of that metric. returns 0, or -EEXIST when there is one. */
int kernel_interface_add_gateway(const char *name, const struct net_address *gateway);

#endif
