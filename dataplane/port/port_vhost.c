#include "dataplane/port/port_vhost.h"

#include <errno.h>
#include <pthread.h>
#include <rte_vhost.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/vhost_queue.h"
#include "dataplane/table/svc_reader.h"

#define PORT_MAX   16u
#define NO_DEVICE  (-1)
#define RING_COUNT (2u * VHOST_QUEUE_MAX)

// No offloads: what the guest sends is whole, and so are the answers. No mergeable buffers: the
// frames of our MTU fit one, and neither side then has to look at the other's header.
#define FEATURES                                                                                   \
        (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ANY_LAYOUT | 1ull << VIRTIO_F_IN_ORDER |    \
         1ull << VIRTIO_NET_F_CTRL_VQ | 1ull << VHOST_USER_F_PROTOCOL_FEATURES)
#define PROTOCOL_FEATURES                                                                          \
        (1ull << VHOST_USER_PROTOCOL_F_MQ | 1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK |              \
         1ull << VHOST_USER_PROTOCOL_F_STATUS)

#ifndef VIRTIO_F_IN_ORDER
#define VIRTIO_F_IN_ORDER 35
#endif

// Everything but path and queues is the library's thread's.
struct vhost_port {
        char path[VHOST_PATH_MAX];
        unsigned queue_count;
        int device_id;
        bool is_running; // between new_device and destroy_device
        bool is_ready[RING_COUNT];
        struct guest_memory memory;
        uint16_t header_length;
        struct vhost_queue queues[];
};

// The library's callbacks say which device by a number alone.
static struct {
        pthread_mutex_t lock;
        struct vhost_port *ports[PORT_MAX];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool registry_replace(const struct vhost_port *from, struct vhost_port *to)
{
        bool found = false;

        pthread_mutex_lock(&registry.lock);
        for (unsigned i = 0; i < PORT_MAX && !found; i++) {
                found = registry.ports[i] == from;
                if (found)
                        registry.ports[i] = to;
        }
        pthread_mutex_unlock(&registry.lock);
        return found;
}

// A port lives until the library has unregistered it, which waits for callbacks under way.
static struct vhost_port *port_of(int device_id)
{
        struct vhost_port *port = NULL;
        char path[VHOST_PATH_MAX];

        if (rte_vhost_get_ifname(device_id, path, sizeof(path)) < 0)
                return NULL;
        pthread_mutex_lock(&registry.lock);
        for (unsigned i = 0; i < PORT_MAX && port == NULL; i++)
                if (registry.ports[i] != NULL && strcmp(registry.ports[i]->path, path) == 0)
                        port = registry.ports[i];
        pthread_mutex_unlock(&registry.lock);
        return port;
}

// virtio-net numbers rings from the guest: its receive queue i is ring 2i, transmit 2i + 1.
static struct vhost_ring *ring_at(struct vhost_port *port, unsigned index)
{
        struct vhost_queue *q = &port->queues[index / 2];

