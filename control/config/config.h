#ifndef LICTOR_CONFIG_H
#define LICTOR_CONFIG_H

/**
 * The agent's settings: defaults, configuration files and flags merged, checked and resolved.
 *
 * Immutable once built; a reload builds a second one and the agent takes over what may change.
 * Strings are never NULL unless the comment says so.
 */

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "control/log/log.h"
#include "dataplane/runtime/runtime.h"
#include "lictor/dataplane.h"

#define CONFIG_UNIX_KEEP  UINT32_MAX
#define CONFIG_LISTEN_MAX RUNTIME_LISTEN_MAX

struct config_meta {
        char *key;
        char *value;
};

/* Socket addresses of one service, ports filled in; none when the port is disabled. */
struct config_listen {
        struct sockaddr_storage addresses[CONFIG_LISTEN_MAX];
        size_t count;
};

/* -1: disabled. */
struct config_ports {
        int dns, http, https, grpc, serf_lan, serf_wan, server, sidecar_min_port, sidecar_max_port,
            expose_min_port, expose_max_port;
};

/* A time to live for one service name, or for a prefix written "prefix*". */
struct config_service_ttl {
        char *name;
        uint32_t ttl_s;
};

struct config_dns {
        uint32_t node_ttl_s;
        struct config_service_ttl *service_ttls; /* in any order */
        size_t service_ttl_count;
        struct lictor_soa soa;
        uint16_t udp_answer_limit;
        uint16_t a_record_limit;
        bool enable_truncate;
        bool disable_compression;
        bool only_passing;
        bool node_meta_txt;
        bool allow_stale;
        uint64_t max_stale_ms;
        uint64_t cache_age_ms;       /* of prepared queries answered elsewhere; 0: none is kept */
        uint64_t datacenter_idle_ms; /* another one's table is kept that long unused; 0: none is */
};

/* What autopilot begins with in a new cluster; later its configuration is in the log. */
struct config_autopilot {
        bool cleanup_dead_servers;
        uint64_t last_contact_threshold_ms;
        uint64_t max_trailing_logs;
        unsigned min_quorum;
        uint64_t server_stabilization_time_ms;
};

/* How servers agree. */
struct config_cluster {
        unsigned raft_multiplier;
        uint64_t raft_snapshot_threshold; /* log entries between snapshots */
        uint64_t raft_snapshot_interval_ms;
        uint64_t raft_trailing_logs;
        double rpc_rate; /* limits.rpc_rate, calls a second; 0: no limit */
        double rpc_max_burst;
        uint64_t rpc_handshake_timeout_ms; /* for the first byte of a connection */
        unsigned rpc_max_conns_per_client;
        uint64_t rpc_hold_timeout_ms; /* how long a request waits for a leader */
        uint64_t leave_drain_time_ms;
        bool consul_rpc; /* a client calls all servers by Consul's RPC, our own as well */
        struct config_autopilot autopilot;
};

/* One gossip pool; its port and advertised address stand with the others. */
struct config_pool {
        char *bind;        /* numeric; may be "0.0.0.0" */
        char **start_join; /* -join: tried once, the agent does not start without any */
        size_t start_join_count;
        char **retry_join; /* -retry-join */
        size_t retry_join_count;
        char **allowed; /* networks gossip is taken from; none: all */
        size_t allowed_count;
        uint64_t retry_interval_ms;
        unsigned retry_max; /* 0: no limit */
        uint64_t reconnect_timeout_ms;
        uint64_t gossip_interval_ms, probe_interval_ms, probe_timeout_ms;
        unsigned gossip_nodes, suspicion_mult, retransmit_mult;
};

/* How agents find each other. */
struct config_gossip {
        struct config_pool lan, wan;
        char *key; /* base64; "" without encryption */
        bool verify_incoming, verify_outgoing;
        bool disable_keyring_file;
        bool rejoin_after_leave;
        uint64_t advertise_reconnect_timeout_ms; /* of a client; 0: none */
        char *segment;                           /* always "" */
};

struct config {
        char *node_name;
        char *node_id; /* "" when none is configured */
        struct config_meta *node_meta;
        size_t node_meta_count;
        char *datacenter; /* lower case */
        char *primary_datacenter;
        char *domain;     /* lower case, without the final dot */
        char *alt_domain; /* "" when there is none */

        char *bind_address;                   /* numeric; may be "0.0.0.0" */
        char *advertise_address;              /* numeric, never unspecified: the node's Address */
        char *advertise_address_wan;          /* numeric */
        struct config_meta *tagged_addresses; /* "lan", "lan_ipv4", "wan", …: the node's */
        size_t tagged_address_count;
        struct config_ports ports;
        struct config_listen dns_listen;
        struct config_listen http_listen; /* may hold AF_UNIX addresses */
        char *ui_path;                    /* "/ui/", or "" when it is off */
        char *client_text;                /* "[127.0.0.1]", for the banner */

