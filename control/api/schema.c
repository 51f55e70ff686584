// The fields of the bodies that change the catalog.

#include "control/api/decode.h"

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

static const struct json_field service_fields[] = {
    {"Kind", JSON_KIND_STRING, NULL},
    {"ID", JSON_KIND_STRING, NULL},
    {"Service", JSON_KIND_STRING, NULL},
    {"Tags", JSON_KIND_STRINGS, NULL},
    {"Address", JSON_KIND_STRING, NULL},
    {"TaggedAddresses", JSON_KIND_OBJECT_MAP, &address_schema},
    {"Meta", JSON_KIND_STRING_MAP, NULL},
    {"Port", JSON_KIND_INT, NULL},
    {"SocketPath", JSON_KIND_STRING, NULL},
    {"Weights", JSON_KIND_OBJECT, &weight_schema},
    {"EnableTagOverride", JSON_KIND_BOOL, NULL},
    {"Proxy", JSON_KIND_ANY, NULL},
    {"Connect", JSON_KIND_ANY, NULL},
    {"CreateIndex", JSON_KIND_INT, NULL},
    {"ModifyIndex", JSON_KIND_INT, NULL},
};
static const struct json_schema service_schema = JSON_SCHEMA(service_fields);

static const struct json_field definition_fields[] = {
    {"HTTP", JSON_KIND_STRING, NULL},
    {"TLSServerName", JSON_KIND_STRING, NULL},
    {"TLSSkipVerify", JSON_KIND_BOOL, NULL},
    {"Header", JSON_KIND_LISTS, NULL},
    {"Method", JSON_KIND_STRING, NULL},
    {"Body", JSON_KIND_STRING, NULL},
    {"DisableRedirects", JSON_KIND_BOOL, NULL},
    {"TCP", JSON_KIND_STRING, NULL},
    {"UDP", JSON_KIND_STRING, NULL},
    {"H2PING", JSON_KIND_STRING, NULL},
    {"H2PingUseTLS", JSON_KIND_BOOL, NULL},
    {"GRPC", JSON_KIND_STRING, NULL},
    {"GRPCUseTLS", JSON_KIND_BOOL, NULL},
    {"OSService", JSON_KIND_STRING, NULL},
    {"ScriptArgs", JSON_KIND_STRINGS, NULL},
    {"DockerContainerID", JSON_KIND_STRING, NULL},
    {"Shell", JSON_KIND_STRING, NULL},
    {"AliasNode", JSON_KIND_STRING, NULL},
    {"AliasService", JSON_KIND_STRING, NULL},
    {"OutputMaxSize", JSON_KIND_INT, NULL},
    {"Interval", JSON_KIND_DURATION, NULL},
    {"Timeout", JSON_KIND_DURATION, NULL},
    {"TTL", JSON_KIND_DURATION, NULL},
    {"DeregisterCriticalServiceAfter", JSON_KIND_DURATION, NULL},
};
// What is not known of a check's definition is let pass.
static const struct json_schema definition_schema = JSON_SCHEMA_OPEN(definition_fields);

static const struct json_field check_fields[] = {
    {"Node", JSON_KIND_STRING, NULL},         {"CheckID", JSON_KIND_STRING, NULL},
    {"Name", JSON_KIND_STRING, NULL},         {"Status", JSON_KIND_STRING, NULL},
    {"Notes", JSON_KIND_STRING, NULL},        {"Output", JSON_KIND_STRING, NULL},
    {"ServiceID", JSON_KIND_STRING, NULL},    {"ServiceName", JSON_KIND_STRING, NULL},
    {"ServiceTags", JSON_KIND_STRINGS, NULL}, {"Type", JSON_KIND_STRING, NULL},
    {"Interval", JSON_KIND_STRING, NULL},     {"Timeout", JSON_KIND_STRING, NULL},
    {"ExposedPort", JSON_KIND_INT, NULL},     {"Definition", JSON_KIND_OBJECT, &definition_schema},
    {"CreateIndex", JSON_KIND_INT, NULL},     {"ModifyIndex", JSON_KIND_INT, NULL},
};
static const struct json_schema check_schema = JSON_SCHEMA(check_fields);

