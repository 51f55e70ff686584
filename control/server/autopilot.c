#include "control/server/autopilot.h"

#include <string.h>

#define NS_PER_MS INT64_C(1000000)

void autopilot_reset(struct autopilot *autopilot)
{
        memset(autopilot, 0, sizeof(*autopilot));
}

static bool is_healthy(const struct autopilot_sight *sight, const struct autopilot_config *config,
                       uint64_t last_index, uint64_t heartbeat_ms)
{
        uint64_t threshold_ms = config->last_contact_threshold_ns > 0
                                    ? (uint64_t)(config->last_contact_threshold_ns / NS_PER_MS)
                                    : 0;

        if (sight->leader)
                return true;
        if (!sight->known || sight->life != SERVER_ALIVE)
                return false;
        if (threshold_ms < 3 * heartbeat_ms)
                threshold_ms = 3 * heartbeat_ms;
        return sight->last_contact_ms <= threshold_ms &&
               sight->last_index + config->max_trailing_logs >= last_index;
}

static const struct autopilot_server *find(const struct autopilot *autopilot, const char *node_id)
{
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                if (strcmp(autopilot->servers[i].sight.node_id, node_id) == 0)
                        return &autopilot->servers[i];
        }
        return NULL;
}

static void sum_up(struct autopilot *autopilot)
{
        unsigned voters = 0, healthy_voters = 0, quorum;

        autopilot->healthy = autopilot->server_count > 0;
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                const struct autopilot_server *server = &autopilot->servers[i];

                autopilot->healthy = autopilot->healthy && server->healthy;
                voters += server->sight.voter;
                healthy_voters += server->sight.voter && server->healthy;
        }
        quorum = voters / 2 + 1;
        autopilot->failure_tolerance = healthy_voters > quorum ? healthy_voters - quorum : 0;
}

void autopilot_judge(struct autopilot *autopilot, const struct autopilot_config *config,
                     const struct autopilot_sight sights[], unsigned count, uint64_t last_index,
                     uint64_t heartbeat_ms, int64_t now_ms)
{
        struct autopilot before = *autopilot;

        if (autopilot->since_ms == 0)
                autopilot->since_ms = now_ms;
        autopilot->server_count = count < AUTOPILOT_SERVER_MAX ? count : AUTOPILOT_SERVER_MAX;
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                const struct autopilot_server *old = find(&before, sights[i].node_id);
                struct autopilot_server *server = &autopilot->servers[i];

                server->sight = sights[i];
                server->healthy = is_healthy(&sights[i], config, last_index, heartbeat_ms);
                server->stable_since_ms =
                    old != NULL && old->healthy == server->healthy ? old->stable_since_ms : now_ms;
        }
        sum_up(autopilot);
}

const struct autopilot_server *autopilot_promotion(const struct autopilot *autopilot,
                                                   const struct autopilot_config *config,
                                                   int64_t now_ms)
{
        int64_t stable_ms = config->server_stabilization_time_ns / NS_PER_MS;

        if (now_ms - autopilot->since_ms < stable_ms * AUTOPILOT_PROMOTE_NOW / 100)
                stable_ms = 0;
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                const struct autopilot_server *server = &autopilot->servers[i];

                if (!server->sight.voter && server->healthy && server->sight.caught_up &&
                    now_ms - server->stable_since_ms >= stable_ms)
                        return server;
        }
        return NULL;
}

const struct autopilot_server *autopilot_removal(const struct autopilot *autopilot,
                                                 const struct autopilot_config *config,
                                                 int64_t now_ms)
{
        const struct autopilot_server *failed_voter = NULL;
        unsigned voters = 0, failed = 0;

        if (!config->cleanup_dead_servers)
                return NULL;
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                const struct autopilot_server *server = &autopilot->servers[i];
                bool dead = server->sight.known && server->sight.life == SERVER_FAILED &&
                            !server->sight.leader;

                bool due = now_ms - server->stable_since_ms >= AUTOPILOT_REMOVE_MS;

                if (dead && due && !server->sight.voter)
                        return server;
                voters += server->sight.voter;
                failed += dead && server->sight.voter;
                if (dead && due && server->sight.voter)
                        failed_voter = server;
        }
        // Half of them or more failing at once is rather this server's being cut off.
        if (failed_voter == NULL || failed > (voters - 1) / 2 || voters - 1 < config->min_quorum)
                return NULL;
        return failed_voter;
}
