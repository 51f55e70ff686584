#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"
#include "control/query/query.h"

static void write_checks(const struct api_read *read, struct json_writer *w, struct store_iter *it,
                         const char *status)
{
        const struct check_record *record;
        struct api_near near;

        json_writer_begin_array(w);
        api_near_begin(&near, read, w, api_write_check);
        while ((record = store_next_check(it)) != NULL) {
                if (status != NULL && strcasecmp(record->check.status, status) != 0)
                        continue;
                if (api_node_matches(read, record->check.node))
                        api_near_put(&near, record->check.node, record);
        }
        api_near_end(&near);
        json_writer_end_array(w);
}

static void write_node_checks(const struct api_read *read, struct json_writer *w)
{
        struct store_iter it;

        store_checks_of_node(read->api->agent->store, read->name, &it);
        write_checks(read, w, &it, NULL);
}

void api_health_node(struct http_request *request, void *app)
{
        static const struct api_query query = {store_node_index, write_node_checks,
                                               api_check_selectors, .watch = api_watch_node,
                                               .shows_consistency = true};
        const char *name = http_request_rest(request);

        if (name[0] == '\0')
                http_reply_text(request, 400, "Missing node name");
        else
                api_read(app, request, &query, name);
}

static void write_service_checks(const struct api_read *read, struct json_writer *w)
{
        struct store_iter it;

        store_checks_of_service(read->api->agent->store, read->name, &it);
        write_checks(read, w, &it, NULL);
}

void api_health_checks(struct http_request *request, void *app)
{
        static const struct api_query query = {store_service_index, write_service_checks,
                                               api_check_selectors, .watch = api_watch_service,
                                               .shows_consistency = true};
        const char *name = http_request_rest(request);

        if (name[0] == '\0')
                http_reply_text(request, 400, "Missing service name");
        else
                api_read(app, request, &query, name);
}

static void write_state(const struct api_read *read, struct json_writer *w)
{
        const char *status = strcasecmp(read->name, "any") == 0 ? NULL : read->name;
        struct store_iter it;

        store_checks(read->api->agent->store, &it);
        write_checks(read, w, &it, status);
}

void api_health_state(struct http_request *request, void *app)
{
        static const struct api_query query = {api_index_checks, write_state, api_check_selectors,
                                               .watch = api_watch_checks,
                                               .shows_consistency = true};
        const char *state = http_request_rest(request);

        if (state[0] == '\0')
                http_reply_text(request, 400, "Missing check state");
        else
                api_read(app, request, &query, state);
}

static void write_instance(const struct api *api, struct json_writer *w,
                           const struct service_record *record, api_item_fn write_service,
                           api_item_fn write_check)
{
        const struct store *store = api->agent->store;
        const struct node_record *node = store_node_get(store, record->service.node);
        const char *const owners[] = {"", record->service.id};
        const struct check_record *check;
        struct store_iter it;

        json_writer_begin_object(w);
        json_writer_key(w, "Node");
        if (node != NULL)
                api_write_node(api, w, node);
        else
                json_writer_null(w);
        json_writer_key(w, "Service");
        write_service(api, w, record);
        json_writer_key(w, "Checks");
        json_writer_begin_array(w);
        for (size_t i = 0; i < 2; i++) {
                store_checks_of_instance(store, record->service.node, owners[i], &it);
                while ((check = store_next_check(&it)) != NULL)
                        write_check(api, w, check);
        }
        json_writer_end_array(w);
        json_writer_end_object(w);
}

void api_write_instance(const struct api *api, struct json_writer *w, const void *item)
{
        write_instance(api, w, item, api_write_service, api_write_check);
}

void api_write_kept_instance(const struct api *api, struct json_writer *w, const void *item)
{
        write_instance(api, w, item, api_write_kept_service, api_write_kept_check);
}

bool api_wants_passing(const struct http_request *request)
{
        const char *passing = http_request_param(request, "passing");

        return passing != NULL && strcmp(passing, "0") != 0 && strcmp(passing, "f") != 0 &&
               strcmp(passing, "F") != 0 && strcmp(passing, "false") != 0 &&
               strcmp(passing, "False") != 0 && strcmp(passing, "FALSE") != 0;
}

static void write_entries(const struct api_read *read, struct json_writer *w, bool connect)
{
        const struct store *store = read->api->agent->store;
        bool only_passing = api_wants_passing(read->request);
        const struct service_record *record;
        struct api_near near;
        struct store_iter it;

        json_writer_begin_array(w);
        api_near_begin(&near, read, w, api_write_instance);
        if (connect)
                store_services(store, &it);
        else
                store_instances(store, read->name, &it);
        while ((record = store_next_service(&it)) != NULL) {
                if (connect && !query_is_mesh_of(record, read->name))
                        continue;
                if (only_passing && store_instance_health(store, record, NULL) != STORE_PASSING)
                        continue;
                // Tags are the services', not their proxies'.
                if ((connect || api_matches_tags(read->request, &record->service)) &&
                    api_node_matches(read, record->service.node))
                        api_near_put(&near, record->service.node, record);
        }
        api_near_end(&near);
        json_writer_end_array(w);
}

static bool is_flag(const char *text)
{
        static const char *const flags[] = {"",  "1", "t", "T",     "true",  "True", "TRUE",
                                            "0", "f", "F", "false", "False", "FALSE"};

        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                if (strcmp(flags[i], text) == 0)
                        return true;
        }
        return false;
}

static void write_instances(const struct api_read *read, struct json_writer *w)
{
        write_entries(read, w, false);
}

static void write_connect(const struct api_read *read, struct json_writer *w)
{
        write_entries(read, w, true);
}

static void read_service(struct http_request *request, void *app, const struct api_query *query)
{
        const char *name = http_request_rest(request);
        const char *passing = http_request_param(request, "passing");

        if (name[0] == '\0')
                http_reply_text(request, 400, "Missing service name");
        else if (passing != NULL && !is_flag(passing))
                http_reply_text(request, 400, "Invalid value for ?passing");
        else
                api_read(app, request, query, name);
}

void api_health_service(struct http_request *request, void *app)
{
        static const struct api_query query = {
            store_service_index,        write_instances,           api_health_selectors,
            .watch = api_watch_service, .shows_consistency = true, .may_be_cached = true};

        read_service(request, app, &query);
}

void api_health_connect(struct http_request *request, void *app)
{
        static const struct api_query query = {api_index_health,          write_connect,
                                               api_health_selectors,      .watch = api_watch_health,
                                               .shows_consistency = true, .may_be_cached = true};

        read_service(request, app, &query);
}
