#include "control/pool/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pool_network_parse(const char *text, struct pool_network *out)
{
        const char *slash = strchr(text, '/');
        char address[INET6_ADDRSTRLEN], *end;
        unsigned long bits;

        if (slash == NULL || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' ||
            slash[1] > '9')
                return -EINVAL;
        memcpy(address, text, (size_t)(slash - text));
        address[slash - text] = '\0';
        *out = (struct pool_network){.length = 4};
        if (inet_pton(AF_INET, address, out->bytes) != 1) {
                out->length = 16;
                if (inet_pton(AF_INET6, address, out->bytes) != 1)
                        return -EINVAL;
        }
        bits = strtoul(slash + 1, &end, 10);
        if (*end != '\0' || bits > 8u * out->length)
                return -EINVAL;
        out->prefix_bits = (uint8_t)bits;
        return 0;
}

static bool has(const struct pool_network *network, const uint8_t *address, size_t length)
{
        size_t whole = network->prefix_bits / 8u;
        unsigned rest = network->prefix_bits % 8u;

        if (network->length != length || memcmp(network->bytes, address, whole) != 0)
                return false;
        return rest == 0 || (network->bytes[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool pool_networks_have(const struct pool_network networks[], size_t count, const uint8_t *address,
                        size_t length)
{
        for (size_t i = 0; i < count; i++) {
                if (has(&networks[i], address, length))
                        return true;
        }
        return false;
}
