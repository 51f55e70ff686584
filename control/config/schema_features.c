#include "control/config/schema_macros.h"

// What belongs to features of which little or nothing takes effect, checked all the same.

const struct schema_field schema_segment[] = {
    STRING("advertise"), STRING("bind"), STRING("name"), INT("port"), BOOL("rpc_listener"), END};
const struct schema_field schema_auto_encrypt[] = {BOOL("tls"), STRINGS("dns_san"),
                                                   STRINGS("ip_san"), BOOL("allow_tls"), END};
const struct schema_field schema_connect[] = {
    BOOL("enabled"),
    STRING("ca_provider"),
    {"ca_config", SCHEMA_ANY_MAP, 0, NULL},
    BOOL("enable_mesh_gateway_wan_federation"),
    STRING("test_ca_leaf_root_change_spread"),
    END,
};
const struct schema_field schema_config_entry[] = {ANY_LIST("bootstrap"), END};
static const struct schema_field audit_sink_fields[] = {
    STRING("name"),
    STRING("type"),
    STRING("format"),
    STRING("path"),
    STRING("delivery_guarantee"),
    INT("rotate_bytes"),
    STRING("rotate_duration"),
    INT("rotate_max_files"),
    END,
};
const struct schema_field schema_audit[] = {
    BOOL("enabled"), {"sink", SCHEMA_OBJECT_MAP, 0, audit_sink_fields}, END};
static const struct schema_field authorizer_fields[] = {
    STRINGS("claim_assertions"),
    BOOL("allow_reuse"),
    STRINGS("jwt_supported_algs"),
    STRINGS("bound_audiences"),
    MAP("claim_mappings"),
    MAP("list_claim_mappings"),
    STRING("oidc_discovery_url"),
    STRING("oidc_discovery_ca_cert"),
    STRING("jwks_url"),
    STRING("jwks_ca_cert"),
    STRINGS("jwt_validation_pub_keys"),
    STRING("bound_issuer"),
    STRING("expiration_leeway"),
    STRING("not_before_leeway"),
    STRING("clock_skew_leeway"),
    END,
};
static const struct schema_field authorization_fields[] = {
    BOOL("enabled"), OBJECT("static", authorizer_fields), END};
const struct schema_field schema_auto_config[] = {
    BOOL("enabled"),
    STRING("intro_token"),
    STRING("intro_token_file"),
    STRINGS("server_addresses"),
    STRINGS("dns_sans"),
    STRINGS("ip_sans"),
    OBJECT("authorization", authorization_fields),
    END,
};
const struct schema_field schema_provider_token[] = {STRING("accessor_id"), STRING("secret_id"),
                                                     END};
static const struct schema_field ui_header_fields[] = {STRING("name"), STRING("value"), END};
const struct schema_field schema_ui_proxy[] = {
    STRING("base_url"), OBJECTS("add_headers", ui_header_fields), STRINGS("path_allowlist"), END};

static const struct schema_field consul_coordinate_fields[] = {
    INT("update_batch_size"), INT("update_max_batches"), STRING("update_period"), END};
static const struct schema_field consul_raft_fields[] = {
    STRING("election_timeout"), STRING("heartbeat_timeout"), STRING("leader_lease_timeout"), END};
static const struct schema_field consul_server_fields[] = {STRING("health_interval"), END};
const struct schema_field schema_consul[] = {OBJECT("coordinate", consul_coordinate_fields),
                                             OBJECT("raft", consul_raft_fields),
                                             OBJECT("server", consul_server_fields), END};
