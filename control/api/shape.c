#include <string.h>

#include "control/api/api_internal.h"

#define NO_PROXY   "{\"Mode\":\"\",\"MeshGateway\":{},\"Expose\":{}}"
#define NO_CONNECT "{}"

// What services of every shape have, under a prefix of their own.
#define SERVICE_SELECTORS(prefix)                                                                  \
        prefix "Kind", prefix "ID", prefix "Address", prefix "Tags[]", prefix "Meta.*",            \
            prefix "SocketPath", prefix "TaggedAddresses.*.Address",                               \
            "#" prefix "TaggedAddresses.*.Port", "#" prefix "Port",                                \
            "?" prefix "EnableTagOverride", "#" prefix "Weights.Passing",                          \
            "#" prefix "Weights.Warning", "?" prefix "Connect.Native",                             \
            prefix "Proxy.DestinationServiceName", prefix "Proxy.DestinationServiceID",            \
            prefix "Proxy.LocalServiceAddress", "#" prefix "Proxy.LocalServicePort",               \
            prefix "Proxy.LocalServiceSocketPath", prefix "Proxy.Mode",                            \
            prefix "Proxy.MeshGateway.Mode", "?" prefix "Proxy.Expose.Checks",                     \
            prefix "Proxy.Upstreams[].DestinationType",                                            \
            prefix "Proxy.Upstreams[].DestinationNamespace",                                       \
            prefix "Proxy.Upstreams[].DestinationName", prefix "Proxy.Upstreams[].Datacenter",     \
            prefix "Proxy.Upstreams[].LocalBindAddress",                                           \
            "#" prefix "Proxy.Upstreams[].LocalBindPort"

const char *const api_node_selectors[] = {
    "ID", "Node", "Address", "Datacenter", "Meta.*", "TaggedAddresses.*", NULL};

const char *const api_service_selectors[] = {SERVICE_SELECTORS(""), "Service", NULL};

const char *const api_check_selectors[] = {
    "Node",        "CheckID",       "Name", "Status",   "Notes",   "Output",       "ServiceID",
    "ServiceName", "ServiceTags[]", "Type", "Interval", "Timeout", "#ExposedPort", NULL,
};

const char *const api_service_node_selectors[] = {
    "ID",
    "Node",
    "Address",
    "Datacenter",
    "TaggedAddresses.*",
    "NodeMeta.*",
    "ServiceName",
    SERVICE_SELECTORS("Service"),
    NULL,
};

const char *const api_health_selectors[] = {
    "Node.ID",
    "Node.Node",
    "Node.Address",
    "Node.Datacenter",
    "Node.TaggedAddresses.*",
    "Node.Meta.*",
    "Service.Service",
    SERVICE_SELECTORS("Service."),
    "Checks[].Node",
    "Checks[].CheckID",
    "Checks[].Name",
    "Checks[].Status",
    "Checks[].Notes",
    "Checks[].Output",
    "Checks[].ServiceID",
    "Checks[].ServiceName",
    "Checks[].Type",
    NULL,
};

void api_put_list(struct json_writer *w, const char *key, const struct text_list *list)
{
        json_writer_key(w, key);
        json_writer_begin_array(w);
        for (uint32_t i = 0; i < list->count; i++)
                json_writer_string(w, list->items[i]);
        json_writer_end_array(w);
}

void api_put_map(struct json_writer *w, const char *key, const struct text_map *map, bool null)
{
        json_writer_key(w, key);
        if (map->count == 0 && null) {
                json_writer_null(w);
                return;
        }
        json_writer_begin_object(w);
        for (uint32_t i = 0; i < map->count; i++)
                json_writer_put_string(w, map->pairs[i].key, map->pairs[i].value);
        json_writer_end_object(w);
}

void api_put_weights(struct json_writer *w, const char *key, const struct catalog_service *service)
{
        json_writer_key(w, key);
        json_writer_begin_object(w);
        json_writer_put_int(w, "Passing", service->weight_passing);
        json_writer_put_int(w, "Warning", service->weight_warning);
        json_writer_end_object(w);
}

void api_put_service_addresses(struct json_writer *w, const char *key,
                               const struct service_address_map *map)
{
        if (map->count == 0)
                return;
        json_writer_key(w, key);
        json_writer_begin_object(w);
        for (uint32_t i = 0; i < map->count; i++) {
                json_writer_key(w, map->items[i].key);
                json_writer_begin_object(w);
                json_writer_put_string(w, "Address", map->items[i].address);
                json_writer_put_int(w, "Port", map->items[i].port);
                json_writer_end_object(w);
        }
        json_writer_end_object(w);
}

