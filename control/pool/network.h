#ifndef CONTROL_POOL_NETWORK_H
#define CONTROL_POOL_NETWORK_H

/** Networks that gossip is taken from, "10.0.0.0/8". Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_network {
        uint8_t length; /* of an address: 4 or 16 bytes */
        uint8_t prefix_bits;
        uint8_t bytes[16];
};

/** returns  0 or -EINVAL. */
int pool_network_parse(const char *text, struct pool_network *out);

/** Whether an address lies in one of the networks. @length  4 or 16. */
bool pool_networks_have(const struct pool_network networks[], size_t count, const uint8_t *address,
                        size_t length);

#endif
