#include "control/config/internal.h"

// Shorthands for the tables below.
#define STRING(key)                                                                                \
        {                                                                                          \
                key, SCHEMA_STRING, 0, NULL                                                        \
        }
#define INT(key)                                                                                   \
        {                                                                                          \
                key, SCHEMA_INT, 0, NULL                                                           \
        }
#define FLOAT(key)                                                                                 \
        {                                                                                          \
                key, SCHEMA_FLOAT, 0, NULL                                                         \
        }
#define BOOL(key)                                                                                  \
        {                                                                                          \
                key, SCHEMA_BOOL, 0, NULL                                                          \
        }
#define DURATION(key)                                                                              \
        {                                                                                          \
                key, SCHEMA_DURATION, 0, NULL                                                      \
        }
#define STRINGS(key)                                                                               \
        {                                                                                          \
                key, SCHEMA_STRINGS, 0, NULL                                                       \
        }
#define MAP(key)                                                                                   \
        {                                                                                          \
                key, SCHEMA_MAP, 0, NULL                                                           \
        }
#define ANY(key)                                                                                   \
        {                                                                                          \
                key, SCHEMA_ANY, 0, NULL                                                           \
        }
#define ANY_LIST(key)                                                                              \
        {                                                                                          \
                key, SCHEMA_ANY_LIST, 0, NULL                                                      \
        }
#define OBJECT(key, fields)                                                                        \
        {                                                                                          \
                key, SCHEMA_OBJECT, 0, fields                                                      \
        }
#define OBJECTS(key, fields)                                                                       \
        {                                                                                          \
                key, SCHEMA_OBJECTS, 0, fields                                                     \
        }
#define LATER(key, kind)                                                                           \
        {                                                                                          \
                key, SCHEMA_##kind, SCHEMA_LATER, NULL                                             \
        }
#define LATER_OBJECT(key, fields)                                                                  \
        {                                                                                          \
                key, SCHEMA_OBJECT, SCHEMA_LATER, fields                                           \
        }
#define END                                                                                        \
        {                                                                                          \
                NULL, SCHEMA_END, 0, NULL                                                          \
        }

static const struct schema_field check_fields[] = {
    STRING("id"),
    STRING("check_id"),
    STRING("name"),
    STRING("notes"),
    STRING("service_id"),
    STRING("token"),
    STRING("status"),
    STRINGS("args"),
    STRINGS("script_args"),
    STRING("http"),
    {"header", SCHEMA_LISTS_MAP, 0, NULL},
    STRING("method"),
    STRING("body"),
    INT("output_max_size"),
    BOOL("disable_redirects"),
    STRING("tcp"),
    BOOL("tcp_use_tls"),
    STRING("udp"),
    STRING("os_service"),
    STRING("h2ping"),
    BOOL("h2ping_use_tls"),
    STRING("namespace"),
    STRING("interval"),
    STRING("docker_container_id"),
    STRING("shell"),
    STRING("grpc"),
    BOOL("grpc_use_tls"),
    STRING("tls_server_name"),
    BOOL("tls_skip_verify"),
    STRING("alias_node"),
    STRING("alias_service"),
    STRING("timeout"),
    STRING("ttl"),
    INT("success_before_passing"),
    INT("failures_before_critical"),
    INT("failures_before_warning"),
    STRING("deregister_critical_service_after"),
    END,
};

static const struct schema_field tagged_address_fields[] = {STRING("address"), INT("port"), END};
static const struct schema_field weight_fields[] = {INT("passing"), INT("warning"), END};
static const struct schema_field service_connect_fields[] = {BOOL("native"), ANY("sidecar_service"),
                                                             END};

static const struct schema_field service_fields[] = {
    STRING("kind"),
    STRING("id"),
    STRING("name"),
    STRINGS("tags"),
    STRING("address"),
    {"tagged_addresses", SCHEMA_OBJECT_MAP, 0, tagged_address_fields},
    MAP("meta"),
    INT("port"),
    STRING("socket_path"),
    OBJECT("check", check_fields),
    OBJECTS("checks", check_fields),
    STRING("token"),
    OBJECT("weights", weight_fields),
    BOOL("enable_tag_override"),
    ANY("proxy"),
    OBJECT("connect", service_connect_fields),
    STRING("namespace"),
    END,
};

