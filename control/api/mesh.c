#include <string.h>

#include "control/api/api_internal.h"

// The service mesh's endpoints, as an agent answers that has it disabled: nothing is kept for it,
// and proxies and gateways are services like others.

void api_connect_disabled(struct http_request *request, void *app)
{
        if (http_request_method(request) != HTTP_GET || api_check_read(app, request))
                http_reply_text(request, 500,
                                "Connect must be enabled in order to use this endpoint");
}

static bool require_name(struct http_request *request, const char *refusal)
{
        if (*http_request_rest(request) != '\0')
                return true;
        http_reply_text(request, 400, "%s", refusal);
        return false;
}

static bool require_param(struct http_request *request, const char *name)
{
        const char *value = http_request_param(request, name);

        if (value != NULL && *value != '\0')
                return true;
        http_reply_text(request, 500, "required query parameter '%s' not set", name);
        return false;
}

void api_connect_match(struct http_request *request, void *app)
{
        if (require_param(request, "by"))
                api_connect_disabled(request, app);
}

void api_connect_pair(struct http_request *request, void *app)
{
        if (require_param(request, "source") && require_param(request, "destination"))
                api_connect_disabled(request, app);
}

void api_discovery_chain(struct http_request *request, void *app)
{
        if (require_name(request, "Bad request: Missing chain name"))
                api_connect_disabled(request, app);
}

// Identities of the mesh are URIs.
static bool is_identity(const char *uri)
{
        return strncmp(uri, "spiffe://", 9) == 0 && strchr(uri + 9, '/') != NULL;
}

void api_connect_authorize(struct http_request *request, void *app)
{
        static const struct json_field fields[] = {{"Target", JSON_KIND_STRING, NULL},
                                                   {"ClientCertURI", JSON_KIND_STRING, NULL},
                                                   {"ClientCertSerial", JSON_KIND_STRING, NULL}};
        static const struct json_schema schema = JSON_SCHEMA(fields);
        json_t *body;

        if (!api_parse_body(request, &schema, 0, false, &body))
                return;
        if (*json_schema_string(body, "Target") == '\0')
                http_reply_text(request, 400, "Bad request: Target service must be specified");
        else if (!is_identity(json_schema_string(body, "ClientCertURI")))
                http_reply_text(request, 400,
                                "Bad request: ClientCertURI not a valid Connect identifier");
        else
                api_connect_disabled(request, app);
        json_decref(body);
}

// --- Lists that are empty.

static uint64_t index_of_nothing(const struct store *store, const char *name)
{
        (void)store;
        (void)name;
        return 1;
}

static void watch_nothing(struct api_read *read)
{
        (void)read;
}

static void write_empty_list(const struct api_read *read, struct json_writer *w)
{
        (void)read;
        json_writer_begin_array(w);
        json_writer_end_array(w);
}

static void write_null(const struct api_read *read, struct json_writer *w)
{
        (void)read;
        json_writer_null(w);
}

static const struct api_query empty_list = {index_of_nothing, write_empty_list, NULL,
                                            .watch = watch_nothing, .shows_consistency = true};

void api_health_ingress(struct http_request *request, void *app)
{
        static const struct api_query query = {index_of_nothing,          write_empty_list,
                                               api_health_selectors,      .watch = watch_nothing,
                                               .shows_consistency = true, .may_be_cached = true};

        if (require_name(request, "Missing service name"))
                api_read(app, request, &query, "");
}

void api_gateway_list(struct http_request *request, void *app)
{
        if (require_name(request, "Missing gateway name"))
                api_read(app, request, &empty_list, "");
}

void api_catalog_gateway_services(struct http_request *request, void *app)
{
        static const struct api_query query = {index_of_nothing, write_null, NULL,
                                               .watch = watch_nothing, .shows_consistency = true};

        if (require_name(request, "Missing gateway name"))
                api_read(app, request, &query, "");
}

void api_service_topology(struct http_request *request, void *app)
{
        const char *name = http_request_rest(request);
        const char *kind = http_request_param(request, "kind");

        (void)app;
        if (!require_name(request, "Missing service name"))
                return;
        if (kind == NULL)
                http_reply_text(request, 400, "Missing service kind");
        else if (*kind != '\0' && strcmp(kind, "ingress-gateway") != 0)
                http_reply_text(request, 400, "Unsupported service kind \"%.60s\"", kind);
        else
                http_reply_text(request, 500,
                                "failed to get sources for discovery chain target \"%.128s\": "
                                "failed to fetch discovery chain for \"%.128s\": no cluster ca "
                                "config setup",
                                name, name);
}

void api_metrics_proxy(struct http_request *request, void *app)
{
        const struct api *api = app;

        http_reply_text(request, 404, "%s",
                        *api->agent->config->ui_path == '\0' ? "UI is not enabled"
                                                             : "Metrics proxy is not enabled");
}

// --- Configuration entries: none is kept.

static const char *const entry_kinds[] = {
    "service-defaults",   "proxy-defaults",  "service-router",      "service-splitter",
    "service-resolver",   "ingress-gateway", "terminating-gateway", "mesh",
    "service-intentions",
};

bool api_is_entry_kind(const char *kind, size_t len)
{
        for (size_t i = 0; i < sizeof(entry_kinds) / sizeof(entry_kinds[0]); i++) {
                if (strlen(entry_kinds[i]) == len && memcmp(entry_kinds[i], kind, len) == 0)
                        return true;
        }
        return false;
}

void api_config_get(struct http_request *request, void *app)
{
        const char *path = http_request_rest(request);
        size_t len = strcspn(path, "/");

        if (!api_check_read(app, request))
                return;
        if (len > 0 && !api_is_entry_kind(path, len))
                http_reply_text(request, 500, "invalid config entry kind: %.*s", (int)len, path);
        else if (path[len] == '/')
                http_reply_text(request, 404, "Config entry not found for \"%.*s\" / \"%.128s\"",
                                (int)len, path, path + len + 1);
        else
                api_read(app, request, &empty_list, "");
}

void api_config_delete(struct http_request *request, void *app)
{
        const char *path = http_request_rest(request);
        size_t len = strcspn(path, "/");
        struct json_writer w;

        (void)app;
        if (path[len] == '\0') {
                http_reply_text(request, 404, "Must provide both a kind and name to delete");
                return;
        }
        if (!api_is_entry_kind(path, len)) {
                http_reply_text(request, 400, "invalid config entry kind: %.*s", (int)len, path);
                return;
        }
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

void api_config_put(struct http_request *request, void *app)
{
        (void)app;
        http_reply_text(request, 500,
                        "Configuration entries are not kept: there is no service mesh here, set "
                        "what they would say in the services themselves");
}
