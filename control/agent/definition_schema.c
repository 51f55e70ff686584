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

static const struct json_field check_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"CheckID", JSON_KIND_STRING, NULL},
    {"Name", JSON_KIND_STRING, NULL},
    {"Notes", JSON_KIND_STRING, NULL},
    {"ServiceID", JSON_KIND_STRING, NULL},
    {"Token", JSON_KIND_STRING, NULL},
    {"Namespace", JSON_KIND_STRING, NULL},
    {"Status", JSON_KIND_STRING, NULL},
    {"ScriptArgs", JSON_KIND_STRINGS, NULL},
    {"Args", JSON_KIND_STRINGS, NULL},
    {"HTTP", JSON_KIND_STRING, NULL},
    {"H2PING", JSON_KIND_STRING, NULL},
    {"H2PingUseTLS", JSON_KIND_BOOL, NULL},
    {"Header", JSON_KIND_LISTS, NULL},
    {"Method", JSON_KIND_STRING, NULL},
    {"Body", JSON_KIND_STRING, NULL},
    {"DisableRedirects", JSON_KIND_BOOL, NULL},
    {"TCP", JSON_KIND_STRING, NULL},
    {"TCPUseTLS", JSON_KIND_BOOL, NULL},
    {"UDP", JSON_KIND_STRING, NULL},
    {"OSService", JSON_KIND_STRING, NULL},
    {"Interval", JSON_KIND_DURATION, NULL},
    {"Timeout", JSON_KIND_DURATION, NULL},
    {"TTL", JSON_KIND_DURATION, NULL},
    {"DockerContainerID", JSON_KIND_STRING, NULL},
    {"Shell", JSON_KIND_STRING, NULL},
    {"GRPC", JSON_KIND_STRING, NULL},
    {"GRPCUseTLS", JSON_KIND_BOOL, NULL},
    {"TLSServerName", JSON_KIND_STRING, NULL},
    {"TLSSkipVerify", JSON_KIND_BOOL, NULL},
    {"AliasNode", JSON_KIND_STRING, NULL},
    {"AliasService", JSON_KIND_STRING, NULL},
    {"ProxyHTTP", JSON_KIND_STRING, NULL},
    {"ProxyGRPC", JSON_KIND_STRING, NULL},
    {"SuccessBeforePassing", JSON_KIND_INT, NULL},
    {"FailuresBeforeWarning", JSON_KIND_INT, NULL},
    {"FailuresBeforeCritical", JSON_KIND_INT, NULL},
    {"DeregisterCriticalServiceAfter", JSON_KIND_DURATION, NULL},
    {"OutputMaxSize", JSON_KIND_INT, NULL},
};
const struct json_schema local_check_schema = JSON_SCHEMA(check_fields);

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
