#include "control/http/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct http_peer {
        uint8_t address[16]; // of IPv4 as RFC 4291, 2.5.5.2 maps it
        unsigned connection_count;
};

static int compare(const void *a, const void *b)
{
        return memcmp(((const struct http_peer *)a)->address,
                      ((const struct http_peer *)b)->address, 16);
}

static bool read_address(const struct sockaddr *address, uint8_t out[16])
{
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

        if (address->sa_family == AF_INET6) {
                memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
                return true;
        }
        if (address->sa_family != AF_INET)
                return false;
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + sizeof(mapped), &((const struct sockaddr_in *)address)->sin_addr, 4);
        return true;
}

int http_peers_take(struct http_peers *peers, const struct sockaddr *address, unsigned limit,
                    struct http_peer **out)
{
        struct http_peer wanted = {.connection_count = 0}, *peer;
        struct http_peer *const *found;

        *out = NULL;
        if (!read_address(address, wanted.address))
                return 0;
        found = tfind(&wanted, &peers->root, compare);
        if (found != NULL && (*found)->connection_count >= limit)
                return -EUSERS;
        if (found != NULL) {
                peer = *found;
        } else {
                peer = malloc(sizeof(*peer));
                if (peer == NULL)
                        return -ENOMEM;
                *peer = wanted;
                if (tsearch(peer, &peers->root, compare) == NULL) {
                        free(peer);
                        return -ENOMEM;
                }
        }
        peer->connection_count++;
        *out = peer;
        return 0;
}

void http_peers_release(struct http_peers *peers, struct http_peer *take_peer)
{
        if (take_peer == NULL || --take_peer->connection_count > 0)
                return;
        tdelete(take_peer, &peers->root, compare);
        free(take_peer);
}
