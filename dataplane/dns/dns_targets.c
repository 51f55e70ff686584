#include "dataplane/dns/dns_targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int dns_target_of_node(const struct dns_zone *zone, const char *node, struct dns_name *target)
{
        const struct dns_domain *domain = dns_zone_main(zone);

        target->length = 0;
        if (node == NULL || node[0] == '\0' || dns_name_append(target, node) < 0 ||
            dns_name_append(target, "node") < 0 ||
            dns_name_append_wire(target, zone->datacenter.wire, zone->datacenter.length) < 0)
                return -EINVAL;
        return dns_name_append_wire(target, domain->name.wire, domain->length);
}

static int target_of_address(const struct dns_zone *zone, const struct lictor_address *address,
                             struct dns_name *target)
{
        static const char digits[] = "0123456789abcdef";
        const struct dns_domain *domain = dns_zone_main(zone);
        unsigned length = address->family == 4 ? 4 : 16;
        char hex[2 * 16 + 1];

        for (unsigned i = 0; i < length; i++) {
                hex[2 * i] = digits[address->bytes[i] >> 4];
                hex[2 * i + 1] = digits[address->bytes[i] & 15];
        }
        hex[2 * length] = '\0';
        target->length = 0;
        if (dns_name_append(target, hex) < 0 || dns_name_append(target, "addr") < 0 ||
            dns_name_append_wire(target, zone->datacenter.wire, zone->datacenter.length) < 0)
                return -EINVAL;
        return dns_name_append_wire(target, domain->name.wire, domain->length);
}

int dns_target_of_srv(const struct dns_zone *zone, const struct dns_srv *srv,
                      struct dns_name *target)
{
        switch ((enum dns_srv_kind)srv->kind) {
        case DNS_SRV_NODE:
                return dns_target_of_node(zone, srv->instance->node, target);
        case DNS_SRV_ADDRESS:
                return target_of_address(zone, &srv->instance->any, target);
        case DNS_SRV_HOST:
                break;
        }
        return dns_name_from_text(target, srv->instance->cname);
}

bool dns_target_in_zone(const struct dns_zone *zone, const struct dns_name *target)
{
        struct dns_name name = *target;

        dns_name_lower(&name);
        for (unsigned i = 0; i < zone->domain_count; i++) {
                const struct dns_domain *domain = &zone->domains[i];

                for (unsigned at = 0; name.wire[at] != 0; at += name.wire[at] + 1u)
                        if (at > 0 && name.length - at == domain->length &&
                            memcmp(name.wire + at, domain->name.wire, domain->length) == 0)
                                return true;
        }
        return false;
}

static int compare_addresses(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct lictor_address));
}

static int compare_names(const void *a, const void *b)
{
        const struct dns_name *one = a, *other = b;

        if (one->length != other->length)
                return one->length < other->length ? -1 : 1;
        return memcmp(one->wire, other->wire, one->length);
}

// As given by the caller: bytes beyond an IPv4 address mean nothing.
static int compare_any(const struct lictor_address *one, const struct lictor_address *other)
{
        if (one->family != other->family)
                return (int)one->family - (int)other->family;
        return memcmp(one->bytes, other->bytes, one->family == 4 ? 4 : 16);
}

// Instances on one node with one target: what they put beside their SRV records is the same.
static int compare_srv_targets(const struct dns_srv *one, const struct dns_srv *other)
{
        int order = strcmp(one->instance->node, other->instance->node);

        if (order == 0)
                order = (int)one->kind - (int)other->kind;
        if (order == 0 && one->kind == DNS_SRV_HOST)
                order = strcmp(one->instance->cname, other->instance->cname);
        if (order == 0 && one->kind != DNS_SRV_HOST)
                order = compare_any(&one->instance->any, &other->instance->any);
        return order;
}

static int compare_srv(const void *a, const void *b)
{
        const struct dns_srv *one = a, *other = b;
        int order = compare_srv_targets(one, other);

        if (order == 0)
                order = (int)one->instance->port - (int)other->instance->port;
        // The first given stands for its doubles.
        if (order == 0)
                order = one->instance < other->instance ? -1 : 1;
        return order;
}

static void finish_addresses(struct dns_address_list *list)
{
        size_t kept = 0;

        qsort(list->items, list->count, sizeof(list->items[0]), compare_addresses);
        for (size_t i = 0; i < list->count; i++)
                if (kept == 0 || compare_addresses(&list->items[kept - 1], &list->items[i]) != 0)
                        list->items[kept++] = list->items[i];
        list->count = kept;
}

static void finish_srv(struct dns_targets *targets)
{
        struct dns_srv *srv = targets->srv;
        size_t kept = 0;

        qsort(srv, targets->srv_count, sizeof(srv[0]), compare_srv);
        for (size_t i = 0; i < targets->srv_count; i++) {
                bool same_target = kept > 0 && compare_srv_targets(&srv[kept - 1], &srv[i]) == 0;

                if (same_target && srv[kept - 1].instance->port == srv[i].instance->port)
                        continue;
                srv[i].group = same_target ? srv[kept - 1].group : kept;
                srv[kept++] = srv[i];
        }
        targets->srv_count = kept;
}

