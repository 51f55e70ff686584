#include <stdlib.h>
#include <string.h>

#include "control/agent/remote_query.h"
#include "control/api/api_internal.h"

// A query that selects nothing here, answered with what other datacenters have.

struct failover {
        const struct api *api;
        struct http_request *request;
        struct remote_query *query;
        bool translate;
};

static void on_cancel(void *arg)
{
        struct failover *failover = arg;

        remote_query_cancel(failover->query);
        free(failover);
}

// Numbers that tell of the reading come from here: the other datacenter's log is another one.
static void on_done(void *arg, json_t *take_answer, unsigned asked)
{
        struct failover *failover = arg;
        struct http_request *request = failover->request;
        json_t *body = take_answer != NULL ? take_answer : json_object();

        http_request_on_cancel(request, NULL, NULL);
        if (take_answer == NULL) {
                json_object_set_new(body, "Nodes", json_array());
                json_object_set_new(body, "Datacenter",
                                    json_string(failover->api->agent->config->datacenter));
        }
        json_object_set_new(body, "Failovers", json_integer(asked));
        http_reply_header_uint(request, "X-Consul-Index", 1);
        api_reply_contact(failover->api, request);
        if (failover->translate)
                api_translate(failover->api, body);
        api_reply_value(request, body);
        free(failover);
}

bool api_query_failover(const struct api *api, struct http_request *request,
                        const json_t *definition, bool connect, size_t limit)
{
        const struct remote_query_wish wish = {.definition = definition,
                                               .origin = api_asking_node(api, request),
                                               .connect = connect,
                                               .limit = limit};
        struct failover *failover;

        // What has come from another datacenter goes no further.
        if (strcmp(http_request_rest(request), "") == 0)
                return false;
        failover = calloc(1, sizeof(*failover));
        if (failover == NULL)
                return false;
        failover->api = api;
        failover->request = request;
        failover->translate =
            api->agent->config->translate_wan_addresses && http_request_origin(request) == NULL;
        failover->query = remote_query_start(api->agent, &wish, on_done, failover);
        if (failover->query == NULL) {
                free(failover);
                return false;
        }
        http_request_on_cancel(request, on_cancel, failover);
        return true;
}
