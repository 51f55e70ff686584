#include <errno.h>
#include <string.h>

#include "control/config/internal.h"
#include "lictor/bytes.h"

static int check_cidrs(struct build *build)
{
        // Consul names the first one without its block.
        static const struct {
                const char *path, *name;
        } lists[] = {{"http_config.allow_write_http_from", "allow_write_http_from"},
                     {"serf_lan_allowed_cidrs", "serf_lan_allowed_cidrs"},
                     {"serf_wan_allowed_cidrs", "serf_wan_allowed_cidrs"}};
        int ret = 0;

        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
                const json_t *list = setting_get(build->merged, lists[i].path);

                for (size_t k = 0; ret == 0 && k < json_array_size(list); k++) {
                        const char *text = json_string_value(json_array_get(list, k));

                        if (!cidr_is_valid(text))
                                ret = lines_add(&build->errors, "%s: invalid cidr: %s",
                                                lists[i].name, text);
                }
        }
        return ret;
}

static int check_counts(struct build *build)
{
        int64_t trailing = setting_int(build->merged, "autopilot.max_trailing_logs", 250);
        int64_t output = setting_int(build->merged, "check_output_max_size", 4096);

        if (trailing < 0)
                return lines_add(&build->errors,
                                 "autopilot.max_trailing_logs cannot be %lld. Must be greater than "
                                 "or equal to zero",
                                 (long long)trailing);
        if (output < 1)
                return lines_add(&build->errors,
                                 "check_output_max_size must be positive, to discard check output "
                                 "use the discard_check_output flag");
        return 0;
}

static bool is_url(const char *text)
{
        return strncmp(text, "http:", 5) == 0 || strncmp(text, "https:", 6) == 0;
}

static int check_ui(struct build *build)
{
        const char *options =
            setting_string(build->merged, "ui_config.metrics_provider_options_json", "");
        const char *base = setting_string(build->merged, "ui_config.metrics_proxy.base_url", "");
        const json_t *links = setting_get(build->merged, "ui_config.dashboard_url_templates");
        json_t *parsed = json_loads(options, 0, NULL), *value;
        bool sound = *options == '\0' || json_is_object(parsed);
        const char *key;

        json_decref(parsed);
        if (!sound)
                return lines_add(&build->errors,
                                 "ui_config.metrics_provider_options_json must be empty or a "
                                 "string containing a valid JSON object. received: \"%s\"",
                                 options);
        if (*base != '\0' && !is_url(base))
                return lines_add(&build->errors,
                                 "ui_config.metrics_proxy.base_url must be a valid http or https "
                                 "URL. received: \"%s\"",
                                 base);
        json_object_foreach((json_t *)(uintptr_t)links, key, value)
        {
                if (!is_url(json_string_value(value)))
                        return lines_add(&build->errors,
                                         "ui_config.dashboard_url_templates values must be a valid "
                                         "http or https URL. received: \"%s\"",
                                         base);
        }
        return 0;
}

static int check_features(struct build *build)
{
        static const char *const providers[] = {"", "consul", "vault", "aws-pca"};
        const json_t *merged = build->merged;
        const char *provider = setting_string(merged, "connect.ca_provider", "");
        bool server = build->config->server, known = false;

        for (size_t i = 0; i < ARRAY_LEN(providers); i++)
                known = known || strcmp(provider, providers[i]) == 0;
        if (setting_bool(merged, "connect.enable_mesh_gateway_wan_federation", false) &&
            !setting_bool(merged, "connect.enabled", build->config->dev_mode))
                return lines_add(&build->errors,
                                 "'connect.enable_mesh_gateway_wan_federation=true' requires "
                                 "'connect.enabled=true'");
        if (!known)
                return lines_add(&build->errors, "%s is not a valid CA provider", provider);
        if (setting_bool(merged, "auto_encrypt.tls", false) && server)
                return lines_add(&build->errors, "auto_encrypt.tls can only be used on a client.");
        if (setting_bool(merged, "auto_encrypt.allow_tls", false) && !server)
                return lines_add(&build->errors,
                                 "auto_encrypt.allow_tls can only be used on a server.");
        return 0;
}

static int check_cache(struct build *build)
{
        int64_t burst = setting_int(build->merged, "cache.entry_fetch_max_burst", 2);
        const json_t *rate = setting_get(build->merged, "cache.entry_fetch_rate");

        if (burst <= 0)
                return lines_add(&build->errors,
                                 "cache.entry_fetch_max_burst must be strictly positive, was: %lld",
                                 (long long)burst);
        if (json_is_number(rate) && json_number_value(rate) <= 0)
                return lines_add(&build->errors,
                                 "cache.entry_fetch_rate must be strictly positive, was: %g",
                                 json_number_value(rate));
        return 0;
}

