#include "control/publisher/publisher_internal.h"
#include "control/store/address.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

// Metadata is handed over without copying.
static_assert(sizeof(struct lictor_meta) == sizeof(struct text_pair) &&
                  offsetof(struct lictor_meta, value) == offsetof(struct text_pair, value),
              "the data plane's metadata is laid out as the store's");

// The addresses of a node or service by question: tagged lan_ipv4 for A, lan_ipv6 for AAAA, either
// for the rest, and the main address where there is no such tag. Tags for wan are for others.
struct choice {
        const char *a;
        const char *aaaa;
        const char *any;
};

static struct choice choose(const char *lan_ipv4, const char *lan_ipv6, const char *main)
{
        bool has_v4 = lan_ipv4 && *lan_ipv4;
        bool has_v6 = lan_ipv6 && *lan_ipv6;

        return (struct choice){has_v4 ? lan_ipv4 : main, has_v6 ? lan_ipv6 : main,
                               has_v6   ? lan_ipv6
                               : has_v4 ? lan_ipv4
                                        : main};
}

static struct choice choose_for_node(const struct catalog_node *node)
{
        return choose(text_map_get(&node->tagged_addresses, "lan_ipv4"),
                      text_map_get(&node->tagged_addresses, "lan_ipv6"), node->address);
}

static struct choice choose_for_service(const struct catalog_service *service)
{
        return choose(service_address_get(&service->tagged_addresses, "lan_ipv4"),
                      service_address_get(&service->tagged_addresses, "lan_ipv6"),
                      service->address);
}

static struct lictor_address parse_family(const char *text, int family)
{
        struct lictor_address address;

        if (!address_parse(text, &address) || (family != 0 && address.family != family))
                memset(&address, 0, sizeof(address));
        return address;
}

void publisher_node_fill(const struct node_record *record, struct lictor_node *out)
{
        const struct catalog_node *node = &record->node;
        struct choice chosen = choose_for_node(node);

        memset(out, 0, sizeof(*out));
        out->name = node->name;
        out->ipv4 = parse_family(chosen.a, 4);
        out->ipv6 = parse_family(chosen.aaaa, 6);
        out->any = parse_family(chosen.any, 0);
        if (out->any.family == 0 && *chosen.any)
                out->cname = chosen.any;
        out->meta = (const struct lictor_meta *)node->meta.pairs;
        out->meta_count = node->meta.count;
}

static uint16_t clamp_16(int32_t value)
{
        if (value < 0)
                return 0;
        return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

static uint16_t weight_of(const struct catalog_service *service, enum store_health health)
{
        switch (health) {
        case STORE_PASSING:
                return clamp_16(service->weight_passing);
        case STORE_WARNING:
                return clamp_16(service->weight_warning);
        case STORE_CRITICAL:
                return 0;
        case STORE_HEALTH_OTHER:
                break;
        }
        return 1;
}

void publisher_instance_fill(const struct service_record *record, const struct node_record *node,
                             enum store_health health, struct lictor_instance *out)
{
        const struct catalog_service *service = &record->service;
        struct choice own = choose_for_service(service);
        struct choice host = choose_for_node(&node->node);

        memset(out, 0, sizeof(*out));
        out->node = node->node.name;
        out->port = service->port > UINT16_MAX ? 0 : clamp_16(service->port);
        out->weight = weight_of(service, health);
        out->meta = (const struct lictor_meta *)node->node.meta.pairs;
        out->meta_count = node->node.meta.count;
        out->ipv4 = parse_family(*own.a ? own.a : host.a, 4);
        out->ipv6 = parse_family(*own.aaaa ? own.aaaa : host.aaaa, 6);
        out->any = parse_family(*own.any ? own.any : host.any, 0);
        if (out->any.family != 0) {
                out->target_by_address = *own.any || strcmp(host.any, node->node.address) != 0;
                return;
        }
        out->cname = *own.any ? own.any : host.any;
        // The data plane falls back on the node when the host name is the service's own.
        out->ipv4 = parse_family(host.a, 4);
        out->ipv6 = parse_family(host.aaaa, 6);
        out->any = parse_family(host.any, 0);
}
