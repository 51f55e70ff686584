#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/config/internal.h"

// net/if.h's IFNAMSIZ without the NUL.
#define INTERFACE_NAME_MAX 15

static int copy_strings(const json_t *list, const char *const **out, size_t *count)
{
        const char **copy = calloc(json_array_size(list) + 1, sizeof(*copy));

        if (copy == NULL)
                return -ENOMEM;
        *out = copy;
        for (size_t i = 0; i < json_array_size(list); i++) {
                copy[i] = strdup(json_string_value(json_array_get(list, i)));
                if (copy[i] == NULL)
                        return -ENOMEM;
                ++*count;
        }
        return 0;
}

static bool is_mac(const char *text)
{
        unsigned byte[6];
        char end;

        return strlen(text) == 17 && sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1],
                                            &byte[2], &byte[3], &byte[4], &byte[5], &end) == 6;
}

static int check_port(struct build *build, size_t i, const json_t *port)
{
        const char *device = setting_string(port, "device", "");
        const char *mac = setting_string(port, "mac", NULL);
        const char *gateway = setting_string(port, "gateway", NULL);
        const char *exception = setting_string(port, "exception", NULL);
        const json_t *addresses = json_object_get(port, "addresses");
        struct sockaddr_storage parsed;
        struct lines *errors = &build->errors;
        int ret = 0;

        if (*device == '\0')
                ret = lines_add(errors,
                                "dataplane.ports[%zu].device is missing: give a vdev's "
                                "arguments, e.g. \"net_tap0\", or a PCI address",
                                i);
        if (ret == 0 && mac != NULL && !is_mac(mac))
                ret = lines_add(errors,
                                "dataplane.ports[%zu].mac: invalid MAC address: \"%s\"; "
                                "write it as \"02:00:00:00:00:02\"",
                                i, mac);
        if (ret == 0 && json_array_size(addresses) == 0)
                ret = lines_add(errors,
                                "dataplane.ports[%zu].addresses is empty: the port needs "
                                "an address to answer on, e.g. [\"10.99.0.2/24\"]",
                                i);
        for (size_t k = 0; ret == 0 && k < json_array_size(addresses); k++) {
                const char *text = json_string_value(json_array_get(addresses, k));

                if (!cidr_is_valid(text))
                        ret = lines_add(errors,
                                        "dataplane.ports[%zu].addresses[%zu]: invalid "
                                        "address with prefix length: \"%s\"; write it as "
                                        "\"10.99.0.2/24\"",
                                        i, k, text);
        }
        if (ret == 0 && gateway != NULL && socket_address_parse(gateway, 0, &parsed) < 0)
                ret = lines_add(errors, "dataplane.ports[%zu].gateway: invalid ip address: %s", i,
                                gateway);
        if (ret == 0 && exception != NULL &&
            (*exception == '\0' || strlen(exception) > INTERFACE_NAME_MAX))
                ret = lines_add(errors,
                                "dataplane.ports[%zu].exception: \"%s\" is no interface "
                                "name: 1 to %d characters",
                                i, exception, INTERFACE_NAME_MAX);
        return ret;
}

static int copy_optional(const json_t *port, const char *key, const char **out)
{
        const char *text = setting_string(port, key, NULL);

        *out = text != NULL ? strdup(text) : NULL;
        return text != NULL && *out == NULL ? -ENOMEM : 0;
}

static int set_port(struct build *build, size_t i, const json_t *json,
                    struct runtime_port_config *port)
{
        int64_t queues = setting_int(json, "queues", 1);
        int ret = check_port(build, i, json);

        if (ret == 0 && (queues < 1 || queues > RUNTIME_LCORE_MAX))
                ret = lines_add(&build->errors,
                                "dataplane.ports[%zu].queues cannot be %lld. Must "
                                "be between 1 and %u",
                                i, (long long)queues, RUNTIME_LCORE_MAX);
        port->queue_count = (unsigned)queues;
        if (ret == 0)
                ret = copy_optional(json, "device", &port->device);
        if (ret == 0)
                ret = copy_optional(json, "mac", &port->mac);
        if (ret == 0)
                ret = copy_optional(json, "gateway", &port->gateway);
        if (ret == 0)
                ret = copy_optional(json, "exception", &port->exception);
        if (ret == 0)
                ret = copy_strings(json_object_get(json, "addresses"), &port->addresses,
                                   &port->address_count);
        return ret;
}

static int set_ports(struct build *build, struct runtime_config *dataplane)
{
        const json_t *list = setting_get(build->merged, "dataplane.ports");
        size_t count = json_array_size(list);
        struct runtime_port_config *ports;

        if (count > RUNTIME_PORT_MAX)
                return lines_add(&build->errors, "dataplane.ports: at most %u ports are supported",
                                 RUNTIME_PORT_MAX);
        if (dataplane->driver == RUNTIME_DPDK && count == 0)
                return lines_add(&build->errors, "dataplane.ports is empty: the dpdk driver needs "
                                                 "at least one port");
        if (dataplane->driver == RUNTIME_SOCKET && count > 0)
                return lines_add(&build->errors, "dataplane.ports needs \"driver\": \"dpdk\"");
        ports = calloc(count + 1, sizeof(*ports));
        if (ports == NULL)
                return -ENOMEM;
        dataplane->ports = ports;
        dataplane->port_count = count;
        for (size_t i = 0; i < count; i++) {
                int ret = set_port(build, i, json_array_get(list, i), &ports[i]);

                if (ret < 0)
                        return ret;
        }
        return 0;
}

