#include <stdlib.h>
#include <string.h>

#include "control/consul/consul_internal.h"
#include "control/query/query.h"
#include "control/store/address.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

static uint64_t nodes_index(const struct consul_read *read)
{
        return store_table_index(read->store, STORE_NODES);
}

static void watch_nodes(const struct consul_read *read)
{
        store_watch_table(read->store, consul_next_watch(read), STORE_NODES);
}

static uint64_t catalog_index(const struct consul_read *read)
{
        return larger(nodes_index(read), store_table_index(read->store, STORE_SERVICES));
}

static void watch_catalog(const struct consul_read *read)
{
        watch_nodes(read);
        store_watch_table(read->store, consul_next_watch(read), STORE_SERVICES);
}

static const enum store_table dumped[] = {STORE_NODES, STORE_SERVICES, STORE_CHECKS};

uint64_t consul_dump_index(const struct consul_read *read)
{
        return larger(catalog_index(read), store_table_index(read->store, STORE_CHECKS));
}

void consul_watch_dump(const struct consul_read *read)
{
        for (size_t i = 0; i < sizeof(dumped) / sizeof(dumped[0]); i++)
                store_watch_table(read->store, consul_next_watch(read), dumped[i]);
}

// Any service may be a proxy of the one asked for.
uint64_t consul_service_index(const struct consul_read *read)
{
        return read->query.connect ? consul_dump_index(read)
                                   : store_service_index(read->store, read->query.service_name);
}

void consul_watch_service(const struct consul_read *read)
{
        if (read->query.connect)
                consul_watch_dump(read);
        else
                store_watch_name(read->store, consul_next_watch(read), STORE_WATCH_SERVICE,
                                 read->query.service_name);
}

void consul_walk_service(const struct consul_read *read, struct store_iter *it)
{
        if (read->query.connect)
                store_services(read->store, it);
        else
                store_instances(read->store, read->query.service_name, it);
}

uint64_t consul_node_index(const struct consul_read *read)
{
        return store_node_index(read->store, read->query.node);
}

void consul_watch_node(const struct consul_read *read)
{
        store_watch_name(read->store, consul_next_watch(read), STORE_WATCH_NODE, read->query.node);
}

const char *consul_needs_node(const struct consul_query *query)
{
        return query->node[0] == '\0' ? "Must provide node" : NULL;
}

// --- Nodes.

static void put_node(const struct consul_items *items, const void *record)
{
        consul_put_node(items->b, record);
}

static void write_nodes(const struct consul_read *read, struct byte_buffer *b)
{
        const struct node_record *node;
        struct consul_items items;
        struct store_iter it;

        wire_put_name(b, "Nodes");
        consul_items_begin(&items, read, b, api_write_node, put_node);
        store_nodes(read->store, &it);
        while ((node = store_next_node(&it)) != NULL) {
                if (consul_node_matches(read, node->node.name))
                        consul_items_add(&items, node->node.name, node);
        }
        consul_items_end(&items);
}

const struct consul_read_kind consul_list_nodes = {.index = nodes_index,
                                                   .watch = watch_nodes,
                                                   .write = write_nodes,
                                                   .pair_count = 1,
                                                   .selectors = api_node_selectors};

// --- Names of services and their tags.

// Tags of all instances of one name, each once.
struct tag_set {
        const char **tags;
        size_t count, capacity;
};

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_tags(struct tag_set *set, const struct text_list *tags)
{
        if (set->count + tags->count > set->capacity) {
                size_t capacity = 2 * (set->count + tags->count);
                const char **grown = realloc(set->tags, capacity * sizeof(*grown));

                // As elsewhere in the store, memory that cannot be had ends the process.
                if (grown == NULL)
                        abort();
                set->tags = grown;
                set->capacity = capacity;
        }
        for (uint32_t i = 0; i < tags->count; i++)
                set->tags[set->count++] = tags->items[i];
}

static void put_tags(struct byte_buffer *b, struct tag_set *set)
{
        size_t at = consul_begin_list(b);
        uint32_t count = 0;

        if (set->count > 0)
                qsort(set->tags, set->count, sizeof(*set->tags), compare_texts);
        for (size_t i = 0; i < set->count; i++) {
                if (i > 0 && strcmp(set->tags[i], set->tags[i - 1]) == 0)
                        continue;
                pack_put_text(b, set->tags[i]);
                count++;
        }
        consul_end_list(b, at, count);
}

// The tags of a service's instances on nodes that match. returns  whether there are instances.
static bool collect_tags(const struct consul_read *read, const char *name, struct tag_set *set)
{
        const struct service_record *service;
        struct store_iter it;
        bool any = false;

        set->count = 0;
        store_instances(read->store, name, &it);
        while ((service = store_next_service(&it)) != NULL) {
                if (!consul_node_matches(read, service->service.node))
                        continue;
                any = true;
                add_tags(set, &service->service.tags);
        }
        return any;
}

static void write_services(const struct consul_read *read, struct byte_buffer *b)
{
        struct byte_buffer pairs = BYTE_BUFFER_INIT;
        struct tag_set set = {NULL, 0, 0};
        struct store_iter names;
        const char *name;
        uint32_t count = 0;

        store_service_names(read->store, &names);
        while ((name = store_next_service_name(&names)) != NULL) {
                if (!collect_tags(read, name, &set))
                        continue;
                pack_put_text(&pairs, name);
                put_tags(&pairs, &set);
                count++;
        }
        wire_put_name(b, "Services");
        pack_put_map(b, count);
        if (pairs.len > 0)
                byte_buffer_append(b, pairs.bytes, pairs.len);
        byte_buffer_fini(&pairs);
        free(set.tags);
}

