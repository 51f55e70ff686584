#include "control/agent/definition.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define META_PAIRS_MAX     64
#define META_KEY_LEN_MAX   128
#define META_VALUE_LEN_MAX 512
#define META_RESERVED      "consul-"
#define WEIGHT_MAX         65535

static int refuse(struct local_result *refusal, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct local_result *refusal, unsigned status, const char *format, ...)
{
        va_list arguments;

        refusal->status = status;
        va_start(arguments, format);
        vsnprintf(refusal->text, sizeof(refusal->text), format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static bool is_set(const json_t *definition, const char *name)
{
        return json_schema_string(definition, name)[0] != '\0';
}

// The rules every kind of check obeys, in Consul's words; NULL when they are kept.
static const char *find_contradiction(const json_t *definition)
{
        bool is_alias = definition_is_alias(definition);
        bool has_target = definition_has_target(definition);
        json_int_t interval = json_schema_int(definition, "Interval");
        json_int_t ttl = json_schema_int(definition, "TTL");
        json_int_t failures_before_warning = json_schema_int(definition, "FailuresBeforeWarning");
        json_int_t failures_before_critical = json_schema_int(definition, "FailuresBeforeCritical");

        if (interval > 0 && ttl > 0)
                return "Interval and TTL cannot both be specified";
        if (has_target && interval <= 0)
                return "Interval must be > 0 for Script, HTTP, H2PING, or TCP checks";
        if (is_alias && (has_target || interval > 0))
                return "Interval cannot be set for Alias checks";
        if (is_alias && ttl > 0)
                return "TTL must be not be set for Alias checks";
        if (!has_target && !is_alias && ttl <= 0)
                return "TTL must be > 0 for TTL checks";
        if (failures_before_warning > failures_before_critical)
                return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
        if (json_schema_int(definition, "OutputMaxSize") < 0)
                return "MaxOutputMaxSize must be positive";
        return NULL;
}

static int check_kind(const json_t *definition, const struct definition_rules *rules,
                      struct local_result *refusal)
{
        const char *contradiction = find_contradiction(definition), *missing = NULL;
        struct check_spec spec;

        if (contradiction != NULL)
                return refuse(refusal, 400, "Invalid check: %s", contradiction);
        if (definition_is_script(definition) && !rules->scripts_enabled) {
                if (rules->source == DEFINITION_REMOTE)
                        return refuse(refusal, 500,
                                      "Scripts are disabled on this agent from remote calls; to "
                                      "enable, configure 'enable_script_checks' to true");
                return refuse(refusal, 500,
                              "Scripts are disabled on this agent; to enable, configure "
                              "'enable_script_checks' or 'enable_local_script_checks' to true");
        }
        if (definition_upkeep(definition) == DEFINITION_RUN) {
                definition_check_spec(definition, &spec);
                missing = check_kind_missing(spec.kind);
        }
        return missing != NULL ? refuse(refusal, 400, "Invalid check: %s", missing) : 0;
}

static bool is_known_status(const char *status)
{
        return status[0] == '\0' || strcmp(status, "passing") == 0 ||
               strcmp(status, "warning") == 0 || strcmp(status, "critical") == 0;
}

int definition_check_check(const json_t *definition, const struct definition_rules *rules,
                           struct local_result *refusal)
{
        if (!is_set(definition, "Name"))
                return refuse(refusal, 400, "Missing check name");
        if (!is_known_status(json_schema_string(definition, "Status")))
                return refuse(refusal, 400, "Bad check status");
        return check_kind(definition, rules, refusal);
}

static bool is_meta_key(const char *key)
{
        for (; *key != '\0'; key++) {
                if (!((*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') ||
                      (*key >= '0' && *key <= '9') || *key == '-' || *key == '_'))
                        return false;
        }
        return true;
}

static int check_meta(const json_t *meta, struct local_result *refusal)
{
        const char *key;
        json_t *value;

        if (json_object_size(meta) > META_PAIRS_MAX)
                return refuse(refusal, 400,
                              "Invalid Service Meta: Node metadata cannot contain more than %d "
                              "key/value pairs",
                              META_PAIRS_MAX);
        json_object_foreach((json_t *)(uintptr_t)meta, key, value)
        {
                const char *problem = NULL;

                if (key[0] == '\0')
                        problem = "Key cannot be blank";
                else if (!is_meta_key(key))
                        problem = "Key contains invalid characters";
                else if (strlen(key) > META_KEY_LEN_MAX)
                        problem = "Key is too long (limit: 128 characters)";
                else if (strncmp(key, META_RESERVED, sizeof(META_RESERVED) - 1) == 0)
                        problem = "Key prefix '" META_RESERVED "' is reserved for internal use";
                else if (json_string_length(value) > META_VALUE_LEN_MAX)
                        problem = "Value is too long (limit: 512 characters)";
                if (problem != NULL)
                        return refuse(refusal, 400,
                                      "Invalid Service Meta: Couldn't load metadata pair "
                                      "('%.40s', '%.40s'): %s",
                                      key, json_string_value(value), problem);
        }
        return 0;
}

static int check_weights(const json_t *weights, struct local_result *refusal)
{
        json_int_t passing = json_schema_int(weights, "Passing");
        json_int_t warning = json_schema_int(weights, "Warning");

        if (weights == NULL)
                return 0;
        if (passing < 1)
                return refuse(refusal, 400, "Invalid Weights: Passing must be greater than 0");
        if (warning < 0)
                return refuse(refusal, 400,
                              "Invalid Weights: Warning must be greater or equal than 0");
        if (passing > WEIGHT_MAX || warning > WEIGHT_MAX)
                return refuse(refusal, 400,
                              "Invalid Weights: DNS Weight must be between 0 and 65535");
        return 0;
}

static bool is_any_address(const char *address)
{
        return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0 ||
               strcmp(address, "[::]") == 0;
}

// Whether an address is of the family that its key promises.
static bool is_of_family(const char *address, int family)
{
        uint8_t bytes[16];

        return inet_pton(family, address, bytes) == 1;
}

static int check_tagged_addresses(const json_t *addresses, struct local_result *refusal)
{
        static const struct {
                const char *key;
                int family;
        } promises[] = {{"lan_ipv4", AF_INET}, {"wan_ipv4", AF_INET}, {"lan_ipv6", AF_INET6}};

        for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
                const json_t *address = json_object_get(addresses, promises[i].key);

                if (address != NULL &&
                    !is_of_family(json_schema_string(address, "Address"), promises[i].family))
                        return refuse(refusal, 500,
                                      "Service tagged address \"%s\" must be a valid %s address",
                                      promises[i].key,
                                      promises[i].family == AF_INET ? "ipv4" : "ipv6");
        }
        return 0;
}

static int check_one_of_service(const json_t *check, const struct definition_rules *rules,
                                const char *service, struct local_result *refusal)
{
        struct local_result problem = {0};

        if (check_kind(check, rules, &problem) < 0 && rules->source == DEFINITION_FILE)
                return refuse(refusal, problem.status,
                              "Failed to validate checks for service \"%.80s\": %.380s", service,
                              problem.text);
        if (problem.status != 0) {
                *refusal = problem;
                return -EINVAL;
        }
        if (!is_known_status(json_schema_string(check, "Status")))
                return refuse(refusal, 400,
                              "Status for checks must 'passing', 'warning', 'critical'");
        return 0;
}

int definition_check_service(const json_t *definition, const struct definition_rules *rules,
                             struct local_result *refusal)
{
        const json_t *single = json_object_get(definition, "Check");
        const char *name = json_schema_string(definition, "Name");
        const json_t *check;
        size_t i;

        if (!is_set(definition, "Name"))
                return refuse(refusal, 400, "%s",
                              rules->source == DEFINITION_FILE ? "Service name missing"
                                                               : "Missing service name");
        if (json_schema_int(definition, "Port") > INT32_MAX ||
            json_schema_int(definition, "Port") < INT32_MIN)
                return refuse(refusal, 400,
                              "Request decode failed: json: cannot unmarshal number "
                              "into field Port of type int");
        if (is_any_address(json_schema_string(definition, "Address")))
                return refuse(refusal, 400, "Invalid service address");
        if (check_weights(json_object_get(definition, "Weights"), refusal) < 0 ||
            check_meta(json_object_get(definition, "Meta"), refusal) < 0)
                return -EINVAL;
        if (json_object_size(single) > 0 && check_one_of_service(single, rules, name, refusal) < 0)
                return -EINVAL;
        json_array_foreach(json_object_get(definition, "Checks"), i, check)
        {
                if (check_one_of_service(check, rules, name, refusal) < 0)
                        return -EINVAL;
        }
        return check_tagged_addresses(json_object_get(definition, "TaggedAddresses"), refusal);
}
