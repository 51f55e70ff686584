#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/query/query.h"
#include "control/store/text.h"
#include "control/text/json_text.h"

static struct text_list take_list(const json_t *list, const char ***next)
{
        const char **items = *next;
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item) items[i] = json_string_value(item);
        *next += json_array_size(list);
        return (struct text_list){items, (uint32_t)json_array_size(list)};
}

static int compare_pairs(const void *a, const void *b)
{
        return strcmp(((const struct text_pair *)a)->key, ((const struct text_pair *)b)->key);
}

static struct text_map take_map(const json_t *map, struct text_pair **next)
{
        struct text_pair *pairs = *next;
        const char *key;
        json_t *value;
        uint32_t n = 0;

        json_object_foreach((json_t *)(uintptr_t)map, key, value) pairs[n++] =
            (struct text_pair){key, json_string_value(value)};
        if (n > 1)
                qsort(pairs, n, sizeof(*pairs), compare_pairs);
        *next += n;
        return (struct text_map){pairs, n};
}

int query_definition_read(const json_t *definition, struct catalog_query *out, void **memory)
{
        const json_t *service = json_object_get(definition, "Service");
        const json_t *shape = json_object_get(definition, "Template");
        const json_t *tags = json_object_get(service, "Tags");
        const json_t *ignored = json_object_get(service, "IgnoreCheckIDs");
        const json_t *node_meta = json_object_get(service, "NodeMeta");
        const json_t *service_meta = json_object_get(service, "ServiceMeta");
        size_t pair_count = json_object_size(node_meta) + json_object_size(service_meta);
        size_t text_count = json_array_size(tags) + json_array_size(ignored);
        struct text_pair *pairs =
            malloc(pair_count * sizeof(*pairs) + (text_count + 1) * sizeof(char *));
        const char **texts;

        if (pairs == NULL)
                return -ENOMEM;
        *memory = pairs;
        texts = (const char **)(pairs + pair_count);
        *out = (struct catalog_query)CATALOG_QUERY_INIT;
        out->id = json_text(definition, "ID");
        out->name = json_text(definition, "Name");
        out->session = json_text(definition, "Session");
        out->token = json_text(definition, "Token");
        out->template_type = json_text(shape, "Type");
        out->template_regexp = json_text(shape, "Regexp");
        out->service = json_text(service, "Service");
        out->near = json_text(service, "Near");
        out->only_passing = json_is_true(json_object_get(service, "OnlyPassing"));
        out->tags = take_list(tags, &texts);
        out->ignore_check_ids = take_list(ignored, &texts);
        out->node_meta = take_map(node_meta, &pairs);
        out->service_meta = take_map(service_meta, &pairs);
        return 0;
}

int query_plan_init(const struct query_record *record, const char *asked, const char *segment,
                    struct query_plan *out, char error[QUERY_ERROR_MAX])
{
        json_t *definition = json_loads(record->query.raw_json, 0, NULL), *rendered;
        int ret = definition != NULL ? 0 : -ENOMEM;

        if (ret == 0 && query_is_template(record)) {
                if (text_equal_fold(record->query.id, asked)) {
                        snprintf(error, QUERY_ERROR_MAX,
                                 "prepared query templates can only be resolved up by name, "
                                 "not by ID");
                        ret = -EINVAL;
                } else {
                        ret = query_template_render(definition, asked, segment, &rendered, error);
                }
                json_decref(definition);
                if (ret < 0)
                        return ret;
                definition = rendered;
        }
        if (ret == 0)
                ret = query_definition_read(definition, &out->query, &out->memory);
        if (ret < 0) {
                json_decref(definition);
                return ret;
        }
        out->definition = definition;
        out->query.dns_ttl_s = record->query.dns_ttl_s;
        return 0;
}

void query_plan_fini(struct query_plan *plan)
{
        json_decref(plan->definition);
        free(plan->memory);
}

static bool has_meta(const struct text_map *have, const struct text_map *want)
{
        for (uint32_t i = 0; i < want->count; i++) {
                const char *value = text_map_get(have, want->pairs[i].key);

                if (value == NULL || strcmp(value, want->pairs[i].value) != 0)
                        return false;
        }
        return true;
}

static bool has_tags(const struct text_list *have, const struct text_list *want)
{
        for (uint32_t i = 0; i < want->count; i++) {
                const char *tag = want->items[i];
                bool excluded = *tag == '!';

                if (text_list_has(have, tag + excluded) == excluded)
                        return false;
        }
        return true;
}

bool query_selects(const struct store *s, const struct catalog_query *query,
                   const struct service_record *service, bool only_passing,
                   enum store_health *health)
{
        const struct node_record *node;

        *health = store_instance_health(s, service, &query->ignore_check_ids);
        if (query->only_passing || only_passing ? *health != STORE_PASSING
                                                : *health == STORE_CRITICAL)
                return false;
        if (!has_tags(&service->service.tags, &query->tags) ||
            !has_meta(&service->service.meta, &query->service_meta))
                return false;
        if (query->node_meta.count == 0)
                return true;
        node = store_node_get(s, service->service.node);
        return node != NULL && has_meta(&node->node.meta, &query->node_meta);
}

bool query_is_mesh_of(const struct service_record *record, const char *service)
{
        const struct catalog_service *instance = &record->service;
        bool is_proxy = strcmp(instance->kind, "connect-proxy") == 0;
        json_t *settings;
        bool is;

        if (!is_proxy && (strcasecmp(instance->name, service) != 0 || *instance->connect_json == 0))
                return false;
        settings = json_loads(is_proxy ? instance->proxy_json : instance->connect_json, 0, NULL);
        is = is_proxy ? strcasecmp(json_text(settings, "DestinationServiceName"), service) == 0
                      : json_is_true(json_object_get(settings, "Native"));
        json_decref(settings);
        return is;
}
