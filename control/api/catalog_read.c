#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/member/members.h"
#include "control/query/query.h"

void api_catalog_datacenters(struct http_request *request, void *app)
{
        struct member_datacenter datacenters[MEMBER_DATACENTERS_MAX];
        const struct api *api = app;
        size_t count =
            members_datacenters(api->agent->members, datacenters, MEMBER_DATACENTERS_MAX);
        struct json_writer w;

        if (!api_check_consistency(request))
                return;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        for (size_t i = 0; i < count; i++)
                json_writer_string(&w, datacenters[i].name);
        json_writer_end_array(&w);
        api_reply_cached(api, request);
        http_reply_json(request, 200, &w);
}

static void write_nodes(const struct api_read *read, struct json_writer *w)
{
        const struct node_record *record;
        struct api_near near;
        struct store_iter it;

        json_writer_begin_array(w);
        api_near_begin(&near, read, w, api_write_node);
        store_nodes(read->api->agent->store, &it);
        while ((record = store_next_node(&it)) != NULL) {
                if (api_matches_node_meta(read->request, &record->node))
                        api_near_put(&near, record->node.name, record);
        }
        api_near_end(&near);
        json_writer_end_array(w);
}

void api_catalog_nodes(struct http_request *request, void *app)
{
        static const struct api_query query = {api_index_nodes, write_nodes, api_node_selectors,
                                               .watch = api_watch_nodes, .shows_consistency = true};

        api_read(app, request, &query, "");
}

// Tags of all instances of one name, each once.
struct tag_set {
        const char **tags;
        size_t count, capacity;
};

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_tags(struct tag_set *set, const struct text_list *tags)
{
        for (uint32_t i = 0; i < tags->count; i++) {
                if (set->count == set->capacity) {
                        size_t capacity = set->capacity > 0 ? 2 * set->capacity : 16;
                        const char **grown = realloc(set->tags, capacity * sizeof(*grown));

                        if (grown == NULL)
                                return false;
                        set->tags = grown;
                        set->capacity = capacity;
                }
                set->tags[set->count++] = tags->items[i];
        }
        return true;
}

static void write_tags(struct json_writer *w, const char *name, struct tag_set *set)
{
        if (set->count > 0)
                qsort(set->tags, set->count, sizeof(*set->tags), compare_texts);
        json_writer_key(w, name);
        json_writer_begin_array(w);
        for (size_t i = 0; i < set->count; i++) {
                if (i == 0 || strcmp(set->tags[i], set->tags[i - 1]) != 0)
                        json_writer_string(w, set->tags[i]);
        }
        json_writer_end_array(w);
}

static void write_services(const struct api_read *read, struct json_writer *w)
{
        const struct store *store = read->api->agent->store;
        const struct service_record *record;
        struct tag_set set = {0};
        struct store_iter names, it;
        const char *name;

        json_writer_begin_object(w);
        store_service_names(store, &names);
        while ((name = store_next_service_name(&names)) != NULL) {
                bool any = false;

                set.count = 0;
                store_instances(store, name, &it);
                while ((record = store_next_service(&it)) != NULL) {
                        if (!api_node_matches(read, record->service.node))
                                continue;
                        any = true;
                        if (!add_tags(&set, &record->service.tags))
                                w->failed = true;
                }
                if (any)
                        write_tags(w, name, &set);
        }
        json_writer_end_object(w);
        free(set.tags);
}

void api_catalog_services(struct http_request *request, void *app)
{
        static const struct api_query all = {
            api_index_services,        write_services,       NULL, .watch = api_watch_services,
            .shows_consistency = true, .may_be_cached = true};
        static const struct api_query by_node = {
            api_index_catalog,         write_services,       NULL, .watch = api_watch_catalog,
            .shows_consistency = true, .may_be_cached = true};
        bool is_by_node = http_request_param(request, "node-meta") != NULL;

        api_read(app, request, is_by_node ? &by_node : &all, "");
}

