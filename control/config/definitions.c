#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control/config/internal.h"
#include "lictor/bytes.h"

#define WEIGHT_MAX 65535

static int check_check(struct build *build, const json_t *check)
{
        static const char *const keys[] = {"interval", "timeout", "ttl",
                                           "deregister_critical_service_after"};
        const char *id = setting_string(check, "id", setting_string(check, "check_id", ""));
        char path[160];
        int ret = 0;

        for (size_t i = 0; ret == 0 && i < ARRAY_LEN(keys); i++) {
                const char *text = setting_string(check, keys[i], NULL);

                snprintf(path, sizeof(path), "check[%.100s].%s", id, keys[i]);
                if (text != NULL)
                        ret = duration_check(path, text, &build->errors);
        }
        return ret;
}

static int check_checks(struct build *build, const json_t *checks)
{
        int ret = 0;

        for (size_t i = 0; ret == 0 && i < json_array_size(checks); i++)
                ret = check_check(build, json_array_get(checks, i));
        return ret;
}

static int check_meta(struct build *build, const json_t *service, const char *name)
{
        const json_t *map = json_object_get(service, "meta");
        const char *key;
        json_t *value;
        int ret = 0;

        if (json_object_size(map) > META_PAIRS_MAX)
                return lines_add(&build->errors,
                                 "invalid meta for service %s: Node metadata cannot contain more "
                                 "than %d key/value pairs",
                                 name, META_PAIRS_MAX);
        json_object_foreach((json_t *)(uintptr_t)map, key, value)
        {
                const char *fault = meta_fault(key, json_string_value(value));

                if (ret == 0 && fault != NULL)
                        ret = lines_add(&build->errors,
                                        "invalid meta for service %s: Couldn't load metadata pair "
                                        "('%s', '%s'): %s",
                                        name, key, json_string_value(value), fault);
        }
        return ret;
}

// A weight that is not given is 1, also beside one that is.
static int complete_weights(struct build *build, json_t *service, const char *name)
{
        json_t *weights = json_object_get(service, "weights");
        int64_t passing = setting_int(weights, "passing", 1);
        int64_t warning = setting_int(weights, "warning", 1);
        const char *fault = NULL;

        if (weights == NULL)
                return 0;
        if (passing < 1)
                fault = "Passing must be greater than 0";
        else if (warning < 0)
                fault = "Warning must be greater or equal than 0";
        else if (passing > WEIGHT_MAX || warning > WEIGHT_MAX)
                fault = "DNS Weight must be between 0 and 65535";
        if (fault != NULL)
                return lines_add(&build->errors, "Invalid weight definition for service %s: %s",
                                 name, fault);
        if (json_object_set_new(weights, "passing", json_integer(passing)) < 0 ||
            json_object_set_new(weights, "warning", json_integer(warning)) < 0)
                return -ENOMEM;
        return 0;
}

static int check_socket(struct build *build, const json_t *service, const char *name)
{
        const char *path = setting_string(service, "socket_path", NULL);

        if (path == NULL || (json_object_get(service, "port") == NULL &&
                             json_object_get(service, "address") == NULL))
                return 0;
        return lines_add(&build->errors,
                         "service %s cannot have both socket path %s and address/port", name, path);
}

static int check_service(struct build *build, json_t *service)
{
        const char *name = setting_string(service, "name", "");
        const json_t *single = json_object_get(service, "check");
        int ret = check_checks(build, json_object_get(service, "checks"));

        if (ret == 0 && single != NULL)
                ret = check_check(build, single);
        if (ret == 0)
                ret = check_meta(build, service, name);
        if (ret == 0)
                ret = complete_weights(build, service, name);
        if (ret == 0)
                ret = check_socket(build, service, name);
        return ret;
}

int build_definitions(struct build *build)
{
        json_t *services = build->config->services;
        int ret = 0;

        for (size_t i = 0; ret == 0 && i < json_array_size(services); i++)
                ret = check_service(build, json_array_get(services, i));
        if (ret == 0)
                ret = check_checks(build, build->config->checks);
        return ret;
}
