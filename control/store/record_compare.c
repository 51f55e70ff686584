#include "control/store/records.h"
#include "control/store/text.h"
#include <string.h>

static bool same(const char *a, const char *b)
{
        return a == b || strcmp(a, b) == 0;
}

static bool same_list(const struct text_list *a, const struct text_list *b)
{
        if (a->count != b->count)
                return false;
        for (uint32_t i = 0; i < a->count; i++)
                if (!same(a->items[i], b->items[i]))
                        return false;
        return true;
}

static bool same_map(const struct text_map *a, const struct text_map *b)
{
        if (a->count != b->count)
                return false;
        for (uint32_t i = 0; i < a->count; i++)
                if (!same(a->pairs[i].key, b->pairs[i].key) ||
                    !same(a->pairs[i].value, b->pairs[i].value))
                        return false;
        return true;
}

static bool same_addresses(const struct service_address_map *a, const struct service_address_map *b)
{
        if (a->count != b->count)
                return false;
        for (uint32_t i = 0; i < a->count; i++)
                if (!same(a->items[i].key, b->items[i].key) ||
                    !same(a->items[i].address, b->items[i].address) ||
                    a->items[i].port != b->items[i].port)
                        return false;
        return true;
}

bool catalog_node_equal(const struct catalog_node *a, const struct catalog_node *b)
{
        return same(a->id, b->id) && same(a->name, b->name) && same(a->address, b->address) &&
               same(a->datacenter, b->datacenter) &&
               same_map(&a->tagged_addresses, &b->tagged_addresses) && same_map(&a->meta, &b->meta);
}

bool catalog_service_equal(const struct catalog_service *a, const struct catalog_service *b)
{
        return same(a->node, b->node) && same(a->kind, b->kind) && same(a->id, b->id) &&
               same(a->name, b->name) && same(a->address, b->address) &&
               same(a->socket_path, b->socket_path) && same(a->proxy_json, b->proxy_json) &&
               same(a->connect_json, b->connect_json) && same_list(&a->tags, &b->tags) &&
               same_addresses(&a->tagged_addresses, &b->tagged_addresses) &&
               same_map(&a->meta, &b->meta) && a->port == b->port &&
               a->weight_passing == b->weight_passing && a->weight_warning == b->weight_warning &&
               a->enable_tag_override == b->enable_tag_override;
}

bool catalog_check_equal(const struct catalog_check *a, const struct catalog_check *b)
{
        return same(a->node, b->node) && same(a->id, b->id) && same(a->name, b->name) &&
               same(a->status, b->status) && same(a->notes, b->notes) &&
               same(a->output, b->output) && same(a->service_id, b->service_id) &&
               same(a->service_name, b->service_name) &&
               same_list(&a->service_tags, &b->service_tags) && same(a->type, b->type) &&
               same(a->interval, b->interval) && same(a->timeout, b->timeout) &&
               same(a->definition_json, b->definition_json) && a->exposed_port == b->exposed_port;
}

bool catalog_query_equal(const struct catalog_query *a, const struct catalog_query *b)
{
        return same(a->id, b->id) && same(a->name, b->name) && same(a->session, b->session) &&
               same(a->token, b->token) && same(a->template_type, b->template_type) &&
               same(a->template_regexp, b->template_regexp) && same(a->service, b->service) &&
               same_list(&a->tags, &b->tags) &&
               same_list(&a->ignore_check_ids, &b->ignore_check_ids) &&
               same_map(&a->node_meta, &b->node_meta) &&
               same_map(&a->service_meta, &b->service_meta) && same(a->near, b->near) &&
               same(a->raw_json, b->raw_json) && a->dns_ttl_s == b->dns_ttl_s &&
               a->only_passing == b->only_passing;
}

bool catalog_session_equal(const struct catalog_session *a, const struct catalog_session *b)
{
        return same(a->id, b->id) && same(a->name, b->name) && same(a->node, b->node) &&
               same(a->behavior, b->behavior) && same(a->ttl, b->ttl) &&
               a->lock_delay_ns == b->lock_delay_ns && same_list(&a->checks, &b->checks) &&
               same_list(&a->node_checks, &b->node_checks) &&
               same_list(&a->service_checks, &b->service_checks) &&
               same_list(&a->service_check_namespaces, &b->service_check_namespaces) &&
               a->node_checks_null == b->node_checks_null &&
               a->service_checks_given == b->service_checks_given;
}

const char *text_map_get(const struct text_map *map, const char *key)
{
        for (uint32_t i = 0; i < map->count; i++)
                if (strcmp(map->pairs[i].key, key) == 0)
                        return map->pairs[i].value;
        return NULL;
}

const char *service_address_get(const struct service_address_map *map, const char *key)
{
        for (uint32_t i = 0; i < map->count; i++)
                if (strcmp(map->items[i].key, key) == 0)
                        return map->items[i].address;
        return NULL;
}

bool text_list_has(const struct text_list *list, const char *text)
{
        for (uint32_t i = 0; i < list->count; i++)
                if (text_equal_fold(list->items[i], text))
                        return true;
        return false;
}
