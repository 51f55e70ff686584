#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

#define NS_PER_MS   INT64_C(1000000)
#define NS_PER_S    INT64_C(1000000000)
#define RECONNECT_S (INT64_C(72) * 3600) /* Consul's: three days */

/* Where a pool's settings stand, and what they are without any. */
struct pool_keys {
        const char *table, *bind, *start_join, *retry_join, *retry_interval, *retry_max, *reconnect;
        const char *allowed;
        struct config_pool defaults;
};

static const struct pool_keys lan_keys = {
    .table = "gossip_lan",
    .bind = "serf_lan",
    .start_join = "start_join",
    .retry_join = "retry_join",
    .retry_interval = "retry_interval",
    .retry_max = "retry_max",
    .reconnect = "reconnect_timeout",
    .allowed = "serf_lan_allowed_cidrs",
    .defaults = {.gossip_nodes = 3,
                 .gossip_interval_ms = 200,
                 .probe_interval_ms = 1000,
                 .probe_timeout_ms = 500,
                 .suspicion_mult = 4,
                 .retransmit_mult = 4},
};

static const struct pool_keys wan_keys = {
    .table = "gossip_wan",
    .bind = "serf_wan",
    .start_join = "start_join_wan",
    .retry_join = "retry_join_wan",
    .retry_interval = "retry_interval_wan",
    .retry_max = "retry_max_wan",
    .reconnect = "reconnect_timeout_wan",
    .allowed = "serf_wan_allowed_cidrs",
    .defaults = {.gossip_nodes = 4,
                 .gossip_interval_ms = 500,
                 .probe_interval_ms = 5000,
                 .probe_timeout_ms = 3000,
                 .suspicion_mult = 6,
                 .retransmit_mult = 4},
};

static int copy_strings(const json_t *list, char ***out, size_t *out_count)
{
        const json_t *value;
        size_t i;

        *out = calloc(json_array_size(list) + 1, sizeof(**out));
        if (*out == NULL)
                return -ENOMEM;
        json_array_foreach(list, i, value)
        {
                (*out)[i] = strdup(json_string_value(value));
                if ((*out)[i] == NULL)
                        return -ENOMEM;
                *out_count = i + 1;
        }
        return 0;
}

static uint64_t duration_ms(const json_t *settings, const char *key, uint64_t fallback_ms)
{
        int64_t ns = setting_duration_ns(settings, key, (int64_t)fallback_ms * NS_PER_MS);

        return ns > 0 ? (uint64_t)(ns / NS_PER_MS) : 0;
}

static unsigned count_of(const json_t *settings, const char *key, unsigned fallback)
{
        int64_t value = setting_int(settings, key, fallback);

        return value > 0 && value < UINT16_MAX ? (unsigned)value : fallback;
}

static void set_timing(struct config_pool *pool, const json_t *table)
{
        pool->gossip_nodes = count_of(table, "gossip_nodes", pool->gossip_nodes);
        pool->gossip_interval_ms = duration_ms(table, "gossip_interval", pool->gossip_interval_ms);
        pool->probe_interval_ms = duration_ms(table, "probe_interval", pool->probe_interval_ms);
        pool->probe_timeout_ms = duration_ms(table, "probe_timeout", pool->probe_timeout_ms);
        pool->suspicion_mult = count_of(table, "suspicion_mult", pool->suspicion_mult);
        pool->retransmit_mult = count_of(table, "retransmit_mult", pool->retransmit_mult);
}

// What a laptop wants to see at once.
static void hurry(struct config_pool *pool)
{
        pool->suspicion_mult = 3;
        pool->gossip_interval_ms = pool->probe_interval_ms = pool->probe_timeout_ms = 100;
}

static int set_pool(struct build *build, const struct pool_keys *keys, struct config_pool *pool)
{
        const json_t *merged = build->merged;
        const char *bind = setting_string(merged, keys->bind, build->config->bind_address);
        struct sockaddr_storage parsed;
        int ret;

        *pool = keys->defaults;
        if (build->config->dev_mode)
                hurry(pool);
        set_timing(pool, setting_get(merged, keys->table));
        pool->retry_interval_ms = duration_ms(merged, keys->retry_interval, 30000);
        pool->retry_max = count_of(merged, keys->retry_max, 0);
        pool->reconnect_timeout_ms = duration_ms(merged, keys->reconnect, RECONNECT_S * 1000);
        pool->bind = strdup(bind);
        if (pool->bind == NULL)
                return -ENOMEM;
        if (build->errors.count == 0 && socket_address_parse(bind, 0, &parsed) < 0)
                return address_refuse(build, keys->bind, bind);
        // Consul's bound: shorter, and members vanish while a partition heals.
        if (setting_get(merged, keys->reconnect) != NULL &&
            pool->reconnect_timeout_ms < UINT64_C(8) * 3600 * 1000)
                return lines_add(&build->errors, "%s must be >= 8h0m0s", keys->reconnect);
        ret = copy_strings(setting_get(merged, keys->start_join), &pool->start_join,
                           &pool->start_join_count);
        if (ret == 0)
                ret = copy_strings(setting_get(merged, keys->retry_join), &pool->retry_join,
                                   &pool->retry_join_count);
        if (ret == 0)
                ret = copy_strings(setting_get(merged, keys->allowed), &pool->allowed,
                                   &pool->allowed_count);
        return ret;
}

static int check_segments(struct build *build)
{
        if (*build->config->gossip.segment != '\0')
                return lines_add(&build->errors,
                                 "Network segments are not supported in this version of Consul");
        if (json_array_size(setting_get(build->merged, "segments")) > 0)
                return lines_add(&build->errors,
                                 "Network segments are not supported in this version of Consul");
        return 0;
}

int build_gossip(struct build *build)
{
        struct config_gossip *gossip = &build->config->gossip;
        const json_t *merged = build->merged;
        int ret;

        gossip->verify_incoming = setting_bool(merged, "encrypt_verify_incoming", true);
        gossip->verify_outgoing = setting_bool(merged, "encrypt_verify_outgoing", true);
        gossip->disable_keyring_file = setting_bool(merged, "disable_keyring_file", false);
        gossip->advertise_reconnect_timeout_ms =
            duration_ms(merged, "advertise_reconnect_timeout", 0);
        gossip->rejoin_after_leave = setting_bool(merged, "rejoin_after_leave", false);
        gossip->key = strdup(setting_string(merged, "encrypt", ""));
        gossip->segment = strdup(setting_string(merged, "segment", ""));
        if (gossip->key == NULL || gossip->segment == NULL)
                return -ENOMEM;
        ret = set_pool(build, &lan_keys, &gossip->lan);
        if (ret == 0)
                ret = set_pool(build, &wan_keys, &gossip->wan);
        if (ret == 0 && build->config->ports.serf_lan <= 0)
                ret = lines_add(&build->errors, "ports.serf_lan must be a valid port from 1 to "
                                                "65535: agents of a datacenter find each other "
                                                "there");
        return ret == 0 ? check_segments(build) : ret;
}

static void free_strings(char **strings, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free(strings[i]);
        free(strings);
}

static void pool_fini(struct config_pool *pool)
{
        free(pool->bind);
        free_strings(pool->start_join, pool->start_join_count);
        free_strings(pool->retry_join, pool->retry_join_count);
        free_strings(pool->allowed, pool->allowed_count);
}

void config_gossip_fini(struct config_gossip *gossip)
{
        free(gossip->key);
        free(gossip->segment);
        pool_fini(&gossip->lan);
        pool_fini(&gossip->wan);
}
