#ifndef LICTOR_DNS_TARGETS_H
#define LICTOR_DNS_TARGETS_H

/** What a service's instances come to: distinct addresses, SRV records and host names. */

#include <stdbool.h>

#include "dataplane/dns/dns_key.h"
#include "dataplane/dns/dns_zone_fields.h"

struct dns_address_list {
        struct lictor_address *items; /* sorted, distinct, of one family */
        size_t count;
};

enum dns_srv_kind { DNS_SRV_NODE, DNS_SRV_ADDRESS, DNS_SRV_HOST };

struct dns_srv {
        const struct lictor_instance *instance;
        size_t group; /* index of the first with the same node and target */
        uint8_t kind; /* enum dns_srv_kind: what the target is made of */
};

struct dns_targets {
        struct dns_address_list a;
        struct dns_address_list aaaa;
        struct dns_address_list any_a;
        struct dns_address_list any_aaaa;
        struct dns_srv *srv; /* sorted by node and target */
        size_t srv_count;
        struct dns_name *hosts; /* sorted, distinct */
        size_t host_count;
        void *memory;
};

/** returns  0 or -ENOMEM. Records that cannot be written in DNS are left out. */
int dns_targets_init(struct dns_targets *targets, const struct dns_zone *zone,
                     const struct lictor_service *service);
void dns_targets_fini(struct dns_targets *targets);

/** NODE.node.DC.DOMAIN, in the node's own spelling. returns 0 or -EINVAL. */
int dns_target_of_node(const struct dns_zone *zone, const char *node, struct dns_name *target);
/** returns 0 or -EINVAL. */
int dns_target_of_srv(const struct dns_zone *zone, const struct dns_srv *srv,
                      struct dns_name *target);

/** Whether a name lies below one of the zone's domains. */
bool dns_target_in_zone(const struct dns_zone *zone, const struct dns_name *target);

#endif
