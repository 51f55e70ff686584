#include "control/agent/definition.h"

static const struct json_field address_fields[] = {
    {"Address", JSON_KIND_STRING, NULL},
    {"Port", JSON_KIND_INT, NULL},
};
static const struct json_schema address_schema = JSON_SCHEMA(address_fields);

static const struct json_field weight_fields[] = {
    {"Passing", JSON_KIND_INT, NULL},
    {"Warning", JSON_KIND_INT, NULL},
};
static const struct json_schema weight_schema = JSON_SCHEMA(weight_fields);

// What every definition of a check may say, wherever it comes from.
#define CHECK_KIND_FIELDS                                                                          \
        {"Name", JSON_KIND_STRING, NULL}, {"Notes", JSON_KIND_STRING, NULL},                       \
            {"Status", JSON_KIND_STRING, NULL}, {"ScriptArgs", JSON_KIND_STRINGS, NULL},           \
            {"Args", JSON_KIND_STRINGS, NULL}, {"HTTP", JSON_KIND_STRING, NULL},                   \
            {"H2PING", JSON_KIND_STRING, NULL}, {"H2PingUseTLS", JSON_KIND_BOOL, NULL},            \
            {"Header", JSON_KIND_LISTS, NULL}, {"Method", JSON_KIND_STRING, NULL},                 \
            {"Body", JSON_KIND_STRING, NULL}, {"DisableRedirects", JSON_KIND_BOOL, NULL},          \
            {"TCP", JSON_KIND_STRING, NULL}, {"TCPUseTLS", JSON_KIND_BOOL, NULL},                  \
            {"UDP", JSON_KIND_STRING, NULL}, {"OSService", JSON_KIND_STRING, NULL},                \
            {"Interval", JSON_KIND_DURATION, NULL}, {"Timeout", JSON_KIND_DURATION, NULL},         \
            {"TTL", JSON_KIND_DURATION, NULL}, {"DockerContainerID", JSON_KIND_STRING, NULL},      \
            {"Shell", JSON_KIND_STRING, NULL}, {"GRPC", JSON_KIND_STRING, NULL},                   \
            {"GRPCUseTLS", JSON_KIND_BOOL, NULL}, {"TLSServerName", JSON_KIND_STRING, NULL},       \
            {"TLSSkipVerify", JSON_KIND_BOOL, NULL}, {"AliasNode", JSON_KIND_STRING, NULL},        \
            {"AliasService", JSON_KIND_STRING, NULL},                                              \
            {"SuccessBeforePassing", JSON_KIND_INT, NULL},                                         \
            {"FailuresBeforeWarning", JSON_KIND_INT, NULL},                                        \
            {"FailuresBeforeCritical", JSON_KIND_INT, NULL},                                       \
            {"DeregisterCriticalServiceAfter", JSON_KIND_DURATION, NULL},                          \
        {                                                                                          \
                "OutputMaxSize", JSON_KIND_INT, NULL                                               \
        }

#define CHECK_FIELDS                                                                               \
        {"ID", JSON_KIND_STRING, NULL}, {"CheckID", JSON_KIND_STRING, NULL},                       \
            {"ServiceID", JSON_KIND_STRING, NULL}, {"Token", JSON_KIND_STRING, NULL},              \
            {"Namespace", JSON_KIND_STRING, NULL}, {"ProxyHTTP", JSON_KIND_STRING, NULL},          \
            {"ProxyGRPC", JSON_KIND_STRING, NULL}, CHECK_KIND_FIELDS

static const struct json_field check_fields[] = {CHECK_FIELDS};
const struct json_schema local_check_schema = JSON_SCHEMA(check_fields);

static const struct json_field kept_check_fields[] = {{DEFINITION_OF_SERVICE, JSON_KIND_BOOL, NULL},
                                                      CHECK_FIELDS};
const struct json_schema definition_kept_check = JSON_SCHEMA(kept_check_fields);

static const struct json_field service_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"Name", JSON_KIND_STRING, NULL},
    {"Kind", JSON_KIND_STRING, NULL},
    {"Tags", JSON_KIND_STRINGS, NULL},
    {"Address", JSON_KIND_STRING, NULL},
    {"TaggedAddresses", JSON_KIND_OBJECT_MAP, &address_schema},
    {"Meta", JSON_KIND_STRING_MAP, NULL},
    {"Port", JSON_KIND_INT, NULL},
    {"SocketPath", JSON_KIND_STRING, NULL},
    {"Weights", JSON_KIND_OBJECT, &weight_schema},
    {"EnableTagOverride", JSON_KIND_BOOL, NULL},
    {"Token", JSON_KIND_STRING, NULL},
    {"Namespace", JSON_KIND_STRING, NULL},
    {"Check", JSON_KIND_OBJECT, &local_check_schema},
    {"Checks", JSON_KIND_OBJECTS, &local_check_schema},
    {"Proxy", JSON_KIND_ANY, NULL},
    {"Connect", JSON_KIND_ANY, NULL},
};
const struct json_schema local_service_schema = JSON_SCHEMA(service_fields);

// What a request may say, exactly: files know more spellings, and fields that only they have.

static const char *const check_aliases[] = {
    "script_args",
    "deregister_critical_service_after",
    "service_id",
    "docker_container_id",
    "tls_server_name",
    "tls_skip_verify",
    "grpc_use_tls",
    "disable_redirects",
    NULL,
};

static const struct json_field check_body_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"ServiceID", JSON_KIND_STRING, NULL},
    {"Token", JSON_KIND_STRING, NULL},
    CHECK_KIND_FIELDS,
};
const struct json_schema definition_check_body =
    JSON_SCHEMA_ALIASED(check_body_fields, check_aliases);

static const struct json_field check_of_service_fields[] = {
    {"CheckID", JSON_KIND_STRING, NULL},
    {"ServiceID", JSON_KIND_IGNORED, NULL}, // it is that of the service around it
    {"ProxyHTTP", JSON_KIND_STRING, NULL},
    {"ProxyGRPC", JSON_KIND_STRING, NULL},
    CHECK_KIND_FIELDS,
};
static const struct json_schema check_of_service =
    JSON_SCHEMA_ALIASED(check_of_service_fields, check_aliases);

static const char *const service_aliases[] = {"enable_tag_override", "tagged_addresses", NULL};

static const struct json_field service_body_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"Name", JSON_KIND_STRING, NULL},
    {"Kind", JSON_KIND_STRING, NULL},
    {"Tags", JSON_KIND_STRINGS, NULL},
    {"Address", JSON_KIND_STRING, NULL},
    {"TaggedAddresses", JSON_KIND_OBJECT_MAP, &address_schema},
    {"Meta", JSON_KIND_STRING_MAP, NULL},
    {"Port", JSON_KIND_INT, NULL},
    {"SocketPath", JSON_KIND_STRING, NULL},
    {"Weights", JSON_KIND_OBJECT, &weight_schema},
    {"EnableTagOverride", JSON_KIND_BOOL, NULL},
    {"Token", JSON_KIND_STRING, NULL},
    {"Check", JSON_KIND_OBJECT, &check_of_service},
    {"Checks", JSON_KIND_OBJECTS, &check_of_service},
    {"Proxy", JSON_KIND_ANY, NULL},
    {"Connect", JSON_KIND_ANY, NULL},
};
const struct json_schema definition_service_body =
    JSON_SCHEMA_ALIASED(service_body_fields, service_aliases);
