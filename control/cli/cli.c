#include "control/cli/cli.h"

#include <string.h>

#include "lictor/bytes.h"

// A command, or a group of them: one of run and parts is set.
struct command {
        const char *name;
        const char *about;
        int (*run)(int argc, char *const argv[]);
        const struct command *parts; // ends with one without a name
};

static const struct command catalog_commands[] = {
    {"datacenters", "Lists all known datacenters", command_catalog_datacenters, NULL},
    {"nodes", "Lists all nodes in the given datacenter", command_catalog_nodes, NULL},
    {"services", "Lists all registered services in a datacenter", command_catalog_services, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command operator_raft_commands[] = {
    {"list-peers", "Display the current Raft peer configuration", command_operator_list_peers,
     NULL},
    {"remove-peer", "Remove a server from the Raft configuration", command_operator_remove_peer,
     NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command operator_autopilot_commands[] = {
    {"get-config", "Display the current Autopilot configuration", command_autopilot_get_config,
     NULL},
    {"set-config", "Modify the current Autopilot configuration", command_autopilot_set_config,
     NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command operator_commands[] = {
    {"autopilot", "Provides tools for modifying Autopilot configuration", NULL,
     operator_autopilot_commands},
    {"raft", "Provides cluster-level tools for Raft", NULL, operator_raft_commands},
    {NULL, NULL, NULL, NULL},
};

static const struct command kv_commands[] = {
    {"delete", "Removes data from the KV store", command_kv_delete, NULL},
    {"export", "Exports a tree from the KV store as JSON", command_kv_export, NULL},
    {"get", "Retrieves or lists data from the KV store", command_kv_get, NULL},
    {"import", "Imports a tree stored as JSON to the KV store", command_kv_import, NULL},
    {"put", "Sets or updates data in the KV store", command_kv_put, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command services_commands[] = {
    {"deregister", "Deregister services with the local agent", command_services_deregister, NULL},
    {"register", "Register services with the local agent", command_services_register, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command snapshot_commands[] = {
    {"inspect", "Displays information about a snapshot file", command_snapshot_inspect, NULL},
    {"restore", "Restores the servers' state from a snapshot", command_snapshot_restore, NULL},
    {"save", "Saves the servers' state as a snapshot", command_snapshot_save, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command acl_commands[] = {
    {"bootstrap", "Bootstrap Consul's ACL system", command_refuse_acl, NULL},
    {"policy", "Manage ACL policies", command_refuse_acl, NULL},
    {"role", "Manage ACL roles", command_refuse_acl, NULL},
    {"set-agent-token", "Assign tokens for the agent's usage", command_refuse_acl, NULL},
    {"token", "Manage ACL tokens", command_refuse_acl, NULL},
    {"translate-rules", "Translate the legacy rule syntax", command_refuse_acl, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command tls_ca_commands[] = {
    {"create", "Create a new certificate authority", command_tls_ca_create, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command tls_cert_commands[] = {
    {"create", "Create a new certificate", command_tls_cert_create, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct command tls_commands[] = {
    {"ca", "Helpers for certificate authorities", NULL, tls_ca_commands},
    {"cert", "Helpers for certificates", NULL, tls_cert_commands},
    {NULL, NULL, NULL, NULL},
};

static const struct command commands[] = {
    {"acl", "Interact with access control lists", NULL, acl_commands},
    {"agent", "Runs a Lictor agent", command_agent, NULL},
    {"catalog", "Interact with the catalog", NULL, catalog_commands},
    {"connect", "Interact with the service mesh", command_refuse_connect, NULL},
    {"event", "Fire a new event", command_event, NULL},
    {"exec", "Executes a command on nodes whose agents allow it", command_exec, NULL},
    {"force-leave", "Forces a member of the cluster to enter the \"left\" state",
     command_force_leave, NULL},
    {"info", "Provides debugging information for operators.", command_info, NULL},
    {"join", "Tell the agent to join a cluster", command_join, NULL},
    {"keygen", "Generates a new encryption key", command_keygen, NULL},
    {"keyring", "Manages gossip layer encryption keys", command_keyring, NULL},
    {"kv", "Interact with the key-value store", NULL, kv_commands},
    {"leave", "Gracefully leaves the cluster and shuts down", command_leave, NULL},
    {"lock", "Execute a command holding a lock", command_lock, NULL},
    {"maint", "Controls node or service maintenance mode", command_maint, NULL},
    {"members", "Lists the members of a Lictor cluster", command_members, NULL},
    {"monitor", "Stream logs from an agent", command_monitor, NULL},
    {"operator", "Provides cluster-level tools for operators", NULL, operator_commands},
    {"reload", "Triggers the agent to reload configuration files", command_reload, NULL},
    {"rtt", "Estimates network round trip time between nodes", command_rtt, NULL},
    {"services", "Interact with services", NULL, services_commands},
    {"snapshot", "Saves, restores and inspects snapshots of server state", NULL, snapshot_commands},
    {"tls", "Builtin helpers for creating certificates", NULL, tls_commands},
    {"validate", "Validate config files/directories", command_validate, NULL},
    {"version", "Prints the Lictor version", command_version, NULL},
    {"watch", "Watch for changes in the cluster", command_watch, NULL},
    {NULL, NULL, NULL, NULL},
};

static void print_parts(const struct command *parts, FILE *out)
{
        for (; parts->name != NULL; parts++)
                fprintf(out, "    %-17s%s\n", parts->name, parts->about);
        fputs("\n", out);
}

static void print_commands(FILE *out)
{
        fputs("Usage: lictor [--version] [--help] <command> [<args>]\n\n"
              "Available commands are:\n",
              out);
        print_parts(commands, out);
}

static void print_group(const char *path, const struct command *group, FILE *out)
{
        fprintf(out, "Usage: lictor %s <subcommand> [options] [args]\n\n  %s.\n\nSubcommands:\n",
                path, group->about);
        print_parts(group->parts, out);
}

static const struct command *find(const struct command *parts, const char *name)
{
        while (parts->name != NULL && strcmp(parts->name, name) != 0)
                parts++;
        return parts->name != NULL ? parts : NULL;
}

static bool is_any(const char *argument, const char *const names[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(argument, names[i]) == 0)
                        return true;
        }
        return false;
}

// The command the arguments name, run; groups nest as deep as their table does.
static int run_command(const struct command *command, int argc, char *const argv[])
{
        static const char *const help[] = {"-h", "-help", "--help"};
        char path[64];
        size_t used = (size_t)snprintf(path, sizeof(path), "%s", command->name);

        while (command->parts != NULL) {
                const struct command *part = argc > 0 ? find(command->parts, argv[0]) : NULL;

                if (part == NULL) {
                        bool asked = argc > 0 && is_any(argv[0], help, ARRAY_LEN(help));

                        print_group(path, command, asked ? stdout : stderr);
                        return asked ? 0 : 1;
                }
                used += (size_t)snprintf(path + used, sizeof(path) - used, " %s", part->name);
                command = part;
                argc--;
                argv++;
        }
        return command->run(argc, argv);
}

int cli_run(int argc, char *const argv[])
{
        static const char *const help[] = {"-h", "-help", "--help", "help"};
        static const char *const version[] = {"-v", "-version", "--version"};
        const struct command *command = argc > 1 ? find(commands, argv[1]) : NULL;

        if (command != NULL)
                return run_command(command, argc - 2, argv + 2);
        if (argc > 1 && is_any(argv[1], help, ARRAY_LEN(help))) {
                print_commands(stdout);
                return 0;
        }
        if (argc > 1 && is_any(argv[1], version, ARRAY_LEN(version)))
                return command_version(0, argv);
        print_commands(stderr);
        return 127;
}
