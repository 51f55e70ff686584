#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/api/session_rules.h"
#include "control/leader/leader.h"
#include "control/server/server.h"
#include "control/text/duration.h"

#define NS_PER_S       1000000000
#define LOCK_DELAY_NS  (INT64_C(15) * NS_PER_S)
#define LOCK_DELAY_MIN 1000 // smaller numbers are taken for seconds, not nanoseconds
#define SERF_HEALTH    "serfHealth"

static const struct json_field service_check_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"Namespace", JSON_KIND_STRING, NULL},
};
static const struct json_schema service_check_schema = JSON_SCHEMA(service_check_fields);

static const struct json_field create_fields[] = {
    {"Name", JSON_KIND_STRING, NULL},
    {"Node", JSON_KIND_STRING, NULL},
    {"LockDelay", JSON_KIND_ANY, NULL},
    {"Behavior", JSON_KIND_STRING, NULL},
    {"TTL", JSON_KIND_STRING, NULL},
    {"Checks", JSON_KIND_STRINGS, NULL},
    {"NodeChecks", JSON_KIND_STRINGS, NULL},
    {"ServiceChecks", JSON_KIND_OBJECTS, &service_check_schema},
};
static const struct json_schema create_schema = JSON_SCHEMA(create_fields);

// --- Reading.

static void write_service_checks(struct json_writer *w, const struct catalog_session *session)
{
        json_writer_key(w, "ServiceChecks");
        if (!session->service_checks_given) {
                json_writer_null(w);
                return;
        }
        json_writer_begin_array(w);
        for (uint32_t i = 0; i < session->service_checks.count; i++) {
                json_writer_begin_object(w);
                json_writer_put_string(w, "ID", session->service_checks.items[i]);
                json_writer_put_string(w, "Namespace", session->service_check_namespaces.items[i]);
                json_writer_end_object(w);
        }
        json_writer_end_array(w);
}

void api_write_session(const struct api *api, struct json_writer *w, const void *item)
{
        const struct session_record *record = item;
        const struct catalog_session *session = &record->session;

        (void)api;
        json_writer_begin_object(w);
        json_writer_put_string(w, "ID", session->id);
        json_writer_put_string(w, "Name", session->name);
        json_writer_put_string(w, "Node", session->node);
        json_writer_put_int(w, "LockDelay", session->lock_delay_ns);
        json_writer_put_string(w, "Behavior", session->behavior);
        json_writer_put_string(w, "TTL", session->ttl);
        if (session->node_checks_null)
                json_writer_put_null(w, "NodeChecks");
        else
                api_put_list(w, "NodeChecks", &session->node_checks);
        write_service_checks(w, session);
        if (session->checks.count > 0)
                api_put_list(w, "Checks", &session->checks);
        api_put_indexes(w, &record->head);
        json_writer_end_object(w);
}

static uint64_t sessions_index(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_SESSIONS);
}

static void watch_sessions(struct api_read *read)
{
        store_watch_table(read->api->agent->store, api_next_watch(read), STORE_SESSIONS);
}

static void write_all(const struct api_read *read, struct json_writer *w)
{
        const struct session_record *session;
        struct store_iter it;

        json_writer_begin_array(w);
        store_sessions(read->api->agent->store, &it);
        while ((session = store_next_session(&it)) != NULL)
                api_write_session(read->api, w, session);
        json_writer_end_array(w);
}

void api_session_list(struct http_request *request, void *app)
{
        static const struct api_query query = {
            .index = sessions_index, .write = write_all, .watch = watch_sessions};

        api_read(app, request, &query, "");
}

static void write_of_node(const struct api_read *read, struct json_writer *w)
{
        const struct session_record *session;
        struct store_iter it;

        json_writer_begin_array(w);
        store_sessions_of_node(read->api->agent->store, read->name, &it);
        while ((session = store_next_session(&it)) != NULL)
                api_write_session(read->api, w, session);
        json_writer_end_array(w);
}

void api_session_node(struct http_request *request, void *app)
{
        static const struct api_query query = {
            .index = sessions_index, .write = write_of_node, .watch = watch_sessions};
        const char *node = http_request_rest(request);

        if (*node == '\0')
                http_reply_text(request, 400, "Missing node name");
        else
                api_read(app, request, &query, node);
}

static void write_one(const struct api_read *read, struct json_writer *w)
{
        const struct session_record *session =
            store_session_get(read->api->agent->store, read->name);

        json_writer_begin_array(w);
        if (session != NULL)
                api_write_session(read->api, w, session);
        json_writer_end_array(w);
}

