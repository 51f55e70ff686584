#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"

// The agent's own view of its services' health, for load balancers.

enum level { LEVEL_PASSING, LEVEL_WARNING, LEVEL_CRITICAL, LEVEL_MAINTENANCE };

static const struct {
        const char *name;
        unsigned status;
} levels[] = {
    [LEVEL_PASSING] = {"passing", 200},
    [LEVEL_WARNING] = {"warning", 429},
    [LEVEL_CRITICAL] = {"critical", 503},
    [LEVEL_MAINTENANCE] = {"maintenance", 503},
};

// Checks of the node count for each of its services.
static bool concerns(const struct catalog_check *check, const struct catalog_service *service)
{
        return check->service_id[0] == '\0' || strcmp(check->service_id, service->id) == 0;
}

static enum level level_of_check(const struct catalog_check *check)
{
        if (strcmp(check->type, "maintenance") == 0)
                return LEVEL_MAINTENANCE;
        if (strcmp(check->status, "critical") == 0)
                return LEVEL_CRITICAL;
        return strcmp(check->status, "warning") == 0 ? LEVEL_WARNING : LEVEL_PASSING;
}

static enum level level_of_service(const struct api *api, const struct catalog_service *service)
{
        enum level worst = LEVEL_PASSING;
        const struct local_check *check;
        size_t cursor = 0;

        while ((check = local_next_check(api->agent->local, &cursor)) != NULL) {
                enum level level = level_of_check(&check->check);

                if (concerns(&check->check, service) && level > worst)
                        worst = level;
        }
        return worst;
}

static bool wants_text(const struct http_request *request)
{
        const char *format = http_request_param(request, "format");
        const char *accept = http_request_header(request, "Accept");

        if (format != NULL)
                return strcmp(format, "text") == 0;
        return accept != NULL && strncasecmp(accept, "text/plain", 10) == 0;
}

static void reply_level(struct http_request *request, enum level level)
{
        char *text = strdup(levels[level].name);

        http_reply_header(request, "X-Consul-Reason", levels[level].name);
        if (text == NULL)
                http_reply_empty(request, 500);
        else
                http_reply_bytes(request, levels[level].status, "text/plain", text, strlen(text));
}

// The form Consul's Go client uses, which differs from the catalog's.
static void write_check(struct json_writer *w, const struct catalog_check *check)
{
        json_writer_begin_object(w);
        json_writer_put_string(w, "Node", check->node);
        json_writer_put_string(w, "CheckID", check->id);
        json_writer_put_string(w, "Name", check->name);
        json_writer_put_string(w, "Status", check->status);
        json_writer_put_string(w, "Notes", check->notes);
        json_writer_put_string(w, "Output", check->output);
        json_writer_put_string(w, "ServiceID", check->service_id);
        json_writer_put_string(w, "ServiceName", check->service_name);
        if (check->service_tags.count > 0)
                api_put_list(w, "ServiceTags", &check->service_tags);
        else
                json_writer_put_null(w, "ServiceTags");
        json_writer_put_string(w, "Type", "");
        json_writer_key(w, "Definition");
        json_writer_begin_object(w);
        json_writer_put_string(w, "HTTP", "");
        json_writer_put_null(w, "Header");
        json_writer_put_string(w, "Method", "");
        json_writer_put_string(w, "Body", "");
        json_writer_put_string(w, "TLSServerName", "");
        json_writer_put_bool(w, "TLSSkipVerify", false);
        json_writer_put_string(w, "TCP", "");
        json_writer_put_string(w, "Interval", "0s");
        json_writer_put_string(w, "Timeout", "0s");
        json_writer_put_string(w, "DeregisterCriticalServiceAfter", "0s");
        json_writer_end_object(w);
        json_writer_put_uint(w, "CreateIndex", 0);
        json_writer_put_uint(w, "ModifyIndex", 0);
        json_writer_end_object(w);
}

static void write_health(const struct api *api, struct json_writer *w,
                         const struct catalog_service *service)
{
        const struct local_check *check;
        size_t cursor = 0;

        json_writer_begin_object(w);
        json_writer_put_string(w, "AggregatedStatus", levels[level_of_service(api, service)].name);
        json_writer_key(w, "Service");
        api_write_agent_service(api, w, service, NULL);
        json_writer_key(w, "Checks");
        json_writer_begin_array(w);
        while ((check = local_next_check(api->agent->local, &cursor)) != NULL) {
                if (concerns(&check->check, service))
                        write_check(w, &check->check);
        }
        json_writer_end_array(w);
        json_writer_end_object(w);
}

static void reply_unknown_id(struct http_request *request, const char *id, struct json_writer *w)
{
        char text[256];

        snprintf(text, sizeof(text), "ServiceId %.200s not found", id);
        http_reply_header(request, "X-Consul-Reason", text);
        if (wants_text(request)) {
                json_writer_string(w, text);
        } else {
                json_writer_begin_object(w);
                json_writer_put_string(w, "AggregatedStatus", "critical");
                json_writer_put_null(w, "Service");
                json_writer_put_null(w, "Checks");
                json_writer_end_object(w);
        }
        http_reply_json(request, 404, w);
}

static void reply_unknown_name(struct http_request *request, const char *name,
                               struct json_writer *take_w)
{
        char *text;

        if (asprintf(&text, "ServiceName %.200s Not Found", name) < 0) {
                json_writer_fini(take_w);
                http_reply_empty(request, 500);
                return;
        }
        http_reply_header(request, "X-Consul-Reason", text);
        if (wants_text(request)) {
                json_writer_fini(take_w);
                http_reply_bytes(request, 404, "text/plain", text, strlen(text));
        } else {
                http_reply_json(request, 404, take_w);
                free(text);
        }
}

void api_agent_health_id(struct http_request *request, void *app)
{
        const struct api *api = app;
        const char *id = http_request_rest(request);
        const struct catalog_service *service = local_service(api->agent->local, id);
        struct json_writer w;

        if (id[0] == '\0') {
                http_reply_text(request, 500, "Bad request: Missing serviceID");
                return;
        }
        json_writer_init(&w, http_request_pretty(request));
        if (service == NULL) {
                reply_unknown_id(request, id, &w);
        } else if (wants_text(request)) {
                reply_level(request, level_of_service(api, service));
        } else {
                enum level level = level_of_service(api, service);

                write_health(api, &w, service);
                http_reply_header(request, "X-Consul-Reason", levels[level].name);
                http_reply_json(request, levels[level].status, &w);
        }
}

void api_agent_health_name(struct http_request *request, void *app)
{
        const struct api *api = app;
        const char *name = http_request_rest(request);
        const struct catalog_service *service;
        enum level worst = LEVEL_PASSING;
        bool found = false;
        struct json_writer w;
        size_t cursor = 0;

        if (name[0] == '\0') {
                http_reply_text(request, 500, "Bad request: Missing service Name");
                return;
        }
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        while ((service = local_next_service(api->agent->local, &cursor)) != NULL) {
                enum level level;

                if (strcmp(service->name, name) != 0)
                        continue;
                found = true;
                level = level_of_service(api, service);
                worst = level > worst ? level : worst;
                write_health(api, &w, service);
        }
        json_writer_end_array(&w);
        if (found && wants_text(request)) {
                json_writer_fini(&w);
                reply_level(request, worst);
        } else if (found) {
                http_reply_header(request, "X-Consul-Reason", levels[worst].name);
                http_reply_json(request, levels[worst].status, &w);
        } else {
                reply_unknown_name(request, name, &w);
        }
}
