#include "control/publisher/publisher_internal.h"
#include "control/store/address.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

void publisher_count_set(struct publisher *p, int ret)
{
        if (ret == 0)
                p->stats.entries_set++;
        else if (ret == -ENOMEM)
                p->stats.entries_failed++;
        else
                p->stats.entries_refused++;
}

void publisher_count_remove(struct publisher *p, int ret)
{
        if (ret == 0)
                p->stats.entries_removed++;
}

void publisher_publish_node(struct publisher *p, const char *name)
{
        const struct node_record *record = store_node_get(p->store, name);
        struct lictor_node node;

        if (record == NULL) {
                publisher_count_remove(p, lictor_node_remove(p->dp, name));
                return;
        }
        publisher_node_fill(record, p->config.is_wan, &node);
        publisher_count_set(p, lictor_node_set(p->dp, &node));
}

void publisher_publish_address(struct publisher *p, const struct lictor_address *address)
{
        const struct lictor_zone *zone = &p->config.zone;
        const struct service_record *service;
        const struct node_record *node;
        uint8_t key[ADDRESS_KEY_MAX];
        size_t len = address_key_make(address, key);
        struct store_iter it;
        char target[1024] = "";

        store_nodes_by_address(p->store, key, len, &it);
        node = store_next_node(&it);
        store_services_by_address(p->store, key, len, &it);
        service = store_next_service(&it);
        // A name cut short here is longer than DNS allows and refused by the data plane.
        if (node)
                snprintf(target, sizeof(target), "%s.node.%s.%s", node->node.name, zone->datacenter,
                         zone->domain);
        else if (service)
                snprintf(target, sizeof(target), "%s.service.%s.%s", service->service.name,
                         zone->datacenter, zone->domain);
        if (*target)
                publisher_count_set(p, lictor_reverse_set(p->dp, address, target));
        else
                publisher_count_remove(p, lictor_reverse_remove(p->dp, address));
}

void publisher_publish_nameservers(struct publisher *p)
{
        const struct service_record *service;
        const struct node_record *node, *last = NULL;
        struct store_iter it;

        p->servers.count = 0;
        store_instances(p->store, "consul", &it);
        while ((service = store_next_service(&it))) {
                node = store_node_get(p->store, service->service.node);
                if (node == last ||
                    !publisher_serves(store_instance_health(p->store, service, NULL),
                                      p->config.only_passing))
                        continue;
                publisher_node_fill(node, p->config.is_wan,
                                    dirty_list_add(&p->servers, sizeof(struct lictor_node)));
                last = node;
        }
        publisher_count_set(p, lictor_nameservers_set(p->dp, p->servers.items, p->servers.count));
}
