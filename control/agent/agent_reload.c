#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/agent_internal.h"
#include "control/agent/datacenters.h"
#include "control/agent/dns_freshness.h"
#include "control/agent/local.h"
#include "control/agent/remote.h"
#include "control/agent/wan_names.h"
#include "control/dns/resolver.h"
#include "control/dns/shared_failover.h"

void agent_publisher_settings(const struct config *config, struct ttl_rule *rules,
                              struct publisher_config *out)
{
        for (size_t i = 0; i < config->dns.service_ttl_count; i++)
                rules[i] = (struct ttl_rule){config->dns.service_ttls[i].name,
                                             config->dns.service_ttls[i].ttl_s};
        *out = (struct publisher_config){.service_ttl = rules,
                                         .service_ttl_count = config->dns.service_ttl_count,
                                         .only_passing = config->dns.only_passing,
                                         .translate_wan = config->translate_wan_addresses};
        config_zone(config, &out->zone);
        out->zone.datacenters = true;
}

static int build_again(struct agent *agent, struct config **out, char *error, size_t error_size)
{
        struct config_report report;
        enum log_level level;
        int ret = config_build(&agent->input, out, &report);

        if (ret < 0)
                snprintf(error, error_size, "Failed reading config: %s",
                         report.error != NULL ? report.error : strerror(-ret));
        else if (log_level_parse((*out)->log_level_text, &level) < 0) {
                snprintf(error, error_size, "Invalid log level: %s", (*out)->log_level_text);
                config_destroy(*out);
                ret = -EINVAL;
        } else {
                ret = config_check_start(*out, error, error_size);
                if (ret < 0)
                        config_destroy(*out);
        }
        config_report_fini(&report);
        return ret;
}

static int apply_again(struct agent *agent, char *error, size_t error_size)
{
        struct ttl_rule *rules = calloc(agent->config->dns.service_ttl_count + 1, sizeof(*rules));
        struct publisher_config settings;
        struct recursor_config recursors;
        int ret = -ENOMEM;

        snprintf(error, error_size, "out of memory");
        if (rules == NULL)
                return ret;
        ret = local_configure(agent->local, agent->config, error, error_size);
        if (ret == 0) {
                agent_publisher_settings(agent->config, rules, &settings);
                // The names it could refuse are not reloadable.
                ret = publisher_configure(agent->publisher, &settings);
                dns_freshness_check(agent->dns_freshness);
                datacenters_configure(agent->datacenters);
                // They come back with the new settings.
                wan_names_destroy(agent->wan_names);
                agent->wan_names = NULL;
        }
        // Before DNS is up there is nothing to tell: it starts with the new settings.
        if (ret == 0 && agent->dns_resolver != NULL) {
                agent_recursor_settings(agent->config, &recursors);
                shared_failover_set_age(agent->shared_failover, agent->config->dns.cache_age_ms);
                ret = dns_resolver_configure(agent->dns_resolver, &recursors);
        }
        free(rules);
        if (ret == 0 && agent->relay != NULL && !agent->config->server)
                remote_set_limit(agent);
        // Last, since it begins anew whatever the settings were.
        if (ret == 0 && agent->watches != NULL)
                ret = agent_watch(agent, error, error_size);
        return ret;
}

int agent_reload(struct agent *agent, char *error, size_t error_size)
{
        struct config *fresh;
        int ret = build_again(agent, &fresh, error, error_size);

        if (ret < 0)
                return ret;
        log_info(agent->log, "agent", "Reloading configuration...");
        config_swap_reloadable(agent->config, fresh);
        ret = apply_again(agent, error, error_size);
        if (ret < 0)
                config_swap_reloadable(agent->config, fresh);
        else
                agent->log->level = agent->config->log_level;
        config_destroy(fresh);
        return ret;
}