static void watch_session(struct api_read *read)
{
        store_watch_name(read->api->agent->store, api_next_watch(read), STORE_WATCH_SESSION,
                         read->name);
}

// False when the path has no ID, or one that cannot be; the request has been refused then.
static bool check_id(struct http_request *request, const char *prefix)
{
        const char *id = http_request_rest(request);
        struct store_error error;

        if (*id == '\0') {
                http_reply_text(request, 400, "Missing session");
                return false;
        }
        if (store_session_check_id(id, &error) < 0) {
                http_reply_text(request, 500, "%s%s", prefix, error.text);
                return false;
        }
        return true;
}

void api_session_info(struct http_request *request, void *app)
{
        static const struct api_query query = {
            .index = sessions_index, .write = write_one, .watch = watch_session};

        if (check_id(request, ""))
                api_read(app, request, &query, http_request_rest(request));
}

static void reply_renewed(const struct api *api, struct http_request *request)
{
        const struct session_record *session =
            store_session_get(api->agent->store, http_request_rest(request));
        struct json_writer w;

        if (session == NULL) {
                http_reply_text(request, 404, "Session id '%.60s' not found",
                                http_request_rest(request));
                return;
        }
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        api_write_session(api, &w, session);
        json_writer_end_array(&w);
        http_reply_json(request, 200, &w);
}

/* A renewal that the leader is asked for. The request may end before: it is forgotten then. */
struct renewal {
        const struct api *api;
        struct http_request *request;
};

static void forget_request(void *arg)
{
        struct renewal *renewal = arg;

        renewal->request = NULL;
}

static void on_readable(void *arg, const char *error)
{
        struct renewal *renewal = arg;

        if (renewal->request != NULL) {
                http_request_on_cancel(renewal->request, NULL, NULL);
                if (error != NULL)
                        http_reply_text(renewal->request, 500, "%s", error);
                else
                        reply_renewed(renewal->api, renewal->request);
        }
        free(renewal);
}

static void on_renewed(void *arg, const struct operator_answer *answer)
{
        struct renewal *renewal = arg;

        if (renewal->request != NULL && answer->status == 200) {
                server_read(renewal->api->agent->server, SERVER_READ_DEFAULT, on_readable, renewal);
                return;
        }
        if (renewal->request != NULL) {
                http_request_on_cancel(renewal->request, NULL, NULL);
                http_reply_text(renewal->request, answer->status, "%.*s", (int)answer->body_len,
                                answer->body);
        }
        free(renewal);
}