        return index % 2 == 0 ? &q->to_guest : &q->from_guest;
}

static void save_position(const struct vhost_port *port, unsigned index,
                          const struct virtqueue *queue)
{
        const struct virtqueue_position at = virtqueue_position(queue);

        // Fails only when the ring is gone, and then nobody will ask.
        (void)rte_vhost_set_vring_base(port->device_id, (uint16_t)index, at.available, at.used);
}

// Rings and memory are the worker's no more when this returns, wherever it is: asleep and stopped
// ones are offline, and no reader waits for us.
static void withdraw(struct vhost_port *port)
{
        bool was_published[RING_COUNT] = {false};
        bool any = false;

        for (unsigned i = 0; i < 2 * port->queue_count; i++) {
                was_published[i] = vhost_ring_withdraw(ring_at(port, i));
                any |= was_published[i];
        }
        if (!any)
                return;
        synchronize_rcu();
        TSAN_ACQUIRE(SVC_READER_SYNC);
        for (unsigned i = 0; i < 2 * port->queue_count; i++)
                if (was_published[i])
                        save_position(port, i, &ring_at(port, i)->queue);
}

static bool read_memory(struct vhost_port *port)
{
        struct rte_vhost_memory *table = NULL;

        port->memory.region_count = 0;
        if (rte_vhost_get_mem_table(port->device_id, &table) < 0 || table == NULL)
                return false;
        for (unsigned i = 0; i < table->nregions && i < GUEST_REGION_MAX; i++)
                port->memory.regions[port->memory.region_count++] = (struct guest_region){
                    .guest_address = table->regions[i].guest_phys_addr,
                    .size = table->regions[i].size,
                    .host = (uint8_t *)(uintptr_t)table->regions[i].host_user_addr,
                };
        free(table);
        return true;
}

// The library checked them for the size they had when they were first told; a later message may
// have made them larger.
static bool are_in_memory(const struct guest_memory *memory, const struct rte_vhost_vring *vring)
{
        const uint64_t n = vring->size;

        return guest_memory_holds(memory, vring->desc, n * sizeof(struct vring_desc)) &&
               guest_memory_holds(memory, vring->avail, 4 + n * sizeof(uint16_t)) &&
               guest_memory_holds(memory, vring->used, 4 + n * sizeof(struct vring_used_elem));
}

static void publish_ring(struct vhost_port *port, unsigned index)
{
        struct vhost_ring *ring = ring_at(port, index);
        struct virtqueue_position position;
        struct rte_vhost_vring vring = {0};
        struct virtqueue_rings rings;

        if (rte_vhost_get_vhost_vring(port->device_id, (uint16_t)index, &vring) < 0 ||
            !are_in_memory(&port->memory, &vring) ||
            rte_vhost_get_vring_base(port->device_id, (uint16_t)index, &position.available,
                                     &position.used) < 0)
                return;
        rings = (struct virtqueue_rings){
            .descriptors = vring.desc,
            .available = vring.avail,
            .used = vring.used,
            .size = vring.size,
        };
        if (virtqueue_init(&ring->queue, index % 2 == 0 ? VIRTQUEUE_TO_GUEST : VIRTQUEUE_FROM_GUEST,
                           &rings, &port->memory, port->header_length, position) < 0)
                return;
        ring->call_fd = vring.callfd;
        vhost_ring_publish(ring);
}

static void publish(struct vhost_port *port)
{
        uint64_t features;

        withdraw(port);
        if (!port->is_running || rte_vhost_get_negotiated_features(port->device_id, &features) < 0)
                return;
        port->header_length = (features >> VIRTIO_F_VERSION_1 & 1) != 0 ? 12 : 10;
        if (!read_memory(port))
                return;
        for (unsigned i = 0; i < 2 * port->queue_count; i++)
                if (port->is_ready[i])
                        publish_ring(port, i);
}

// Any message may change what the rings are: the worker lets go of them meanwhile.
static enum rte_vhost_msg_result before_message(int device_id, void *message)
{
        struct vhost_port *port = port_of(device_id);