static int set_lcores(struct build *build, struct runtime_config *dataplane)
{
        const json_t *list = setting_get(build->merged, "dataplane.lcores");
        long cpus = sysconf(_SC_NPROCESSORS_CONF);
        size_t count = json_array_size(list);
        unsigned *lcores;

        if (count > RUNTIME_LCORE_MAX)
                return lines_add(&build->errors, "dataplane.lcores: at most %u are supported",
                                 RUNTIME_LCORE_MAX);
        if (dataplane->driver == RUNTIME_DPDK && count == 0)
                return lines_add(&build->errors, "dataplane.lcores is empty: the dpdk driver "
                                                 "needs at least one CPU to poll on, e.g. [1]");
        lcores = calloc(count + 1, sizeof(*lcores));
        if (lcores == NULL)
                return -ENOMEM;
        dataplane->lcores = lcores;
        dataplane->lcore_count = count;
        for (size_t i = 0; i < count; i++) {
                int64_t cpu = json_integer_value(json_array_get(list, i));

                if (cpu < 0 || cpu >= cpus)
                        return lines_add(&build->errors,
                                         "dataplane.lcores: CPU %lld does not "
                                         "exist; this machine has 0 to %ld",
                                         (long long)cpu, cpus - 1);
                for (size_t k = 0; k < i; k++) {
                        if (lcores[k] == (unsigned)cpu)
                                return lines_add(&build->errors,
                                                 "dataplane.lcores: CPU %lld is listed twice",
                                                 (long long)cpu);
                }
                lcores[i] = (unsigned)cpu;
        }
        return 0;
}

static int set_choices(struct build *build, struct runtime_config *dataplane)
{
        const char *driver = setting_string(build->merged, "dataplane.driver", "socket");
        const char *idle = setting_string(build->merged, "dataplane.idle", "adaptive");
        int64_t workers = setting_int(build->merged, "dataplane.socket_workers", 1);

        if (strcmp(driver, "dpdk") == 0)
                dataplane->driver = RUNTIME_DPDK;
        else if (strcmp(driver, "socket") != 0 &&
                 lines_add(&build->errors,
                           "dataplane.driver cannot be \"%s\". Must be \"socket\" or \"dpdk\"",
                           driver) < 0)
                return -ENOMEM;
        if (strcmp(idle, "poll") == 0)
                dataplane->idle = RUNTIME_IDLE_POLL;
        else if (strcmp(idle, "adaptive") != 0 &&
                 lines_add(&build->errors,
                           "dataplane.idle cannot be \"%s\". Must be \"adaptive\" or \"poll\"",
                           idle) < 0)
                return -ENOMEM;
        if (workers < 1 || workers > RUNTIME_LISTEN_MAX)
                return lines_add(&build->errors,
                                 "dataplane.socket_workers cannot be %lld. Must "
                                 "be between 1 and %u",
                                 (long long)workers, RUNTIME_LISTEN_MAX);
        dataplane->socket_worker_count = (unsigned)workers;
        return 0;
}

int build_dataplane(struct build *build)
{
        struct config *config = build->config;
        struct runtime_config *dataplane = &config->dataplane;
        int ret = set_choices(build, dataplane);

        if (ret == 0)
                ret = set_lcores(build, dataplane);
        if (ret == 0)
                ret = set_ports(build, dataplane);
        if (ret == 0)
                ret = copy_strings(setting_get(build->merged, "dataplane.eal"),
                                   &dataplane->eal_arguments, &dataplane->eal_argument_count);
        dataplane->dns_port = (uint16_t)(config->ports.dns > 0 ? config->ports.dns : 0);
        dataplane->listen = config->dns_listen.addresses;
        dataplane->listen_count = config->dns_listen.count;
        return ret;
}

static void free_strings(const char *const *strings, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free((void *)(uintptr_t)strings[i]);
        free((void *)(uintptr_t)strings);
}

void config_dataplane_fini(struct runtime_config *dataplane)
{
        for (size_t i = 0; i < dataplane->port_count; i++) {
                const struct runtime_port_config *port = &dataplane->ports[i];

                free((void *)(uintptr_t)port->device);
                free((void *)(uintptr_t)port->mac);
                free((void *)(uintptr_t)port->gateway);
                free((void *)(uintptr_t)port->exception);
                free_strings(port->addresses, port->address_count);
        }
        free((void *)(uintptr_t)dataplane->ports);
        free((void *)(uintptr_t)dataplane->lcores);
        free_strings(dataplane->eal_arguments, dataplane->eal_argument_count);
}
