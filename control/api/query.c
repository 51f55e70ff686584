#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "control/api/api_internal.h"
#include "control/query/query.h"
#include "control/text/duration.h"

// Before what the reference finds only when the change is in its log.
#define APPLY "raft apply failed: "

void api_write_query(struct json_writer *w, const json_t *definition,
                     const struct query_record *record)
{
        json_t *shown = json_copy((json_t *)(uintptr_t)definition);
        char *text;

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

static void write_query(const struct api *api, struct json_writer *w, const void *item)
{
        const struct query_record *record = item;
        json_t *definition = json_loads(record->query.raw_json, 0, NULL);

        (void)api;
        api_write_query(w, definition, record);
        json_decref(definition);
}

static uint64_t queries_index(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_QUERIES);
}

static void watch_queries(struct api_read *read)
{
        store_watch_table(read->api->agent->store, api_next_watch(read), STORE_QUERIES);
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
        static const struct api_query query = {queries_index, write_queries, NULL,
                                               .watch = watch_queries, .shows_consistency = true};

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

// How the reference's index reads an ID: what is wrong with it, or NULL.
static const char *id_error(const char *id, char out[80])
{
        size_t hyphens = 0;

        if (strlen(id) != 36)
                return "UUID must be 36 characters";
        for (const char *c = id; *c != '\0'; c++) {
                if (*c == '-')
                        hyphens++;
                else if (strchr("0123456789abcdefABCDEF", *c) == NULL) {
                        snprintf(out, 80, "Invalid UUID: encoding/hex: invalid byte: U+%04X '%c'",
                                 (unsigned char)*c, *c);
                        return out;
                }
        }
        if (hyphens > 4) {
                snprintf(out, 80, "UUID should have maximum of 4 \"-\"; got %zu", hyphens);
                return out;
        }
        return hyphens % 2 != 0 ? "Input (without hyphens) must be even length" : NULL;
}

static bool check_id(struct http_request *request, const char *id, const char *prefix)
{
        char text[80];
        const char *error = id_error(id, text);

        if (error != NULL)
                http_reply_text(request, 500, "%sfailed prepared query lookup: index error: %s",
                                prefix, error);
        return error == NULL;
}

static void get_query(struct api *api, struct http_request *request, const char *id)
{
        static const struct api_query query = {queries_index, write_one, NULL,
                                               .watch = watch_queries, .shows_consistency = true};

        if (!api_check_read(api, request) || !check_id(request, id, ""))
                return;
        if (store_query_get(api->agent->store, id) == NULL)
                http_reply_text(request, 404, "Query not found");
        else
                api_read(api, request, &query, id);
}

// What is below a query: carried out and shown by other means than the query itself.
struct verb {
        const char *ending; // of the path
        void (*answer)(struct api *api, struct http_request *request, const char *name);
};

// "NAME/execute" and "NAME/explain" are told from an ID by how they end, whatever is before; NULL
// for an ID.
static const struct verb *find_verb(const char *rest)
{
        static const struct verb verbs[] = {{"/execute", api_query_execute},
                                            {"/explain", api_query_explain}};
        size_t len = strlen(rest);

        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
                size_t ending_len = strlen(verbs[i].ending);

                // "execute" alone is a query of that name to be carried out.
                if (strcmp(rest, verbs[i].ending + 1) == 0 ||
                    (len >= ending_len && strcmp(rest + len - ending_len, verbs[i].ending) == 0))
                        return &verbs[i];
        }
        return NULL;
}

static void run_verb(struct api *api, struct http_request *request, const struct verb *verb)
{
        const char *rest = http_request_rest(request);
        size_t len = strlen(rest), ending_len = strlen(verb->ending);
        char *name;

        if (http_request_method(request) != HTTP_GET) {
                http_reply_header(request, "Allow", "GET");
                http_reply_text(request, 405, "method %s not allowed",
                                http_method_name(http_request_method(request)));
                return;
        }
        name = strndup(rest, len >= ending_len ? len - ending_len : len);
        if (name == NULL)
                http_reply_text(request, 500, "out of memory");
        else
                verb->answer(api, request, name);
        free(name);
}

void api_query_get(struct http_request *request, void *app)
{
        const struct verb *verb = find_verb(http_request_rest(request));

        if (verb != NULL)
                run_verb(app, request, verb);
        else
                get_query(app, request, http_request_rest(request));
}

bool api_make_uuid(char out[37])
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

static bool refuse(struct http_request *request, const char *format, const char *value)
{
        char text[600];

        snprintf(text, sizeof(text), format, value);
        http_reply_text(request, 500, "%s", text);
        return false;
}

static bool check_ttl(struct http_request *request, const char *ttl, int32_t *ttl_s)
{
        int64_t ttl_ns = 0;

        *ttl_s = -1;
        if (ttl[0] == '\0')
                return true;
        if (duration_parse(ttl, &ttl_ns) < 0) {
                char why[200];

                duration_explain(ttl, why, sizeof(why));
                http_reply_text(request, 500, "Invalid prepared query: Bad DNS TTL '%.60s': %s",
                                ttl, why);
                return false;
        }
        if (ttl_ns < 0 || ttl_ns / 1000000000 > INT32_MAX) {
                http_reply_text(request, 500, "Invalid prepared query: DNS TTL '%lld', must be >=0",
                                (long long)ttl_ns);
                return false;
        }
        *ttl_s = (int32_t)(ttl_ns / 1000000000);
        return true;
}

