#include "dataplane/port/port_ethdev.h"

#include <errno.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/ethdev_queue.h"

#define DESCRIPTOR_COUNT 1024u
#define POOL_CACHE       256u
#define ETHDEV_QUEUE_MAX 64u
#define KERNEL_BUFFERS   (2u * DESCRIPTOR_COUNT) // the exception interface's queue: net_tap fills it
#define AF_XDP_BUFFERS   4096u                   // its fill and completion rings, whatever we ask

#define TX_CHECKSUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define RX_CHECKSUMS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define RSS_FIELDS                                                                                 \
        (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV4 |          \
         RTE_ETH_RSS_IPV6)

struct ethdev_port {
        uint16_t id;
        uint16_t mtu;
        uint8_t mac[6];
        bool owns_pools;
        bool is_started;
        unsigned queue_count;
        struct rte_mempool *pools[ETHDEV_QUEUE_MAX];
        struct ethdev_queue queues[ETHDEV_QUEUE_MAX];
};

struct ethdev_setup {
        const struct ethdev_config *config;
        struct rte_eth_dev_info info;
        struct rte_eth_conf conf;
        uint16_t rx_descriptors;
        uint16_t tx_descriptors;
};

// "net_tap0,iface=x" and "vdev:net_tap0" both name the device "net_tap0".
static void device_name(const char *device, char *name, size_t size)
{
        snprintf(name, size, "%.*s", (int)strcspn(device, ","), device);
}

static int find_port(const char *device, uint16_t *id)
{
        char name[RTE_ETH_NAME_MAX_LEN];
        struct rte_dev_iterator iterator;
        uint16_t candidate;

        device_name(device, name, sizeof(name));
        if (rte_eth_dev_get_port_by_name(name, id) == 0)
                return 0;
        RTE_ETH_FOREACH_MATCHING_DEV(candidate, name, &iterator)
        {
                *id = candidate;
                rte_eth_iterator_cleanup(&iterator);
                return 0;
        }
        return -ENODEV;
}

static int probe(const char *device, uint16_t *id, const struct port_error *error)
{
        int ret;

        if (find_port(device, id) == 0)
                return 0;
        eal_forget_error();
        ret = rte_dev_probe(device);
        if (ret == 0)
                ret = find_port(device, id);
        if (ret < 0)
                return port_fail(
                    error, ret,
                    "dataplane: port %s: no such device or no right to it (%s); a virtual one is "
                    "named after its driver, as net_tap0,iface=tap0, and may need CAP_NET_ADMIN; a "
                    "PCI one must be bound to vfio-pci (dpdk-devbind.py --status) and --no-pci not "
                    "be given",
                    device, eal_first_error(strerror(-ret)));
        return 0;
}

static int fail(const struct port_error *error, const struct ethdev_config *config, int code,
                const char *what)
{
        return port_fail(error, code, "dataplane: port %s: %s: %s", config->device, what,
                         eal_first_error(strerror(-code)));
}

static int check_queues(const struct ethdev_setup *s, const struct port_error *error)
{
        unsigned rx_max = s->info.max_rx_queues, tx_max = s->info.max_tx_queues;
        unsigned device_max = rx_max < tx_max ? rx_max : tx_max;

        if (device_max > ETHDEV_QUEUE_MAX)
                device_max = ETHDEV_QUEUE_MAX;
        if (s->config->queue_count <= device_max)
                return 0;
        return port_fail(error, -E2BIG,
                         "dataplane: port %s: %u queues asked for, the device has %u; set "
                         "\"queues\" to %u or less, or give the device more (queues=N in its "
                         "devargs)",
                         s->config->device, s->config->queue_count, device_max, device_max);
}

