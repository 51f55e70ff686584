#include "dataplane/dns/dns_zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dns/dns_zone_fields.h"

// The longest name made from the domain alone is the SOA's mailbox.
#define LONGEST_PREFIX "\12hostmaster"

static unsigned count_labels(const struct dns_name *name)
{
        unsigned count = 0;

        for (unsigned at = 0; name->wire[at] != 0; at += name->wire[at] + 1u)
                count++;
        return count;
}

static int domain_init(struct dns_domain *domain, const char *text, bool main)
{
        size_t head_length;
        bool root = main && (text[0] == '\0' || strcmp(text, ".") == 0);

        if (root)
                domain->name = (struct dns_name){.length = 1};
        if ((!root && dns_name_from_text(&domain->name, text) < 0) ||
            domain->name.length + strlen(LONGEST_PREFIX) > DNS_NAME_MAX)
                return -EINVAL;
        dns_name_lower(&domain->name);
        domain->length = (uint8_t)domain->name.length;
        domain->label_count = (uint8_t)count_labels(&domain->name);
        domain->main = main;
        head_length = domain->length < 8 ? domain->length : 8u;
        memcpy(&domain->head, domain->name.wire, head_length);
        memset(&domain->head_mask, 0xff, head_length);
        return 0;
}

static bool ends_in(const struct dns_name *name, const struct dns_name *end)
{
        return name->length >= end->length &&
               memcmp(name->wire + name->length - end->length, end->wire, end->length) == 0;
}

static void set_service_suffix(struct dns_zone *zone)
{
        const struct dns_domain *main = dns_zone_main(zone);
        const struct dns_domain *other = &zone->domains[1 - zone->main_domain];
        struct dns_name *suffix = &zone->service_suffix;

        // The longer of two domains decides, and may begin before or within the kind's label.
        if (zone->domain_count == 2 && ends_in(&other->name, &main->name))
                return;
        if (dns_name_append(suffix, "service") < 0 ||
            dns_name_append_wire(suffix, main->name.wire, main->length) < 0)
                suffix->length = 0;
}

static int zone_set_names(struct dns_zone *zone, const struct lictor_zone *config)
{
        struct dns_domain *domains = zone->domains;
        int ret;

        ret = domain_init(&domains[0], config->domain, true);
        if (ret < 0)
                return ret;
        zone->domain_count = 1;
        if (config->alt_domain != NULL && config->alt_domain[0] != '\0') {
                ret = domain_init(&domains[1], config->alt_domain, false);
                if (ret < 0)
                        return ret;
                zone->domain_count = 2;
        }
        if (zone->domain_count == 2 && domains[1].length > domains[0].length) {
                struct dns_domain shorter = domains[0];

                domains[0] = domains[1];
                domains[1] = shorter;
                zone->main_domain = 1;
        }
        set_service_suffix(zone);
        if (config->datacenter[0] == '\0' || strchr(config->datacenter, '.') != NULL)
                return -EINVAL;
        ret = dns_name_append(&zone->datacenter, config->datacenter);
        dns_name_lower(&zone->datacenter);
        return ret;
}

int dns_zone_create(const struct lictor_zone *config, struct dns_zone **out)
{
        struct dns_zone *zone = calloc(1, sizeof(*zone));
        int ret;

        if (zone == NULL)
                return -ENOMEM;
        ret = zone_set_names(zone, config);
        if (ret < 0) {
                free(zone);
                return ret;
        }
        zone->enable_truncate = config->enable_truncate;
        zone->disable_compression = config->disable_compression;
        zone->node_meta_txt = config->node_meta_txt;
        zone->recursion = config->recursion;
        zone->query_templates = config->query_templates;
        zone->datacenters = config->datacenters;
        zone->unready = config->unready;
        zone->stale = config->stale;
        zone->answer_flags = config->recursion ? DNS_FLAG_QR | DNS_FLAG_RA : DNS_FLAG_QR;
        zone->udp_answer_limit = config->udp_answer_limit < DNS_UDP_ANSWERS_MAX
                                     ? config->udp_answer_limit
                                     : DNS_UDP_ANSWERS_MAX;
        zone->a_record_limit = config->a_record_limit == 0 ? UINT32_MAX : config->a_record_limit;
        zone->ready_answers = !zone->disable_compression && zone->udp_answer_limit > 0;
        zone->node_ttl_s = config->node_ttl_s;
        zone->soa = config->soa;
        *out = zone;
        return 0;
}

void dns_zone_destroy(struct dns_zone *take_zone)
{
        free(take_zone);
}

bool dns_zone_is_of(const struct dns_zone *zone, const uint8_t *label)
{
        return zone->datacenter.length == label[0] + 1u &&
               memcmp(zone->datacenter.wire, label, zone->datacenter.length) == 0;
}