void api_session_renew(struct http_request *request, void *app)
{
        struct operator_request wanted = {.action = OPERATOR_RENEW_SESSION};
        const char *id = http_request_rest(request);
        struct api *api = app;
        struct renewal *renewal;

        if (!api_check_consistency(request) || !api_check_wait(api, request) ||
            !check_id(request, "") || !api_check_datacenter(api, request))
                return;
        if (api->agent->server == NULL || server_leads(api->agent->server) ||
            strlen(id) >= sizeof(wanted.argument)) {
                leader_renew_session(api->agent->leader, id);
                reply_renewed(api, request);
                return;
        }
        renewal = malloc(sizeof(*renewal));
        if (renewal == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        *renewal = (struct renewal){api, request};
        memcpy(wanted.argument, id, strlen(id) + 1);
        http_request_on_cancel(request, forget_request, renewal);
        server_operate(api->agent->server, &wanted, on_renewed, renewal);
}

// --- Creating and destroying.

static bool parse_lock_delay(struct http_request *request, const json_t *value, int64_t *out_ns)
{
        *out_ns = LOCK_DELAY_NS;
        if (value == NULL)
                return true;
        if (json_is_string(value)) {
                const char *text = json_string_value(value);

                if (duration_parse(text, out_ns) < 0) {
                        http_reply_text(request, 400,
                                        "Request decode failed: time: invalid duration \"%.60s\"",
                                        text);
                        return false;
                }
        } else if (json_is_number(value)) {
                double number = json_number_value(value);

                if (!(number > -9.0e18 && number < 9.0e18)) {
                        http_reply_text(request, 400,
                                        "Request decode failed: LockDelay is too "
                                        "large");
                        return false;
                }
                *out_ns = (int64_t)number;
        }
        if (*out_ns<LOCK_DELAY_MIN && * out_ns> - LOCK_DELAY_MIN)
                *out_ns *= NS_PER_S;
        return true;
}

// Null is an empty list, but is shown as null.
static int fill_list(const json_t *given, struct scratch *scratch, struct text_list *out,
                     bool *out_null)
{
        static const char *const serf_health[] = {SERF_HEALTH};

        *out_null = json_is_null(given);
        if (given != NULL)
                return api_decode_list(given, scratch, out);
        *out = (struct text_list){serf_health, 1};
        return 0;
}

/*
 * Both lists, the one of old clients and its successor, have a default. One that was emptied takes
 * the other's checks away, too; the old one, left alone, yields to the new.
 */
static int fill_node_checks(const json_t *body, struct scratch *scratch,
                            struct catalog_session *out)
{
        bool checks_null;

        if (fill_list(json_object_get(body, "Checks"), scratch, &out->checks, &checks_null) < 0 ||
            fill_list(json_object_get(body, "NodeChecks"), scratch, &out->node_checks,
                      &out->node_checks_null) < 0)
                return -ENOMEM;
        if (out->checks.count == 0) {
                out->node_checks = (struct text_list){NULL, 0};
                out->node_checks_null = false;
        } else if (out->node_checks.count == 0 ||
                   (out->checks.count == 1 && strcmp(out->checks.items[0], SERF_HEALTH) == 0)) {
                out->checks = (struct text_list){NULL, 0};
        }
        return 0;
}

static int fill_checks(const json_t *body, struct scratch *scratch, struct catalog_session *out)
{
        const json_t *services = json_object_get(body, "ServiceChecks");
        size_t count = json_array_size(services);
        const char **ids = scratch_alloc(scratch, (count + 1) * sizeof(*ids));
        const char **namespaces = scratch_alloc(scratch, (count + 1) * sizeof(*namespaces));

        if (ids == NULL || namespaces == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < count; i++) {
                ids[i] = json_schema_string(json_array_get(services, i), "ID");
                namespaces[i] = json_schema_string(json_array_get(services, i), "Namespace");
        }
        out->service_checks_given = json_is_array(services);
        out->service_checks = (struct text_list){ids, (uint32_t)count};
        out->service_check_namespaces = (struct text_list){namespaces, (uint32_t)count};
        return fill_node_checks(body, scratch, out);
}

static bool fill_session(const struct api *api, struct http_request *request, const json_t *body,
                         struct scratch *scratch, struct catalog_session *out)
{
        const json_t *node = json_object_get(body, "Node");

        *out = (struct catalog_session)CATALOG_SESSION_INIT;
        if (!parse_lock_delay(request, json_object_get(body, "LockDelay"), &out->lock_delay_ns))
                return false;
        out->name = json_schema_string(body, "Name");
        out->node = json_is_string(node) ? json_string_value(node) : api_asking_node(api, request);
        out->behavior = json_schema_string(body, "Behavior");
        out->ttl = json_schema_string(body, "TTL");
        if (fill_checks(body, scratch, out) < 0) {
                http_reply_text(request, 500, "out of memory");
                return false;
        }
        return true;
}

static bool check_rules(const struct api *api, struct http_request *request,
                        const struct catalog_session *session)
{
        char error[SESSION_ERROR_MAX];

        if (session_rules_check(session, api->agent->config->session_ttl_min_ns, error) == 0)
                return true;
        http_reply_text(request, 500, "%s", error);
        return false;
}

static bool make_id(const struct api *api, struct http_request *request, char id[37])
{
        do {
                if (!api_make_uuid(id)) {
                        http_reply_text(request, 500, "no random numbers");
                        return false;
                }
        } while (store_session_get(api->agent->store, id) != NULL);
        return true;
}

void api_session_create(struct http_request *request, void *app)
{
        struct command command = {.type = COMMAND_SESSION_CREATE};
        struct scratch *scratch = scratch_create();
        struct api *api = app;
        json_t *body = NULL;
        char id[37];
        size_t len;

        if (scratch == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        http_request_body(request, &len);
        if (len > 0 &&
            !api_parse_body(request, &create_schema,
                            JSON_SCHEMA_IGNORE_UNKNOWN | JSON_SCHEMA_KEEP_NULLS, false, &body))
                goto free_scratch;
        if (!fill_session(api, request, body, scratch, &command.session_create) ||
            !api_check_datacenter(api, request) ||
            !check_rules(api, request, &command.session_create) || !make_id(api, request, id))
                goto free_scratch;
        command.session_create.id = id;
        api_propose_with_id(api, request, &command, id);
free_scratch:
        json_decref(body);
        scratch_destroy(scratch);
}

void api_session_destroy(struct http_request *request, void *app)
{
        struct command command = {.type = COMMAND_SESSION_DESTROY};
        struct api *api = app;

        if (!check_id(request, "apply failed: ") || !api_check_datacenter(api, request))
                return;
        command.session_destroy = http_request_rest(request);
        api_propose(api, request, &command, api_answer_true);
}
