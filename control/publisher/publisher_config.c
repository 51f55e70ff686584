#include "control/publisher/publisher_internal.h"
#include "control/store/memory.h"
#include "control/store/text.h"
#include <stdlib.h>
#include <string.h>

static char *copy_text(const char *text)
{
        size_t len = strlen(text) + 1;

        return memcpy(memory_get(len), text, len);
}

// A domain may be written with capitals and a final dot; answers show neither.
static char *copy_domain(const char *domain)
{
        char *copy = copy_text(domain);
        size_t len = strlen(copy);

        text_put_lower((uint8_t *)copy, domain);
        if (len > 1 && copy[len - 1] == '.')
                copy[len - 1] = 0;
        return copy;
}

void publisher_config_copy(const struct publisher_config *config, struct publisher_config *out)
{
        struct ttl_rule *rules = memory_get(config->service_ttl_count * sizeof(*rules));

        *out = *config;
        out->zone.domain = copy_domain(config->zone.domain);
        out->zone.datacenter = copy_text(config->zone.datacenter);
        if (config->zone.alt_domain)
                out->zone.alt_domain = copy_domain(config->zone.alt_domain);
        for (size_t i = 0; i < config->service_ttl_count; i++)
                rules[i] = (struct ttl_rule){copy_text(config->service_ttl[i].pattern),
                                             config->service_ttl[i].ttl_s};
        out->service_ttl = rules;
}

void publisher_config_fini(struct publisher_config *config)
{
        for (size_t i = 0; i < config->service_ttl_count; i++)
                free((void *)config->service_ttl[i].pattern);
        free((void *)config->service_ttl);
        free((void *)config->zone.domain);
        free((void *)config->zone.alt_domain);
        free((void *)config->zone.datacenter);
}

// How many bytes of the name a rule names; -1 when it does not match.
static int match_len(const char *pattern, const char *service, bool as_asked, bool *exact)
{
        int len = 0;

        for (; pattern[len] && !(pattern[len] == '*' && pattern[len + 1] == 0); len++)
                if ((uint8_t)pattern[len] !=
                    (as_asked ? text_lower_byte((uint8_t)service[len]) : (uint8_t)service[len]))
                        return -1;
        *exact = pattern[len] == 0;
        return *exact && service[len] != 0 ? -1 : len;
}

uint32_t publisher_service_ttl_s(const struct publisher_config *config, const char *service,
                                 bool as_asked)
{
        uint32_t ttl_s = 0;
        int longest = -1;

        for (size_t i = 0; i < config->service_ttl_count; i++) {
                bool exact = false;
                int len = match_len(config->service_ttl[i].pattern, service, as_asked, &exact);

                if (len >= 0 && exact)
                        return config->service_ttl[i].ttl_s;
                if (len > longest) {
                        longest = len;
                        ttl_s = config->service_ttl[i].ttl_s;
                }
        }
        return ttl_s;
}
