#ifndef LICTOR_VHOST_DEVICE_H
#define LICTOR_VHOST_DEVICE_H

/** Which vhost-user devices are served by our own driver, as their devargs say. */

#include <stdbool.h>

#define VHOST_PATH_MAX  108u /* of a UNIX socket's address */
#define VHOST_QUEUE_MAX 64u

struct vhost_device {
        char path[VHOST_PATH_MAX];
        unsigned number; /* net_vhost7 */
        unsigned queue_count;
        bool is_client; /* the peer owns the socket */
};

/**
 * Read "net_vhostN,iface=PATH[,queues=N][,client=0|1]".
 * returns  false for every other device and when there is any other argument: those are DPDK's.
 */
bool vhost_device_parse(const char *device, struct vhost_device *out);

#endif
