#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/config/internal.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

static int set_string(char **out, const char *value)
{
        *out = strdup(value);
        return *out != NULL ? 0 : -ENOMEM;
}

static void lower(char *text)
{
        for (; *text != '\0'; text++)
                *text = (char)tolower((unsigned char)*text);
}

// DNS names are compared without regard to case; answers show the domain in lower case.
static void lower_domain(char *domain)
{
        size_t length = strlen(domain);

        lower(domain);
        if (length > 0 && domain[length - 1] == '.')
                domain[length - 1] = '\0';
}

static int set_names(struct build *build)
{
        struct config *config = build->config;
        char host[256] = "localhost";
        const char *name;
        int ret;

        gethostname(host, sizeof(host) - 1);
        name = setting_string(build->merged, "node_name", "");
        ret = set_string(&config->node_name, *name != '\0' ? name : host);
        if (ret == 0)
                ret = set_string(&config->node_id, setting_string(build->merged, "node_id", ""));
        if (ret == 0)
                ret = set_string(&config->datacenter,
                                 setting_string(build->merged, "datacenter", "dc1"));
        if (ret < 0)
                return ret;
        lower(config->datacenter);
        ret = set_string(&config->primary_datacenter,
                         setting_string(build->merged, "primary_datacenter", config->datacenter));
        if (ret == 0)
                ret =
                    set_string(&config->domain, setting_string(build->merged, "domain", "consul"));
        if (ret == 0)
                ret = set_string(&config->alt_domain,
                                 setting_string(build->merged, "alt_domain", ""));
        if (ret < 0)
                return ret;
        lower_domain(config->domain);
        lower_domain(config->alt_domain);
        return 0;
}

static int set_meta(struct build *build)
{
        const json_t *map = setting_get(build->merged, "node_meta");
        struct config *config = build->config;
        const char *key;
        json_t *value;

        config->node_meta = calloc(json_object_size(map) + 1, sizeof(*config->node_meta));
        if (config->node_meta == NULL)
                return -ENOMEM;
        json_object_foreach((json_t *)map, key, value)
        {
                struct config_meta *meta = &config->node_meta[config->node_meta_count++];

                if (set_string(&meta->key, key) < 0 ||
                    set_string(&meta->value, json_string_value(value)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int set_role(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;

        config->server = setting_bool(merged, "server", config->dev_mode);
        config->bootstrap = setting_bool(merged, "bootstrap", false);
        config->bootstrap_expect = (int)setting_int(merged, "bootstrap_expect", 0);
        config->leave_on_terminate = setting_bool(merged, "leave_on_terminate", !config->server);
        config->skip_leave_on_interrupt =
            setting_bool(merged, "skip_leave_on_interrupt", config->server);
        config->translate_wan_addresses = setting_bool(merged, "translate_wan_addrs", false);
        config->enable_remote_script_checks = setting_bool(merged, "enable_script_checks", false);
        config->enable_local_script_checks =
            setting_bool(merged, "enable_local_script_checks", config->enable_remote_script_checks);
        config->disable_http_unprintable_char_filter =
            setting_bool(merged, "disable_http_unprintable_char_filter", false);
        return 0;
}

static int set_limits(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;

        config->check_update_interval_ms =
            (uint64_t)(setting_duration_ns(merged, "check_update_interval", 300 * NS_PER_S) /
                       NS_PER_MS);
        config->prometheus_retention_ms =
            (uint64_t)(setting_duration_ns(merged, "telemetry.prometheus_retention_time", 0) /
                       NS_PER_MS);
        config->http_max_header_bytes =
            (uint64_t)setting_int(merged, "http_config.max_header_bytes", 0);
        config->kv_max_value_bytes =
            (uint64_t)setting_int(merged, "limits.kv_max_value_size", 512 * 1024);
        config->session_ttl_min_ns = setting_duration_ns(merged, "session_ttl_min", 10 * NS_PER_S);
        config->txn_max_request_bytes =
            (uint64_t)setting_int(merged, "limits.txn_max_req_len", 512 * 1024);
        config->http_max_connections_per_client =
            (unsigned)setting_int(merged, "limits.http_max_conns_per_client", 200);
        config->http_use_cache = setting_bool(merged, "http_config.use_cache", true);
        return 0;
}

static json_t *copy_or(const json_t *value, json_t *(*make)(void))
{
        return value != NULL ? json_deep_copy(value) : make();
}

static int set_documents(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;

        config->http_response_headers =
            copy_or(setting_get(merged, "http_config.response_headers"), json_object);
        config->http_block_endpoints =
            copy_or(setting_get(merged, "http_config.block_endpoints"), json_array);
        config->http_allow_write_from =
            copy_or(setting_get(merged, "http_config.allow_write_http_from"), json_array);
        config->services = copy_or(setting_get(merged, "services"), json_array);
        config->checks = copy_or(setting_get(merged, "checks"), json_array);
        config->merged = json_deep_copy(merged);
        if (config->http_response_headers == NULL || config->http_block_endpoints == NULL ||
            config->http_allow_write_from == NULL || config->services == NULL ||
            config->checks == NULL || config->merged == NULL)
                return -ENOMEM;
        return 0;
}

static int set_paths(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;
        int ret;

        ret = set_string(&config->data_dir, setting_string(merged, "data_dir", ""));
        if (ret == 0)
                ret = set_string(&config->pid_file, setting_string(merged, "pid_file", ""));
        if (ret == 0)
                ret = set_string(&config->telemetry_prefix,
                                 setting_string(merged, "telemetry.metrics_prefix", "consul"));
        if (ret == 0)
                ret = set_string(
                    &config->log_level_text,
                    setting_string(merged, "log_level", config->dev_mode ? "DEBUG" : "INFO"));
        if (ret < 0)
                return ret;
        config->log_json = setting_bool(merged, "log_json", false);
        config->log_level = LOG_LEVEL_INFO;
        // Whether an unknown level stops the program is the command's decision.
        (void)log_level_parse(config->log_level_text, &config->log_level);
        return 0;
}

int build_general(struct build *build)
{
        static int (*const steps[])(struct build *) = {set_names,  set_meta,      set_role,
                                                       set_limits, set_documents, set_paths};

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                int ret = steps[i](build);

                if (ret < 0)
                        return ret;
        }
        return 0;
}