static const struct schema_field acl_token_fields[] = {
    STRING("master"),
    STRING("agent_master"),
    STRING("replication"),
    STRING("agent"),
    STRING("default"),
    ANY_LIST("managed_service_provider"),
    END,
};

static const struct schema_field acl_fields[] = {
    BOOL("enabled"),
    STRING("down_policy"),
    STRING("default_policy"),
    BOOL("enable_key_list_policy"),
    BOOL("enable_token_persistence"),
    BOOL("enable_token_replication"),
    DURATION("policy_ttl"),
    DURATION("role_ttl"),
    DURATION("token_ttl"),
    BOOL("msp_disable_bootstrap"),
    OBJECT("tokens", acl_token_fields),
    END,
};

static const struct schema_field address_fields[] = {STRING("dns"), STRING("http"), STRING("https"),
                                                     STRING("grpc"), END};

static const struct schema_field autopilot_fields[] = {
    BOOL("cleanup_dead_servers"),
    BOOL("disable_upgrade_migration"),
    DURATION("last_contact_threshold"),
    INT("max_trailing_logs"),
    INT("min_quorum"),
    STRING("redundancy_zone_tag"),
    DURATION("server_stabilization_time"),
    STRING("upgrade_version_tag"),
    END,
};

static const struct schema_field soa_fields[] = {INT("refresh"), INT("retry"), INT("expire"),
                                                 INT("min_ttl"), END};

static const struct schema_field dns_fields[] = {
    BOOL("allow_stale"),
    INT("a_record_limit"),
    BOOL("disable_compression"),
    BOOL("enable_truncate"),
    DURATION("max_stale"),
    DURATION("node_ttl"),
    BOOL("only_passing"),
    STRING("recursor_strategy"),
    DURATION("recursor_timeout"),
    {"service_ttl", SCHEMA_TTL_MAP, 0, NULL},
    INT("udp_answer_limit"),
    BOOL("enable_additional_node_meta_txt"),
    OBJECT("soa", soa_fields),
    BOOL("use_cache"),
    DURATION("cache_max_age"),
    BOOL("prefer_namespace"),
    END,
};

static const struct schema_field gossip_fields[] = {
    INT("gossip_nodes"),
    DURATION("gossip_interval"),
    INT("retransmit_mult"),
    INT("suspicion_mult"),
    DURATION("probe_interval"),
    DURATION("probe_timeout"),
    END,
};

static const struct schema_field http_fields[] = {
    STRINGS("block_endpoints"), STRINGS("allow_write_http_from"), MAP("response_headers"),
    BOOL("use_cache"),          INT("max_header_bytes"),          END,
};

static const struct schema_field limit_fields[] = {
    INT("http_max_conns_per_client"),
    DURATION("https_handshake_timeout"),
    DURATION("rpc_handshake_timeout"),
    INT("rpc_max_burst"),
    INT("rpc_max_conns_per_client"),
    FLOAT("rpc_rate"),
    INT("kv_max_value_size"),
    INT("txn_max_req_len"),
    END,
};

static const struct schema_field performance_fields[] = {
    DURATION("leave_drain_time"), INT("raft_multiplier"), DURATION("rpc_hold_timeout"), END};

static const struct schema_field port_fields[] = {
    INT("dns"),
    INT("http"),
    INT("https"),
    INT("serf_lan"),
    INT("serf_wan"),
    INT("server"),
    INT("grpc"),
    INT("sidecar_min_port"),
    INT("sidecar_max_port"),
    INT("expose_min_port"),
    INT("expose_max_port"),
    END,
};

