#include "dataplane/dns/dns_compile.h"

#include <errno.h>
#include <string.h>

#include "dataplane/dns/dns_build.h"
#include "dataplane/dns/dns_targets.h"

// Metadata as records of their own, which node questions may ask for.
static void put_node_txt(struct dns_build *build, const struct lictor_node *node, uint32_t ttl_s)
{
        for (size_t i = 0; i < node->meta_count; i++) {
                if (dns_txt_length(&node->meta[i]) > DNS_RECORD_DATA_MAX)
                        continue;
                dns_build_block(build, DNS_TYPE_TXT, ttl_s);
                dns_build_txt(build, &node->meta[i]);
                dns_build_record_end(build, NULL);
                dns_build_block_end(build, build->lists.block_count++, 0);
        }
}

static bool same_address(const struct lictor_address *a, const struct lictor_address *b)
{
        size_t length = a->family == 4 ? 4 : 16;

        return a->family == b->family && memcmp(a->bytes, b->bytes, length) == 0;
}

static void put_node_addresses(struct dns_build *build, const struct lictor_node *node,
                               uint32_t ttl_s)
{
        struct dns_lists *lists = &build->lists;
        struct dns_more_lists *more = &build->more;

        lists->a_count = node->ipv4.family == 4;
        lists->aaaa_count = node->ipv6.family == 6;
        lists->a_at = dns_build_addresses(build, &node->ipv4, lists->a_count, ttl_s);
        lists->aaaa_at = dns_build_addresses(build, &node->ipv6, lists->aaaa_count, ttl_s);
        more->any_a_count = node->any.family == 4;
        more->any_aaaa_count = node->any.family == 6;
        more->any_a_at = same_address(&node->any, &node->ipv4)
                             ? lists->a_at
                             : dns_build_addresses(build, &node->any, more->any_a_count, ttl_s);
        more->any_aaaa_at =
            same_address(&node->any, &node->ipv6)
                ? lists->aaaa_at
                : dns_build_addresses(build, &node->any, more->any_aaaa_count, ttl_s);
}

static void put_node_cname(struct dns_build *build, const struct dns_zone *zone,
                           const struct dns_name *target)
{
        build->more.cname_count = 1;
        dns_build_block(build, DNS_TYPE_CNAME, zone->node_ttl_s);
        dns_build_target(build, target);
        dns_build_record_end(build, NULL);
        dns_build_block_end(build, 0,
                            dns_target_in_zone(zone, target) ? DNS_BLOCK_ALIAS : DNS_BLOCK_FOREIGN);
}

int dns_compile_node(struct svc_table *t, const struct dns_zone *zone,
                     const struct lictor_node *node)
{
        bool host = node->cname != NULL && node->cname[0] != '\0';
        struct dns_name own, target;
        struct dns_build build;
        struct dns_key key;
        int ret;

        ret = dns_key_node(&key, node->name);
        if (ret < 0)
                return ret;
        ret = dns_target_of_node(zone, node->name, &own);
        if (ret < 0)
                return ret;
        dns_build_init(&build, DNS_KIND_NODE);
        put_node_txt(&build, node, zone->node_ttl_s);
        if (!host)
                put_node_addresses(&build, node, zone->node_ttl_s);
        else if (dns_name_from_text(&target, node->cname) == 0)
                put_node_cname(&build, zone, &target);
        ret = dns_build_publish(&build, t, &key);
        dns_build_fini(&build);
        return ret;
}

int dns_compile_reverse(struct svc_table *t, const struct dns_zone *zone,
                        const struct lictor_address *address, const char *target)
{
        struct dns_build build;
        struct dns_name name;
        struct dns_key key;
        int ret;

        (void)zone;
        ret = dns_key_reverse(&key, address);
        if (ret < 0)
                return ret;
        ret = dns_name_from_text(&name, target);
        if (ret < 0)
                return ret;
        dns_build_init(&build, DNS_KIND_REVERSE);
        build.lists.block_count = 1;
        dns_build_block(&build, DNS_TYPE_PTR, 0);
        dns_build_target(&build, &name);
        dns_build_record_end(&build, NULL);
        dns_build_block_end(&build, 0, 0);
        ret = dns_build_publish(&build, t, &key);
        dns_build_fini(&build);
        return ret;
}

// Name servers are host names (RFC 1123): letters, digits and hyphens.
static bool can_serve(const struct dns_zone *zone, const struct lictor_node *server,
                      struct dns_name *target)
{
        static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

        if (server->name[strspn(server->name, host_bytes)] != '\0' ||
            dns_target_of_node(zone, server->name, target) < 0)
                return false;
        dns_name_lower(target);
        return true;
}

static void put_server(struct dns_build *build, const struct dns_zone *zone,
                       const struct lictor_node *server, const struct dns_name *target)
{
        uint8_t family = server->any.family;

        dns_build_block(build, DNS_TYPE_NS, zone->node_ttl_s);
        dns_build_target(build, target);
        dns_build_record_end(build, NULL);
        if (family == 4 || family == 6) {
                dns_build_glue(build, DNS_GLUE_TARGET, family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA,
                               zone->node_ttl_s);
                dns_build_data(build, server->any.bytes, family == 4 ? 4 : 16);
                dns_build_glue_end(build);
        }
        for (size_t m = 0; zone->node_meta_txt && m < server->meta_count; m++) {
                if (dns_txt_length(&server->meta[m]) > DNS_RECORD_DATA_MAX)
                        continue;
                dns_build_glue(build, DNS_GLUE_TARGET, DNS_TYPE_TXT, zone->node_ttl_s);
                dns_build_txt(build, &server->meta[m]);
                dns_build_glue_end(build);
        }
        dns_build_block_end(build, build->lists.block_count++, 0);
}

int dns_compile_nameservers(struct svc_table *t, const struct dns_zone *zone,
                            const struct lictor_node servers[], size_t server_count)
{
        struct dns_name target;
        struct dns_build build;
        struct dns_key key;
        int ret;

        dns_key_nameservers(&key);
        dns_build_init(&build, DNS_KIND_NAMESERVERS);
        for (size_t i = 0; i < server_count; i++)
                if (can_serve(zone, &servers[i], &target))
                        put_server(&build, zone, &servers[i], &target);
        ret = dns_build_publish(&build, t, &key);
        dns_build_fini(&build);
        return ret;
}

static int remove_key(struct svc_table *t, const struct dns_key *key)
{
        struct svc_key hashed = dns_key_hashed(key);

        return svc_table_remove(t, &hashed);
}

// A name that cannot be a key was never inserted.
int dns_remove_service(struct svc_table *t, enum lictor_service_kind kind, const char *name,
                       const char *tag)
{
        struct dns_key key;

        return dns_key_service(&key, kind, name, tag) < 0 ? -ENOENT : remove_key(t, &key);
}

int dns_remove_node(struct svc_table *t, const char *name)
{
        struct dns_key key;

        return dns_key_node(&key, name) < 0 ? -ENOENT : remove_key(t, &key);
}

int dns_remove_reverse(struct svc_table *t, const struct lictor_address *address)
{
        struct dns_key key;

        return dns_key_reverse(&key, address) < 0 ? -ENOENT : remove_key(t, &key);
}
