#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/exception.h"
#include "dataplane/port/net_address.h"
#include "dataplane/port/port_ethdev.h"
#include "dataplane/port/port_vhost.h"
#include "dataplane/runtime/runtime_internal.h"
#include "dataplane/virtio/virtqueue.h"

// A port with its identity and, when it has one, its kernel interface.
struct dpdk_port {
        struct ethdev_port *wire;
        struct vhost_port *vhost; // in its place, where the driver is our own
        struct ethdev_port *kernel;
        struct frame_host host;
        struct net_address addresses[2 * FRAME_ADDRESS_MAX];
        size_t address_count;
};

int runtime_eal_enter(void)
{
        return eal_enter_thread();
}

void runtime_eal_leave(void)
{
        eal_leave_thread();
}

static int parse_addresses(struct dpdk_port *p, const struct runtime_port_config *config,
                           const struct port_error *error)
{
        struct frame_host *host = &p->host;

        if (config->address_count > ARRAY_LEN(p->addresses))
                return port_fail(error, -E2BIG,
                                 "dataplane: port %s: %zu addresses; at most %u of each family",
                                 config->device, config->address_count, FRAME_ADDRESS_MAX);
        for (size_t i = 0; i < config->address_count; i++) {
                struct net_address *a = &p->addresses[p->address_count++];

                if (net_address_parse(config->addresses[i], a) < 0)
                        return port_fail(error, -EINVAL,
                                         "dataplane: port %s: \"%s\" is no address of one "
                                         "host; write it as \"10.99.0.2/24\" or \"fd00::2/64\"",
                                         config->device, config->addresses[i]);
                if ((a->family == 4 ? host->ipv4_count : host->ipv6_count) == FRAME_ADDRESS_MAX)
                        return port_fail(error, -E2BIG,
                                         "dataplane: port %s: more than %u IPv%u addresses",
                                         config->device, FRAME_ADDRESS_MAX, a->family);
                if (a->family == 4)
                        memcpy(host->ipv4[host->ipv4_count++], a->bytes, 4);
                else
                        memcpy(host->ipv6[host->ipv6_count++], a->bytes, 16);
        }
        return 0;
}

static int open_ethdev(struct dpdk_port *p, const struct runtime_port_config *config,
                       const uint8_t *mac, const struct port_error *error)
{
        struct ethdev_config wire = {
            .device = config->device,
            .mac = mac,
            .queue_count = config->queue_count,
            .spare_buffers = SLOW_ITEM_COUNT,
        };
        int ret = ethdev_port_open(&wire, &p->wire, error);

        if (ret < 0)
                return ret;
        memcpy(p->host.mac, ethdev_port_mac(p->wire), sizeof(p->host.mac));
        p->host.mtu = ethdev_port_mtu(p->wire);
        return 0;
}

static int open_vhost(struct dpdk_port *p, const struct runtime_port_config *config,
                      const struct vhost_device *device, const uint8_t *mac,
                      const struct port_error *error)
{
        const uint8_t by_number[6] = {0x56, 'H', 'O', 'S', 'T', (uint8_t)device->number};

        if (config->queue_count > device->queue_count)
                return port_fail(error, -E2BIG,
                                 "dataplane: port %s: %u queues asked for, the device has %u; set "
                                 "\"queues\" to %u or less, or give the device more (queues=N in "
                                 "its devargs)",
                                 config->device, config->queue_count, device->queue_count,
                                 device->queue_count);
        memcpy(p->host.mac, mac != NULL ? mac : by_number, sizeof(p->host.mac));
        p->host.mtu = VHOST_MTU;
        return vhost_port_open(device, &p->vhost, error);
}

static int open_wire(struct dpdk_port *p, const struct runtime_port_config *config,
                     const struct port_error *error)
{
        struct vhost_device vhost;
        uint8_t mac[6];

        if (config->mac != NULL && net_mac_parse(config->mac, mac) < 0)
                return port_fail(error, -EINVAL,
                                 "dataplane: port %s: \"%s\" is no MAC address of one host; write "
                                 "it as \"02:00:00:00:00:02\"",
                                 config->device, config->mac);
        if (vhost_device_parse(config->device, &vhost))
                return open_vhost(p, config, &vhost, config->mac != NULL ? mac : NULL, error);
        return open_ethdev(p, config, config->mac != NULL ? mac : NULL, error);
}