static void finish_hosts(struct dns_targets *targets)
{
        struct dns_name *hosts = targets->hosts;
        size_t kept = 0;

        qsort(hosts, targets->host_count, sizeof(hosts[0]), compare_names);
        for (size_t i = 0; i < targets->host_count; i++)
                if (kept == 0 || compare_names(&hosts[kept - 1], &hosts[i]) != 0)
                        hosts[kept++] = hosts[i];
        targets->host_count = kept;
}

static void add_address(struct dns_address_list *list, const struct lictor_address *address)
{
        struct lictor_address *item = &list->items[list->count++];

        memset(item, 0, sizeof(*item));
        item->family = address->family;
        memcpy(item->bytes, address->bytes, address->family == 4 ? 4 : 16);
}

static void add_srv(struct dns_targets *targets, const struct dns_zone *zone,
                    const struct lictor_instance *instance, enum dns_srv_kind kind)
{
        struct dns_srv srv = {.instance = instance, .kind = (uint8_t)kind};
        struct dns_name target;

        if (instance->node != NULL && dns_target_of_srv(zone, &srv, &target) == 0)
                targets->srv[targets->srv_count++] = srv;
}

static void add_addressed(struct dns_targets *targets, const struct dns_zone *zone,
                          const struct lictor_instance *instance, bool by_address)
{
        const struct lictor_address *any = &instance->any;

        if (instance->ipv4.family == 4)
                add_address(&targets->a, &instance->ipv4);
        if (instance->ipv6.family == 6)
                add_address(&targets->aaaa, &instance->ipv6);
        if (any->family != 4 && any->family != 6)
                return;
        add_address(any->family == 4 ? &targets->any_a : &targets->any_aaaa, any);
        add_srv(targets, zone, instance, by_address ? DNS_SRV_ADDRESS : DNS_SRV_NODE);
}

static bool is_host(const struct lictor_instance *instance)
{
        return instance->cname != NULL && instance->cname[0] != '\0';
}

static int own_name(const struct dns_zone *zone, const struct lictor_service *service,
                    struct dns_name *name)
{
        const struct dns_domain *domain = dns_zone_main(zone);
        bool query = service->kind == LICTOR_QUERY;

        name->length = 0;
        if ((!query && service->tag != NULL && dns_name_append(name, service->tag) < 0) ||
            dns_name_append(name, service->name) < 0 ||
            dns_name_append(name, query ? "query" : "service") < 0 ||
            dns_name_append_wire(name, domain->name.wire, domain->length) < 0)
                return -EINVAL;
        dns_name_lower(name);
        return 0;
}

static void add_instances(struct dns_targets *targets, const struct dns_zone *zone,
                          const struct lictor_service *service)
{
        struct dns_name own, host;
        bool has_own = own_name(zone, service, &own) == 0;

        for (size_t i = 0; i < service->instance_count; i++) {
                const struct lictor_instance *instance = &service->instances[i];

                if (!is_host(instance)) {
                        add_addressed(targets, zone, instance, instance->target_by_address);
                        continue;
                }
                if (dns_name_from_text(&host, instance->cname) < 0)
                        continue;
                targets->hosts[targets->host_count] = host;
                dns_name_lower(&host);
                if (has_own && compare_names(&own, &host) == 0) {
                        // A service that names itself stands on its node's address.
                        add_addressed(targets, zone, instance, false);
                        continue;
                }
                targets->host_count++;
                add_srv(targets, zone, instance, DNS_SRV_HOST);
        }
}

int dns_targets_init(struct dns_targets *targets, const struct dns_zone *zone,
                     const struct lictor_service *service)
{
        size_t count = service->instance_count, host_count = 0;
        struct lictor_address *addresses;

        for (size_t i = 0; i < count; i++)
                host_count += is_host(&service->instances[i]);
        memset(targets, 0, sizeof(*targets));
        // Widest alignment first.
        targets->memory =
            malloc(count * sizeof(struct dns_srv) + host_count * sizeof(struct dns_name) +
                   4 * count * sizeof(struct lictor_address));
        if (targets->memory == NULL)
                return -ENOMEM;
        targets->srv = targets->memory;
        targets->hosts = (struct dns_name *)(void *)(targets->srv + count);
        addresses = (struct lictor_address *)(void *)(targets->hosts + host_count);
        targets->a.items = addresses;
        targets->aaaa.items = addresses + count;
        targets->any_a.items = addresses + 2 * count;
        targets->any_aaaa.items = addresses + 3 * count;
        add_instances(targets, zone, service);
        finish_addresses(&targets->a);
        finish_addresses(&targets->aaaa);
        finish_addresses(&targets->any_a);
        finish_addresses(&targets->any_aaaa);
        finish_srv(targets);
        finish_hosts(targets);
        return 0;
}

void dns_targets_fini(struct dns_targets *targets)
{
        free(targets->memory);
        targets->memory = NULL;
}
