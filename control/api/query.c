#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/api/api_internal.h"
#include "control/text/duration.h"

// Prepared queries that select a service. Templates, execution and explanation are not here.

static void write_query(const struct api *api, struct json_writer *w, const void *item)
{
        const struct query_record *record = item;
        const char *json = record->query.raw_json;
        json_t *shown = json_loads(json, 0, NULL);
        char *text;

        (void)api;
        // The definition is kept as shown but for its indexes.
        json_object_set_new(shown, "CreateIndex",
                            json_integer((json_int_t)record->head.create_index));
        json_object_set_new(shown, "ModifyIndex",
                            json_integer((json_int_t)record->head.modify_index));
        text = shown != NULL ? json_dumps(shown, JSON_COMPACT) : NULL;
        if (text != NULL)
                json_writer_raw(w, text, strlen(text));
        else
                w->failed = true;
        free(text);
        json_decref(shown);
}

static uint64_t queries_index(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_QUERIES);
}

static void write_queries(const struct api_read *read, struct json_writer *w)
{
        const struct query_record *record;
        struct store_iter it;

        json_writer_begin_array(w);
        store_queries(read->api->agent->store, &it);
        while ((record = store_next_query(&it)) != NULL)
                api_write_item(read, w, NULL, write_query, record);
        json_writer_end_array(w);
}

void api_query_list(struct http_request *request, void *app)
{
        static const struct api_query query = {queries_index, write_queries, NULL};

        api_read(app, request, &query, "");
}

static void write_one(const struct api_read *read, struct json_writer *w)
{
        const struct query_record *record = store_query_get(read->api->agent->store, read->name);

        json_writer_begin_array(w);
        if (record != NULL)
                write_query(read->api, w, record);
        json_writer_end_array(w);
}

void api_query_get(struct http_request *request, void *app)
{
        static const struct api_query query = {queries_index, write_one, NULL};
        const struct api *api = app;
        const char *id = http_request_rest(request);

        if (store_query_get(api->agent->store, id) == NULL)
                http_reply_text(request, 404, "Query not found");
        else
                api_read(app, request, &query, id);
}

static bool make_uuid(char out[37])
{
        unsigned char b[16];

        if (getrandom(b, sizeof(b), 0) != sizeof(b))
                return false;
        b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); // RFC 9562, 5.4
        b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
        snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                 b[13], b[14], b[15]);
        return true;
}

static json_t *or_null(const json_t *object, const char *name)
{
        json_t *value = json_object_get(object, name);

        return value != NULL ? json_incref(value) : json_null();
}

static json_t *number_of(const json_t *object, const char *name)
{
        return json_integer(json_schema_int(object, name));
}

// The whole definition with every field there, as the API shows it.
static json_t *complete(const json_t *body, const char *id)
{
        const json_t *service = json_object_get(body, "Service");
        const json_t *failover = json_object_get(service, "Failover");
        const json_t *shape = json_object_get(body, "Template");
        const json_t *dns = json_object_get(body, "DNS");

        return json_pack(
            "{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:b},"
            " s:{s:s, s:{s:o, s:o}, s:b, s:o, s:s, s:o, s:o, s:o, s:b}, s:{s:s}}",
            "ID", id, "Name", json_schema_string(body, "Name"), "Session",
            json_schema_string(body, "Session"), "Token", json_schema_string(body, "Token"),
            "Template", "Type", json_schema_string(shape, "Type"), "Regexp",
            json_schema_string(shape, "Regexp"), "RemoveEmptyTags",
            json_schema_bool(shape, "RemoveEmptyTags"), "Service", "Service",
            json_schema_string(service, "Service"), "Failover", "NearestN",
            number_of(failover, "NearestN"), "Datacenters", or_null(failover, "Datacenters"),
            "OnlyPassing", json_schema_bool(service, "OnlyPassing"), "IgnoreCheckIDs",
            or_null(service, "IgnoreCheckIDs"), "Near", json_schema_string(service, "Near"), "Tags",
            or_null(service, "Tags"), "NodeMeta", or_null(service, "NodeMeta"), "ServiceMeta",
            or_null(service, "ServiceMeta"), "Connect", json_schema_bool(service, "Connect"), "DNS",
            "TTL", json_schema_string(dns, "TTL"));
}

