#include <strings.h>

#include "control/api/api_internal.h"
#include "control/query/mesh_rules.h"

bool api_is_own_datacenter(const struct api *api, struct http_request *request, const json_t *body)
{
        const char *datacenter = json_schema_string(body, "Datacenter");

        if (datacenter[0] == '\0' || strcasecmp(datacenter, api->agent->config->datacenter) == 0)
                return true;
        if (api_relay_to(api, request, datacenter))
                return false;
        http_reply_text(request, 500, "No path to datacenter");
        return false;
}

static bool check_mesh(struct http_request *request, const json_t *service)
{
        char error[MESH_RULES_ERROR_MAX];

        if (mesh_rules_check(service, error))
                return true;
        http_reply_text(request, 500, "%s", error);
        return false;
}

void api_catalog_register(struct http_request *request, void *app)
{
        struct api *api = app;
        struct scratch *scratch;
        struct command command;
        json_t *body;

        if (!api_parse_body(request, &api_register_schema, API_EXPLAIN_NAMESPACE, false, &body))
                return;
        scratch = scratch_create();
        if (api_is_own_datacenter(api, request, body) &&
            check_mesh(request, json_object_get(body, "Service"))) {
                if (scratch == NULL || api_decode_register(body, api->agent->config->datacenter,
                                                           scratch, &command) < 0)
                        http_reply_text(request, 500, "out of memory");
                else
                        api_propose(api, request, &command, api_answer_true);
        }
        scratch_destroy(scratch);
        json_decref(body);
}

void api_catalog_deregister(struct http_request *request, void *app)
{
        struct command command = {.type = COMMAND_DEREGISTER};
        struct api *api = app;
        json_t *body;

        if (!api_parse_body(request, &api_deregister_schema, API_EXPLAIN_NAMESPACE, false, &body))
                return;
        command.dereg.node = json_schema_string(body, "Node");
        command.dereg.service_id = json_schema_string(body, "ServiceID");
        command.dereg.check_id = json_schema_string(body, "CheckID");
        if (api_is_own_datacenter(api, request, body))
                api_propose(api, request, &command, api_answer_true);
        json_decref(body);
}