void api_write_flat_instance(const struct api *api, struct json_writer *w,
                             const struct node_record *node, const struct service_record *record)
{
        const struct catalog_service *service = &record->service;

        json_writer_begin_object(w);
        if (node != NULL) {
                json_writer_put_string(w, "ID", node->node.id);
                json_writer_put_string(w, "Node", node->node.name);
                json_writer_put_string(w, "Address", node->node.address);
                json_writer_put_string(w, "Datacenter", node->node.datacenter);
                api_put_map(w, "TaggedAddresses", &node->node.tagged_addresses, true);
                api_put_map(w, "NodeMeta", &node->node.meta,
                            strcmp(node->node.name, api->agent->config->node_name) != 0);
        }
        json_writer_put_string(w, "ServiceKind", service->kind);
        json_writer_put_string(w, "ServiceID", service->id);
        json_writer_put_string(w, "ServiceName", service->name);
        api_put_list(w, "ServiceTags", &service->tags);
        json_writer_put_string(w, "ServiceAddress", service->address);
        api_put_service_addresses(w, "ServiceTaggedAddresses", &service->tagged_addresses);
        api_put_weights(w, "ServiceWeights", service);
        api_put_map(w, "ServiceMeta", &service->meta, false);
        json_writer_put_int(w, "ServicePort", service->port);
        json_writer_put_string(w, "ServiceSocketPath", service->socket_path);
        json_writer_put_bool(w, "ServiceEnableTagOverride", service->enable_tag_override);
        api_put_proxy(w, "ServiceProxy", service->proxy_json);
        api_put_json(w, "ServiceConnect", service->connect_json, "{}");
        api_put_indexes(w, &record->head);
        json_writer_end_object(w);
}

void api_write_service_node(const struct api *api, struct json_writer *w, const void *item)
{
        const struct service_record *record = item;

        api_write_flat_instance(api, w, store_node_get(api->agent->store, record->service.node),
                                record);
}

static void write_instances(const struct api_read *read, struct json_writer *w, bool connect)
{
        const struct store *store = read->api->agent->store;
        const struct service_record *record;
        struct api_near near;
        struct store_iter it;

        json_writer_begin_array(w);
        api_near_begin(&near, read, w, api_write_service_node);
        if (connect)
                store_services(store, &it);
        else
                store_instances(store, read->name, &it);
        while ((record = store_next_service(&it)) != NULL) {
                // Tags are the services', not their proxies'.
                if ((connect ? query_is_mesh_of(record, read->name)
                             : api_matches_tags(read->request, &record->service)) &&
                    api_node_matches(read, record->service.node))
                        api_near_put(&near, record->service.node, record);
        }
        api_near_end(&near);
        json_writer_end_array(w);
}

static void write_service_nodes(const struct api_read *read, struct json_writer *w)
{
        write_instances(read, w, false);
}

static void write_connect_nodes(const struct api_read *read, struct json_writer *w)
{
        write_instances(read, w, true);
}

static void read_service(struct http_request *request, void *app, const struct api_query *query)
{
        const char *name = http_request_rest(request);

        if (name[0] == '\0')
                http_reply_text(request, 400, "Missing service name");
        else
                api_read(app, request, query, name);
}

void api_catalog_service(struct http_request *request, void *app)
{
        static const struct api_query query = {
            store_service_index,        write_service_nodes,       api_service_node_selectors,
            .watch = api_watch_service, .shows_consistency = true, .may_be_cached = true};

        read_service(request, app, &query);
}

void api_catalog_connect(struct http_request *request, void *app)
{
        static const struct api_query query = {
            api_index_catalog,          write_connect_nodes,       api_service_node_selectors,
            .watch = api_watch_catalog, .shows_consistency = true, .may_be_cached = true};

        read_service(request, app, &query);
}

