#include <netinet/in.h>
#include <string.h>

#include "control/http/http_internal.h"

bool http_guard_is_blocked(const struct http_server *server, const char *path)
{
        for (size_t i = 0; i < server->config.blocked_count; i++) {
                const char *prefix = server->config.blocked[i];

                if (strncmp(path, prefix, strlen(prefix)) == 0)
                        return true;
        }
        return false;
}

static const uint8_t *address_bytes(const struct sockaddr *address, unsigned *bits)
{
        if (address->sa_family == AF_INET) {
                *bits = 32;
                return (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr;
        }
        if (address->sa_family == AF_INET6) {
                *bits = 128;
                return (const uint8_t *)&((const struct sockaddr_in6 *)address)->sin6_addr;
        }
        return NULL;
}

static bool prefix_contains(const struct http_prefix *prefix, const struct sockaddr *peer)
{
        const struct sockaddr *network = (const struct sockaddr *)&prefix->address;
        unsigned network_bits, peer_bits, bits = prefix->bits;
        const uint8_t *a = address_bytes(network, &network_bits);
        const uint8_t *b = address_bytes(peer, &peer_bits);
        unsigned rest;

        if (a == NULL || b == NULL || network->sa_family != peer->sa_family || bits > peer_bits)
                return false;
        if (memcmp(a, b, bits / 8) != 0)
                return false;
        rest = bits % 8;
        return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool http_guard_may_write(const struct http_server *server, const struct sockaddr *peer)
{
        if (server->config.writer_count == 0)
                return true;
        for (size_t i = 0; peer != NULL && i < server->config.writer_count; i++) {
                if (prefix_contains(&server->config.writers[i], peer))
                        return true;
        }
        return false;
}