void api_put_proxy(struct json_writer *w, const char *key, const char *json)
{
        json_t *proxy = *json != '\0' ? json_loads(json, 0, NULL) : NULL;
        json_t *shown = proxy != NULL ? json_loads(NO_PROXY, 0, NULL) : NULL;
        char *text = NULL;

        if (shown != NULL && json_object_update_missing(proxy, shown) == 0)
                text = json_dumps(proxy, JSON_COMPACT);
        api_put_json(w, key, text != NULL ? text : json, NO_PROXY);
        free(text);
        json_decref(shown);
        json_decref(proxy);
}

void api_put_json(struct json_writer *w, const char *key, const char *json, const char *otherwise)
{
        const char *text = json[0] != '\0' ? json : otherwise;

        json_writer_key(w, key);
        json_writer_raw(w, text, strlen(text));
}

void api_put_indexes(struct json_writer *w, const struct record *head)
{
        json_writer_put_uint(w, "CreateIndex", head->create_index);
        json_writer_put_uint(w, "ModifyIndex", head->modify_index);
}

void api_write_node(const struct api *api, struct json_writer *w, const void *node_record)
{
        const struct node_record *record = node_record;
        const struct catalog_node *node = &record->node;
        // Nodes of agents always have metadata, those registered from outside may have none.
        bool is_own = strcmp(node->name, api->agent->config->node_name) == 0;

        json_writer_begin_object(w);
        json_writer_put_string(w, "ID", node->id);
        json_writer_put_string(w, "Node", node->name);
        json_writer_put_string(w, "Address", node->address);
        json_writer_put_string(w, "Datacenter", node->datacenter);
        api_put_map(w, "TaggedAddresses", &node->tagged_addresses, true);
        api_put_map(w, "Meta", &node->meta, !is_own);
        api_put_indexes(w, &record->head);
        json_writer_end_object(w);
}

static void put_tags(struct json_writer *w, const char *key, const struct text_list *tags,
                     bool null)
{
        if (tags->count == 0 && null)
                json_writer_put_null(w, key);
        else
                api_put_list(w, key, tags);
}

static void write_service(struct json_writer *w, const struct service_record *record, bool null)
{
        const struct catalog_service *service = &record->service;

        json_writer_begin_object(w);
        if (service->kind[0] != '\0')
                json_writer_put_string(w, "Kind", service->kind);
        json_writer_put_string(w, "ID", service->id);
        json_writer_put_string(w, "Service", service->name);
        put_tags(w, "Tags", &service->tags, null);
        json_writer_put_string(w, "Address", service->address);
        api_put_service_addresses(w, "TaggedAddresses", &service->tagged_addresses);
        api_put_map(w, "Meta", &service->meta, true);
        if (service->port != 0)
                json_writer_put_int(w, "Port", service->port);
        if (service->socket_path[0] != '\0')
                json_writer_put_string(w, "SocketPath", service->socket_path);
        api_put_weights(w, "Weights", service);
        json_writer_put_bool(w, "EnableTagOverride", service->enable_tag_override);
        api_put_proxy(w, "Proxy", service->proxy_json);
        api_put_json(w, "Connect", service->connect_json, NO_CONNECT);
        api_put_indexes(w, &record->head);
        json_writer_end_object(w);
}

void api_write_service(const struct api *api, struct json_writer *w, const void *service_record)
{
        (void)api;
        write_service(w, service_record, false);
}

void api_write_kept_service(const struct api *api, struct json_writer *w, const void *record)
{
        (void)api;
        write_service(w, record, true);
}

static void write_check(struct json_writer *w, const struct check_record *record, bool null)
{
        const struct catalog_check *check = &record->check;

        json_writer_begin_object(w);
        json_writer_put_string(w, "Node", check->node);
        json_writer_put_string(w, "CheckID", check->id);
        json_writer_put_string(w, "Name", check->name);
        json_writer_put_string(w, "Status", check->status);
        json_writer_put_string(w, "Notes", check->notes);
        json_writer_put_string(w, "Output", check->output);
        json_writer_put_string(w, "ServiceID", check->service_id);
        json_writer_put_string(w, "ServiceName", check->service_name);
        put_tags(w, "ServiceTags", &check->service_tags, null);
        json_writer_put_string(w, "Type", check->type);
        json_writer_put_string(w, "Interval", check->interval);
        json_writer_put_string(w, "Timeout", check->timeout);
        json_writer_put_int(w, "ExposedPort", check->exposed_port);
        api_put_json(w, "Definition", check->definition_json, "{}");
        api_put_indexes(w, &record->head);
        json_writer_end_object(w);
}

void api_write_check(const struct api *api, struct json_writer *w, const void *check_record)
{
        (void)api;
        write_check(w, check_record, false);
}

void api_write_kept_check(const struct api *api, struct json_writer *w, const void *record)
{
        (void)api;
        write_check(w, record, true);
}
