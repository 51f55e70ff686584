#include <string.h>

#include "control/api/routes.h"
#include "control/api/upstream_internal.h"

#define AT(member) offsetof(struct consul_query, member)
#define NO_NAME    UPSTREAM_NO_NAME

#define READ(path, call, name, function, ...)                                                      \
        {                                                                                          \
                .pattern = path, .method = call, .name_offset = name, .print = function,           \
                __VA_ARGS__                                                                        \
        }

// Of several lines that fit a request the first counts.
static const struct upstream_read reads[] = {
    READ("/v1/status/leader", "Status.Leader", NO_NAME, upstream_print_value, .plain = true),
    READ("/v1/status/peers", "Status.Peers", NO_NAME, upstream_print_list, .plain = true),

    READ("/v1/catalog/datacenters", "Catalog.ListDatacenters", NO_NAME, upstream_print_list,
         .plain = true),
    READ("/v1/catalog/nodes", "Catalog.ListNodes", NO_NAME, upstream_print_nodes),
    READ("/v1/catalog/services", "Catalog.ListServices", NO_NAME, upstream_print_services),
    READ("/v1/catalog/service/", "Catalog.ServiceNodes", AT(service_name),
         upstream_print_service_nodes, .missing = "Missing service name"),
    READ("/v1/catalog/connect/", "Catalog.ServiceNodes", AT(service_name),
         upstream_print_service_nodes, .missing = "Missing service name", .connect = true),
    READ("/v1/catalog/node/", "Catalog.NodeServices", AT(node), upstream_print_node,
         .missing = "Missing node name"),
    READ("/v1/catalog/node-services/", "Catalog.NodeServiceList", AT(node),
         upstream_print_node_services, .missing = "Missing node name"),

    READ("/v1/health/node/", "Health.NodeChecks", AT(node), upstream_print_checks,
         .missing = "Missing node name"),
    READ("/v1/health/checks/", "Health.ServiceChecks", AT(service_name), upstream_print_checks,
         .missing = "Missing service name"),
    READ("/v1/health/state/", "Health.ChecksInState", AT(state), upstream_print_checks,
         .missing = "Missing check state"),
    READ("/v1/health/service/", "Health.ServiceNodes", AT(service_name), upstream_print_instances,
         .missing = "Missing service name"),
    READ("/v1/health/connect/", "Health.ServiceNodes", AT(service_name), upstream_print_instances,
         .missing = "Missing service name", .connect = true),

    READ(API_KV_PATH, "KVS.ListKeys", AT(prefix), upstream_print_keys, .param = "keys"),
    READ(API_KV_PATH, "KVS.List", AT(key), upstream_print_key, .param = "recurse"),
    READ(API_KV_PATH, "KVS.Get", AT(key), upstream_print_key, .missing = "Missing key name"),

    READ("/v1/session/info/", "Session.Get", AT(session_id), upstream_print_sessions,
         .missing = "Missing session"),
    READ("/v1/session/node/", "Session.NodeSessions", AT(node), upstream_print_sessions,
         .missing = "Missing node name"),
    READ("/v1/session/list", "Session.List", NO_NAME, upstream_print_sessions),
    READ("/v1/session/renew/", "Session.Renew", AT(session_id), upstream_print_renewed,
         .missing = "Missing session", .verb = HTTP_PUT, .plain = true),

    READ("/v1/coordinate/datacenters", "Coordinate.ListDatacenters", NO_NAME, upstream_print_list,
         .plain = true),
    READ("/v1/coordinate/nodes", "Coordinate.ListNodes", NO_NAME, upstream_print_coordinates),
    READ("/v1/coordinate/node/", "Coordinate.Node", AT(node), upstream_print_coordinate,
         .missing = "Missing node name"),

    READ("/v1/query", "PreparedQuery.List", NO_NAME, upstream_print_queries),
    READ("/v1/query/", "PreparedQuery.Execute", AT(query_id_or_name), upstream_print_executed,
         .ending = "/execute"),
    READ("/v1/query/", "PreparedQuery.Explain", AT(query_id_or_name), upstream_print_value,
         .ending = "/explain"),
    READ("/v1/query/", "PreparedQuery.Get", AT(query_id), upstream_print_queries),

    READ("/v1/operator/raft/configuration", "Operator.RaftGetConfiguration", NO_NAME,
         upstream_print_value, .plain = true),
    READ("/v1/operator/autopilot/configuration", "Operator.AutopilotGetConfiguration", NO_NAME,
         upstream_print_autopilot, .plain = true),
};

static bool ends_with(const char *text, const char *ending)
{
        size_t len = strlen(text), ending_len = strlen(ending);

        return len >= ending_len && strcmp(text + len - ending_len, ending) == 0;
}

const struct upstream_read *upstream_find(const struct http_request *request,
                                          const struct http_route *route)
{
        enum http_method verb = http_request_method(request);

        for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
                const struct upstream_read *read = &reads[i];

                if (strcmp(read->pattern, route->pattern) == 0 &&
                    verb == (read->verb != 0 ? read->verb : HTTP_GET) &&
                    (read->param == NULL || http_request_param(request, read->param) != NULL) &&
                    (read->ending == NULL || ends_with(http_request_rest(request), read->ending)))
                        return read;
        }
        return NULL;
}
