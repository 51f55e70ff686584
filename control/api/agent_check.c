#include <string.h>

#include "control/agent/definition.h"
#include "control/api/api_internal.h"
#include "control/text/filter.h"

// A check of the agent in the catalog's form, without the indexes that it has there.
static void write_listed(const struct api *api, struct json_writer *w, const void *item)
{
        const struct local_check *local = item;
        const struct check_record record = {.check = local->check};

        api_write_check(api, w, &record);
}

void api_agent_checks(struct http_request *request, void *app)
{
        const struct api *api = app;
        const struct local_check *check;
        struct filter *filter;
        struct json_writer w;
        size_t cursor = 0;

        if (!api_compile_filter(request, api_check_selectors, &filter))
                return;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        while ((check = local_next_check(api->agent->local, &cursor)) != NULL) {
                if (!api_filter_keeps(api, filter, write_listed, check))
                        continue;
                json_writer_key(&w, check->check.id);
                write_listed(api, &w, check);
        }
        json_writer_end_object(&w);
        filter_destroy(filter);
        http_reply_json(request, 200, &w);
}

void api_agent_check_register(struct http_request *request, void *app)
{
        struct api *api = app;
        struct api_pending *pending;
        json_t *body;

        if (!api_parse_body(request, &definition_check_body, 0, false, &body))
                return;
        api_take_token(request, body);
        pending = api_pending_create(request);
        if (pending != NULL)
                local_register_check(api->agent->local, body, api_answer_local, pending);
        json_decref(body);
}

void api_agent_check_deregister(struct http_request *request, void *app)
{
        struct api *api = app;
        struct api_pending *pending = api_pending_create(request);

        if (pending != NULL)
                local_deregister_check(api->agent->local, http_request_rest(request),
                                       api_answer_local, pending);
}

static void set_status(struct http_request *request, struct api *api, const char *status,
                       const char *output)
{
        struct api_pending *pending = api_pending_create(request);

        if (pending != NULL)
                local_update_ttl(api->agent->local, http_request_rest(request), status, output,
                                 api_answer_local, pending);
}

static const char *note_of(const struct http_request *request)
{
        const char *note = http_request_param(request, "note");

        return note != NULL ? note : "";
}

void api_agent_check_pass(struct http_request *request, void *app)
{
        set_status(request, app, "passing", note_of(request));
}

void api_agent_check_warn(struct http_request *request, void *app)
{
        set_status(request, app, "warning", note_of(request));
}

void api_agent_check_fail(struct http_request *request, void *app)
{
        set_status(request, app, "critical", note_of(request));
}

void api_agent_check_update(struct http_request *request, void *app)
{
        static const struct json_field fields[] = {
            {"Status", JSON_KIND_STRING, NULL},
            {"Output", JSON_KIND_STRING, NULL},
        };
        static const struct json_schema schema = JSON_SCHEMA(fields);
        const char *status;
        json_t *body;

        if (!api_parse_body(request, &schema, 0, false, &body))
                return;
        status = json_schema_string(body, "Status");
        if (strcmp(status, "passing") == 0 || strcmp(status, "warning") == 0 ||
            strcmp(status, "critical") == 0)
                set_status(request, app, status, json_schema_string(body, "Output"));
        else
                http_reply_text(request, 400, "Invalid check status: '%.60s'", status);
        json_decref(body);
}
