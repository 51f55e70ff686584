#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/runtime/runtime_internal.h"

static int check_lcores(const struct runtime_config *c, const cpu_set_t *cpus,
                        const struct port_error *error)
{
        if (c->lcore_count > RUNTIME_LCORE_MAX)
                return port_fail(error, -E2BIG, "dataplane: %zu lcores; at most %u can poll",
                                 c->lcore_count, RUNTIME_LCORE_MAX);
        if (c->driver == RUNTIME_DPDK && c->lcore_count == 0)
                return port_fail(error, -EINVAL,
                                 "dataplane: driver \"dpdk\" needs CPUs that poll: add "
                                 "\"lcores\": [1]");
        for (size_t i = 0; i < c->lcore_count; i++) {
                if (c->lcores[i] >= CPU_SETSIZE || !CPU_ISSET(c->lcores[i], cpus))
                        return port_fail(error, -ENODEV,
                                         "dataplane: lcore %u: no such CPU, or this process "
                                         "may not run on it; it may use %d CPUs (see taskset "
                                         "-pc $$)",
                                         c->lcores[i], CPU_COUNT(cpus));
                for (size_t j = 0; j < i; j++)
                        if (c->lcores[j] == c->lcores[i])
                                return port_fail(error, -EINVAL,
                                                 "dataplane: lcore %u is listed twice",
                                                 c->lcores[i]);
        }
        return 0;
}

static bool is_same_device(const char *a, const char *b)
{
        const size_t length = strcspn(a, ",");

        return length == strcspn(b, ",") && strncmp(a, b, length) == 0;
}

// A device is served once, and so is the kernel interface of each.
static int check_twice(const struct runtime_config *c, size_t index, const struct port_error *error)
{
        const struct runtime_port_config *port = &c->ports[index], *other;

        for (size_t i = 0; i < index; i++) {
                other = &c->ports[i];
                if (is_same_device(port->device, other->device))
                        return port_fail(error, -EINVAL,
                                         "dataplane: device %s is given to two ports; number "
                                         "virtual ones (net_tap0, net_tap1)",
                                         port->device);
                if (port->exception != NULL && other->exception != NULL &&
                    strcmp(port->exception, other->exception) == 0)
                        return port_fail(error, -EINVAL,
                                         "dataplane: two ports have the exception interface %s; "
                                         "give each its own",
                                         port->exception);
        }
        return 0;
}

static int check_ports(const struct runtime_config *c, const struct port_error *error)
{
        size_t queue_count = 0;
        int ret;

        if (c->driver != RUNTIME_DPDK)
                return 0;
        if (c->port_count == 0)
                return port_fail(error, -EINVAL,
                                 "dataplane: driver \"dpdk\" needs a port: add \"ports\": "
                                 "[{\"device\": ...}]");
        if (c->port_count > RUNTIME_PORT_MAX)
                return port_fail(error, -E2BIG, "dataplane: %zu ports; at most %u are served",
                                 c->port_count, RUNTIME_PORT_MAX);
        for (size_t i = 0; i < c->port_count; i++) {
                const struct runtime_port_config *port = &c->ports[i];

                if (port->device == NULL || port->device[0] == '\0')
                        return port_fail(error, -EINVAL,
                                         "dataplane: port %zu has no \"device\": give devargs "
                                         "(\"net_tap0\") or a PCI address (\"0000:03:00.0\")",
                                         i);
                if (port->queue_count == 0)
                        return port_fail(error, -EINVAL,
                                         "dataplane: port %s: \"queues\" must be at least 1",
                                         port->device);
                if (port->address_count == 0)
                        return port_fail(error, -EINVAL,
                                         "dataplane: port %s has no \"addresses\": add one, as "
                                         "\"10.99.0.2/24\"",
                                         port->device);
                queue_count += port->queue_count;
                ret = check_twice(c, i, error);
                if (ret < 0)
                        return ret;
        }
        if (queue_count < c->lcore_count)
                return port_fail(error, -EINVAL,
                                 "dataplane: %zu lcores share %zu queues; raise \"queues\" or "
                                 "list fewer \"lcores\"",
                                 c->lcore_count, queue_count);
        if (queue_count > c->lcore_count * WORKER_UNIT_MAX)
                return port_fail(error, -E2BIG,
                                 "dataplane: %zu queues on %zu lcores; one polls at most %u",
                                 queue_count, c->lcore_count, WORKER_UNIT_MAX);
        return 0;
}

static int check_listen(const struct runtime_config *c, const struct port_error *error)
{
        unsigned threads = c->driver == RUNTIME_DPDK ? 1 : c->socket_worker_count;

        if (c->listen_count > RUNTIME_LISTEN_MAX)
                return port_fail(error, -E2BIG,
                                 "dns: %zu addresses to listen on; at most %u are served",
                                 c->listen_count, RUNTIME_LISTEN_MAX);
        if (c->driver == RUNTIME_SOCKET && c->listen_count == 0)
                return port_fail(error, -EINVAL,
                                 "dns: no address to listen on: set \"client_addr\" or "
                                 "\"addresses\": {\"dns\": ...}");
        if (c->driver == RUNTIME_SOCKET &&
            (threads == 0 || threads > RUNTIME_LCORE_MAX / RUNTIME_LISTEN_MAX))
                return port_fail(error, -EINVAL,
                                 "dataplane: %u socket workers per address; give 1 to %u", threads,
                                 RUNTIME_LCORE_MAX / RUNTIME_LISTEN_MAX);
        for (size_t i = 0; i < c->listen_count; i++)
                if (c->listen[i].ss_family != AF_INET && c->listen[i].ss_family != AF_INET6)
                        return port_fail(error, -EAFNOSUPPORT,
                                         "dns: listen address %zu is neither IPv4 nor IPv6", i);
        return 0;
}

int runtime_config_check(const struct runtime_config *config, const cpu_set_t *cpus,
                         const struct port_error *error)
{
        int ret = check_lcores(config, cpus, error);

        if (ret == 0)
                ret = check_ports(config, error);
        if (ret == 0)
                ret = check_listen(config, error);
        return ret;
}
