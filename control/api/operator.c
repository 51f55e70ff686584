#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/server/autopilot_json.h"
#include "control/server/server.h"

#define PROTOCOL_VERSION "3" // of Raft as Consul's servers number it

static bool check_server(struct api *api, struct http_request *request)
{
        if (!api_check_read(api, request))
                return false;
        if (api->agent->server != NULL)
                return true;
        http_reply_text(request, 500, "No known Consul servers");
        return false;
}

void api_operator_raft_configuration(struct http_request *request, void *app)
{
        struct api *api = app;
        const struct raft_configuration *configuration;
        const struct server *server = api->agent->server;
        const char *leader;
        struct json_writer w;

        if (!check_server(api, request))
                return;
        configuration = raft_node_configuration(server_raft_node(server));
        leader = server_leader_address(server);
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_key(&w, "Servers");
        json_writer_begin_array(&w);
        for (unsigned i = 0; i < configuration->server_count; i++) {
                const struct raft_server *peer = &configuration->servers[i];
                const char *name = server_name_of(server, peer->node_id);

                json_writer_begin_object(&w);
                json_writer_put_string(&w, "ID", peer->node_id);
                json_writer_put_string(&w, "Node", name != NULL ? name : "(unknown)");
                json_writer_put_string(&w, "Address", peer->address);
                json_writer_put_bool(&w, "Leader", strcmp(peer->address, leader) == 0);
                json_writer_put_string(&w, "ProtocolVersion", PROTOCOL_VERSION);
                json_writer_put_bool(&w, "Voter", peer->voter);
                json_writer_end_object(&w);
        }
        json_writer_end_array(&w);
        json_writer_put_uint(&w, "Index", server_configuration_index(server));
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

static void on_operated(void *arg, const struct operator_answer *answer)
{
        struct http_request **waiting = arg;
        struct http_request *request = *waiting;
        char *copy;

        free(waiting);
        if (request == NULL)
                return;
        http_request_on_cancel(request, NULL, NULL);
        if (!answer->is_json && answer->status == 200) {
                http_reply_empty(request, answer->status);
                return;
        }
        if (!answer->is_json) {
                http_reply_text(request, answer->status, "%.*s", (int)answer->body_len,
                                answer->body);
                return;
        }
        copy = malloc(answer->body_len + 1);
        if (copy == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        memcpy(copy, answer->body, answer->body_len);
        http_reply_bytes(request, answer->status, HTTP_JSON, copy, answer->body_len);
}

static void forget_request(void *arg)
{
        struct http_request **waiting = arg;

        *waiting = NULL;
}

static void operate(const struct api *api, struct http_request *request,
                    enum operator_action action, const char *argument)
{
        struct operator_request wanted = {.action = action, .pretty = http_request_pretty(request)};
        struct http_request **waiting = malloc(sizeof(struct http_request *));

        if (waiting == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        *waiting = request;
        snprintf(wanted.argument, sizeof(wanted.argument), "%s", argument);
        http_request_on_cancel(request, forget_request, waiting);
        server_operate(api->agent->server, &wanted, on_operated, waiting);
}

void api_operator_raft_peer(struct http_request *request, void *app)
{
        const char *address = http_request_param(request, "address");
        const char *id = http_request_param(request, "id");
        struct api *api = app;
        bool has_address = address != NULL, has_id = id != NULL;

        if (!check_server(api, request))
                return;
        if (!has_address && !has_id)
                http_reply_text(request, 400,
                                "Bad request: Must specify either ?id with the server's ID or "
                                "?address with IP:port of peer to remove");
        else if (has_address && has_id)
                http_reply_text(request, 400,
                                "Bad request: Must specify only one of ?id or ?address");
        else if (strlen(has_id ? id : address) >= sizeof(((struct operator_request *)0)->argument))
                http_reply_text(request, 500,
                                "%s \"%.60s\" was not found in the Raft configuration",
                                has_id ? "id" : "address", has_id ? id : address);
        else
                operate(api, request, has_id ? OPERATOR_REMOVE_BY_ID : OPERATOR_REMOVE_BY_ADDRESS,
                        has_id ? id : address);
}

void api_operator_raft_transfer(struct http_request *request, void *app)
{
        const char *id = http_request_param(request, "id");
        struct api *api = app;

        if (check_server(api, request))
                operate(api, request, OPERATOR_TRANSFER, id != NULL ? id : "");
}

void api_operator_autopilot_health(struct http_request *request, void *app)
{
        struct api *api = app;

        if (check_server(api, request))
                operate(api, request, OPERATOR_HEALTH, "");
}

void api_operator_autopilot_state(struct http_request *request, void *app)
{
        struct api *api = app;

        if (check_server(api, request))
                operate(api, request, OPERATOR_STATE, "");
}

void api_operator_autopilot_configuration(struct http_request *request, void *app)
{
        struct api *api = app;
        struct autopilot_config config;
        const struct setting_record *row;
        struct json_writer w;

        if (!check_server(api, request))
                return;
        server_autopilot_config(api->agent->server, &config);
        row = store_setting_get(api->agent->store, SETTING_AUTOPILOT);
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        autopilot_config_write(&config, &w);
        json_writer_put_uint(&w, "CreateIndex", row != NULL ? row->head.create_index : 0);
        json_writer_put_uint(&w, "ModifyIndex", row != NULL ? row->head.modify_index : 0);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

static void answer_set(const struct api *api, struct http_request *request,
                       const struct fsm_result *result)
{
        struct json_writer w;

        (void)api;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_bool(&w, !result->refused);
        http_reply_json(request, 200, &w);
}

static bool parse_cas(struct http_request *request, struct command_setting *out)
{
        const char *text = http_request_param(request, "cas");
        char *end;

        out->cas = text != NULL;
        if (text == NULL)
                return true;
        errno = 0;
        out->index = strtoull(text, &end, 10);
        if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0)
                return true;
        http_reply_text(request, 400,
                        "Bad request: Error parsing cas value: strconv.ParseUint: parsing "
                        "\"%.60s\": %s",
                        text, errno != 0 ? "value out of range" : "invalid syntax");
        return false;
}

void api_operator_autopilot_set(struct http_request *request, void *app)
{
        struct command command = {.type = COMMAND_SETTING};
        char error[JSON_SCHEMA_ERROR_MAX], *text;
        struct autopilot_config config;
        struct api *api = app;
        struct json_writer w;
        const char *body;
        size_t len;

        if (!check_server(api, request))
                return;
        body = http_request_body(request, &len);
        if (autopilot_config_parse(body, len, &config, error) < 0) {
                http_reply_text(request, 400, "Bad request: Error parsing autopilot config: %s",
                                error);
                return;
        }
        if (!parse_cas(request, &command.setting))
                return;
        json_writer_init(&w, false);
        json_writer_begin_object(&w);
        autopilot_config_write(&config, &w);
        json_writer_end_object(&w);
        text = json_writer_take(&w, &len);
        if (text == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        command.setting.setting = (struct catalog_setting){SETTING_AUTOPILOT, text};
        api_propose(api, request, &command, answer_set);
        free(text);
}
