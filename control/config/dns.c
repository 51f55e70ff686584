#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"
#include "control/text/duration.h"

#define NS_PER_S    INT64_C(1000000000)
#define MAX_STALE_S (INT64_C(87600) * 3600) /* Consul's: ten years */

static uint32_t seconds(int64_t ns)
{
        if (ns < 0)
                return 0;
        return ns / NS_PER_S > INT32_MAX ? INT32_MAX : (uint32_t)(ns / NS_PER_S);
}

static int set_service_ttls(struct build *build, struct config_dns *dns)
{
        const json_t *map = setting_get(build->merged, "dns_config.service_ttl");
        const char *key;
        json_t *value;

        dns->service_ttls = calloc(json_object_size(map) + 1, sizeof(*dns->service_ttls));
        if (dns->service_ttls == NULL)
                return -ENOMEM;
        json_object_foreach((json_t *)map, key, value)
        {
                struct config_service_ttl *ttl = &dns->service_ttls[dns->service_ttl_count];
                int64_t ns = 0;

                // A malformed one has been reported already.
                (void)duration_parse(json_string_value(value), &ns);
                ttl->name = strdup(key);
                if (ttl->name == NULL)
                        return -ENOMEM;
                ttl->ttl_s = seconds(ns);
                dns->service_ttl_count++;
        }
        return 0;
}

static uint32_t soa_value(const struct build *build, const char *path, uint32_t fallback)
{
        int64_t value = setting_int(build->merged, path, fallback);

        return value < 0 || value > UINT32_MAX ? fallback : (uint32_t)value;
}

static int set_limit(struct build *build, const char *path, int64_t fallback, uint16_t *out)
{
        int64_t value = setting_int(build->merged, path, fallback);

        if (value < 0)
                return lines_add(&build->errors,
                                 "%s cannot be %lld. Must be greater than or equal to zero", path,
                                 (long long)value);
        *out = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
        return 0;
}

// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353".
static int parse_recursor(const char *text, struct sockaddr_storage *out)
{
        const char *colon = strrchr(text, ':');
        bool has_port =
            colon != NULL && (text[0] == '[' ? colon[-1] == ']' : strchr(text, ':') == colon);
        char *host = has_port ? strndup(text, (size_t)(colon - text)) : strdup(text);
        unsigned long port = 53;
        char *end = "";
        int ret;

        if (host == NULL)
                return -ENOMEM;
        if (has_port)
                port = strtoul(colon + 1, &end, 10);
        ret = *end != '\0' || port == 0 || port > UINT16_MAX
                  ? -EINVAL
                  : socket_address_parse(host, (uint16_t)port, out);
        if (ret == 0 && socket_address_is_unspecified(host))
                ret = -EADDRNOTAVAIL;
        free(host);
        return ret;
}

static int set_recursors(struct build *build)
{
        struct config *config = build->config;
        const json_t *list = setting_get(build->merged, "recursors"), *item;
        size_t i;

        config->recursor_timeout_ms =
            (uint64_t)setting_duration_ns(build->merged, "dns_config.recursor_timeout",
                                          2 * NS_PER_S) /
            1000000;
        config->recursors = calloc(json_array_size(list) + 1, sizeof(*config->recursors));
        if (config->recursors == NULL)
                return -ENOMEM;
        json_array_foreach(list, i, item)
        {
                const char *text = json_string_value(item);
                int ret = parse_recursor(text, &config->recursors[config->recursor_count]);

                if (ret == -EADDRNOTAVAIL)
                        ret = lines_add(&build->errors,
                                        "DNS recursor address cannot be 0.0.0.0, :: or [::]");
                else if (ret == -EINVAL)
                        ret = lines_add(&build->errors,
                                        "recursors: \"%s\" is no IP address with or without a port",
                                        text);
                else if (ret == 0)
                        config->recursor_count++;
                if (ret < 0)
                        return ret;
        }
        return 0;
}

static int set_recursor_strategy(struct build *build)
{
        const char *text = setting_string(build->merged, "dns_config.recursor_strategy", "");

        build->config->recursor_random = strcmp(text, "random") == 0;
        if (*text == '\0' || strcmp(text, "sequential") == 0 || strcmp(text, "random") == 0)
                return 0;
        return lines_add(&build->errors,
                         "dns_config.recursor_strategy: invalid strategy: \"%s\"; must be "
                         "sequential or random",
                         text);
}

int build_dns(struct build *build)
{
        struct config_dns *dns = &build->config->dns;
        const json_t *merged = build->merged;
        int ret;

        dns->node_ttl_s = seconds(setting_duration_ns(merged, "dns_config.node_ttl", 0));
        dns->soa = (struct lictor_soa){
            .refresh_s = soa_value(build, "dns_config.soa.refresh", 3600),
            .retry_s = soa_value(build, "dns_config.soa.retry", 600),
            .expire_s = soa_value(build, "dns_config.soa.expire", 86400),
            .min_ttl_s = soa_value(build, "dns_config.soa.min_ttl", 0),
        };
        dns->enable_truncate = setting_bool(merged, "dns_config.enable_truncate", false);
        dns->disable_compression = setting_bool(merged, "dns_config.disable_compression", false);
        dns->only_passing = setting_bool(merged, "dns_config.only_passing", false);
        dns->allow_stale = setting_bool(merged, "dns_config.allow_stale", true);
        dns->max_stale_ms =
            (uint64_t)setting_duration_ns(merged, "dns_config.max_stale", MAX_STALE_S * NS_PER_S) /
            1000000;
        dns->cache_age_ms =
            (uint64_t)setting_duration_ns(merged, "dns_config.cache_max_age", 0) / 1000000;
        if (!setting_bool(merged, "dns_config.use_cache", false))
                dns->cache_age_ms = 0;
        else if (dns->cache_age_ms == 0)
                dns->cache_age_ms = UINT64_MAX; // without an age any will do
        dns->datacenter_idle_ms =
            (uint64_t)setting_duration_ns(merged, "dataplane.datacenter_idle", 300 * NS_PER_S) /
            1000000;
        dns->node_meta_txt =
            setting_bool(merged, "dns_config.enable_additional_node_meta_txt", true);
        ret = set_limit(build, "dns_config.udp_answer_limit", 3, &dns->udp_answer_limit);
        if (ret == 0)
                ret = set_limit(build, "dns_config.a_record_limit", 0, &dns->a_record_limit);
        if (ret == 0)
                ret = set_recursors(build);
        if (ret == 0)
                ret = set_recursor_strategy(build);
        if (ret < 0)
                return ret;
        return set_service_ttls(build, dns);
}

void config_zone(const struct config *config, struct lictor_zone *out)
{
        const struct config_dns *dns = &config->dns;

        *out = (struct lictor_zone){
            .domain = config->domain,
            .alt_domain = config->alt_domain[0] != '\0' ? config->alt_domain : NULL,
            .datacenter = config->datacenter,
            .soa = dns->soa,
            .node_ttl_s = dns->node_ttl_s,
            .udp_answer_limit = dns->udp_answer_limit,
            .a_record_limit = dns->a_record_limit,
            .enable_truncate = dns->enable_truncate,
            .disable_compression = dns->disable_compression,
            .node_meta_txt = dns->node_meta_txt,
            .recursion = config->recursor_count > 0,
        };
}
