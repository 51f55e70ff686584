#include "control/api/api_internal.h"
#include "control/server/server.h"

void api_status_leader(struct http_request *request, void *app)
{
        struct api *api = app;
        struct json_writer w;

        if (!api_check_read(api, request))
                return;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_string(&w, agent_leader_address(api->agent));
        http_reply_json(request, 200, &w);
}

void api_status_peers(struct http_request *request, void *app)
{
        struct api *api = app;
        struct json_writer w;

        if (!api_check_read(api, request))
                return;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        if (api->agent->server != NULL) {
                const struct raft_configuration *configuration =
                    raft_node_configuration(server_raft_node(api->agent->server));

                for (unsigned i = 0; i < configuration->server_count; i++)
                        json_writer_string(&w, configuration->servers[i].address);
        }
        json_writer_end_array(&w);
        http_reply_json(request, 200, &w);
}
