#ifndef LICTOR_NET_ADDRESS_H
#define LICTOR_NET_ADDRESS_H

/** Addresses as the configuration writes them. */

#include <stdbool.h>
#include <stdint.h>

struct net_address {
        uint8_t family;    /* 4 or 6 */
        uint8_t bytes[16]; /* network byte order; IPv4 uses the first four */
        uint8_t prefix_length;
};

/**
 * Parse "10.99.0.2/24" or "fd00::2/64"; without a prefix it is that of one host.
 * returns  0, or -EINVAL also for addresses no host has on a wire: groups, loopback, zero.
 */
int net_address_parse(const char *text, struct net_address *out);

/** Parse "02:00:00:00:00:02". returns  0, or -EINVAL also for group and all-zero addresses. */
int net_mac_parse(const char *text, uint8_t out[6]);

#endif
