#include "control/store/store_internal.h"
#include "control/store/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NO_ROW ((union store_row){NULL})

int store_error_set(struct store_error *error, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(error->text, sizeof(error->text), format, args);
        va_end(args);
        return -EINVAL;
}

// A name is kept by a node with another id as long as its agent is alive. Nodes that nobody's
// gossip watches may be taken over, as may those without an id when the new one brings its first.
static bool name_is_reserved(const struct store *s, const struct node_record *holder,
                             const struct catalog_node *node, bool may_give_id)
{
        const struct check_record *alive;

        if (holder == NULL || strcmp(holder->node.id, node->id) == 0 ||
            (may_give_id && *holder->node.id == 0))
                return false;
        alive = store_check_get(s, node->name, "serfHealth");
        return alive && store_health_of(alive->check.status) != STORE_CRITICAL;
}

// The row this registration continues, after making way for it: by id first, else by name.
static int find_node(struct store *s, const struct catalog_node *node, uint64_t *create_index,
                     struct store_error *error)
{
        const struct node_record *by_name = store_node_get(s, node->name);
        const struct node_record *by_id = *node->id ? store_node_get_by_id(s, node->id) : NULL;
        bool renamed = by_id && !text_equal_fold(by_id->node.name, node->name);

        if (*node->id && (renamed || !by_id) && name_is_reserved(s, by_name, node, !renamed)) {
                char of[80] = "";

                if (renamed)
                        snprintf(of, sizeof(of), " (%.60s)", node->address);
                return store_error_set(
                    error,
                    "Error while renaming Node ID: \"%.40s\"%s: Node name %.100s is "
                    "reserved by node %.40s with name %.100s (%.60s)",
                    node->id, of, node->name, by_name->node.id, by_name->node.name,
                    by_name->node.address);
        }
        if (by_id)
                *create_index = by_id->head.create_index;
        else
                *create_index = by_name ? by_name->head.create_index : s->open_index;
        if (renamed)
                store_delete_node(s, by_id->node.name);
        return 0;
}

int store_set_node(struct store *s, const struct catalog_node *node, struct store_error *error)
{
        union store_row before, after;
        uint64_t create_index = 0;

        if (find_node(s, node, &create_index, error) < 0)
                return -EINVAL;
        before.node = store_node_get(s, node->name);
        if (before.node && catalog_node_equal(&before.node->node, node))
                return 0;
        after.node = node_record_create(node, create_index, s->open_index);
        store_put(s, STORE_NODES, before, after);
        return 0;
}

// Weights that Consul would not take of an agent count as the usual ones.
static void mend_weights(struct catalog_service *service)
{
        if (service->weight_passing >= 1 && service->weight_passing <= UINT16_MAX &&
            service->weight_warning >= 0 && service->weight_warning <= UINT16_MAX)
                return;
        service->weight_passing = service->weight_warning = 1;
}

int store_set_service(struct store *s, const struct catalog_service *service,
                      struct store_error *error)
{
        const struct node_record *node = store_node_get(s, service->node);
        struct catalog_service value = *service;
        union store_row before, after;

        if (node == NULL)
                return store_error_set(error, "Missing node registration");
        value.node = node->node.name;
        mend_weights(&value);
        before.service = store_service_get(s, value.node, value.id);
        if (before.service && catalog_service_equal(&before.service->service, &value))
                return 0;
        after.service = service_record_create(
            &value, before.service ? before.record->create_index : s->open_index, s->open_index);
        store_put(s, STORE_SERVICES, before, after);
        return 0;
}

int store_set_check(struct store *s, const struct catalog_check *check, struct store_error *error)
{
        const struct node_record *node = store_node_get(s, check->node);
        struct catalog_check value = *check;
        union store_row before, after;

        if (node == NULL)
                return store_error_set(error, "Missing node registration");
        value.node = node->node.name;
        value.service_name = "";
        value.service_tags = (struct text_list){NULL, 0};
        if (*check->service_id) {
                const struct service_record *service =
                    store_service_get(s, check->node, check->service_id);

                if (service == NULL)
                        return store_error_set(error, "Missing service registration");
                value.service_name = service->service.name;
                value.service_tags = service->service.tags;
        }
        if (store_health_of(value.status) == STORE_CRITICAL)
                store_invalidate_check(s, value.node, value.id);
        before.check = store_check_get(s, value.node, value.id);
        if (before.check && catalog_check_equal(&before.check->check, &value))
                return 0;
        after.check = check_record_create(
            &value, before.check ? before.record->create_index : s->open_index, s->open_index);
        store_put(s, STORE_CHECKS, before, after);
        return 0;
}

int store_set_query(struct store *s, const struct catalog_query *query, struct store_error *error)
{
        const struct query_record *named = store_query_find(s, query->name);
        union store_row before, after;

        if (named && !text_equal_fold(named->query.id, query->id))
                return store_error_set(error, "name '%.200s' aliases an existing query name",
                                       query->name);
        if (*query->session && !store_session_get(s, query->session))
                return store_error_set(error, "invalid session \"%.100s\"", query->session);
        before.query = store_query_get(s, query->id);
        if (before.query && catalog_query_equal(&before.query->query, query))
                return 0;
        after.query = query_record_create(
            query, before.query ? before.record->create_index : s->open_index, s->open_index);
        store_put(s, STORE_QUERIES, before, after);
        return 0;
}

// A walk ends with the write, so each round begins a new one. The record stays: the journal holds
// it.
static void delete_checks(struct store *s, const char *node, const char *service_id)
{
        union store_row row;
        struct store_iter it;

        for (;;) {
                if (service_id)
                        store_checks_of_instance(s, node, service_id, &it);
                else
                        store_checks_of_node(s, node, &it);
                row.check = store_next_check(&it);
                if (row.check == NULL)
                        return;
                store_put(s, STORE_CHECKS, row, NO_ROW);
                store_invalidate_check(s, row.check->check.node, row.check->check.id);
        }
}

bool store_delete_node(struct store *s, const char *node)
{
        union store_row row, service;
        struct store_iter it;

        row.node = store_node_get(s, node);
        if (row.node == NULL)
                return false;
        store_invalidate_node(s, node);
        delete_checks(s, node, NULL);
        for (;;) {
                store_services_of_node(s, node, &it);
                service.service = store_next_service(&it);
                if (service.service == NULL)
                        break;
                store_put(s, STORE_SERVICES, service, NO_ROW);
        }
        store_delete_coordinates(s, node);
        store_put(s, STORE_NODES, row, NO_ROW);
        return true;
}

bool store_delete_service(struct store *s, const char *node, const char *service_id)
{
        union store_row row;

        row.service = store_service_get(s, node, service_id);
        if (row.service == NULL)
                return false;
        delete_checks(s, node, service_id);
        store_put(s, STORE_SERVICES, row, NO_ROW);
        return true;
}

bool store_delete_check(struct store *s, const char *node, const char *check_id)
{
        union store_row row;

        row.check = store_check_get(s, node, check_id);
        if (row.check == NULL)
                return false;
        store_put(s, STORE_CHECKS, row, NO_ROW);
        store_invalidate_check(s, row.check->check.node, row.check->check.id);
        return true;
}

bool store_delete_query(struct store *s, const char *id)
{
        union store_row row;

        row.query = store_query_get(s, id);
        if (row.query == NULL)
                return false;
        store_put(s, STORE_QUERIES, row, NO_ROW);
        return true;
}
