#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/api/routes.h"
#include "control/server/server.h"
#include "control/text/duration.h"

#define NS_PER_MS INT64_C(1000000)

// A follower may not know yet of the session whose end delays a lock.
static bool takes_lock(struct http_request *request, const struct http_route *route)
{
        return http_request_method(request) == HTTP_PUT &&
               strcmp(route->pattern, API_KV_PATH) == 0 &&
               http_request_param(request, "acquire") != NULL;
}

// What takes a lock or may do so is never content with an old state.
static bool may_be_stale(const struct api *api, struct http_request *request,
                         const struct http_route *route)
{
        if (!api_allows_stale(request) || takes_lock(request, route))
                return false;
        return strcmp(route->pattern, API_TXN_PATH) != 0 || api_txn_only_reads(api, request);
}

// What is read here is the cluster's, and as fresh as the request asks for; the rest is the agent's
// own, or a change, which the log puts in its place.
static bool reads_cluster(struct http_request *request, const struct http_route *route)
{
        static const char *const areas[] = {
            "/v1/catalog/",
            "/v1/health/",
            "/v1/kv/",
            "/v1/query",
            "/v1/session/",
            "/v1/operator/autopilot/configuration",
            "/v1/operator/raft/configuration",
            API_SNAPSHOT_PATH,
            API_TXN_PATH,
            "/v1/internal/",
        };

        if (strcmp(route->pattern, "/v1/catalog/datacenters") == 0)
                return false;
        if (takes_lock(request, route))
                return true;
        if (http_request_method(request) != HTTP_GET && strcmp(route->pattern, API_TXN_PATH) != 0)
                return false;
        for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
                if (strncmp(route->pattern, areas[i], strlen(areas[i])) == 0)
                        return true;
        }
        return false;
}

// max_stale is a limit: what is older is asked of the leader.
static enum server_consistency consistency_of(const struct api *api, struct http_request *request,
                                              const struct http_route *route)
{
        const char *max_stale = http_request_param(request, "max_stale");
        struct server_contact contact;
        int64_t limit_ns = 0;

        if (http_request_param(request, "consistent") != NULL)
                return SERVER_READ_CONSISTENT;
        if (!may_be_stale(api, request, route))
                return SERVER_READ_DEFAULT;
        server_contact(api->agent->server, &contact);
        if (max_stale != NULL && duration_parse(max_stale, &limit_ns) == 0 && limit_ns > 0 &&
            contact.last_contact_ms > (uint64_t)(limit_ns / NS_PER_MS))
                return SERVER_READ_DEFAULT;
        return SERVER_READ_STALE;
}

// A request that waits until the store may be read. It may end before: it is forgotten then.
struct waiting {
        struct http_request *request;
        const struct http_route *route;
        void *app;
};

static void forget_request(void *arg)
{
        struct waiting *waiting = arg;

        waiting->request = NULL;
}

static void on_readable(void *arg, const char *error)
{
        struct waiting *waiting = arg;
        struct http_request *request = waiting->request;

        if (request != NULL) {
                http_request_on_cancel(request, NULL, NULL);
                if (error == NULL)
                        waiting->route->handler(request, waiting->app);
                else
                        http_reply_text(request, 500, "%s", error);
        }
        free(waiting);
}

// Namespaces are known where what is named may be in one.
static bool knows_namespaces(const struct http_route *route)
{
        static const char *const areas[] = {
            "/v1/agent/service",
            "/v1/agent/check",
            "/v1/agent/health/",
            "/v1/catalog/register",
            "/v1/catalog/deregister",
            "/v1/catalog/service",
            "/v1/catalog/node/",
            "/v1/catalog/node-services/",
            "/v1/catalog/connect/",
            "/v1/catalog/gateway-services/",
            "/v1/health/",
            API_KV_PATH,
            "/v1/session/",
        };

        for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
                if (strncmp(route->pattern, areas[i], strlen(areas[i])) == 0)
                        return true;
        }
        return false;
}

static bool check_namespace(struct http_request *request, const struct http_route *route)
{
        const char *header = http_request_header(request, "X-Consul-Namespace");
        const char *param = http_request_param(request, "ns");
        const char *where = NULL;

        if (header != NULL && *header != '\0')
                where = "header: \"X-Consul-Namespace\"";
        else if (param != NULL && *param != '\0')
                where = "query parameter: \"ns\"";
        if (where == NULL || !knows_namespaces(route))
                return true;
        http_reply_text(request, 400,
                        "Bad request: Invalid %s - Namespaces are a Consul Enterprise feature",
                        where);
        return false;
}

// The agent's own endpoints undo the escapes of a name once more.
static bool unescape_name(struct http_request *request, const struct http_route *route)
{
        char broken[4];

        if (strncmp(route->pattern, "/v1/agent/", 10) != 0 ||
            http_request_unescape_rest(request, broken) == NULL)
                return true;
        http_reply_text(request, 500,
                        "failure in unescaping path param \"%.200s\": invalid URL escape \"%s\"",
                        http_request_rest(request), broken);
        return false;
}

void api_dispatch(struct http_request *request, const struct http_route *route, void *app)
{
        struct api *api = app;
        struct waiting *waiting;

        if (!check_namespace(request, route) || !unescape_name(request, route) ||
            api_relay(api, request, route))
                return;
        if (api->agent->server == NULL || !reads_cluster(request, route)) {
                route->handler(request, app);
                return;
        }
        waiting = malloc(sizeof(*waiting));
        if (waiting == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        *waiting = (struct waiting){.request = request, .route = route, .app = app};
        http_request_on_cancel(request, forget_request, waiting);
        server_read(api->agent->server, consistency_of(api, request, route), on_readable, waiting);
}

bool api_reads_at_once(const struct api *api)
{
        return api->agent->server == NULL || server_reads_at_once(api->agent->server);
}

void api_contact(const struct api *api, struct http_request *request, bool *known_leader,
                 uint64_t *last_contact_ms)
{
        struct server_contact contact = {.known_leader = true};

        if (api->agent->server != NULL)
                server_contact(api->agent->server, &contact);
        *known_leader = contact.known_leader;
        *last_contact_ms = api_allows_stale(request) ? contact.last_contact_ms : 0;
}

void api_reply_contact(const struct api *api, struct http_request *request)
{
        uint64_t last_contact_ms;
        bool known_leader;

        api_contact(api, request, &known_leader, &last_contact_ms);
        http_reply_header(request, "X-Consul-KnownLeader", known_leader ? "true" : "false");
        http_reply_header_uint(request, "X-Consul-LastContact", last_contact_ms);
}
