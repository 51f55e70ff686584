#include <string.h>

#include "control/agent/definition.h"
#include "control/text/duration.h"

#define NS_PER_MS 1000000

static bool is_set(const json_t *definition, const char *name)
{
        return json_schema_string(definition, name)[0] != '\0';
}

bool definition_is_script(const json_t *definition)
{
        return json_array_size(json_object_get(definition, "ScriptArgs")) > 0 ||
               json_array_size(json_object_get(definition, "Args")) > 0;
}

bool definition_is_alias(const json_t *definition)
{
        return is_set(definition, "AliasNode") || is_set(definition, "AliasService");
}

// In the order in which Consul looks at them.
static const struct {
        const char *field;
        const char *type;
        enum check_kind kind;
} targets[] = {
    {"GRPC", "grpc", CHECK_GRPC},       {"HTTP", "http", CHECK_HTTP},
    {"TCP", "tcp", CHECK_TCP},          {"UDP", "udp", CHECK_UDP},
    {"H2PING", "h2ping", CHECK_H2PING}, {"OSService", "os_service", CHECK_OS_SERVICE},
};

#define TARGET_COUNT (sizeof(targets) / sizeof(targets[0]))

static size_t find_target(const json_t *definition)
{
        size_t i = 0;

        while (i < TARGET_COUNT && !is_set(definition, targets[i].field))
                i++;
        return i;
}

bool definition_has_target(const json_t *definition)
{
        return find_target(definition) < TARGET_COUNT || definition_is_script(definition);
}

enum definition_upkeep definition_upkeep(const json_t *definition)
{
        if (definition_ttl_ns(definition) > 0)
                return DEFINITION_TTL;
        if (definition_has_target(definition))
                return DEFINITION_RUN;
        return definition_is_alias(definition) ? DEFINITION_ALIAS : DEFINITION_NONE;
}

const char *definition_check_type(const json_t *definition)
{
        size_t target = find_target(definition);

        switch (definition_upkeep(definition)) {
        case DEFINITION_TTL:
                return "ttl";
        case DEFINITION_ALIAS:
                return "alias";
        case DEFINITION_RUN:
                if (target < TARGET_COUNT)
                        return targets[target].type;
                return is_set(definition, "DockerContainerID") ? "docker" : "script";
        case DEFINITION_NONE:
                break;
        }
        return "maintenance";
}

static unsigned count_of(const json_t *definition, const char *name)
{
        json_int_t value = json_schema_int(definition, name);

        return value > 0 && value < 1000000 ? (unsigned)value : 0;
}

static uint64_t milliseconds(const json_t *definition, const char *name)
{
        json_int_t ns = json_schema_int(definition, name);

        return ns > 0 ? (uint64_t)(ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

static bool uses_tls(const json_t *definition, enum check_kind kind)
{
        const json_t *given = json_object_get(definition, "H2PingUseTLS");

        switch (kind) {
        case CHECK_GRPC:
                return json_schema_bool(definition, "GRPCUseTLS");
        case CHECK_TCP:
                return json_schema_bool(definition, "TCPUseTLS");
        case CHECK_H2PING:
                // HTTP/2 is encrypted unless said otherwise.
                return given == NULL || json_is_true(given);
        default:
                return false;
        }
}

void definition_check_spec(const json_t *definition, struct check_spec *out)
{
        const json_t *args = json_object_get(definition, "ScriptArgs");
        size_t target = find_target(definition);

        *out = (struct check_spec){
            .id = definition_check_id(definition),
            .interval_ms = milliseconds(definition, "Interval"),
            .timeout_ms = milliseconds(definition, "Timeout"),
            .output_max = (size_t)json_schema_int(definition, "OutputMaxSize"),
            .thresholds = {count_of(definition, "SuccessBeforePassing"),
                           count_of(definition, "FailuresBeforeWarning"),
                           count_of(definition, "FailuresBeforeCritical")},
            .tls_skip_verify = json_schema_bool(definition, "TLSSkipVerify"),
            .disable_redirects = json_schema_bool(definition, "DisableRedirects"),
            .tls_server_name = json_schema_string(definition, "TLSServerName"),
            .method = json_schema_string(definition, "Method"),
            .body = json_schema_string(definition, "Body"),
            .headers = json_object_get(definition, "Header"),
            .args = json_array_size(args) > 0 ? args : json_object_get(definition, "Args"),
        };
        if (target < TARGET_COUNT) {
                out->kind = targets[target].kind;
                out->target = json_schema_string(definition, targets[target].field);
        } else {
                out->target = json_schema_string(definition, "DockerContainerID");
                out->kind = out->target[0] != '\0' ? CHECK_DOCKER : CHECK_SCRIPT;
        }
        out->use_tls = uses_tls(definition, out->kind);
}