// What an operator had better know, in Consul's words.
static int warn_risks(struct build *build)
{
        const json_t *merged = build->merged;
        bool acls = setting_bool(merged, "acl.enabled", false) ||
                    setting_string(merged, "acl_datacenter", "")[0] != '\0';

        if (setting_bool(merged, "enable_script_checks", false) && !acls &&
            json_array_size(setting_get(merged, "http_config.allow_write_http_from")) == 0 &&
            lines_add(
                &build->warnings,
                "using enable-script-checks without ACLs and without allow_write_http_from is "
                "DANGEROUS, use enable-local-script-checks instead, see "
                "https://www.hashicorp.com/blog/"
                "protecting-consul-from-rce-risk-in-specific-configurations/") < 0)
                return -ENOMEM;
        if (setting_bool(merged, "rpc.enable_streaming", false) && !build->config->server)
                return lines_add(&build->warnings, "rpc.enable_streaming = true has no effect when "
                                                   "not running in server mode");
        return 0;
}

static int check_ranges(struct build *build)
{
        const struct config_ports *ports = &build->config->ports;

        if (ports->sidecar_max_port < ports->sidecar_min_port)
                return lines_add(&build->errors, "sidecar_min_port must be less than "
                                                 "sidecar_max_port. To disable, set both to zero.");
        if (ports->expose_max_port < ports->expose_min_port)
                return lines_add(&build->errors, "expose_min_port must be less than "
                                                 "expose_max_port. To disable, set both to zero.");
        return 0;
}

static int warn_ports(struct build *build)
{
        const struct {
                const char *name;
                int port;
        } unserved[] = {{"https", build->config->ports.https}, {"grpc", build->config->ports.grpc}};

        for (size_t i = 0; i < ARRAY_LEN(unserved); i++) {
                if (unserved[i].port > 0 &&
                    lines_add(&build->warnings,
                              "ports.%s: accepted, but nothing is served there in this version",
                              unserved[i].name) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int warn_deprecated(struct build *build)
{
        static const struct {
                const char *old, *new;
        } renamed[] = {{"acl_datacenter", "primary_datacenter"},
                       {"ui", "ui_config.enabled"},
                       {"ui_content_path", "ui_config.content_path"},
                       {"ui_dir", "ui_config.dir"}};

        for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
                if (setting_get(build->merged, renamed[i].old) != NULL &&
                    lines_add(&build->warnings,
                              "The '%s' field is deprecated. Use the '%s' field instead.",
                              renamed[i].old, renamed[i].new) < 0)
                        return -ENOMEM;
        }
        return 0;
}

// Consul's edition for money has them; the other one says so and goes on.
static int warn_enterprise(struct build *build)
{
        static const struct {
                const char *path, *name;
        } keys[] = {
            {"read_replica", "read_replica (or the deprecated non_voting_server)"},
            {"non_voting_server", "read_replica (or the deprecated non_voting_server)"},
            {"autopilot.redundancy_zone_tag", NULL},
            {"autopilot.upgrade_version_tag", NULL},
            {"autopilot.disable_upgrade_migration", NULL},
            {"dns_config.prefer_namespace", NULL},
            {"acl.msp_disable_bootstrap", NULL},
            {"acl.tokens.managed_service_provider", NULL},
            {"audit", NULL},
            {"license_path", NULL},
        };
        const char *last = "";

        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                const char *name = keys[i].name != NULL ? keys[i].name : keys[i].path;
                const json_t *value = setting_get(build->merged, keys[i].path);
                bool is_set =
                    value != NULL && !(json_is_string(value) && *json_string_value(value) == '\0');

                if (!is_set || strcmp(last, name) == 0)
                        continue;
                last = name;
                if (lines_add(&build->warnings,
                              "\"%s\" is a Consul Enterprise configuration and will have no effect",
                              name) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int build_limits(struct build *build)
{
        static int (*const steps[])(struct build *) = {
            check_cidrs,  check_counts, check_cache, check_ui,        check_features,
            check_ranges, warn_risks,   warn_ports,  warn_deprecated, warn_enterprise};

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                int ret = steps[i](build);

                if (ret < 0)
                        return ret;
        }
        return 0;
}