static const struct schema_field telemetry_fields[] = {
    LATER("circonus_api_app", STRING),
    LATER("circonus_api_token", STRING),
    LATER("circonus_api_url", STRING),
    LATER("circonus_broker_id", STRING),
    LATER("circonus_broker_select_tag", STRING),
    LATER("circonus_check_display_name", STRING),
    LATER("circonus_check_force_metric_activation", STRING),
    LATER("circonus_check_id", STRING),
    LATER("circonus_check_instance_id", STRING),
    LATER("circonus_check_search_tag", STRING),
    LATER("circonus_check_tags", STRING),
    LATER("circonus_submission_interval", STRING),
    LATER("circonus_submission_url", STRING),
    BOOL("disable_hostname"),
    BOOL("disable_compat_1.9"),
    LATER("dogstatsd_addr", STRING),
    LATER("dogstatsd_tags", STRINGS),
    BOOL("filter_default"),
    STRINGS("prefix_filter"),
    STRING("metrics_prefix"),
    DURATION("prometheus_retention_time"),
    LATER("statsd_address", STRING),
    LATER("statsite_address", STRING),
    END,
};

static const struct schema_field unix_socket_fields[] = {STRING("group"), STRING("mode"),
                                                         STRING("user"), END};
static const struct schema_field cache_fields[] = {INT("entry_fetch_max_burst"),
                                                   FLOAT("entry_fetch_rate"), END};
static const struct schema_field rpc_fields[] = {BOOL("enable_streaming"), END};
static const struct schema_field ui_fields[] = {
    BOOL("enabled"),
    LATER("dir", STRING),
    STRING("content_path"),
    LATER("metrics_provider", STRING),
    LATER("metrics_provider_files", STRINGS),
    LATER("metrics_provider_options_json", STRING),
    LATER("metrics_proxy", ANY),
    LATER("dashboard_url_templates", MAP),
    END,
};

static const struct schema_field dataplane_port_fields[] = {
    STRING("device"),    STRING("mac"), STRINGS("addresses"), STRING("gateway"), INT("queues"),
    STRING("exception"), END,
};

static const struct schema_field dataplane_fields[] = {
    STRING("driver"),
    STRINGS("eal"),
    {"lcores", SCHEMA_INTS, 0, NULL},
    DURATION("datacenter_idle"),
    STRING("idle"),
    INT("socket_workers"),
    OBJECTS("ports", dataplane_port_fields),
    END,
};

