#include "control/store/store_internal.h"
#include "lictor/bytes.h"
#include <string.h>

void *store_find(const struct ordered_index *ix, const char *const parts[], size_t part_count)
{
        struct record_key key;
        void *found;

        record_key_make(&key, parts, part_count, RECORD_KEY_OPEN);
        found = ordered_index_get(ix, key.bytes, key.len);
        record_key_fini(&key);
        return found;
}

void store_seek(const struct ordered_index *ix, const char *const parts[], size_t part_count,
                struct store_iter *it)
{
        struct record_key key;

        record_key_make(&key, parts, part_count, RECORD_KEY_CLOSED);
        ordered_index_seek_prefix(ix, key.bytes, key.len, &it->cursor);
        record_key_fini(&key);
}

const struct node_record *store_node_get(const struct store *s, const char *name)
{
        return store_find(s->tables.nodes, &name, 1);
}

const struct node_record *store_node_get_by_id(const struct store *s, const char *id)
{
        return ordered_index_get(s->tables.nodes_by_id, (const uint8_t *)id, strlen(id));
}

const struct node_record *store_node_get_by_id_prefix(const struct store *s, const char *prefix)
{
        const struct node_record *found;
        struct ordered_cursor cursor;

        ordered_index_seek_prefix(s->tables.nodes_by_id, (const uint8_t *)prefix, strlen(prefix),
                                  &cursor);
        found = ordered_cursor_next(&cursor, NULL, NULL);
        if (found != NULL && ordered_cursor_next(&cursor, NULL, NULL) != NULL)
                return NULL;
        return found;
}

const struct service_record *store_service_get(const struct store *s, const char *node,
                                               const char *service_id)
{
        const char *const parts[] = {node, service_id};

        return store_find(s->tables.services, parts, ARRAY_LEN(parts));
}

const struct check_record *store_check_get(const struct store *s, const char *node,
                                           const char *check_id)
{
        const char *const parts[] = {node, check_id};

        return store_find(s->tables.checks, parts, ARRAY_LEN(parts));
}

const struct query_record *store_query_get(const struct store *s, const char *id)
{
        return store_find(s->tables.queries, &id, 1);
}

const struct query_record *store_query_find(const struct store *s, const char *name)
{
        return *name ? store_find(s->tables.queries_by_name, &name, 1) : NULL;
}

void store_nodes(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.nodes, NULL, 0, &it->cursor);
}

void store_services(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.services_by_name, NULL, 0, &it->cursor);
}

void store_services_of_node(const struct store *s, const char *node, struct store_iter *it)
{
        store_seek(s->tables.services, &node, 1, it);
}

void store_instances(const struct store *s, const char *service, struct store_iter *it)
{
        store_seek(s->tables.services_by_name, &service, 1, it);
}

void store_checks(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.checks, NULL, 0, &it->cursor);
}

void store_checks_of_node(const struct store *s, const char *node, struct store_iter *it)
{
        store_seek(s->tables.checks, &node, 1, it);
}

void store_checks_of_instance(const struct store *s, const char *node, const char *service_id,
                              struct store_iter *it)
{
        const char *const parts[] = {node, service_id};

        store_seek(s->tables.checks_by_instance, parts, ARRAY_LEN(parts), it);
}

void store_checks_of_service(const struct store *s, const char *service, struct store_iter *it)
{
        store_seek(s->tables.checks_by_service, &service, 1, it);
}

void store_queries(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.queries, NULL, 0, &it->cursor);
}

void store_queries_of_service(const struct store *s, const char *service, struct store_iter *it)
{
        store_seek(s->tables.queries_by_service, &service, 1, it);
}

