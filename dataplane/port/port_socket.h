#ifndef LICTOR_PORT_SOCKET_H
#define LICTOR_PORT_SOCKET_H

/** Kernel UDP sockets as ports: no root, no hugepages, no EAL. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "dataplane/port/port.h"

/* Largest UDP payload over IPv4; messages and their answers fit a buffer of it. */
#define SOCKET_MESSAGE_MAX 65507u

/**
 * Bind count queues to one address, spread by SO_REUSEPORT when there are several.
 * An address another program is bound to is refused even if that one shares.
 * @dual_stack  "::" takes IPv4 as well.
 * @out         count queues, destroyed one by one by the caller.
 * returns  0 or the negative errno of what failed.
 */
int socket_port_open(const struct sockaddr_storage *address, bool dual_stack,
                     struct port_queue *out[], size_t count);

/** No worker may use the queue any more. NULL does nothing. */
void socket_queue_destroy(struct port_queue *take_queue);

/** The address bound, with the port the kernel chose for port 0. returns 0 or a negative errno. */
int socket_queue_address(const struct port_queue *queue, struct sockaddr_storage *out);

#endif
