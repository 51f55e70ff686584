#ifndef LICTOR_CLI_H
#define LICTOR_CLI_H

/** The command line: one table of commands, each with its own flags and help. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Run the program's arguments. returns  the exit status; 127 for no or an unknown command. */
int cli_run(int argc, char *const argv[]);

/* ---- Flags: one or two dashes, "-flag=value" or "-flag value". ---- */

enum flag_kind { FLAG_BOOL, FLAG_STRING, FLAG_INT, FLAG_DURATION, FLAG_PAIR /* key=value */ };

struct flag {
        const char *name;
        enum flag_kind kind;
        const char *value_name; /* in the help, e.g. "<address>"; "" for FLAG_BOOL */
        const char *help;
        /**
         * Take a value; its kind has been checked, "true" or "false" for FLAG_BOOL.
         * returns  0, or a negative errno with *why set when the value is refused.
         */
        int (*set)(void *context, const struct flag *flag, const char *value, const char **why);
        const char *target; /* for set */
};

struct flag_set {
        const char *usage; /* "Usage: lictor reload [options]" */
        const char *about; /* paragraphs below it */
        const struct flag *flags;
        size_t flag_count;
};

enum flags_outcome { FLAGS_OK, FLAGS_HELP, FLAGS_BAD };

/**
 * Read the flags that lead the arguments. Help goes to stdout, mistakes with it to stderr.
 * @rest  index of the first argument that is no flag.
 */
enum flags_outcome flags_parse(const struct flag_set *set, int argc, char *const argv[],
                               void *context, int *rest);

/** Write usage, description and flags. */
void flags_print_help(const struct flag_set *set, FILE *out);

/** The commands: arguments begin behind the command's name. returns  the exit status. */
int command_agent(int argc, char *const argv[]);
int command_autopilot_get_config(int argc, char *const argv[]);
int command_autopilot_set_config(int argc, char *const argv[]);
int command_autopilot_state(int argc, char *const argv[]);
int command_catalog_datacenters(int argc, char *const argv[]);
int command_catalog_nodes(int argc, char *const argv[]);
int command_catalog_services(int argc, char *const argv[]);
int command_debug(int argc, char *const argv[]);
int command_event(int argc, char *const argv[]);
int command_exec(int argc, char *const argv[]);
int command_force_leave(int argc, char *const argv[]);
int command_info(int argc, char *const argv[]);
int command_join(int argc, char *const argv[]);
int command_keygen(int argc, char *const argv[]);
int command_keyring(int argc, char *const argv[]);
int command_kv_delete(int argc, char *const argv[]);
int command_kv_export(int argc, char *const argv[]);
int command_kv_get(int argc, char *const argv[]);
int command_kv_import(int argc, char *const argv[]);
int command_kv_put(int argc, char *const argv[]);
int command_leave(int argc, char *const argv[]);
int command_lock(int argc, char *const argv[]);
int command_maint(int argc, char *const argv[]);
int command_members(int argc, char *const argv[]);
int command_monitor(int argc, char *const argv[]);
int command_operator_list_peers(int argc, char *const argv[]);
int command_operator_remove_peer(int argc, char *const argv[]);
int command_refuse_acl(int argc, char *const argv[]);
int command_refuse_config(int argc, char *const argv[]);
int command_refuse_connect(int argc, char *const argv[]);
int command_reload(int argc, char *const argv[]);
int command_rtt(int argc, char *const argv[]);
int command_services_deregister(int argc, char *const argv[]);
int command_services_register(int argc, char *const argv[]);
int command_snapshot_inspect(int argc, char *const argv[]);
int command_snapshot_restore(int argc, char *const argv[]);
int command_snapshot_save(int argc, char *const argv[]);
int command_tls_ca_create(int argc, char *const argv[]);
int command_tls_cert_create(int argc, char *const argv[]);
int command_validate(int argc, char *const argv[]);
int command_version(int argc, char *const argv[]);
int command_watch(int argc, char *const argv[]);

/* What each of them takes. */
extern const struct flag_set agent_flag_set, autopilot_get_config_flag_set,
    autopilot_set_config_flag_set, autopilot_state_flag_set, catalog_datacenters_flag_set,
    catalog_nodes_flag_set, catalog_services_flag_set, debug_flag_set, event_flag_set,
    exec_flag_set, force_leave_flag_set, info_flag_set, join_flag_set, keygen_flag_set,
    keyring_flag_set, kv_delete_flag_set, kv_export_flag_set, kv_get_flag_set, kv_import_flag_set,
    kv_put_flag_set, leave_flag_set, lock_flag_set, maint_flag_set, members_flag_set,
    monitor_flag_set, operator_list_peers_flag_set, operator_remove_peer_flag_set, reload_flag_set,
    rtt_flag_set, services_deregister_flag_set, services_register_flag_set,
    snapshot_inspect_flag_set, snapshot_restore_flag_set, snapshot_save_flag_set,
    tls_ca_create_flag_set, tls_cert_create_flag_set, validate_flag_set, version_flag_set,
    watch_flag_set;

#endif