        char *data_dir;       /* "" with dev_mode */
        char *pid_file;       /* "" when there is none */
        char *log_level_text; /* as written; an unknown one leaves log_level at INFO */
        enum log_level log_level;
        bool log_json;
        char *log_file; /* "" when there is none */
        uint64_t log_rotate_bytes;
        uint64_t log_rotate_ns;
        int log_rotate_files;
        char *syslog_facility; /* "" when syslog is off */
        /* Owner and mode of sockets in the file system; CONFIG_UNIX_KEEP where none is given. */
        uint32_t unix_user, unix_group, unix_mode;
        bool dev_mode;
        bool server;
        bool bootstrap;
        int bootstrap_expect;
        bool leave_on_terminate;
        bool skip_leave_on_interrupt;
        bool translate_wan_addresses;
        bool enable_local_script_checks;
        bool enable_remote_script_checks;
        bool disable_http_unprintable_char_filter;
        uint64_t check_update_interval_ms;
        uint64_t http_max_header_bytes;
        uint64_t txn_max_request_bytes;
        uint64_t kv_max_value_bytes;
        int64_t session_ttl_min_ns;
        unsigned http_max_connections_per_client;
        bool http_use_cache;
        json_t *http_response_headers;    /* object of strings; never NULL */
        json_t *http_block_endpoints;     /* array of path prefixes; never NULL */
        json_t *http_allow_write_from;    /* array of CIDR strings, "allow_write_http_from" */
        uint64_t prometheus_retention_ms; /* telemetry.prometheus_retention_time; 0: off */
        char *telemetry_prefix;           /* telemetry.metrics_prefix */

        struct config_cluster cluster;
        struct config_gossip gossip;
        struct config_dns dns;
        struct sockaddr_storage *recursors; /* where foreign names are asked for */
        size_t recursor_count;
        uint64_t recursor_timeout_ms; /* for one of them to answer */
        bool recursor_random;         /* tried in random order */

        /* Definitions from files, in order; each element one object as Consul documents it. */
        json_t *services;
        json_t *checks;

        struct runtime_config dataplane; /* its pointers are owned by this struct */
        json_t *merged;                  /* the merged settings as written, secrets included */
};

/* What the command line said: -config-file and -config-dir in order, and the flags' settings. */
struct config_source {
        const char *path; /* a file or a directory */
};

/* A file's language, by its extension unless the command line says one for all. */
enum config_format { CONFIG_FORMAT_BY_NAME, CONFIG_FORMAT_JSON, CONFIG_FORMAT_HCL };

struct config_input {
        const struct config_source *sources;
        size_t source_count;
        enum config_format format;
        json_t *flags; /* settings in the files' form, laid over them; borrowed; may be NULL */
        const char *const *fragments; /* HCL texts of -hcl, laid over the flags */
        size_t fragment_count;
        bool dev_mode;
};

/** Read -config-format's value; NULL or "" leaves it to the files' names. returns 0 or -EINVAL. */
int config_format_parse(const char *text, enum config_format *out);

/* Lines for the operator: errors when building failed, warnings when it did not. */
struct config_report {
        char *error;     /* NULL when there is none */
        char **warnings; /* one line each */
        size_t warning_count;
};

/**
 * Read the sources, merge, check, resolve.
 * @out     owned by the caller, freed with config_destroy; NULL on failure.
 * @report  always initialised; freed with config_report_fini.
 * returns  0, or a negative errno with report->error set.
 */
int config_build(const struct config_input *input, struct config **out,
                 struct config_report *report);
void config_destroy(struct config *take_config);
void config_report_fini(struct config_report *report);

/**
 * Read the services of one file, as "service" and "services" define them; HCL or JSON by its name.
 * @services  an array owned by the caller.
 * @error     on failure what is wrong, owned by the caller; NULL when memory ran out.
 * returns    0 or a negative errno.
 */
int config_read_services(const char *path, json_t **services, char **error);

/**
 * What an agent demands beyond valid settings, as Consul's validate does not: watches, the gossip
 * key's size, ACLs.
 * @error   on failure one line for the operator.
 * returns  0 or -EINVAL.
 */
int config_check_start(const struct config *config, char *error, size_t error_size);

/**
 * Exchange what a reload may change - definitions, node metadata, dns_config, log level - between
 * the settings in force and fresh ones. Calling it again undoes it.
 */
void config_swap_reloadable(struct config *running, struct config *fresh);

#define CONFIG_ADDRESS_TEXT_MAX 128

/** Write a socket address as "127.0.0.1:80", "[::1]:80" or "unix:///path". returns  out. */
const char *config_address_text(const struct sockaddr_storage *address,
                                char out[CONFIG_ADDRESS_TEXT_MAX]);

/** The zone as the data plane wants it; strings borrowed from the configuration. */
void config_zone(const struct config *config, struct lictor_zone *out);

#endif