        (void)message;
        if (port != NULL && port->device_id == device_id)
                withdraw(port);
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static enum rte_vhost_msg_result after_message(int device_id, void *message)
{
        struct vhost_port *port = port_of(device_id);

        (void)message;
        if (port != NULL && port->device_id == device_id)
                publish(port);
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static const struct rte_vhost_user_extern_ops message_hooks = {
    .pre_msg_handle = before_message,
    .post_msg_handle = after_message,
};

// The newest peer is the one served: one that hangs must not keep its successor out.
static int connected(int device_id)
{
        struct vhost_port *port = port_of(device_id);

        if (port == NULL)
                return -1;
        withdraw(port);
        memset(port->is_ready, 0, sizeof(port->is_ready));
        port->is_running = false;
        port->device_id = device_id;
        return rte_vhost_extern_callback_register(device_id, &message_hooks, NULL);
}

static void stopped(int device_id)
{
        struct vhost_port *port = port_of(device_id);

        if (port == NULL || port->device_id != device_id)
                return;
        withdraw(port);
        port->is_running = false;
}

static void disconnected(int device_id)
{
        struct vhost_port *port = port_of(device_id);

        stopped(device_id);
        if (port != NULL && port->device_id == device_id)
                port->device_id = NO_DEVICE;
}

static int started(int device_id)
{
        struct vhost_port *port = port_of(device_id);

        if (port == NULL || port->device_id != device_id)
                return -1;
        port->is_running = true;
        publish(port);
        return 0;
}

static int ring_changed(int device_id, uint16_t index, int is_ready)
{
        struct vhost_port *port = port_of(device_id);

        if (port == NULL || port->device_id != device_id || index >= 2 * port->queue_count)
                return 0;
        port->is_ready[index] = is_ready != 0;
        publish(port);
        return 0;
}

static const struct rte_vhost_device_ops device_callbacks = {
    .new_connection = connected,
    .destroy_connection = disconnected,
    .new_device = started,
    .destroy_device = stopped,
    .vring_state_changed = ring_changed,
};

static int start(struct vhost_port *port, bool is_client, const struct port_error *error)
{
        const uint64_t features = FEATURES | (port->queue_count > 1 ? 1ull << VIRTIO_NET_F_MQ : 0);

        eal_forget_error();
        if (rte_vhost_driver_register(port->path, is_client ? RTE_VHOST_USER_CLIENT : 0) < 0)
                return port_fail(error, -EADDRINUSE,
                                 "dataplane: vhost-user socket %s: %s; another port may have it",
                                 port->path, eal_first_error("cannot be registered"));
        if (rte_vhost_driver_set_features(port->path, features) == 0 &&
            rte_vhost_driver_set_protocol_features(port->path, PROTOCOL_FEATURES) == 0 &&
            rte_vhost_driver_callback_register(port->path, &device_callbacks) == 0 &&
            rte_vhost_driver_start(port->path) == 0)
                return 0;
        (void)port_fail(error, -EADDRINUSE,
                        "dataplane: vhost-user socket %s: %s; remove what a program left there, or "
                        "choose another path",
                        port->path, eal_first_error("cannot be served"));
        (void)rte_vhost_driver_unregister(port->path);
        return -EADDRINUSE;
}

static void destroy(struct vhost_port *take_port)
{
        for (unsigned i = 0; i < take_port->queue_count; i++)
                vhost_queue_fini(&take_port->queues[i]);
        free(take_port);
}

int vhost_port_open(const struct vhost_device *device, struct vhost_port **out,
                    const struct port_error *error)
{
        struct vhost_port *port =
            calloc(1, sizeof(*port) + device->queue_count * sizeof(port->queues[0]));
        int ret = 0;

        if (port == NULL)
                return port_fail(error, -ENOMEM, "dataplane: port %s: no memory", device->path);
        memcpy(port->path, device->path, sizeof(port->path));
        port->queue_count = device->queue_count;
        port->device_id = NO_DEVICE;
        for (unsigned i = 0; i < port->queue_count && ret == 0; i++)
                ret = vhost_queue_init(&port->queues[i]);
        if (ret < 0)
                ret = port_fail(error, ret, "dataplane: port %s: no memory", device->path);
        else if (!registry_replace(NULL, port))
                ret =
                    port_fail(error, -E2BIG, "dataplane: more than %u vhost-user ports", PORT_MAX);
        if (ret < 0)
                goto destroy;
        ret = start(port, device->is_client, error);
        if (ret < 0)
                goto forget;
        *out = port;
        return 0;
forget:
        (void)registry_replace(port, NULL);
destroy:
        destroy(port);
        return ret;
}

void vhost_port_close(struct vhost_port *take_port)
{
        if (take_port == NULL)
                return;
        (void)rte_vhost_driver_unregister(take_port->path);
        (void)registry_replace(take_port, NULL);
        destroy(take_port);
}

struct port_queue *vhost_port_queue(struct vhost_port *port, unsigned index)
{
        return &port->queues[index].base;
}
