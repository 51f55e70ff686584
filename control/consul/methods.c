#include "control/consul/consul_internal.h"

#define METHOD(name, serve, what, anywhere)                                                        \
        {                                                                                          \
                {name, consul_serve}, serve, what, anywhere                                        \
        }
#define CALL(name, serve, anywhere) METHOD(name, serve, NULL, anywhere)
#define READ(name, kind)            METHOD(name, consul_read_serve, &(kind), false)
#define REFUSE(name, why)           METHOD(name, consul_refuse_with, why, true)

// In Consul's words.
static const char no_acl[] = "ACL support disabled";
static const char no_connect[] = "Connect must be enabled in order to use this endpoint";
static const char no_auto_config[] = "AutoConfig is disabled";
static const char no_config[] = "configuration entries cannot be kept by this server";
static const char no_federation[] = "federation states cannot be kept by this server";

const struct consul_method consul_methods[] = {
    CALL("Status.Ping", consul_ping, true),
    CALL("Status.Leader", consul_leader, false),
    CALL("Status.Peers", consul_peers, false),

    CALL("Catalog.Register", consul_register, false),
    CALL("Catalog.Deregister", consul_deregister, false),
    CALL("Catalog.ListDatacenters", consul_datacenters, true),
    READ("Catalog.ListNodes", consul_list_nodes),
    READ("Catalog.ListServices", consul_list_services),
    READ("Catalog.ServiceList", consul_service_list),
    READ("Catalog.ServiceNodes", consul_service_nodes),
    READ("Catalog.NodeServices", consul_node_services),
    READ("Catalog.NodeServiceList", consul_node_service_list),
    READ("Catalog.GatewayServices", consul_gateway_services),

    READ("Health.ChecksInState", consul_checks_in_state),
    READ("Health.NodeChecks", consul_node_checks),
    READ("Health.ServiceChecks", consul_service_checks),
    READ("Health.ServiceNodes", consul_health_nodes),

    CALL("KVS.Apply", consul_kvs_apply, false),
    READ("KVS.Get", consul_kvs_read),
    READ("KVS.List", consul_kvs_list),
    READ("KVS.ListKeys", consul_kvs_keys),

    CALL("Session.Apply", consul_session_apply, false),
    CALL("Session.Renew", consul_session_renew, false),
    READ("Session.Get", consul_session_get),
    READ("Session.List", consul_session_list),
    READ("Session.NodeSessions", consul_session_of_node),

    CALL("Txn.Apply", consul_txn_apply, false),
    CALL("Txn.Read", consul_txn_read, false),

    CALL("Coordinate.Update", consul_coordinate_update, false),
    CALL("Coordinate.ListDatacenters", consul_coordinate_datacenters, true),
    READ("Coordinate.ListNodes", consul_coordinates),
    READ("Coordinate.Node", consul_node_coordinates),

    READ("Internal.NodeInfo", consul_node_info),
    READ("Internal.NodeDump", consul_node_dump),
    READ("Internal.ServiceDump", consul_service_dump),
    READ("Internal.GatewayServiceDump", consul_gateway_dump),
    READ("Internal.GatewayIntentions", consul_gateway_intentions),
    CALL("Internal.ServiceTopology", consul_service_topology, false),
    REFUSE("Internal.IntentionUpstreams", no_connect),
    CALL("Internal.EventFire", consul_event_fire, false),
    CALL("Internal.KeyringOperation", consul_keyring, true),

    CALL("PreparedQuery.Apply", consul_query_apply, false),
    READ("PreparedQuery.Get", consul_query_get_kind),
    READ("PreparedQuery.List", consul_query_list),
    CALL("PreparedQuery.Execute", consul_query_execute, false),
    CALL("PreparedQuery.Explain", consul_query_explain, false),

    CALL("Operator.RaftGetConfiguration", consul_raft_configuration, false),
    CALL("Operator.AutopilotGetConfiguration", consul_autopilot_configuration, false),
    CALL("Operator.AutopilotSetConfiguration", consul_autopilot_set, false),
    CALL("Operator.AutopilotState", consul_autopilot_state, false),
    CALL("Operator.ServerHealth", consul_server_health, false),
    METHOD("Operator.RaftRemovePeerByAddress", consul_remove_peer, "address", false),
    METHOD("Operator.RaftRemovePeerByID", consul_remove_peer, "id", false),

    REFUSE("ACL.Apply", no_acl),
    REFUSE("ACL.AuthMethodDelete", no_acl),
    REFUSE("ACL.AuthMethodList", no_acl),
    REFUSE("ACL.AuthMethodRead", no_acl),
    REFUSE("ACL.AuthMethodSet", no_acl),
    REFUSE("ACL.Authorize", no_acl),
    REFUSE("ACL.BindingRuleDelete", no_acl),
    REFUSE("ACL.BindingRuleList", no_acl),
    REFUSE("ACL.BindingRuleRead", no_acl),
    REFUSE("ACL.BindingRuleSet", no_acl),
    REFUSE("ACL.Bootstrap", no_acl),
    REFUSE("ACL.BootstrapTokens", no_acl),
    REFUSE("ACL.Get", no_acl),
    REFUSE("ACL.GetPolicy", no_acl),
    REFUSE("ACL.List", no_acl),
    REFUSE("ACL.Login", no_acl),
    REFUSE("ACL.Logout", no_acl),
    REFUSE("ACL.PolicyBatchRead", no_acl),
    REFUSE("ACL.PolicyDelete", no_acl),
    REFUSE("ACL.PolicyList", no_acl),
    REFUSE("ACL.PolicyRead", no_acl),
    REFUSE("ACL.PolicyResolve", no_acl),
    REFUSE("ACL.PolicySet", no_acl),
    REFUSE("ACL.ReplicationStatus", no_acl),
    REFUSE("ACL.RoleBatchRead", no_acl),
    REFUSE("ACL.RoleDelete", no_acl),
    REFUSE("ACL.RoleList", no_acl),
    REFUSE("ACL.RoleRead", no_acl),
    REFUSE("ACL.RoleResolve", no_acl),
    REFUSE("ACL.RoleSet", no_acl),
    REFUSE("ACL.TokenBatchRead", no_acl),
    REFUSE("ACL.TokenClone", no_acl),
    REFUSE("ACL.TokenDelete", no_acl),
    REFUSE("ACL.TokenList", no_acl),
    REFUSE("ACL.TokenRead", no_acl),
    REFUSE("ACL.TokenSet", no_acl),

    REFUSE("AutoConfig.InitialConfiguration", no_auto_config),
    REFUSE("AutoEncrypt.Sign", no_connect),
    REFUSE("ConnectCA.ConfigurationGet", no_connect),
    REFUSE("ConnectCA.ConfigurationSet", no_connect),
    REFUSE("ConnectCA.Roots", no_connect),
    REFUSE("ConnectCA.Sign", no_connect),
    REFUSE("ConnectCA.SignIntermediate", no_connect),
    REFUSE("DiscoveryChain.Get", no_connect),
    REFUSE("Intention.Apply", no_connect),
    REFUSE("Intention.Check", no_connect),
    REFUSE("Intention.Get", no_connect),
    REFUSE("Intention.List", no_connect),
    REFUSE("Intention.Match", no_connect),
    REFUSE("Intention.Test", no_connect),

    REFUSE("FederationState.Apply", no_federation),
    READ("FederationState.Get", consul_federation_state),
    READ("FederationState.List", consul_federation_states),
    READ("FederationState.ListMeshGateways", consul_mesh_gateways),

    REFUSE("ConfigEntry.Apply", no_config),
    REFUSE("ConfigEntry.Delete", no_config),
    CALL("ConfigEntry.Get", consul_no_config_entry, false),
    CALL("ConfigEntry.List", consul_no_config_entries, false),
    CALL("ConfigEntry.ListAll", consul_no_config_at_all, false),
    CALL("ConfigEntry.ResolveServiceConfig", consul_no_service_config, false),
};

const size_t consul_method_count = sizeof(consul_methods) / sizeof(consul_methods[0]);

const struct consul_method *consul_find_method(struct pack_slice name)
{
        for (size_t i = 0; i < consul_method_count; i++) {
                if (pack_slice_equal(name, pack_slice_of(consul_methods[i].rpc.name)))
                        return &consul_methods[i];
        }
        return NULL;
}
