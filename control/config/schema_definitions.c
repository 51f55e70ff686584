#include "control/config/schema_macros.h"

const struct schema_field schema_check[] = {
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

static const struct schema_field mesh_gateway_fields[] = {STRING("mode"), END};
static const struct schema_field upstream_fields[] = {
    STRING("destination_type"),
    STRING("destination_namespace"),
    STRING("destination_name"),
    STRING("datacenter"),
    STRING("local_bind_address"),
    INT("local_bind_port"),
    STRING("local_bind_socket_path"),
    STRING("local_bind_socket_mode"),
    {"config", SCHEMA_ANY_MAP, 0, NULL},
    OBJECT("mesh_gateway", mesh_gateway_fields),
    END,
};
static const struct schema_field transparent_fields[] = {INT("outbound_listener_port"),
                                                         BOOL("dialed_directly"), END};
static const struct schema_field expose_path_fields[] = {
    INT("listener_port"), STRING("path"), INT("local_path_port"), STRING("protocol"), END};
static const struct schema_field expose_fields[] = {BOOL("checks"), INT("port"),
                                                    OBJECTS("paths", expose_path_fields), END};
static const struct schema_field proxy_fields[] = {
    STRING("destination_service_name"),
    STRING("destination_service_id"),
    STRING("local_service_address"),
    INT("local_service_port"),
    STRING("local_service_socket_path"),
    OBJECT("transparent_proxy", transparent_fields),
    STRING("mode"),
    {"config", SCHEMA_ANY_MAP, 0, NULL},
    OBJECTS("upstreams", upstream_fields),
    OBJECT("mesh_gateway", mesh_gateway_fields),
    OBJECT("expose", expose_fields),
    END,
};

const struct schema_field schema_service[] = {
    STRING("kind"),
    STRING("id"),
    STRING("name"),
    STRINGS("tags"),
    STRING("address"),
    {"tagged_addresses", SCHEMA_OBJECT_MAP, 0, tagged_address_fields},
    MAP("meta"),
    INT("port"),
    STRING("socket_path"),
    OBJECT("check", schema_check),
    OBJECTS("checks", schema_check),
    STRING("token"),
    OBJECT("weights", weight_fields),
    BOOL("enable_tag_override"),
    OBJECT("proxy", proxy_fields),
    OBJECT("connect", service_connect_fields),
    STRING("namespace"),
    END,
};
