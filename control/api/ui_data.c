#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/query/query.h"

// What Consul's web interface reads: nodes with all that runs on them, services summed up.

// --- Nodes.

static void write_node_dump(const struct api *api, struct json_writer *w, const void *item)
{
        const struct node_record *record = item;
        const struct catalog_node *node = &record->node;
        const struct service_record *service;
        const struct check_record *check;
        struct store_iter it;

        json_writer_begin_object(w);
        json_writer_put_string(w, "ID", node->id);
        json_writer_put_string(w, "Node", node->name);
        json_writer_put_string(w, "Address", node->address);
        api_put_map(w, "TaggedAddresses", &node->tagged_addresses, true);
        api_put_map(w, "Meta", &node->meta, strcmp(node->name, api->agent->config->node_name) != 0);
        json_writer_key(w, "Services");
        json_writer_begin_array(w);
        store_services_of_node(api->agent->store, node->name, &it);
        while ((service = store_next_service(&it)) != NULL)
                api_write_service(api, w, service);
        json_writer_end_array(w);
        json_writer_key(w, "Checks");
        json_writer_begin_array(w);
        store_checks_of_node(api->agent->store, node->name, &it);
        while ((check = store_next_check(&it)) != NULL)
                api_write_check(api, w, check);
        json_writer_end_array(w);
        json_writer_end_object(w);
}

static void write_nodes(const struct api_read *read, struct json_writer *w)
{
        const struct node_record *node;
        struct store_iter it;

        json_writer_begin_array(w);
        store_nodes(read->api->agent->store, &it);
        while ((node = store_next_node(&it)) != NULL)
                api_write_item(read, w, NULL, write_node_dump, node);
        json_writer_end_array(w);
}

void api_ui_nodes(struct http_request *request, void *app)
{
        static const char *const selectors[] = {"ID",
                                                "Node",
                                                "Address",
                                                "TaggedAddresses.*",
                                                "Meta.*",
                                                "Services[].ID",
                                                "Services[].Service",
                                                "Checks[].CheckID",
                                                "Checks[].Status",
                                                NULL};
        static const struct api_query query = {api_index_health, write_nodes, selectors,
                                               .watch = api_watch_health,
                                               .shows_consistency = true};

        api_read(app, request, &query, "");
}

static void reply_node(const struct api_read *read)
{
        const struct node_record *node = store_node_get(read->api->agent->store, read->name);

        if (node != NULL) {
                api_reply_read(read);
                return;
        }
        api_reply_index(read);
        http_reply_empty(read->request, 404);
}

static void write_node(const struct api_read *read, struct json_writer *w)
{
        write_node_dump(read->api, w, store_node_get(read->api->agent->store, read->name));
}

void api_ui_node(struct http_request *request, void *app)
{
        static const struct api_query query = {
            store_node_index,        write_node,          NULL,
            .watch = api_watch_node, .reply = reply_node, .shows_consistency = true};
        const char *name = http_request_rest(request);

        if (*name == '\0')
                http_reply_text(request, 400, "Missing node name");
        else
                api_read(app, request, &query, name);
}

// --- Services.

struct list {
        const void **items;
        size_t count, capacity;
        bool failed;
};

struct summary {
        const char *kind, *datacenter;
        size_t instance_count, proxy_count, transparent_count;
        struct list tags, nodes, sources, checks;
};

static void add(struct list *list, const void *item)
{
        if (list->count == list->capacity) {
                size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
                const void **grown = realloc(list->items, capacity * sizeof(*grown));

                if (grown == NULL) {
                        list->failed = true;
                        return;
                }
                list->items = grown;
                list->capacity = capacity;
        }
        list->items[list->count++] = item;
}

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_places(const void *a, const void *b)
{
        const char *x = *(const char *const *)a, *y = *(const char *const *)b;

        return (x > y) - (x < y);
}

static void sort(struct list *list, int (*compare)(const void *, const void *), bool once)
{
        size_t kept = 0;

        if (list->count > 0)
                qsort(list->items, list->count, sizeof(*list->items), compare);
        for (size_t i = 0; i < list->count; i++) {
                if (!once || i == 0 || compare(&list->items[i], &list->items[kept - 1]) != 0)
                        list->items[kept++] = list->items[i];
        }
        list->count = kept;
}

static void add_checks(const struct store *store, const struct catalog_service *service,
                       struct list *checks)
{
        const char *const owners[] = {"", service->id};
        const struct check_record *check;
        struct store_iter it;

        for (size_t i = 0; i < 2; i++) {
                store_checks_of_instance(store, service->node, owners[i], &it);
                while ((check = store_next_check(&it)) != NULL)
                        add(checks, check);
        }
}

static void add_instance(const struct store *store, const struct service_record *record,
                         struct summary *sum)
{
        const struct catalog_service *service = &record->service;
        const struct node_record *node = store_node_get(store, service->node);
        const char *source = text_map_get(&service->meta, "external-source");

        sum->kind = service->kind;
        sum->datacenter = node != NULL ? node->node.datacenter : "";
        sum->instance_count++;
        add(&sum->nodes, node != NULL ? node->node.name : service->node);
        for (uint32_t i = 0; i < service->tags.count; i++)
                add(&sum->tags, service->tags.items[i]);
        if (source != NULL && *source != '\0')
                add(&sum->sources, source);
        add_checks(store, service, &sum->checks);
}