static int open_kernel(struct dpdk_port *p, const struct runtime_port_config *config,
                       const struct port_error *error)
{
        struct net_address gateway;
        struct exception_config exception = {
            .interface_name = config->exception,
            .mac = p->host.mac,
            .pools = p->wire,
            .mtu = p->host.mtu,
            .queue_count = config->queue_count,
            .addresses = p->addresses,
            .address_count = p->address_count,
        };

        if (config->gateway != NULL) {
                if (net_address_parse(config->gateway, &gateway) < 0)
                        return port_fail(error, -EINVAL,
                                         "dataplane: port %s: gateway \"%s\" is no address",
                                         config->device, config->gateway);
                exception.gateway = &gateway;
        }
        return exception_open(&exception, &p->kernel, error);
}

static int open_port(struct runtime *rt, const struct runtime_port_config *config,
                     uint16_t dns_port, const struct port_error *error)
{
        struct dpdk_port *p = calloc(1, sizeof(*p));
        int ret;

        if (p == NULL)
                return port_fail(error, -ENOMEM, "dataplane: port %s: no memory", config->device);
        rt->ports[rt->port_count++] = p;
        ret = parse_addresses(p, config, error);
        if (ret == 0)
                ret = open_wire(p, config, error);
        if (ret < 0)
                return ret;
        p->host.dns_port = dns_port;
        p->host.has_exception = config->exception != NULL;
        return config->exception == NULL ? 0 : open_kernel(p, config, error);
}

static void give_queue(struct runtime_worker *rw, struct dpdk_port *p, unsigned index)
{
        struct worker *w = rw->worker;

        w->units[w->unit_count++] = (struct worker_unit){
            .queue = p->vhost != NULL ? vhost_port_queue(p->vhost, index)
                                      : ethdev_port_queue(p->wire, index),
            .exception = p->kernel == NULL ? NULL : ethdev_port_queue(p->kernel, index),
            .host = &p->host,
        };
}

int runtime_dpdk_open(struct runtime *rt, const struct runtime_config *config,
                      const struct port_error *error)
{
        unsigned first = rt->worker_count, next = 0;
        size_t buffer_size = 0;
        int ret = eal_start(config->eal_arguments, config->eal_argument_count, error);

        // EAL pins its main thread even when told to let it float: put it back, its own beside it.
        if (rt->has_moved)
                runtime_leave_polling_cpus(rt, config);
        for (size_t i = 0; i < config->port_count && ret == 0; i++)
                ret = open_port(rt, &config->ports[i], config->dns_port, error);
        if (ret < 0)
                return ret;
        // Mbufs travel to the slow path themselves; other frames are copied.
        for (unsigned i = 0; i < rt->port_count; i++)
                if (rt->ports[i]->vhost != NULL)
                        buffer_size = VIRTQUEUE_SLOT_BYTES;
        for (size_t i = 0; i < config->lcore_count; i++) {
                struct runtime_worker *rw;

                ret = runtime_worker_add(rt, config, buffer_size, &rw);
                if (ret < 0)
                        return port_fail(error, ret, "dataplane: no memory for lcore %u",
                                         config->lcores[i]);
                snprintf(rw->name, sizeof(rw->name), "lcore%u", config->lcores[i]);
                rw->cpu = (int)config->lcores[i];
                rw->is_eal = true;
        }
        for (size_t i = 0; i < config->port_count; i++)
                for (unsigned q = 0; q < config->ports[i].queue_count; q++)
                        give_queue(&rt->workers[first + next++ % config->lcore_count], rt->ports[i],
                                   q);
        return 0;
}

const char *runtime_port_driver(const struct runtime *rt, size_t index)
{
        const struct dpdk_port *p;

        if (index >= rt->port_count)
                return NULL;
        p = rt->ports[index];
        return p->vhost != NULL ? "lictor_vhost" : ethdev_port_driver(p->wire);
}

void runtime_dpdk_close(struct runtime *rt)
{
        for (unsigned i = 0; i < rt->port_count; i++) {
                ethdev_port_close(rt->ports[i]->kernel);
                ethdev_port_close(rt->ports[i]->wire);
                vhost_port_close(rt->ports[i]->vhost);
                free(rt->ports[i]);
        }
}