const struct schema_field config_schema[] = {
    LATER_OBJECT("acl", acl_fields),
    LATER("acl_agent_master_token", STRING),
    LATER("acl_agent_token", STRING),
    LATER("acl_datacenter", STRING),
    LATER("acl_default_policy", STRING),
    LATER("acl_down_policy", STRING),
    LATER("acl_enable_key_list_policy", BOOL),
    LATER("acl_master_token", STRING),
    LATER("acl_replication_token", STRING),
    LATER("acl_token", STRING),
    LATER("acl_ttl", DURATION),
    OBJECT("addresses", address_fields),
    STRING("advertise_addr"),
    STRING("advertise_addr_ipv4"),
    STRING("advertise_addr_ipv6"),
    STRING("advertise_addr_wan"),
    STRING("advertise_addr_wan_ipv4"),
    STRING("advertise_addr_wan_ipv6"),
    DURATION("advertise_reconnect_timeout"),
    STRING("alt_domain"),
    ANY("audit"),
    LATER("auto_config", ANY),
    LATER("auto_encrypt", ANY),
    OBJECT("autopilot", autopilot_fields),
    STRING("bind_addr"),
    BOOL("bootstrap"),
    INT("bootstrap_expect"),
    LATER("ca_file", STRING),
    LATER("ca_path", STRING),
    OBJECT("cache", cache_fields),
    LATER("cert_file", STRING),
    {"check", SCHEMA_OBJECT, SCHEMA_LOOSE, check_fields},
    INT("check_output_max_size"),
    DURATION("check_update_interval"),
    {"checks", SCHEMA_OBJECTS, SCHEMA_LOOSE, check_fields},
    STRING("client_addr"),
    LATER("config_entries", ANY),
    LATER("connect", ANY),
    STRING("data_dir"),
    OBJECT("dataplane", dataplane_fields),
    STRING("datacenter"),
    DURATION("default_query_time"),
    BOOL("disable_anonymous_signature"),
    BOOL("disable_coordinates"),
    BOOL("disable_host_node_id"),
    BOOL("disable_http_unprintable_char_filter"),
    BOOL("disable_keyring_file"),
    BOOL("disable_remote_exec"),
    BOOL("disable_update_check"),
    BOOL("discard_check_output"),
    DURATION("discovery_max_stale"),
    OBJECT("dns_config", dns_fields),
    STRING("domain"),
    LATER("enable_acl_replication", BOOL),
    LATER("enable_agent_tls_for_checks", BOOL),
    BOOL("enable_central_service_config"),
    BOOL("enable_debug"),
    BOOL("enable_local_script_checks"),
    BOOL("enable_script_checks"),
    BOOL("enable_syslog"),
    STRING("encrypt"),
    BOOL("encrypt_verify_incoming"),
    BOOL("encrypt_verify_outgoing"),
    OBJECT("gossip_lan", gossip_fields),
    OBJECT("gossip_wan", gossip_fields),
    OBJECT("http_config", http_fields),
    LATER("key_file", STRING),
    BOOL("leave_on_terminate"),
    OBJECT("limits", limit_fields),
    STRING("log_file"),
    BOOL("log_json"),
    STRING("log_level"),
    INT("log_rotate_bytes"),
    DURATION("log_rotate_duration"),
    INT("log_rotate_max_files"),
    DURATION("max_query_time"),
    STRING("node_id"),
    MAP("node_meta"),
    STRING("node_name"),
    BOOL("non_voting_server"),
    OBJECT("performance", performance_fields),
    STRING("pid_file"),
    OBJECT("ports", port_fields),
    STRING("primary_datacenter"),
    LATER("primary_gateways", STRINGS),
    LATER("primary_gateways_interval", DURATION),
    INT("protocol"),
    INT("raft_protocol"),
    INT("raft_snapshot_threshold"),
    DURATION("raft_snapshot_interval"),
    INT("raft_trailing_logs"),
    BOOL("read_replica"),
    DURATION("reconnect_timeout"),
    DURATION("reconnect_timeout_wan"),
    STRINGS("recursors"),
    BOOL("rejoin_after_leave"),
    DURATION("retry_interval"),
    DURATION("retry_interval_wan"),
    STRINGS("retry_join"),
    STRINGS("retry_join_wan"),
    INT("retry_max"),
    INT("retry_max_wan"),
    OBJECT("rpc", rpc_fields),
    STRING("segment"),
    ANY_LIST("segments"),
    STRING("serf_lan"),
    STRINGS("serf_lan_allowed_cidrs"),
    STRING("serf_wan"),
    STRINGS("serf_wan_allowed_cidrs"),
    BOOL("server"),
    STRING("server_name"),
    {"service", SCHEMA_OBJECT, SCHEMA_LOOSE, service_fields},
    {"services", SCHEMA_OBJECTS, SCHEMA_LOOSE, service_fields},
    DURATION("session_ttl_min"),
    BOOL("skip_leave_on_interrupt"),
    STRINGS("start_join"),
    STRINGS("start_join_wan"),
    STRING("syslog_facility"),
    MAP("tagged_addresses"),
    OBJECT("telemetry", telemetry_fields),
    LATER("tls_cipher_suites", STRING),
    LATER("tls_min_version", STRING),
    LATER("tls_prefer_server_cipher_suites", BOOL),
    BOOL("translate_wan_addrs"),
    BOOL("ui"),
    OBJECT("ui_config", ui_fields),
    STRING("ui_content_path"),
    LATER("ui_dir", STRING),
    OBJECT("unix_sockets", unix_socket_fields),
    BOOL("use_streaming_backend"),
    LATER("verify_incoming", BOOL),
    LATER("verify_incoming_https", BOOL),
    LATER("verify_incoming_rpc", BOOL),
    LATER("verify_outgoing", BOOL),
    LATER("verify_server_hostname", BOOL),
    ANY_LIST("watches"),
    END,
};
