#ifndef CONTROL_HTTP_PEERS_H
#define CONTROL_HTTP_PEERS_H

#include <stdbool.h>
#include <sys/socket.h>

/** How many connections each client address has open. Control thread. */
struct http_peers {
        void *root; /* a search tree of struct http_peer; zero: nobody */
};

struct http_peer;

/**
 * Count one more connection of the address, the port left aside.
 * @limit   the most it may have.
 * @out     to be handed to http_peers_release() when the connection ends; NULL: the address is not
 *          one of IPv4 or IPv6, of which nothing is counted.
 * returns  0, -EUSERS when it has that many already, or -ENOMEM.
 */
int http_peers_take(struct http_peers *peers, const struct sockaddr *address, unsigned limit,
                    struct http_peer **out);
/** @take_peer  may be NULL. */
void http_peers_release(struct http_peers *peers, struct http_peer *take_peer);

#endif
