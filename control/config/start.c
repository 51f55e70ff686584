#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/config/internal.h"
#include "lictor/bytes.h"

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_size,
                                                        const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error, error_size, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static bool is_one_of(const char *text, const char *const list[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(text, list[i]) == 0)
                        return true;
        }
        return false;
}

// An agent that silently ignored its ACLs would be open to everybody.
static int check_acl(const json_t *merged, char *error, size_t error_size)
{
        static const char *const defaults[] = {"allow", "deny"};
        static const char *const downs[] = {"allow", "deny", "extend-cache", "async-cache"};
        const char *policy = setting_string(merged, "acl.default_policy",
                                            setting_string(merged, "acl_default_policy", "allow"));
        const char *down = setting_string(merged, "acl.down_policy",
                                          setting_string(merged, "acl_down_policy", "deny"));
        const char *datacenter = setting_string(merged, "acl_datacenter", "");

        if (!setting_bool(merged, "acl.enabled", *datacenter != '\0'))
                return 0;
        if (!is_one_of(policy, defaults, ARRAY_LEN(defaults)))
                return refuse(error, error_size, "Unsupported default ACL policy: %s", policy);
        if (!is_one_of(down, downs, ARRAY_LEN(downs)))
                return refuse(error, error_size, "Unsupported down ACL policy: %s", down);
        return refuse(error, error_size,
                      "%s: this version does not enforce ACLs and will not run where they are "
                      "expected; remove the setting to run an agent that is open to everybody",
                      *datacenter != '\0' ? "acl_datacenter is set" : "acl.enabled is true");
}

static int check_encrypt(const json_t *merged, char *error, size_t error_size)
{
        const char *key = setting_string(merged, "encrypt", "");
        int length = config_base64_length(key);

        if (*key == '\0' || length == 16 || length == 24 || length == 32)
                return 0;
        return refuse(error, error_size,
                      "encrypt: Invalid key: key size must be 16, 24 or 32 bytes");
}

static bool is_args(const json_t *args)
{
        for (size_t i = 0; i < json_array_size(args); i++) {
                if (!json_is_string(json_array_get(args, i)))
                        return false;
        }
        return json_is_array(args);
}

static int check_handler(const json_t *watch, char *error, size_t error_size)
{
        const json_t *handler = json_object_get(watch, "handler");
        const json_t *args = json_object_get(watch, "args");
        bool http = strcmp(setting_string(watch, "handler_type", ""), "http") == 0;
        int count = (handler != NULL) + (args != NULL) + http;

        if (handler != NULL && !json_is_string(handler))
                return refuse(error, error_size, "Watch handler must be a string");
        if (args != NULL && !is_args(args))
                return refuse(error, error_size, "Watch args must be a list of strings");
        if (count > 1)
                return refuse(error, error_size, "Only one watch handler allowed");
        if (count == 0)
                return refuse(error, error_size, "Must define a watch handler");
        return 0;
}

static int check_watch(const json_t *watch, char *error, size_t error_size)
{
        // What a watch of a type cannot do without.
        static const struct {
                const char *type, *key, *missing;
        } types[] = {
            {"key", "key", "Must specify a single key to watch"},
            {"keyprefix", "prefix", "Must specify a single prefix to watch"},
            {"services", NULL, NULL},
            {"nodes", NULL, NULL},
            {"service", "service", "Must specify a single service to watch"},
            {"checks", NULL, NULL},
            {"event", NULL, NULL},
            {"connect_roots", NULL, NULL},
            {"agent_service", "service_id", "Must specify a single service ID to watch"},
        };
        const char *type = setting_string(watch, "type", "");

        if (!json_is_object(watch) || *type == '\0')
                return refuse(error, error_size,
                              "Failed to parse watch: Watch type must be defined");
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                if (strcmp(types[i].type, type) != 0)
                        continue;
                if (types[i].key != NULL && setting_string(watch, types[i].key, "")[0] == '\0')
                        return refuse(error, error_size, "Failed to parse watch: %s",
                                      types[i].missing);
                if (strcmp(type, "checks") == 0 && setting_get(watch, "service") != NULL &&
                    setting_get(watch, "state") != NULL)
                        return refuse(error, error_size,
                                      "Failed to parse watch: "
                                      "Cannot specify service and state");
                return check_handler(watch, error, error_size);
        }
        return refuse(error, error_size, "Failed to parse watch: Unsupported watch type: %s", type);
}

int config_check_start(const struct config *config, char *error, size_t error_size)
{
        const json_t *watches = setting_get(config->merged, "watches");
        int ret = check_acl(config->merged, error, error_size);

        if (ret == 0)
                ret = check_encrypt(config->merged, error, error_size);
        for (size_t i = 0; ret == 0 && i < json_array_size(watches); i++)
                ret = check_watch(json_array_get(watches, i), error, error_size);
        return ret;
}
