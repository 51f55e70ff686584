#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/agent/definition.h"
#include "control/api/api_internal.h"
#include "control/query/mesh_rules.h"
#include "control/text/filter.h"

// Whether it speaks the mesh's protocol by itself.
static bool is_native(const struct catalog_service *service)
{
        json_t *connect =
            service->connect_json[0] != '\0' ? json_loads(service->connect_json, 0, NULL) : NULL;
        bool native = json_schema_bool(connect, "Native");

        json_decref(connect);
        return native;
}

void api_write_agent_service(const struct api *api, struct json_writer *w,
                             const struct catalog_service *service, const char *hash)
{
        json_writer_begin_object(w);
        if (service->kind[0] != '\0')
                json_writer_put_string(w, "Kind", service->kind);
        json_writer_put_string(w, "ID", service->id);
        json_writer_put_string(w, "Service", service->name);
        api_put_list(w, "Tags", &service->tags);
        api_put_map(w, "Meta", &service->meta, false);
        json_writer_put_int(w, "Port", service->port);
        json_writer_put_string(w, "Address", service->address);
        if (service->socket_path[0] != '\0')
                json_writer_put_string(w, "SocketPath", service->socket_path);
        api_put_service_addresses(w, "TaggedAddresses", &service->tagged_addresses);
        api_put_weights(w, "Weights", service);
        json_writer_put_bool(w, "EnableTagOverride", service->enable_tag_override);
        if (strcmp(service->kind, "connect-proxy") == 0)
                api_put_json(w, "Proxy", service->proxy_json, "{}");
        if (is_native(service))
                api_put_json(w, "Connect", "", "{\"Native\":true}");
        if (hash != NULL)
                json_writer_put_string(w, "ContentHash", hash);
        json_writer_put_string(w, "Datacenter", api->agent->config->datacenter);
        json_writer_end_object(w);
}

static void write_listed(const struct api *api, struct json_writer *w, const void *item)
{
        api_write_agent_service(api, w, item, NULL);
}

void api_agent_services(struct http_request *request, void *app)
{
        const struct api *api = app;
        const struct catalog_service *service;
        struct filter *filter;
        struct json_writer w;
        size_t cursor = 0;

        if (!api_compile_filter(request, api_service_selectors, &filter))
                return;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        while ((service = local_next_service(api->agent->local, &cursor)) != NULL) {
                if (!api_filter_keeps(api, filter, write_listed, service))
                        continue;
                json_writer_key(&w, service->id);
                write_listed(api, &w, service);
        }
        json_writer_end_object(&w);
        filter_destroy(filter);
        http_reply_json(request, 200, &w);
}

// Changes whenever what is shown of the service changes.
static void content_hash(const struct api *api, const struct catalog_service *service, char out[17])
{
        struct json_writer w;
        char *text;
        size_t len = 0;

        json_writer_init(&w, false);
        api_write_agent_service(api, &w, service, NULL);
        text = json_writer_take(&w, &len);
        snprintf(out, 17, "%016llx", (unsigned long long)XXH3_64bits(text, text != NULL ? len : 0));
        free(text);
}

static void watch_own_service(struct api_read *read)
{
        watch_add(read->hub, api_next_watch(read), LOCAL_WATCH_SERVICE, WATCH_EXACT, read->name,
                  strlen(read->name));
}

static bool has_other_hash(const struct api_read *read)
{
        const struct catalog_service *service = local_service(read->api->agent->local, read->name);
        char hash[17];

        if (service == NULL)
                return true;
        content_hash(read->api, service, hash);
        return strcmp(hash, read->hash) != 0;
}

static void reply_service(const struct api_read *read)
{
        const struct api *api = read->api;
        const struct catalog_service *service = local_service(api->agent->local, read->name);
        struct http_request *request = read->request;
        struct json_writer w;
        char hash[17];

        if (service == NULL) {
                http_reply_text(request, 404, "unknown service ID: %s", read->name);
                return;
        }
        content_hash(api, service, hash);
        json_writer_init(&w, http_request_pretty(request));
        api_write_agent_service(api, &w, service, hash);
        http_reply_header(request, "X-Consul-ContentHash", hash);
        http_reply_json(request, 200, &w);
}

void api_agent_service(struct http_request *request, void *app)
{
        static const struct api_query query = {
            .watch = watch_own_service, .has_changed = has_other_hash, .reply = reply_service};

        api_read(app, request, &query, http_request_rest(request));
}

void api_take_token(const struct http_request *request, json_t *definition)
{
        const char *token = http_request_param(request, "token");

        if (token == NULL)
                token = http_request_header(request, "X-Consul-Token");
        if (token == NULL || json_schema_string(definition, "Token")[0] != '\0')
                return;
        // A token that is no text could not have been given out.
        json_object_set_new(definition, "Token", json_string(token));
}

void api_agent_service_register(struct http_request *request, void *app)
{
        struct api *api = app;
        const char *replace = http_request_param(request, "replace-existing-checks");
        char error[MESH_RULES_ERROR_MAX];
        struct api_pending *pending;
        json_t *body;

        if (!api_parse_body(request, &definition_service_body, 0, false, &body))
                return;
        if (*json_schema_string(body, "Name") != '\0' && !mesh_rules_check(body, error)) {
                http_reply_text(request, 400, "%s", error);
                json_decref(body);
                return;
        }
        api_take_token(request, body);
        pending = api_pending_create(request);
        if (pending != NULL)
                local_register_service(api->agent->local, body,
                                       replace != NULL && strcmp(replace, "false") != 0 &&
                                           strcmp(replace, "0") != 0,
                                       api_answer_local, pending);
        json_decref(body);
}

void api_agent_service_deregister(struct http_request *request, void *app)
{
        struct api *api = app;
        struct api_pending *pending = api_pending_create(request);

        if (pending != NULL)
                local_deregister_service(api->agent->local, http_request_rest(request),
                                         api_answer_local, pending);
}

// ?enable as Go's ParseBool reads it. false when the request has been refused.
static bool parse_enable(struct http_request *request, bool *enable)
{
        static const char *const words[2][6] = {{"0", "f", "F", "false", "False", "FALSE"},
                                                {"1", "t", "T", "true", "True", "TRUE"}};
        const char *text = http_request_param(request, "enable");

        if (text == NULL) {
                http_reply_text(request, 400, "Missing value for enable");
                return false;
        }
        for (int value = 0; value < 2; value++) {
                for (size_t i = 0; i < 6; i++) {
                        if (strcmp(words[value][i], text) == 0) {
                                *enable = value;
                                return true;
                        }
                }
        }
        http_reply_text(request, 400, "Invalid value for enable: \"%.60s\"", text);
        return false;
}

static void set_maintenance(struct http_request *request, struct api *api, const char *service_id,
                            bool enable)
{
        const char *reason = http_request_param(request, "reason");
        struct api_pending *pending = api_pending_create(request);

        if (pending != NULL)
                local_set_maintenance(api->agent->local, service_id, enable,
                                      reason != NULL ? reason : "", api_answer_local, pending);
}

void api_agent_service_maintenance(struct http_request *request, void *app)
{
        const char *id = http_request_rest(request);
        bool enable;

        if (id[0] == '\0')
                http_reply_text(request, 400, "Missing service ID");
        else if (parse_enable(request, &enable))
                set_maintenance(request, app, id, enable);
}

void api_agent_maintenance(struct http_request *request, void *app)
{
        bool enable;

        if (parse_enable(request, &enable))
                set_maintenance(request, app, "", enable);
}
