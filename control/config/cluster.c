#include "control/config/internal.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

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

static double real_of(const json_t *merged, const char *path, double fallback)
{
        const json_t *value = setting_get(merged, path);

        return json_is_number(value) ? json_number_value(value) : fallback;
}

static void set_raft(struct config_cluster *cluster, const json_t *merged, bool dev_mode)
{
        cluster->raft_multiplier =
            (unsigned)setting_int(merged, "performance.raft_multiplier", dev_mode ? 1 : 5);
        cluster->raft_snapshot_threshold = count_of(merged, "raft_snapshot_threshold", 16384);
        cluster->raft_snapshot_interval_ms =
            duration_ms(merged, "raft_snapshot_interval", 30 * NS_PER_S);
        cluster->raft_trailing_logs = count_of(merged, "raft_trailing_logs", 10240);
        cluster->rpc_rate = real_of(merged, "limits.rpc_rate", 0);
        cluster->rpc_max_burst = real_of(merged, "limits.rpc_max_burst", 1000);
        cluster->rpc_handshake_timeout_ms =
            duration_ms(merged, "limits.rpc_handshake_timeout", 5 * NS_PER_S);
        cluster->rpc_max_conns_per_client =
            (unsigned)count_of(merged, "limits.rpc_max_conns_per_client", 100);
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

        set_raft(cluster, merged, build->config->dev_mode);
        cluster->consul_rpc = setting_bool(merged, "consul_rpc", false);
        set_autopilot(&cluster->autopilot, merged);
        return 0;
}
