#include "control/cli/commands.h"

#include <string.h>

#define COMMAND(name, about, id)                                                                   \
        {                                                                                          \
                name, about, command_##id, &id##_flag_set, NULL                                    \
        }
#define REFUSED(name, about, id)                                                                   \
        {                                                                                          \
                name, about, command_##id, NULL, NULL                                              \
        }
#define GROUP(name, about, id)                                                                     \
        {                                                                                          \
                name, about, NULL, NULL, id##_commands                                             \
        }
#define END                                                                                        \
        {                                                                                          \
                NULL, NULL, NULL, NULL, NULL                                                       \
        }

static const struct command catalog_commands[] = {
    COMMAND("datacenters", "Lists all known datacenters", catalog_datacenters),
    COMMAND("nodes", "Lists all nodes in the given datacenter", catalog_nodes),
    COMMAND("services", "Lists all registered services in a datacenter", catalog_services),
    END,
};

static const struct command operator_raft_commands[] = {
    COMMAND("list-peers", "Display the current Raft peer configuration", operator_list_peers),
    COMMAND("remove-peer", "Remove a server from the Raft configuration", operator_remove_peer),
    END,
};

static const struct command operator_autopilot_commands[] = {
    COMMAND("get-config", "Display the current Autopilot configuration", autopilot_get_config),
    COMMAND("set-config", "Modify the current Autopilot configuration", autopilot_set_config),
    COMMAND("state", "Display the current Autopilot state", autopilot_state),
    END,
};

static const struct command operator_commands[] = {
    GROUP("autopilot", "Provides tools for modifying Autopilot configuration", operator_autopilot),
    GROUP("raft", "Provides cluster-level tools for Raft", operator_raft),
    END,
};

static const struct command kv_commands[] = {
    COMMAND("delete", "Removes data from the KV store", kv_delete),
    COMMAND("export", "Exports a tree from the KV store as JSON", kv_export),
    COMMAND("get", "Retrieves or lists data from the KV store", kv_get),
    COMMAND("import", "Imports a tree stored as JSON to the KV store", kv_import),
    COMMAND("put", "Sets or updates data in the KV store", kv_put),
    END,
};

static const struct command services_commands[] = {
    COMMAND("deregister", "Deregister services with the local agent", services_deregister),
    COMMAND("register", "Register services with the local agent", services_register),
    END,
};

static const struct command snapshot_commands[] = {
    COMMAND("inspect", "Displays information about a snapshot file", snapshot_inspect),
    COMMAND("restore", "Restores the servers' state from a snapshot", snapshot_restore),
    COMMAND("save", "Saves the servers' state as a snapshot", snapshot_save),
    END,
};

static const struct command acl_commands[] = {
    REFUSED("bootstrap", "Bootstrap Consul's ACL system", refuse_acl),
    REFUSED("policy", "Manage ACL policies", refuse_acl),
    REFUSED("role", "Manage ACL roles", refuse_acl),
    REFUSED("set-agent-token", "Assign tokens for the agent's usage", refuse_acl),
    REFUSED("token", "Manage ACL tokens", refuse_acl),
    REFUSED("translate-rules", "Translate the legacy rule syntax", refuse_acl),
    END,
};

static const struct command tls_ca_commands[] = {
    COMMAND("create", "Create a new certificate authority", tls_ca_create),
    END,
};

static const struct command tls_cert_commands[] = {
    COMMAND("create", "Create a new certificate", tls_cert_create),
    END,
};

static const struct command tls_commands[] = {
    GROUP("ca", "Helpers for certificate authorities", tls_ca),
    GROUP("cert", "Helpers for certificates", tls_cert),
    END,
};

const struct command commands[] = {
    GROUP("acl", "Interact with access control lists", acl),
    COMMAND("agent", "Runs a Lictor agent", agent),
    GROUP("catalog", "Interact with the catalog", catalog),
    REFUSED("config", "Interact with central configurations", refuse_config),
    REFUSED("connect", "Interact with the service mesh", refuse_connect),
    COMMAND("debug", "Records a debugging archive for operators", debug),
    COMMAND("event", "Fire a new event", event),
    COMMAND("exec", "Executes a command on nodes whose agents allow it", exec),
    COMMAND("force-leave", "Forces a member of the cluster to enter the \"left\" state",
            force_leave),
    COMMAND("info", "Provides debugging information for operators.", info),
    REFUSED("intention", "Interact with the service mesh's intentions", refuse_connect),
    COMMAND("join", "Tell the agent to join a cluster", join),
    COMMAND("keygen", "Generates a new encryption key", keygen),
    COMMAND("keyring", "Manages gossip layer encryption keys", keyring),
    GROUP("kv", "Interact with the key-value store", kv),
    COMMAND("leave", "Gracefully leaves the cluster and shuts down", leave),
    COMMAND("lock", "Execute a command holding a lock", lock),
    REFUSED("login", "Get a token by an auth method", refuse_acl),
    REFUSED("logout", "Destroy a token created with login", refuse_acl),
    COMMAND("maint", "Controls node or service maintenance mode", maint),
    COMMAND("members", "Lists the members of a Lictor cluster", members),
    COMMAND("monitor", "Stream logs from an agent", monitor),
    GROUP("operator", "Provides cluster-level tools for operators", operator),
    COMMAND("reload", "Triggers the agent to reload configuration files", reload),
    COMMAND("rtt", "Estimates network round trip time between nodes", rtt),
    GROUP("services", "Interact with services", services),
    GROUP("snapshot", "Saves, restores and inspects snapshots of server state", snapshot),
    GROUP("tls", "Builtin helpers for creating certificates", tls),
    COMMAND("validate", "Validate config files/directories", validate),
    COMMAND("version", "Prints the Lictor version", version),
    COMMAND("watch", "Watch for changes in the cluster", watch),
    END,
};

const struct command *command_find(const struct command *parts, const char *name)
{
        while (parts->name != NULL && strcmp(parts->name, name) != 0)
                parts++;
        return parts->name != NULL ? parts : NULL;
}
