#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

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

static uint64_t duration_ms(const json_t *merged, const char *path, int64_t fallback_ns)
{
        int64_t ns = setting_duration_ns(merged, path, fallback_ns);

        return ns > 0 ? (uint64_t)(ns / NS_PER_MS) : 0;
}

static uint64_t count_of(const json_t *merged, const char *path, int64_t fallback)
{
        int64_t value = setting_int(merged, path, fallback);

        return value > 0 ? (uint64_t)value : 0;
}

static void set_raft(struct config_cluster *cluster, const json_t *merged, bool dev_mode)
{
        cluster->raft_multiplier =
            (unsigned)setting_int(merged, "performance.raft_multiplier", dev_mode ? 1 : 5);
        cluster->raft_snapshot_threshold = count_of(merged, "raft_snapshot_threshold", 16384);
        cluster->raft_snapshot_interval_ms =
            duration_ms(merged, "raft_snapshot_interval", 30 * NS_PER_S);
        cluster->raft_trailing_logs = count_of(merged, "raft_trailing_logs", 10240);
        cluster->rpc_hold_timeout_ms =
            duration_ms(merged, "performance.rpc_hold_timeout", 7 * NS_PER_S);
        cluster->leave_drain_time_ms =
            duration_ms(merged, "performance.leave_drain_time", 5 * NS_PER_S);
}

static void set_autopilot(struct config_autopilot *autopilot, const json_t *merged)
{
        autopilot->cleanup_dead_servers =
            setting_bool(merged, "autopilot.cleanup_dead_servers", true);
        autopilot->last_contact_threshold_ms =
            duration_ms(merged, "autopilot.last_contact_threshold", NS_PER_S / 5);
        autopilot->max_trailing_logs = count_of(merged, "autopilot.max_trailing_logs", 250);
        autopilot->min_quorum = (unsigned)count_of(merged, "autopilot.min_quorum", 0);
        autopilot->server_stabilization_time_ms =
            duration_ms(merged, "autopilot.server_stabilization_time", 10 * NS_PER_S);
}

int build_cluster(struct build *build)
{
        struct config_cluster *cluster = &build->config->cluster;
        const json_t *merged = build->merged;
        int ret;

        set_raft(cluster, merged, build->config->dev_mode);
        set_autopilot(&cluster->autopilot, merged);
        cluster->retry_interval_ms = duration_ms(merged, "retry_interval", 30 * NS_PER_S);
        cluster->retry_max = (unsigned)count_of(merged, "retry_max", 0);
        ret = copy_strings(setting_get(merged, "start_join"), &cluster->start_join,
                           &cluster->start_join_count);
        if (ret == 0)
                ret = copy_strings(setting_get(merged, "retry_join"), &cluster->retry_join,
                                   &cluster->retry_join_count);
        return ret;
}

static void free_strings(char **strings, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free(strings[i]);
        free(strings);
}

void config_cluster_fini(struct config_cluster *cluster)
{
        free_strings(cluster->start_join, cluster->start_join_count);
        free_strings(cluster->retry_join, cluster->retry_join_count);
}
