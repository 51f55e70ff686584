#include "control/api/routes.h"

#include "control/api/api_internal.h"

// Every endpoint: its methods, its path, who answers, what the caller must be allowed to do. Lines
// of one path stand together, their order is that of the Allow header.
const struct http_route api_routes[] = {
    {HTTP_GET, "/", api_root, HTTP_ALLOW_ANYONE, 0},

    {HTTP_GET, "/v1/status/leader", api_status_leader, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/status/peers", api_status_peers, HTTP_ALLOW_ANYONE, 0},

    {HTTP_GET, "/v1/agent/self", api_agent_self, HTTP_ALLOW_AGENT_READ, 0},
    {HTTP_GET, "/v1/agent/members", api_agent_members, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_GET, "/v1/agent/host", api_agent_host, HTTP_ALLOW_AGENT_READ, 0},
    {HTTP_GET, "/v1/agent/version", api_agent_version, HTTP_ALLOW_AGENT_READ, 0},
    {HTTP_GET, "/v1/agent/metrics", api_agent_metrics, HTTP_ALLOW_AGENT_READ, 0},
    {HTTP_PUT, "/v1/agent/reload", api_agent_reload, HTTP_ALLOW_AGENT_WRITE, 0},
    {HTTP_PUT, "/v1/agent/maintenance", api_agent_maintenance, HTTP_ALLOW_NODE_WRITE, 0},

    {HTTP_GET, "/v1/agent/services", api_agent_services, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_GET, "/v1/agent/service/", api_agent_service, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_PUT, "/v1/agent/service/register", api_agent_service_register, HTTP_ALLOW_SERVICE_WRITE,
     0},
    {HTTP_PUT, "/v1/agent/service/deregister/", api_agent_service_deregister,
     HTTP_ALLOW_SERVICE_WRITE, 0},
    {HTTP_PUT, "/v1/agent/service/maintenance/", api_agent_service_maintenance,
     HTTP_ALLOW_SERVICE_WRITE, 0},
    {HTTP_GET, "/v1/agent/health/service/id/", api_agent_health_id, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_GET, "/v1/agent/health/service/name/", api_agent_health_name, HTTP_ALLOW_SERVICE_READ, 0},

    {HTTP_GET, "/v1/agent/checks", api_agent_checks, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_PUT, "/v1/agent/check/register", api_agent_check_register, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_PUT, "/v1/agent/check/deregister/", api_agent_check_deregister, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_PUT, "/v1/agent/check/pass/", api_agent_check_pass, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_PUT, "/v1/agent/check/warn/", api_agent_check_warn, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_PUT, "/v1/agent/check/fail/", api_agent_check_fail, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_PUT, "/v1/agent/check/update/", api_agent_check_update, HTTP_ALLOW_NODE_WRITE, 0},

    {HTTP_PUT, "/v1/catalog/register", api_catalog_register, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_PUT, "/v1/catalog/deregister", api_catalog_deregister, HTTP_ALLOW_NODE_WRITE, 0},
    {HTTP_GET, "/v1/catalog/datacenters", api_catalog_datacenters, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/catalog/nodes", api_catalog_nodes, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_GET, "/v1/catalog/services", api_catalog_services, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_GET, "/v1/catalog/service/", api_catalog_service, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_GET, "/v1/catalog/node/", api_catalog_node, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_GET, "/v1/catalog/node-services/", api_catalog_node_services, HTTP_ALLOW_NODE_READ, 0},

    {HTTP_GET, "/v1/coordinate/datacenters", api_coordinate_datacenters, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/coordinate/nodes", api_coordinate_nodes, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_GET, "/v1/coordinate/node/", api_coordinate_node, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_PUT, "/v1/coordinate/update", api_coordinate_update, HTTP_ALLOW_NODE_WRITE, 0},

    {HTTP_GET, "/v1/health/node/", api_health_node, HTTP_ALLOW_NODE_READ, 0},
    {HTTP_GET, "/v1/health/checks/", api_health_checks, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_GET, "/v1/health/service/", api_health_service, HTTP_ALLOW_SERVICE_READ, 0},
    {HTTP_GET, "/v1/health/state/", api_health_state, HTTP_ALLOW_NODE_READ, 0},

    {HTTP_GET, API_KV_PATH, api_kv_get, HTTP_ALLOW_KEY_READ, 0},
    {HTTP_PUT, API_KV_PATH, api_kv_put, HTTP_ALLOW_KEY_WRITE, 0},
    {HTTP_DELETE, API_KV_PATH, api_kv_delete, HTTP_ALLOW_KEY_WRITE, 0},

    {HTTP_PUT, "/v1/session/create", api_session_create, HTTP_ALLOW_SESSION_WRITE, 0},
    {HTTP_PUT, "/v1/session/destroy/", api_session_destroy, HTTP_ALLOW_SESSION_WRITE, 0},
    {HTTP_PUT, "/v1/session/renew/", api_session_renew, HTTP_ALLOW_SESSION_WRITE, 0},
    {HTTP_GET, "/v1/session/info/", api_session_info, HTTP_ALLOW_SESSION_READ, 0},
    {HTTP_GET, "/v1/session/node/", api_session_node, HTTP_ALLOW_SESSION_READ, 0},
    {HTTP_GET, "/v1/session/list", api_session_list, HTTP_ALLOW_SESSION_READ, 0},

    {HTTP_PUT, "/v1/event/fire/", api_event_fire, HTTP_ALLOW_EVENT_WRITE, 0},
    {HTTP_GET, "/v1/event/list", api_event_list, HTTP_ALLOW_EVENT_READ, 0},

    {HTTP_PUT, "/v1/acl/bootstrap", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/create", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/update", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/destroy/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/info/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/clone/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/list", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_POST, "/v1/acl/login", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_POST, "/v1/acl/logout", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/replication", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/policies", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/policy", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET | HTTP_PUT | HTTP_DELETE, "/v1/acl/policy/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/policy/name/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/roles", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/role", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET | HTTP_PUT | HTTP_DELETE, "/v1/acl/role/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/role/name/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/binding-rules", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/binding-rule", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET | HTTP_PUT | HTTP_DELETE, "/v1/acl/binding-rule/", api_acl_disabled,
     HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/auth-methods", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/auth-method", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET | HTTP_PUT | HTTP_DELETE, "/v1/acl/auth-method/", api_acl_disabled, HTTP_ALLOW_ANYONE,
     0},
    {HTTP_GET, "/v1/acl/tokens", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/acl/token", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/token/self", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET | HTTP_PUT | HTTP_DELETE, "/v1/acl/token/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_POST, "/v1/acl/rules/translate", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/acl/rules/translate/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/agent/token/", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},
    {HTTP_POST, "/v1/internal/acl/authorize", api_acl_disabled, HTTP_ALLOW_ANYONE, 0},

    {HTTP_PUT, API_TXN_PATH, api_txn, HTTP_ALLOW_NODE_WRITE, 0},

    {HTTP_GET, "/v1/query", api_query_list, HTTP_ALLOW_QUERY_READ, 0},
    {HTTP_POST, "/v1/query", api_query_create, HTTP_ALLOW_QUERY_WRITE, 0},
    {HTTP_GET, "/v1/query/", api_query_get, HTTP_ALLOW_QUERY_READ, 0},
    {HTTP_PUT, "/v1/query/", api_query_update, HTTP_ALLOW_QUERY_WRITE, 0},
    {HTTP_DELETE, "/v1/query/", api_query_delete, HTTP_ALLOW_QUERY_WRITE, 0},
};

const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);
