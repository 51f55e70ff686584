#ifndef LICTOR_PORT_VHOST_H
#define LICTOR_PORT_VHOST_H

/**
 * A vhost-user device: DPDK's vhost library speaks with the peer, the data path is our own.
 *
 * Peers may come, go and rearrange their memory at any time, told by the library's own thread. EAL
 * must be up. context  control thread, but for the queues.
 */

#include "dataplane/port/port.h"
#include "dataplane/port/port_error.h"
#include "dataplane/port/vhost_device.h"

#define VHOST_MTU 1500u

struct vhost_port;

/**
 * Listen on the device's socket, or connect to it for as long as it takes.
 * returns  0 or a negative errno with the error line written.
 */
int vhost_port_open(const struct vhost_device *device, struct vhost_port **out,
                    const struct port_error *error);

/** Part from the peer; no worker may use the queues any more. */
void vhost_port_close(struct vhost_port *take_port);

/** Borrowed until the port is closed. @index  below the device's queue_count. */
struct port_queue *vhost_port_queue(struct vhost_port *port, unsigned index);

#endif
