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
// for the rest, and the main address where there is no such tag. For other datacenters each of the
// three gives way to the tag of the same kind for the WAN.
struct choice {
        const char *a;
        const char *aaaa;
        const char *any;
};

// NULL for an absent tag.
typedef const char *(*get_tag_fn)(const void *map, const char *tag);

static const char *get_node_tag(const void *map, const char *tag)
{
        return text_map_get(map, tag);
}

static const char *get_service_tag(const void *map, const char *tag)
{
        return service_address_get(map, tag);
}

static const char *pick(get_tag_fn get, const void *map, const char *wan_tag, const char *otherwise)
{
        const char *wan = wan_tag != NULL ? get(map, wan_tag) : NULL;

        return wan != NULL ? wan : otherwise;
}

static struct choice choose(get_tag_fn get, const void *map, const char *main, bool wan)
{
        const char *v4 = pick(get, map, wan ? "wan_ipv4" : NULL, get(map, "lan_ipv4"));
        const char *v6 = pick(get, map, wan ? "wan_ipv6" : NULL, get(map, "lan_ipv6"));
        bool has_v4 = v4 && *v4;
        bool has_v6 = v6 && *v6;

        main = pick(get, map, wan ? "wan" : NULL, main);
        return (struct choice){has_v4 ? v4 : main, has_v6 ? v6 : main,
                               has_v6   ? v6
                               : has_v4 ? v4
                                        : main};
}

static struct choice choose_for_node(const struct catalog_node *node, bool wan)
{
        return choose(get_node_tag, &node->tagged_addresses, node->address, wan);
}

static struct choice choose_for_service(const struct catalog_service *service, bool wan)
{
        return choose(get_service_tag, &service->tagged_addresses, service->address, wan);
}

static int32_t port_of(const struct catalog_service *service, bool wan)
{
        const struct service_address_map *map = &service->tagged_addresses;

        for (uint32_t i = 0; wan && i < map->count; i++) {
                if (strcmp(map->items[i].key, "wan") == 0 && map->items[i].port != 0)
                        return map->items[i].port;
        }
        return service->port;
}

static struct lictor_address parse_family(const char *text, int family)
{
        struct lictor_address address;

        if (!address_parse(text, &address) || (family != 0 && address.family != family))
                memset(&address, 0, sizeof(address));
        return address;
}

void publisher_node_fill(const struct node_record *record, bool wan, struct lictor_node *out)
{
        const struct catalog_node *node = &record->node;
        struct choice chosen = choose_for_node(node, wan);

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
                             enum store_health health, bool wan, struct lictor_instance *out)
{
        const struct catalog_service *service = &record->service;
        struct choice own = choose_for_service(service, wan);
        struct choice host = choose_for_node(&node->node, wan);
        int32_t port = port_of(service, wan);

        memset(out, 0, sizeof(*out));
        out->node = node->node.name;
        out->port = port > UINT16_MAX ? 0 : clamp_16(port);
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