static const struct json_field register_fields[] = {
    {"Datacenter", JSON_KIND_STRING, NULL},
    {"ID", JSON_KIND_STRING, NULL},
    {"Node", JSON_KIND_STRING, NULL},
    {"Address", JSON_KIND_STRING, NULL},
    {"TaggedAddresses", JSON_KIND_STRING_MAP, NULL},
    {"NodeMeta", JSON_KIND_STRING_MAP, NULL},
    {"Service", JSON_KIND_OBJECT, &service_schema},
    {"Check", JSON_KIND_OBJECT, &check_schema},
    {"Checks", JSON_KIND_OBJECTS, &check_schema},
    {"SkipNodeUpdate", JSON_KIND_BOOL, NULL},
    {"Token", JSON_KIND_STRING, NULL},
    {"WriteRequest", JSON_KIND_ANY, NULL},
};
const struct json_schema api_register_schema = JSON_SCHEMA(register_fields);

static const struct json_field deregister_fields[] = {
    {"Datacenter", JSON_KIND_STRING, NULL}, {"Node", JSON_KIND_STRING, NULL},
    {"ServiceID", JSON_KIND_STRING, NULL},  {"CheckID", JSON_KIND_STRING, NULL},
    {"Address", JSON_KIND_STRING, NULL},    {"Token", JSON_KIND_STRING, NULL},
    {"WriteRequest", JSON_KIND_ANY, NULL},
};
const struct json_schema api_deregister_schema = JSON_SCHEMA(deregister_fields);

static const struct json_field coord_fields[] = {
    {"Vec", JSON_KIND_ANY, NULL},
    {"Error", JSON_KIND_NUMBER, NULL},
    {"Adjustment", JSON_KIND_NUMBER, NULL},
    {"Height", JSON_KIND_NUMBER, NULL},
};
static const struct json_schema coord_schema = JSON_SCHEMA(coord_fields);

static const struct json_field coordinate_fields[] = {
    {"Datacenter", JSON_KIND_STRING, NULL}, {"Node", JSON_KIND_STRING, NULL},
    {"Segment", JSON_KIND_STRING, NULL},    {"Coord", JSON_KIND_OBJECT, &coord_schema},
    {"Token", JSON_KIND_STRING, NULL},      {"WriteRequest", JSON_KIND_ANY, NULL},
};
const struct json_schema api_coordinate_schema = JSON_SCHEMA(coordinate_fields);

static const struct json_field node_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"Node", JSON_KIND_STRING, NULL},
    {"Address", JSON_KIND_STRING, NULL},
    {"Datacenter", JSON_KIND_STRING, NULL},
    {"TaggedAddresses", JSON_KIND_STRING_MAP, NULL},
    {"Meta", JSON_KIND_STRING_MAP, NULL},
    {"CreateIndex", JSON_KIND_INT, NULL},
    {"ModifyIndex", JSON_KIND_INT, NULL},
};
static const struct json_schema node_schema = JSON_SCHEMA(node_fields);

static const struct json_field node_op_fields[] = {
    {"Verb", JSON_KIND_STRING, NULL},
    {"Node", JSON_KIND_OBJECT, &node_schema},
};
static const struct json_schema node_op_schema = JSON_SCHEMA(node_op_fields);

static const struct json_field service_op_fields[] = {
    {"Verb", JSON_KIND_STRING, NULL},
    {"Node", JSON_KIND_STRING, NULL},
    {"Service", JSON_KIND_OBJECT, &service_schema},
};
static const struct json_schema service_op_schema = JSON_SCHEMA(service_op_fields);

