#include <string.h>
#include <strings.h>

#include "control/consul/consul_internal.h"

// --- Checks.

static void put_check(const struct consul_items *items, const void *record)
{
        consul_put_check(items->b, record);
}

static void write_checks(const struct consul_read *read, struct byte_buffer *b,
                         struct store_iter *it, const char *status)
{
        const struct check_record *check;
        struct consul_items items;

        wire_put_name(b, "HealthChecks");
        consul_items_begin(&items, read, b, api_write_check, put_check);
        while ((check = store_next_check(it)) != NULL) {
                if (status != NULL && strcasecmp(check->check.status, status) != 0)
                        continue;
                if (consul_node_matches(read, check->check.node))
                        consul_items_add(&items, check->check.node, check);
        }
        consul_items_end(&items);
}

static void write_state(const struct consul_read *read, struct byte_buffer *b)
{
        const char *state = read->query.state;
        struct store_iter it;

        store_checks(read->store, &it);
        write_checks(read, b, &it, strcasecmp(state, "any") == 0 ? NULL : state);
}

static uint64_t checks_index(const struct consul_read *read)
{
        return store_table_index(read->store, STORE_CHECKS);
}

static void watch_checks(const struct consul_read *read)
{
        store_watch_table(read->store, consul_next_watch(read), STORE_CHECKS);
}

const struct consul_read_kind consul_checks_in_state = {.index = checks_index,
                                                        .watch = watch_checks,
                                                        .write = write_state,
                                                        .pair_count = 1,
                                                        .selectors = api_check_selectors};

static void write_node_checks(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter it;

        store_checks_of_node(read->store, read->query.node, &it);
        write_checks(read, b, &it, NULL);
}

const struct consul_read_kind consul_node_checks = {.index = consul_node_index,
                                                    .watch = consul_watch_node,
                                                    .write = write_node_checks,
                                                    .pair_count = 1,
                                                    .selectors = api_check_selectors};

static void write_service_checks(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter it;

        store_checks_of_service(read->store, read->query.service_name, &it);
        write_checks(read, b, &it, NULL);
}

static const char *takes_no_tags(const struct consul_query *query)
{
        return query->tag_filter ? "Tag filtering is not supported" : NULL;
}

const struct consul_read_kind consul_service_checks = {.check = takes_no_tags,
                                                       .index = consul_service_index,
                                                       .watch = consul_watch_service,
                                                       .write = write_service_checks,
                                                       .pair_count = 1,
                                                       .selectors = api_check_selectors};

// --- Instances with their nodes and checks.

static void put_instance(const struct consul_items *items, const void *record)
{
        consul_put_instance(items->b, items->read->store, record);
}

static void write_instances(const struct consul_read *read, struct byte_buffer *b)
{
        const struct service_record *service;
        struct consul_items items;
        struct store_iter it;

        wire_put_name(b, "Nodes");
        consul_items_begin(&items, read, b, api_write_instance, put_instance);
        consul_walk_service(read, &it);
        // Of gateways there are none.
        while (!read->query.ingress && (service = store_next_service(&it)) != NULL) {
                if (consul_is_wanted(read, service))
                        consul_items_add(&items, service->service.node, service);
        }
        consul_items_end(&items);
}

static const char *needs_service(const struct consul_query *query)
{
        return query->service_name[0] == '\0' ? "Must provide service name" : NULL;
}

const struct consul_read_kind consul_health_nodes = {.check = needs_service,
                                                     .index = consul_service_index,
                                                     .watch = consul_watch_service,
                                                     .write = write_instances,
                                                     .pair_count = 1,
                                                     .selectors = api_health_selectors};

// --- Everything of nodes and services at once.

static void write_node_info(const struct consul_read *read, struct byte_buffer *b)
{
        const struct node_record *node = store_node_get(read->store, read->query.node);

        wire_put_name(b, "Dump");
        pack_put_array(b, node != NULL ? 1 : 0);
        if (node != NULL)
                consul_put_node_info(b, read->store, node);
}

const struct consul_read_kind consul_node_info = {.index = consul_node_index,
                                                  .watch = consul_watch_node,
                                                  .write = write_node_info,
                                                  .pair_count = 1};

static void write_node_dump(const struct consul_read *read, struct byte_buffer *b)
{
        const struct node_record *node;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Dump");
        at = consul_begin_list(b);
        store_nodes(read->store, &it);
        while ((node = store_next_node(&it)) != NULL) {
                if (!api_filter_keeps(read->service->agent->api, read->filter, api_write_node,
                                      node))
                        continue;
                consul_put_node_info(b, read->store, node);
                count++;
        }
        consul_end_list(b, at, count);
}

const struct consul_read_kind consul_node_dump = {.index = consul_dump_index,
                                                  .watch = consul_watch_dump,
                                                  .write = write_node_dump,
                                                  .pair_count = 1,
                                                  .selectors = api_node_selectors};

static void write_service_dump(const struct consul_read *read, struct byte_buffer *b)
{
        const struct consul_query *query = &read->query;
        const struct service_record *service;
        struct consul_items items;
        struct store_iter it;

        wire_put_name(b, "Nodes");
        consul_items_begin(&items, read, b, api_write_instance, put_instance);
        store_services(read->store, &it);
        while ((service = store_next_service(&it)) != NULL) {
                if (!query->use_service_kind ||
                    strcmp(service->service.kind, query->service_kind) == 0)
                        consul_items_add(&items, service->service.node, service);
        }
        consul_items_end(&items);
        wire_put_name(b, "Gateways");
        pack_put_nil(b);
}

const struct consul_read_kind consul_service_dump = {.index = consul_dump_index,
                                                     .watch = consul_watch_dump,
                                                     .write = write_service_dump,
                                                     .pair_count = 2,
                                                     .selectors = api_health_selectors};