// A node's name, or enough of the beginning of its ID, in the form it is kept in.
#define NODE_ID_MIN 2
static bool make_id_prefix(const char *text, char out[37])
{
        size_t len = strlen(text), digits = 0, n = 0;

        // An odd character at the end is not looked at.
        len -= len % 2;
        for (size_t i = 0; i < len; i++) {
                if (text[i] == '-')
                        continue;
                if (!isxdigit((unsigned char)text[i]) || digits == 32)
                        return false;
                if (digits == 8 || digits == 12 || digits == 16 || digits == 20)
                        out[n++] = '-';
                out[n++] = (char)tolower((unsigned char)text[i]);
                digits++;
        }
        out[n] = '\0';
        return len >= NODE_ID_MIN && digits > 0 && digits % 2 == 0;
}

static const struct node_record *find_node(const struct store *store, const char *name)
{
        const struct node_record *node = store_node_get(store, name);
        char prefix[37];

        if (node != NULL || !make_id_prefix(name, prefix))
                return node;
        return store_node_get_by_id_prefix(store, prefix);
}

// One for a node nobody has heard of: it does not move until there is one.
static uint64_t index_of_node(const struct store *store, const char *name)
{
        const struct node_record *node = find_node(store, name);

        if (node != NULL)
                return store_node_index(store, node->node.name);
        return store_node_was_known(store, name) ? store_node_index(store, name) : 1;
}

static void watch_found_node(struct api_read *read)
{
        const struct store *store = read->api->agent->store;
        const struct node_record *node = find_node(store, read->name);

        store_watch_name(read->api->agent->store, api_next_watch(read), STORE_WATCH_NODE,
                         node != NULL ? node->node.name : read->name);
}

static void write_services_of_node(const struct api_read *read, struct json_writer *w,
                                   const struct node_record *node, bool as_map)
{
        const struct service_record *record;
        struct store_iter it;

        store_services_of_node(read->api->agent->store, node->node.name, &it);
        while ((record = store_next_service(&it)) != NULL)
                api_write_item(read, w, as_map ? record->service.id : NULL, api_write_service,
                               record);
}

static void write_node(const struct api_read *read, struct json_writer *w)
{
        const struct node_record *node = find_node(read->api->agent->store, read->name);

        if (node == NULL) {
                json_writer_null(w);
                return;
        }
        json_writer_begin_object(w);
        json_writer_key(w, "Node");
        api_write_node(read->api, w, node);
        json_writer_key(w, "Services");
        json_writer_begin_object(w);
        write_services_of_node(read, w, node, true);
        json_writer_end_object(w);
        json_writer_end_object(w);
}

void api_catalog_node(struct http_request *request, void *app)
{
        static const struct api_query query = {index_of_node, write_node, api_service_selectors,
                                               .watch = watch_found_node,
                                               .shows_consistency = true};
        const char *name = http_request_rest(request);

        if (name[0] == '\0')
                http_reply_text(request, 400, "Missing node name");
        else
                api_read(app, request, &query, name);
}

static void write_node_services(const struct api_read *read, struct json_writer *w)
{
        const struct store *store = read->api->agent->store;
        const struct node_record *node = find_node(store, read->name);
        struct store_iter it;

        json_writer_begin_object(w);
        if (node == NULL) {
                json_writer_put_null(w, "Node");
                json_writer_put_null(w, "Services");
        } else {
                json_writer_key(w, "Node");
                api_write_node(read->api, w, node);
                json_writer_key(w, "Services");
                store_services_of_node(store, node->node.name, &it);
                // A filter makes a list, even of nothing.
                if (read->filter == NULL && store_next_service(&it) == NULL) {
                        json_writer_null(w);
                } else {
                        json_writer_begin_array(w);
                        write_services_of_node(read, w, node, false);
                        json_writer_end_array(w);
                }
        }
        json_writer_end_object(w);
}

void api_catalog_node_services(struct http_request *request, void *app)
{
        static const struct api_query query = {index_of_node, write_node_services,
                                               api_service_selectors, .watch = watch_found_node,
                                               .shows_consistency = true};
        const char *name = http_request_rest(request);

        if (name[0] == '\0')
                http_reply_text(request, 400, "Missing node name");
        else
                api_read(app, request, &query, name);
}