static void choose_configuration(struct ethdev_setup *s, uint16_t mtu)
{
        s->conf.rxmode.mtu = mtu;
        s->conf.rxmode.offloads = s->info.rx_offload_capa & RX_CHECKSUMS;
        if ((s->info.tx_offload_capa & TX_CHECKSUMS) == TX_CHECKSUMS)
                s->conf.txmode.offloads = TX_CHECKSUMS;
        // All packets of a queue come from its own pool and are never shared.
        if (!s->config->forwards)
                s->conf.txmode.offloads |=
                    s->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
        else
                s->conf.txmode.offloads = s->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
        if (s->config->queue_count > 1 && (s->info.flow_type_rss_offloads & RSS_FIELDS) != 0) {
                s->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
                s->conf.rx_adv_conf.rss_conf.rss_hf = s->info.flow_type_rss_offloads & RSS_FIELDS;
        }
}

static int make_pools(struct ethdev_port *p, const struct ethdev_setup *s)
{
        unsigned room = (unsigned)p->mtu + 64u; // Ethernet header, VLAN tags and slack
        unsigned count = s->rx_descriptors + s->tx_descriptors + KERNEL_BUFFERS + 2 * POOL_CACHE +
                         PORT_BURST_MAX + s->config->spare_buffers;

        if (strcmp(s->info.driver_name, "net_af_xdp") == 0)
                count += AF_XDP_BUFFERS;
        if (room < RTE_MBUF_DEFAULT_DATAROOM)
                room = RTE_MBUF_DEFAULT_DATAROOM;
        p->owns_pools = s->config->pools == NULL;
        for (unsigned i = 0; i < p->queue_count; i++) {
                char name[RTE_MEMPOOL_NAMESIZE];

                if (!p->owns_pools) {
                        p->pools[i] = s->config->pools->pools[i];
                        continue;
                }
                snprintf(name, sizeof(name), "lictor_%u_%u", p->id, i);
                p->pools[i] = rte_pktmbuf_pool_create(name, count, POOL_CACHE, 0,
                                                      (uint16_t)(room + RTE_PKTMBUF_HEADROOM),
                                                      rte_eth_dev_socket_id(p->id));
                if (p->pools[i] == NULL)
                        return -rte_errno;
        }
        return 0;
}

static int set_up_queues(struct ethdev_port *p, const struct ethdev_setup *s)
{
        unsigned socket = (unsigned)rte_eth_dev_socket_id(p->id);
        int ret = 0;

        for (uint16_t i = 0; i < p->queue_count && ret == 0; i++) {
                ret =
                    rte_eth_rx_queue_setup(p->id, i, s->rx_descriptors, socket, NULL, p->pools[i]);
                if (ret == 0)
                        ret = rte_eth_tx_queue_setup(p->id, i, s->tx_descriptors, socket, NULL);
                if (s->config->copies)
                        ethdev_copying_queue_init(&p->queues[i], p->id, i, p->pools[i]);
                else
                        ethdev_queue_init(&p->queues[i], p->id, i,
                                          (s->conf.txmode.offloads & TX_CHECKSUMS) == TX_CHECKSUMS,
                                          s->config->forwards);
        }
        return ret;
}

static int configure(struct ethdev_port *p, struct ethdev_setup *s, const struct port_error *error)
{
        uint16_t queue_count = (uint16_t)p->queue_count;
        int ret;

        ret = rte_eth_dev_get_mtu(p->id, &p->mtu);
        if (ret < 0)
                return fail(error, s->config, ret, "cannot tell its MTU");
        choose_configuration(s, p->mtu);
        ret = rte_eth_dev_configure(p->id, queue_count, queue_count, &s->conf);
        if (ret < 0)
                return fail(error, s->config, ret, "refuses its configuration");
        s->rx_descriptors = DESCRIPTOR_COUNT;
        s->tx_descriptors = DESCRIPTOR_COUNT;
        ret = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &s->rx_descriptors, &s->tx_descriptors);
        if (ret < 0)
                return fail(error, s->config, ret, "refuses its queue sizes");
        ret = make_pools(p, s);
        if (ret < 0)
                return port_fail(error, ret,
                                 "dataplane: port %s: no memory for its packet buffers (%s); give "
                                 "EAL more with \"-m\" and reserve the hugepages for it",
                                 s->config->device, strerror(-ret));
        ret = set_up_queues(p, s);
        if (ret < 0)
                return fail(error, s->config, ret, "cannot set up its queues");
        return 0;
}