static bool is_transparent(const struct service_record *proxy)
{
        json_t *json = json_loads(proxy->service.proxy_json, 0, NULL);
        bool transparent = strcmp(json_schema_string(json, "Mode"), "transparent") == 0;

        json_decref(json);
        return transparent;
}

static void write_texts(struct json_writer *w, const char *key, const struct list *list)
{
        json_writer_key(w, key);
        if (list->count == 0) {
                json_writer_null(w);
                return;
        }
        json_writer_begin_array(w);
        for (size_t i = 0; i < list->count; i++)
                json_writer_string(w, list->items[i]);
        json_writer_end_array(w);
}

static void write_checks(struct json_writer *w, const struct list *checks)
{
        static const struct {
                const char *key;
                enum store_health health;
        } counted[] = {{"ChecksPassing", STORE_PASSING},
                       {"ChecksWarning", STORE_WARNING},
                       {"ChecksCritical", STORE_CRITICAL}};

        for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
                int64_t count = 0;

                for (size_t k = 0; k < checks->count; k++) {
                        const struct check_record *check = checks->items[k];

                        count += store_health_of(check->check.status) == counted[i].health;
                }
                json_writer_put_int(w, counted[i].key, count);
        }
}

static void write_summary(struct json_writer *w, const char *name, struct summary *sum)
{
        sort(&sum->tags, compare_texts, true);
        sort(&sum->nodes, compare_texts, false);
        sort(&sum->sources, compare_texts, true);
        sort(&sum->checks, compare_places, true);
        w->failed = w->failed || sum->tags.failed || sum->nodes.failed || sum->sources.failed ||
                    sum->checks.failed;
        json_writer_begin_object(w);
        if (*sum->kind != '\0')
                json_writer_put_string(w, "Kind", sum->kind);
        json_writer_put_string(w, "Name", name);
        json_writer_put_string(w, "Datacenter", sum->datacenter);
        write_texts(w, "Tags", &sum->tags);
        write_texts(w, "Nodes", &sum->nodes);
        write_texts(w, "ExternalSources", &sum->sources);
        json_writer_put_int(w, "InstanceCount", (int64_t)sum->instance_count);
        write_checks(w, &sum->checks);
        json_writer_key(w, "GatewayConfig");
        json_writer_begin_object(w);
        json_writer_end_object(w);
        json_writer_put_bool(w, "TransparentProxy",
                             sum->proxy_count > 0 && sum->transparent_count == sum->proxy_count);
        json_writer_put_bool(w, "ConnectedWithProxy", sum->proxy_count > 0);
        // What links them are configuration entries, which are not kept.
        json_writer_put_bool(w, "ConnectedWithGateway", false);
        json_writer_end_object(w);
}

static bool keeps(const struct api_read *read, const struct service_record *record)
{
        return api_filter_keeps(read->api, read->filter, api_write_instance, record);
}

static void sum_up(const struct api_read *read, struct json_writer *w, const char *name,
                   const struct list *proxies, struct summary *sum)
{
        const struct store *store = read->api->agent->store;
        const struct service_record *record;
        struct store_iter it;

        sum->instance_count = sum->proxy_count = sum->transparent_count = 0;
        sum->tags.count = sum->nodes.count = sum->sources.count = sum->checks.count = 0;
        store_instances(store, name, &it);
        while ((record = store_next_service(&it)) != NULL) {
                if (keeps(read, record))
                        add_instance(store, record, sum);
        }
        if (sum->instance_count == 0)
                return;
        for (size_t i = 0; i < proxies->count; i++) {
                record = proxies->items[i];
                if (!query_is_mesh_of(record, name))
                        continue;
                sum->proxy_count++;
                sum->transparent_count += is_transparent(record);
                add_checks(store, &record->service, &sum->checks);
        }
        write_summary(w, name, sum);
}

static void write_services(const struct api_read *read, struct json_writer *w)
{
        const struct store *store = read->api->agent->store;
        const struct service_record *record;
        struct list proxies = {0};
        struct summary sum = {0};
        struct store_iter it;
        const char *name;

        store_services(store, &it);
        while ((record = store_next_service(&it)) != NULL) {
                if (strcmp(record->service.kind, "connect-proxy") == 0 && keeps(read, record))
                        add(&proxies, record);
        }
        json_writer_begin_array(w);
        store_service_names(store, &it);
        while ((name = store_next_service_name(&it)) != NULL)
                sum_up(read, w, name, &proxies, &sum);
        json_writer_end_array(w);
        w->failed = w->failed || proxies.failed;
        free(proxies.items);
        free(sum.tags.items);
        free(sum.nodes.items);
        free(sum.sources.items);
        free(sum.checks.items);
}

void api_ui_services(struct http_request *request, void *app)
{
        static const struct api_query query = {api_index_health, write_services,
                                               api_health_selectors, .watch = api_watch_health,
                                               .shows_consistency = true};

        api_read(app, request, &query, "");
}
