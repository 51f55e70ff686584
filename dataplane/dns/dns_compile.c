#include "dataplane/dns/dns_compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dns/dns_build.h"
#include "dataplane/dns/dns_targets.h"

// A key's name, its kind's label and the domain together must make a name.
static int check_key(const struct dns_key *key, const char *kind_label, const struct dns_zone *zone)
{
        size_t longest = zone->domains[0].length;

        return key->length - 1u + 1 + strlen(kind_label) + longest <= DNS_NAME_MAX ? 0 : -EINVAL;
}

static void put_metadata(struct dns_build *build, const struct lictor_meta meta[], size_t count,
                         uint32_t ttl_s, enum dns_glue_owner owner)
{
        for (size_t i = 0; i < count; i++) {
                if (dns_txt_length(&meta[i]) > DNS_RECORD_DATA_MAX)
                        continue;
                dns_build_glue(build, owner, DNS_TYPE_TXT, ttl_s);
                dns_build_txt(build, &meta[i]);
                dns_build_glue_end(build);
        }
}

static void put_address_glue(struct dns_build *build, const struct lictor_address *address,
                             uint32_t ttl_s)
{
        bool ip4 = address->family == 4;

        dns_build_glue(build, DNS_GLUE_TARGET, ip4 ? DNS_TYPE_A : DNS_TYPE_AAAA, ttl_s);
        dns_build_data(build, address->bytes, ip4 ? 4 : 16);
        dns_build_glue_end(build);
}

static uint8_t target_flags(const struct dns_zone *zone, const struct dns_name *target)
{
        return dns_target_in_zone(zone, target) ? DNS_BLOCK_ALIAS : DNS_BLOCK_FOREIGN;
}

static void put_srv(struct dns_build *build, const struct dns_zone *zone,
                    const struct lictor_service *service, const struct dns_srv *srv, size_t i)
{
        const struct lictor_instance *instance = srv->instance;
        bool meta = zone->node_meta_txt && instance->meta_count > 0;
        struct dns_name target, node;
        uint8_t numbers[6], flags = 0;

        // Both were written once before the list was made.
        dns_target_of_srv(zone, srv, &target);
        if (meta)
                meta = dns_target_of_node(zone, instance->node, &node) == 0;
        store_be16(numbers, 1);
        store_be16(numbers + 2, instance->weight);
        store_be16(numbers + 4, instance->port);
        dns_build_block(build, DNS_TYPE_SRV, service->ttl_s);
        dns_build_data(build, numbers, sizeof(numbers));
        dns_build_target(build, &target);
        dns_build_record_end(build, meta && srv->kind != DNS_SRV_NODE ? &node : NULL);
        if (srv->kind == DNS_SRV_HOST)
                flags = target_flags(zone, &target);
        else
                put_address_glue(build, &instance->any, service->ttl_s);
        if (meta)
                put_metadata(build, instance->meta, instance->meta_count, service->ttl_s,
                             srv->kind == DNS_SRV_NODE ? DNS_GLUE_TARGET : DNS_GLUE_NODE);
        dns_build_block_end(build, srv->group, flags);
        if ((flags & DNS_BLOCK_ALIAS) != 0)
                build->head.flags |= DNS_PAYLOAD_SRV_ALIAS;
        if ((flags & DNS_BLOCK_FOREIGN) != 0)
                build->head.flags |= DNS_PAYLOAD_SRV_FOREIGN;
        if (srv->group != i)
                build->head.flags |= DNS_PAYLOAD_SHARED_GLUE;
}

static void put_cname(struct dns_build *build, const struct dns_zone *zone,
                      const struct dns_name *target, uint32_t ttl_s, size_t i)
{
        dns_build_block(build, DNS_TYPE_CNAME, ttl_s);
        dns_build_target(build, target);
        dns_build_record_end(build, NULL);
        dns_build_block_end(build, i, target_flags(zone, target));
}

static bool same_addresses(const struct dns_address_list *a, const struct dns_address_list *b)
{
        return a->count == b->count &&
               (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof(a->items[0])) == 0);
}

// Both families' own lists, then the lists for ANY where they differ.
static void put_addresses(struct dns_build *build, const struct dns_targets *targets,
                          uint32_t ttl_s)
{
        struct dns_lists *lists = &build->lists;
        struct dns_more_lists *more = &build->more;

        lists->a_count = (uint32_t)targets->a.count;
        lists->aaaa_count = (uint32_t)targets->aaaa.count;
        lists->a_at = dns_build_addresses(build, targets->a.items, targets->a.count, ttl_s);
        lists->aaaa_at =
            dns_build_addresses(build, targets->aaaa.items, targets->aaaa.count, ttl_s);
        more->any_a_count = (uint32_t)targets->any_a.count;
        more->any_aaaa_count = (uint32_t)targets->any_aaaa.count;
        more->any_a_at =
            same_addresses(&targets->a, &targets->any_a)
                ? lists->a_at
                : dns_build_addresses(build, targets->any_a.items, targets->any_a.count, ttl_s);
        more->any_aaaa_at = same_addresses(&targets->aaaa, &targets->any_aaaa)
                                ? lists->aaaa_at
                                : dns_build_addresses(build, targets->any_aaaa.items,
                                                      targets->any_aaaa.count, ttl_s);
}

static void put_service(struct dns_build *build, const struct dns_zone *zone,
                        const struct lictor_service *service, const struct dns_targets *targets)
{
        put_addresses(build, targets, service->ttl_s);
        build->lists.block_count = (uint32_t)targets->srv_count;
        for (size_t i = 0; i < targets->srv_count; i++)
                put_srv(build, zone, service, &targets->srv[i], i);
        build->more.cname_count = (uint32_t)targets->host_count;
        for (size_t i = 0; i < targets->host_count; i++)
                put_cname(build, zone, &targets->hosts[i], service->ttl_s, i);
        dns_build_ready(build);
}

static int compile_service(struct svc_table *t, const struct dns_zone *zone,
                           const struct lictor_service *service)
{
        bool query = service->kind == LICTOR_QUERY;
        struct dns_targets targets;
        struct dns_build build;
        struct dns_key key;
        int ret;

        ret = dns_key_service(&key, service->kind, service->name, service->tag);
        if (ret < 0)
                return ret;
        ret = check_key(&key, query ? "query" : "service", zone);
        if (ret < 0)
                return ret;
        if (service->instance_count == 0) {
                struct svc_key hashed = dns_key_hashed(&key);

                // An entry less is the same answer in less memory.
                svc_table_remove(t, &hashed);
                return 0;
        }
        ret = dns_targets_init(&targets, zone, service);
        if (ret < 0)
                return ret;
        dns_build_init(&build, query ? DNS_KIND_QUERY : DNS_KIND_SERVICE);
        put_service(&build, zone, service, &targets);
        ret = dns_build_publish(&build, t, &key);
        dns_build_fini(&build);
        dns_targets_fini(&targets);
        return ret;
}

int dns_compile_service(struct svc_table *t, const struct dns_zone *zone,
                        const struct lictor_service *service)
{
        struct dns_zone elsewhere;

        if (service->datacenter == NULL)
                return compile_service(t, zone, service);
        elsewhere = *zone;
        elsewhere.datacenter.length = 0;
        if (service->datacenter[0] == '\0' || strchr(service->datacenter, '.') != NULL ||
            dns_name_append(&elsewhere.datacenter, service->datacenter) < 0)
                return -EINVAL;
        dns_name_lower(&elsewhere.datacenter);
        return compile_service(t, &elsewhere, service);
}
