#include "control/publisher/publisher_internal.h"
#include "control/query/query.h"
#include "control/store/memory.h"
#include "control/text/duration.h"
#include "control/text/json_text.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// What a query selected elsewhere comes as the API shows it: read far enough to be answered.

#define NS_PER_S INT64_C(1000000000)

// Only these tags decide addresses (publisher_address.c); in order.
static const char *const address_tags[] = {"lan_ipv4", "lan_ipv6", "wan", "wan_ipv4", "wan_ipv6"};

#define ADDRESS_TAGS (sizeof(address_tags) / sizeof(address_tags[0]))

struct instance {
        struct node_record node;
        struct service_record service;
        struct text_pair node_addresses[ADDRESS_TAGS];
        struct service_address service_addresses[ADDRESS_TAGS];
};

static int32_t number(const json_t *object, const char *name)
{
        json_int_t value = json_integer_value(json_object_get(object, name));

        if (value < 0)
                return 0;
        return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static void read_node(const json_t *json, struct instance *out, struct text_pair meta[])
{
        struct catalog_node *node = &out->node.node;
        const json_t *tagged = json_object_get(json, "TaggedAddresses");
        const char *key;
        json_t *value;
        uint32_t count = 0;

        *node = (struct catalog_node)CATALOG_NODE_INIT;
        node->name = json_text(json, "Node");
        node->address = json_text(json, "Address");
        for (size_t i = 0; i < ADDRESS_TAGS; i++) {
                const char *address = json_text(tagged, address_tags[i]);

                if (json_is_string(json_object_get(tagged, address_tags[i])))
                        out->node_addresses[count++] = (struct text_pair){address_tags[i], address};
        }
        node->tagged_addresses = (struct text_map){out->node_addresses, count};
        count = 0;
        json_object_foreach(json_object_get(json, "Meta"), key, value) meta[count++] =
            (struct text_pair){key, json_is_string(value) ? json_string_value(value) : ""};
        node->meta = (struct text_map){meta, count};
}

static void read_service(const json_t *json, struct instance *out)
{
        struct catalog_service *service = &out->service.service;
        const json_t *tagged = json_object_get(json, "TaggedAddresses");
        const json_t *weights = json_object_get(json, "Weights");
        uint32_t count = 0;

        *service = (struct catalog_service)CATALOG_SERVICE_INIT;
        service->name = json_text(json, "Service");
        service->address = json_text(json, "Address");
        service->port = number(json, "Port");
        service->weight_passing = weights != NULL ? number(weights, "Passing") : 1;
        service->weight_warning = weights != NULL ? number(weights, "Warning") : 1;
        for (size_t i = 0; i < ADDRESS_TAGS; i++) {
                const json_t *own = json_object_get(tagged, address_tags[i]);
                const char *address = json_text(own, "Address");

                if (own != NULL)
                        out->service_addresses[count++] =
                            (struct service_address){address_tags[i], address, number(own, "Port")};
        }
        service->tagged_addresses = (struct service_address_map){out->service_addresses, count};
}

static enum store_health read_health(const json_t *checks)
{
        enum store_health health = STORE_PASSING;
        const json_t *check;
        size_t i;

        json_array_foreach(checks, i, check)
        {
                if (store_health_of(json_text(check, "Status")) == STORE_WARNING)
                        health = STORE_WARNING;
        }
        return health;
}

static uint32_t ttl_of(const struct publisher *p, const json_t *answer)
{
        int64_t ttl_ns;

        if (duration_parse(json_text(json_object_get(answer, "DNS"), "TTL"), &ttl_ns) == 0 &&
            ttl_ns >= 0 && ttl_ns / NS_PER_S <= INT32_MAX)
                return (uint32_t)(ttl_ns / NS_PER_S);
        return publisher_service_ttl_s(&p->config, json_text(answer, "Service"), false);
}

static size_t count_meta(const json_t *nodes)
{
        const json_t *node;
        size_t count = 0, i;

        json_array_foreach(nodes, i, node) count +=
            json_object_size(json_object_get(json_object_get(node, "Node"), "Meta"));
        return count;
}

bool publisher_publish_answer(struct publisher *p, const char *name, const json_t *answer)
{
        const json_t *nodes = json_object_get(answer, "Nodes"), *item;
        const char *datacenter = json_text(answer, "Datacenter");
        struct text_pair *meta = memory_get((count_meta(nodes) + 1) * sizeof(*meta));
        struct lictor_service set = {.kind = LICTOR_QUERY, .name = name, .tag = ""};
        bool wan = p->config.translate_wan && strcmp(datacenter, p->config.zone.datacenter) != 0;
        size_t meta_count = 0, i;
        int ret = -1;

        p->instances.count = 0;
        json_array_foreach(nodes, i, item)
        {
                struct instance instance;

                read_node(json_object_get(item, "Node"), &instance, meta + meta_count);
                read_service(json_object_get(item, "Service"), &instance);
                meta_count += instance.node.node.meta.count;
                publisher_instance_fill(
                    &instance.service, &instance.node, read_health(json_object_get(item, "Checks")),
                    wan, dirty_list_add(&p->instances, sizeof(struct lictor_instance)));
        }
        set.ttl_s = ttl_of(p, answer);
        set.instances = p->instances.items;
        set.instance_count = p->instances.count;
        set.datacenter = *datacenter ? datacenter : NULL;
        if (set.instance_count > 0)
                ret = lictor_service_set(p->dp, &set);
        free(meta);
        return ret == 0;
}

bool publisher_query_fails_over(const struct query_record *query)
{
        json_t *definition = json_loads(query->query.raw_json, 0, NULL);
        bool fails_over = query_fails_over(definition);

        json_decref(definition);
        return fails_over;
}