const struct node_record *store_next_node(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

const struct service_record *store_next_service(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

const struct check_record *store_next_check(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

const struct query_record *store_next_query(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

void store_service_names(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.services_by_name, NULL, 0, &it->cursor);
}

const char *store_next_service_name(struct store_iter *it)
{
        const struct service_record *first = ordered_cursor_next(&it->cursor, NULL, NULL);
        struct ordered_cursor rest;

        if (first == NULL)
                return NULL;
        // Everything of this name begins with it and a NUL; the next name follows all of that.
        ordered_index_seek_prefix(it->cursor.index, first->name_key,
                                  first->name_key_len - first->instance_key_len, &rest);
        it->cursor.leaf = rest.end_leaf;
        it->cursor.slot = rest.end_slot;
        return first->service.name;
}

void store_nodes_by_address(const struct store *s, const uint8_t *key, size_t key_len,
                            struct store_iter *it)
{
        ordered_index_seek_prefix(s->tables.nodes_by_address, key, key_len, &it->cursor);
}

void store_services_by_address(const struct store *s, const uint8_t *key, size_t key_len,
                               struct store_iter *it)
{
        ordered_index_seek_prefix(s->tables.services_by_address, key, key_len, &it->cursor);
}

enum store_health store_health_of(const char *status)
{
        if (strcmp(status, "passing") == 0)
                return STORE_PASSING;
        if (strcmp(status, "warning") == 0)
                return STORE_WARNING;
        if (strcmp(status, "critical") == 0)
                return STORE_CRITICAL;
        return STORE_HEALTH_OTHER;
}

static bool worse(enum store_health a, enum store_health b)
{
        static const int rank[] = {[STORE_PASSING] = 0,
                                   [STORE_WARNING] = 1,
                                   [STORE_HEALTH_OTHER] = 2,
                                   [STORE_CRITICAL] = 3};

        return rank[a] > rank[b];
}

static enum store_health worst_of(struct store_iter *it, enum store_health worst,
                                  const struct text_list *ignored)
{
        const struct check_record *check;

        while ((check = store_next_check(it))) {
                enum store_health health = store_health_of(check->check.status);

                if (worse(health, worst) &&
                    (ignored == NULL || !text_list_has(ignored, check->check.id)))
                        worst = health;
        }
        return worst;
}

enum store_health store_instance_health(const struct store *s, const struct service_record *service,
                                        const struct text_list *ignored)
{
        enum store_health worst;
        struct store_iter it;

        // With the NUL that follows it, the instance's key begins its checks' keys.
        ordered_index_seek_prefix(s->tables.checks_by_instance, service->instance_key,
                                  service->instance_key_len + 1, &it.cursor);
        worst = worst_of(&it, STORE_PASSING, ignored);
        store_checks_of_instance(s, service->service.node, "", &it);
        return worst_of(&it, worst, ignored);
}

uint64_t store_table_index(const struct store *s, enum store_table table)
{
        return s->tables.table_index[table];
}

uint64_t store_applied_index(const struct store *s)
{
        return s->tables.applied_index;
}

uint64_t store_service_index(const struct store *s, const char *service)
{
        const struct store_mark *mark = store_find(s->tables.service_marks, &service, 1);

        return mark ? mark->index : s->tables.vanished_index;
}

bool store_node_was_known(const struct store *s, const char *node)
{
        return store_find(s->tables.node_marks, &node, 1) != NULL;
}

uint64_t store_node_index(const struct store *s, const char *node)
{
        const struct store_mark *mark = store_find(s->tables.node_marks, &node, 1);
        uint64_t largest = s->tables.table_index[STORE_NODES];

        if (mark)
                return mark->index;
        for (int i = STORE_SERVICES; i <= STORE_CHECKS; i++)
                if (s->tables.table_index[i] > largest)
                        largest = s->tables.table_index[i];
        return largest;
}

size_t store_count(const struct store *s, enum store_table table)
{
        return ordered_index_count(
            *store_table_index_at((struct store_tables *)&s->tables, table, 0));
}

size_t store_service_name_count(const struct store *s)
{
        return ordered_index_count(s->tables.service_marks);
}