// In the reference's order: the first that is wrong is what the client hears of.
static bool check_query(struct http_request *request, const json_t *body, int32_t *ttl_s)
{
        const json_t *service = json_object_get(body, "Service");
        const char *type = json_schema_string(json_object_get(body, "Template"), "Type");
        json_int_t nearest = json_schema_int(json_object_get(service, "Failover"), "NearestN");

        if (json_schema_string(body, "Name")[0] == '\0' && type[0] == '\0' &&
            json_schema_string(body, "Session")[0] == '\0')
                return refuse(request, "Invalid prepared query: %s", "Must be bound to a session");
        if (strcmp(json_schema_string(body, "Token"), "<hidden>") == 0)
                return refuse(request,
                              "Invalid prepared query: Bad Token '%s', it looks like a query "
                              "definition with a redacted token was submitted",
                              "<hidden>");
        if (json_schema_string(service, "Service")[0] == '\0')
                return refuse(request, "Invalid prepared query: %s",
                              "Must provide a Service name to query");
        if (nearest < 0) {
                http_reply_text(request, 500,
                                "Invalid prepared query: Bad NearestN '%lld', must be >= 0",
                                (long long)nearest);
                return false;
        }
        return check_ttl(request, json_schema_string(json_object_get(body, "DNS"), "TTL"), ttl_s);
}

// What the reference checks while it applies the change.
static bool check_template(const struct api *api, struct http_request *request,
                           const json_t *definition)
{
        const struct query_record *named;
        const char *id = json_schema_string(definition, "ID");
        const char *name = json_schema_string(definition, "Name");
        char error[QUERY_ERROR_MAX];
        int ret = query_template_check(definition, error);

        if (ret == -EINVAL)
                return refuse(request, APPLY "failed compiling template: %.480s", error);
        if (ret < 0)
                return refuse(request, "%s", "out of memory");
        if (name[0] != '\0') {
                named = store_query_get(api->agent->store, name);
                return named == NULL ||
                       refuse(request, APPLY "name '%.200s' aliases an existing query ID", name);
        }
        named = query_find(api->agent->store, "");
        if (json_schema_string(json_object_get(definition, "Template"), "Type")[0] == '\0' ||
            named == NULL || strcasecmp(named->query.id, id) == 0)
                return true;
        return refuse(request, APPLY "%s", "a query template with an empty name already exists");
}

static void answer_updated(const struct api *api, struct http_request *request,
                           const struct fsm_result *result)
{
        (void)api;
        (void)result;
        http_reply_empty(request, 200);
}

static void propose_query(struct api *api, struct http_request *request, const json_t *definition,
                          int32_t ttl_s, bool create)
{
        struct command command = {.type = COMMAND_QUERY_SET};
        struct catalog_query *query = &command.query_set.query;
        void *memory = NULL;
        char *raw = definition != NULL ? json_dumps(definition, JSON_COMPACT) : NULL;

        if (raw == NULL || query_definition_read(definition, query, &memory) < 0) {
                http_reply_text(request, 500, "out of memory");
                goto free_raw;
        }
        query->raw_json = raw;
        query->dns_ttl_s = ttl_s;
        command.query_set.create = create;
        if (create)
                api_propose_with_id(api, request, &command, query->id);
        else
                api_propose(api, request, &command, answer_updated);
free_raw:
        free(memory);
        free(raw);
}

static void set_query(struct api *api, struct http_request *request, const char *id, bool create)
{
        json_t *body, *definition = NULL;
        int32_t ttl_s = -1;
        size_t len;

        http_request_body(request, &len);
        // An update may do without a body, and then lacks what every query has to have.
        if (len == 0 && !create)
                body = json_object();
        else if (!api_parse_body(request, &api_query_schema, 0, false, &body))
                return;
        if (create && json_schema_string(body, "ID")[0] != '\0') {
                refuse(request, "%s", "ID must be empty when creating a new prepared query");
        } else if (!create && !check_id(request, id, "Prepared Query lookup failed: ")) {
                json_decref(body);
                return;
        } else if (!create && api->agent->server != NULL &&
                   store_query_get(api->agent->store, id) == NULL) {
                refuse(request, "Cannot modify non-existent prepared query: '%.100s'", id);
        } else if (check_query(request, body, &ttl_s)) {
                definition = api_complete_query(body, id);
                if (definition == NULL)
                        refuse(request, "%s", "out of memory");
                else if (check_template(api, request, definition))
                        propose_query(api, request, definition, ttl_s, create);
        }
        json_decref(definition);
        json_decref(body);
}

void api_query_create(struct http_request *request, void *app)
{
        struct api *api = app;
        char id[37];

        if (!api_make_uuid(id))
                http_reply_text(request, 500, "no random numbers");
        else if (api_check_datacenter(api, request))
                set_query(api, request, id, true);
}

void api_query_update(struct http_request *request, void *app)
{
        const struct verb *verb = find_verb(http_request_rest(request));
        struct api *api = app;

        if (verb != NULL)
                run_verb(api, request, verb);
        else if (api_check_datacenter(api, request))
                set_query(api, request, http_request_rest(request), false);
}

void api_query_delete(struct http_request *request, void *app)
{
        struct command command = {.type = COMMAND_QUERY_DELETE};
        struct api *api = app;

        command.query_delete.id = http_request_rest(request);
        if (find_verb(command.query_delete.id) != NULL)
                run_verb(api, request, find_verb(command.query_delete.id));
        else if (api_check_datacenter(api, request) &&
                 check_id(request, command.query_delete.id, "Prepared Query lookup failed: "))
                api_propose(api, request, &command, answer_updated);
}