const struct consul_read_kind consul_list_services = {.index = catalog_index,
                                                      .watch = watch_catalog,
                                                      .write = write_services,
                                                      .pair_count = 1,
                                                      .unmodified = "Services"};

static void write_service_list(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter names;
        const char *name;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Services");
        at = consul_begin_list(b);
        store_service_names(read->store, &names);
        for (; (name = store_next_service_name(&names)) != NULL; count++) {
                pack_put_map(b, 1);
                wire_put_name(b, "Name");
                pack_put_text(b, name);
        }
        consul_end_list(b, at, count);
}

const struct consul_read_kind consul_service_list = {
    .index = catalog_index, .watch = watch_catalog, .write = write_service_list, .pair_count = 1};

// --- Instances of one service, or at one address.

static void put_service_node(const struct consul_items *items, const void *record)
{
        const struct service_record *service = record;

        consul_put_service_node(items->b, store_node_get(items->read->store, service->service.node),
                                service);
}

static bool has_tags(const struct consul_query *query, const struct catalog_service *service)
{
        for (uint32_t i = 0; query->tag_filter && i < query->tags.count; i++) {
                if (!text_list_has(&service->tags, query->tags.items[i]))
                        return false;
        }
        return true;
}

bool consul_is_wanted(const struct consul_read *read, const struct service_record *service)
{
        const struct consul_query *query = &read->query;

        return (!query->connect || query_is_mesh_of(service, query->service_name)) &&
               has_tags(query, &service->service) &&
               consul_node_matches(read, service->service.node);
}

static void walk_instances(const struct consul_read *read, struct store_iter *it)
{
        uint8_t key[ADDRESS_KEY_MAX];
        struct lictor_address address;

        if (read->query.service_address[0] == '\0')
                consul_walk_service(read, it);
        else if (address_parse(read->query.service_address, &address))
                store_services_by_address(read->store, key, address_key_make(&address, key), it);
        else
                store_instances(read->store, "", it);
}

static void write_service_nodes(const struct consul_read *read, struct byte_buffer *b)
{
        const struct service_record *service;
        struct consul_items items;
        struct store_iter it;

        wire_put_name(b, "ServiceNodes");
        consul_items_begin(&items, read, b, api_write_service_node, put_service_node);
        walk_instances(read, &it);
        while ((service = store_next_service(&it)) != NULL) {
                if (consul_is_wanted(read, service))
                        consul_items_add(&items, service->service.node, service);
        }
        consul_items_end(&items);
}

static const char *needs_service(const struct consul_query *query)
{
        return query->service_name[0] == '\0' && query->service_address[0] == '\0'
                   ? "Must provide service name"
                   : NULL;
}

static uint64_t instances_index(const struct consul_read *read)
{
        return read->query.service_address[0] == '\0' ? consul_service_index(read)
                                                      : catalog_index(read);
}

static void watch_instances(const struct consul_read *read)
{
        if (read->query.service_address[0] == '\0')
                consul_watch_service(read);
        else
                watch_catalog(read);
}

const struct consul_read_kind consul_service_nodes = {.check = needs_service,
                                                      .index = instances_index,
                                                      .watch = watch_instances,
                                                      .write = write_service_nodes,
                                                      .pair_count = 1,
                                                      .selectors = api_service_node_selectors};

// --- What is on one node.

static bool keeps_service(const struct consul_read *read, const struct service_record *service)
{
        return api_filter_keeps(read->service->agent->api, read->filter, api_write_service,
                                service);
}

static void write_node_services(const struct consul_read *read, struct byte_buffer *b)
{
        const struct node_record *node = store_node_get(read->store, read->query.node);
        const struct service_record *service;
        struct byte_buffer pairs = BYTE_BUFFER_INIT;
        struct store_iter it;
        uint32_t count = 0;

        wire_put_name(b, "NodeServices");
        if (node == NULL) {
                pack_put_nil(b);
                return;
        }
        store_services_of_node(read->store, read->query.node, &it);
        while ((service = store_next_service(&it)) != NULL) {
                if (!keeps_service(read, service))
                        continue;
                pack_put_text(&pairs, service->service.id);
                consul_put_service(&pairs, service);
                count++;
        }
        pack_put_map(b, 2);
        wire_put_name(b, "Node");
        consul_put_node(b, node);
        wire_put_name(b, "Services");
        pack_put_map(b, count);
        if (pairs.len > 0)
                byte_buffer_append(b, pairs.bytes, pairs.len);
        byte_buffer_fini(&pairs);
}

const struct consul_read_kind consul_node_services = {.check = consul_needs_node,
                                                      .index = consul_node_index,
                                                      .watch = consul_watch_node,
                                                      .write = write_node_services,
                                                      .pair_count = 1,
                                                      .selectors = api_service_selectors};

static void write_node_service_list(const struct consul_read *read, struct byte_buffer *b)
{
        const struct node_record *node = store_node_get(read->store, read->query.node);
        const struct service_record *service;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "NodeServices");
        pack_put_map(b, 2);
        wire_put_name(b, "Node");
        if (node != NULL)
                consul_put_node(b, node);
        else
                pack_put_nil(b);
        wire_put_name(b, "Services");
        at = consul_begin_list(b);
        store_services_of_node(read->store, read->query.node, &it);
        while ((service = store_next_service(&it)) != NULL) {
                if (!keeps_service(read, service))
                        continue;
                consul_put_service(b, service);
                count++;
        }
        consul_end_list(b, at, count);
}

const struct consul_read_kind consul_node_service_list = {.check = consul_needs_node,
                                                          .index = consul_node_index,
                                                          .watch = consul_watch_node,
                                                          .write = write_node_service_list,
                                                          .pair_count = 1,
                                                          .selectors = api_service_selectors};