// A net_tap port shares its MAC with the kernel interface at its other end, whose frames would
// then look like our own: there we are a neighbour of another address.
static bool is_tap_wire(const struct ethdev_setup *s)
{
        return !s->config->forwards && strcmp(s->info.driver_name, "net_tap") == 0;
}

static int set_identity(struct ethdev_port *p, const struct ethdev_setup *s)
{
        struct rte_ether_addr mac;
        int ret;

        ret = rte_eth_macaddr_get(p->id, &mac);
        if (ret < 0)
                return ret;
        memcpy(p->mac, mac.addr_bytes, 6);
        if (s->config->mac != NULL)
                memcpy(p->mac, s->config->mac, 6);
        else if (is_tap_wire(s))
                p->mac[5] ^= 1;
        if (s->config->mac != NULL && !is_tap_wire(s)) {
                memcpy(mac.addr_bytes, p->mac, 6);
                // A device that keeps its own address has to show us everybody's frames.
                if (rte_eth_dev_default_mac_addr_set(p->id, &mac) < 0)
                        (void)rte_eth_promiscuous_enable(p->id);
        }
        // Neighbour solicitations come by multicast; devices that cannot filter pass them anyway.
        (void)rte_eth_allmulticast_enable(p->id);
        return 0;
}

int ethdev_port_open(const struct ethdev_config *config, struct ethdev_port **out,
                     const struct port_error *error)
{
        struct ethdev_setup setup = {.config = config};
        struct ethdev_port *p = calloc(1, sizeof(*p));
        int ret;

        if (p == NULL)
                return port_fail(error, -ENOMEM, "dataplane: port %s: no memory", config->device);
        ret = probe(config->device, &p->id, error);
        if (ret < 0) {
                free(p);
                return ret;
        }
        eal_forget_error();
        p->queue_count = config->queue_count;
        ret = rte_eth_dev_info_get(p->id, &setup.info);
        if (ret < 0)
                ret = fail(error, config, ret, "tells nothing about itself");
        if (ret == 0)
                ret = check_queues(&setup, error);
        if (ret == 0)
                ret = configure(p, &setup, error);
        if (ret < 0)
                goto close;
        ret = rte_eth_dev_start(p->id);
        if (ret < 0) {
                ret = fail(error, config, ret, "does not start");
                goto close;
        }
        p->is_started = true;
        ret = set_identity(p, &setup);
        if (ret < 0) {
                ret = fail(error, config, ret, "has no MAC address");
                goto close;
        }
        *out = p;
        return 0;
close:
        ethdev_port_close(p);
        return ret;
}

void ethdev_port_close(struct ethdev_port *take_port)
{
        struct ethdev_port *p = take_port;
        struct rte_eth_dev_info info;
        struct rte_device *device = NULL;

        if (p == NULL)
                return;
        if (p->is_started)
                (void)rte_eth_dev_stop(p->id);
        if (rte_eth_dev_info_get(p->id, &info) == 0)
                device = info.device;
        (void)rte_eth_dev_close(p->id);
        // Unplugged too, so that the same device can be opened again.
        if (device != NULL)
                (void)rte_dev_remove(device);
        for (unsigned i = 0; i < p->queue_count && p->owns_pools; i++)
                rte_mempool_free(p->pools[i]);
        free(p);
}

struct port_queue *ethdev_port_queue(struct ethdev_port *port, unsigned index)
{
        return &port->queues[index].base;
}

const uint8_t *ethdev_port_mac(const struct ethdev_port *port)
{
        return port->mac;
}

uint16_t ethdev_port_mtu(const struct ethdev_port *port)
{
        return port->mtu;
}

const char *ethdev_port_driver(const struct ethdev_port *port)
{
        struct rte_eth_dev_info info;

        return rte_eth_dev_info_get(port->id, &info) == 0 ? info.driver_name : "unknown";
}
