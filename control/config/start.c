#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/config/internal.h"
#include "control/watch/handler.h"
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

static int check_watch(const json_t *setting, char *error, size_t error_size)
{
        struct watch_handler handler;
        struct watch_plan *plan;
        char why[400];
        int ret = watch_setting_read(setting, &plan, &handler, why, sizeof(why));

        if (ret < 0)
                return refuse(error, error_size, "Failed to parse watch: %s", why);
        watch_plan_destroy(plan);
        watch_handler_fini(&handler);
        return 0;
}

static int check_sockets(const struct config *config, char *error, size_t error_size)
{
        struct unix_owner owner;
        const char *fault = unix_owner_resolve(config->merged, &owner);

        for (size_t i = 0; fault != NULL && i < config->http_listen.count; i++) {
                if (config->http_listen.addresses[i].ss_family == AF_UNIX)
                        return refuse(error, error_size, "%s", fault);
        }
        return 0;
}

int config_check_start(const struct config *config, char *error, size_t error_size)
{
        const json_t *watches = setting_get(config->merged, "watches");
        int ret = check_acl(config->merged, error, error_size);

        if (ret == 0)
                ret = check_sockets(config, error, error_size);
        if (ret == 0)
                ret = check_encrypt(config->merged, error, error_size);
        if (ret == 0 && json_array_size(watches) > 0 && config->http_listen.count == 0)
                ret = refuse(error, error_size, "watch plans require an HTTP or HTTPS endpoint");
        for (size_t i = 0; ret == 0 && i < json_array_size(watches); i++)
                ret = check_watch(json_array_get(watches, i), error, error_size);
        return ret;
}