// What this version cannot carry out is refused instead of kept without effect.
static bool check_query(struct http_request *request, const json_t *body, int32_t *ttl_s)
{
        const json_t *service = json_object_get(body, "Service");
        const char *ttl = json_schema_string(json_object_get(body, "DNS"), "TTL");
        int64_t ttl_ns = 0;

        *ttl_s = -1;
        if (json_schema_string(service, "Service")[0] == '\0') {
                http_reply_text(request, 500, "Must provide a service name to query");
                return false;
        }
        if (json_schema_string(json_object_get(body, "Template"), "Type")[0] != '\0') {
                http_reply_text(request, 400,
                                "Prepared query templates are not supported by this version");
                return false;
        }
        if (json_schema_string(body, "Session")[0] != '\0') {
                http_reply_text(request, 500, "invalid session");
                return false;
        }
        if (ttl[0] == '\0')
                return true;
        if (duration_parse(ttl, &ttl_ns) < 0) {
                http_reply_text(request, 500,
                                "Bad DNS TTL '%.60s': time: invalid duration \"%.60s\"", ttl, ttl);
                return false;
        }
        if (ttl_ns < 0 || ttl_ns / 1000000000 > INT32_MAX) {
                http_reply_text(request, 500, "DNS TTL '%.60s', must be >=0", ttl);
                return false;
        }
        *ttl_s = (int32_t)(ttl_ns / 1000000000);
        return true;
}

static int fill_query(const json_t *body, struct scratch *scratch, struct catalog_query *out)
{
        const json_t *service = json_object_get(body, "Service");

        out->name = json_schema_string(body, "Name");
        out->session = json_schema_string(body, "Session");
        out->token = json_schema_string(body, "Token");
        out->service = json_schema_string(service, "Service");
        out->near = json_schema_string(service, "Near");
        out->only_passing = json_schema_bool(service, "OnlyPassing");
        if (api_decode_list(json_object_get(service, "Tags"), scratch, &out->tags) < 0 ||
            api_decode_list(json_object_get(service, "IgnoreCheckIDs"), scratch,
                            &out->ignore_check_ids) < 0 ||
            api_decode_map(json_object_get(service, "NodeMeta"), scratch, &out->node_meta) < 0)
                return -ENOMEM;
        return api_decode_map(json_object_get(service, "ServiceMeta"), scratch, &out->service_meta);
}

static void answer_updated(const struct api *api, struct http_request *request,
                           const struct fsm_result *result)
{
        (void)api;
        (void)result;
        http_reply_empty(request, 200);
}

static void set_query(struct api *api, struct http_request *request, const char *id, bool create)
{
        struct command command = {.type = COMMAND_QUERY_SET};
        struct scratch *scratch = NULL;
        json_t *body, *shown = NULL;
        char *raw = NULL;
        int32_t ttl_s;

        if (!api_parse_body(request, &api_query_schema, 0, false, &body))
                return;
        command.query_set.query = (struct catalog_query)CATALOG_QUERY_INIT;
        command.query_set.create = create;
        if (!check_query(request, body, &ttl_s))
                goto free_body;
        scratch = scratch_create();
        shown = complete(body, id);
        raw = shown != NULL ? json_dumps(shown, JSON_COMPACT) : NULL;
        if (scratch == NULL || raw == NULL ||
            fill_query(body, scratch, &command.query_set.query) < 0) {
                http_reply_text(request, 500, "out of memory");
                goto free_body;
        }
        command.query_set.query.id = id;
        command.query_set.query.raw_json = raw;
        command.query_set.query.dns_ttl_s = ttl_s;
        if (create)
                api_propose_with_id(api, request, &command, id);
        else
                api_propose(api, request, &command, answer_updated);
free_body:
        free(raw);
        json_decref(shown);
        scratch_destroy(scratch);
        json_decref(body);
}

void api_query_create(struct http_request *request, void *app)
{
        struct api *api = app;
        char id[37];

        if (!make_uuid(id))
                http_reply_text(request, 500, "no random numbers");
        else if (api_check_datacenter(api, request))
                set_query(api, request, id, true);
}

void api_query_update(struct http_request *request, void *app)
{
        struct api *api = app;

        if (api_check_datacenter(api, request))
                set_query(api, request, http_request_rest(request), false);
}

void api_query_delete(struct http_request *request, void *app)
{
        struct command command = {.type = COMMAND_QUERY_DELETE};
        struct api *api = app;

        command.query_delete.id = http_request_rest(request);
        if (api_check_datacenter(api, request))
                api_propose(api, request, &command, answer_updated);
}