static const struct json_field check_op_fields[] = {
    {"Verb", JSON_KIND_STRING, NULL},
    {"Check", JSON_KIND_OBJECT, &check_schema},
};
static const struct json_schema check_op_schema = JSON_SCHEMA(check_op_fields);

static const struct json_field kv_op_fields[] = {
    {"Verb", JSON_KIND_STRING, NULL},  {"Key", JSON_KIND_STRING, NULL},
    {"Value", JSON_KIND_STRING, NULL}, {"Flags", JSON_KIND_ANY, NULL},
    {"Index", JSON_KIND_ANY, NULL},    {"Session", JSON_KIND_STRING, NULL},
};
static const struct json_schema kv_op_schema = JSON_SCHEMA(kv_op_fields);

static const struct json_field session_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"Node", JSON_KIND_STRING, NULL},
    {"Name", JSON_KIND_STRING, NULL},
};
static const struct json_schema session_schema = JSON_SCHEMA(session_fields);

static const struct json_field session_op_fields[] = {
    {"Verb", JSON_KIND_STRING, NULL},
    {"Session", JSON_KIND_OBJECT, &session_schema},
};
static const struct json_schema session_op_schema = JSON_SCHEMA(session_op_fields);

static const struct json_field txn_fields[] = {
    {"Node", JSON_KIND_OBJECT, &node_op_schema},
    {"Service", JSON_KIND_OBJECT, &service_op_schema},
    {"Check", JSON_KIND_OBJECT, &check_op_schema},
    {"KV", JSON_KIND_OBJECT, &kv_op_schema},
    {"Session", JSON_KIND_OBJECT, &session_op_schema},
};
const struct json_schema api_txn_schema = JSON_SCHEMA(txn_fields);

static const struct json_field failover_fields[] = {
    {"NearestN", JSON_KIND_INT, NULL},
    {"Datacenters", JSON_KIND_STRINGS, NULL},
};
static const struct json_schema failover_schema = JSON_SCHEMA(failover_fields);

static const struct json_field selection_fields[] = {
    {"Service", JSON_KIND_STRING, NULL},      {"Failover", JSON_KIND_OBJECT, &failover_schema},
    {"OnlyPassing", JSON_KIND_BOOL, NULL},    {"IgnoreCheckIDs", JSON_KIND_STRINGS, NULL},
    {"Near", JSON_KIND_STRING, NULL},         {"Tags", JSON_KIND_STRINGS, NULL},
    {"NodeMeta", JSON_KIND_STRING_MAP, NULL}, {"ServiceMeta", JSON_KIND_STRING_MAP, NULL},
    {"Connect", JSON_KIND_BOOL, NULL},
};
static const struct json_schema selection_schema = JSON_SCHEMA(selection_fields);

static const struct json_field template_fields[] = {
    {"Type", JSON_KIND_STRING, NULL},
    {"Regexp", JSON_KIND_STRING, NULL},
    {"RemoveEmptyTags", JSON_KIND_BOOL, NULL},
};
static const struct json_schema template_schema = JSON_SCHEMA(template_fields);

static const struct json_field dns_fields[] = {{"TTL", JSON_KIND_STRING, NULL}};
static const struct json_schema dns_schema = JSON_SCHEMA(dns_fields);

static const struct json_field query_fields[] = {
    {"ID", JSON_KIND_STRING, NULL},
    {"Name", JSON_KIND_STRING, NULL},
    {"Session", JSON_KIND_STRING, NULL},
    {"Token", JSON_KIND_STRING, NULL},
    {"Template", JSON_KIND_OBJECT, &template_schema},
    {"Service", JSON_KIND_OBJECT, &selection_schema},
    {"DNS", JSON_KIND_OBJECT, &dns_schema},
    {"CreateIndex", JSON_KIND_INT, NULL},
    {"ModifyIndex", JSON_KIND_INT, NULL},
};
const struct json_schema api_query_schema = JSON_SCHEMA(query_fields);
