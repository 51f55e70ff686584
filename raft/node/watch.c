#include <string.h>

#include "raft/node/node_internal.h"

static void watch_leadership(struct raft_node *node, const struct raft_status *status)
{
        const struct raft_node_events *events = &node->options.events;
        bool leads = status->role == RAFT_LEADER;

        if (!leads || status->hard_state.term != node->proposing_term)
                apply_abandon(node, status->commit_index);
        node->proposing_term = leads ? status->hard_state.term : 0;
        if (!node->leading || (leads && status->hard_state.term == node->leading_term))
                return;
        node->leading = false;
        snapshots_end_transfers(node);
        if (events->leadership != NULL)
                events->leadership(events->arg, false, node->leading_term);
}

static void find_leader(const struct raft_node *node, raft_server_id id, struct raft_server *out)
{
        const struct raft_server *server = configuration_find(raft_configuration(node->raft), id);

        memset(out, 0, sizeof(*out));
        out->id = id;
        if (server != NULL)
                *out = *server;
}

static void watch_leader(struct raft_node *node, const struct raft_status *status)
{
        const struct raft_node_events *events = &node->options.events;
        struct raft_server server;

        if (status->leader == node->leader)
                return;
        node->leader = status->leader;
        node->metrics.leader_changes += status->leader != RAFT_NO_SERVER;
        if (events->leader == NULL)
                return;
        find_leader(node, status->leader, &server);
        events->leader(events->arg, status->leader != RAFT_NO_SERVER ? &server : NULL);
}

static void watch_configuration(struct raft_node *node)
{
        const struct raft_node_events *events = &node->options.events;
        const struct raft_configuration *now = raft_configuration(node->raft);

        if (raft_configuration_equal(&node->configuration, now))
                return;
        if (now->cluster_id != 0 && now->cluster_id != node->configuration.cluster_id) {
                disk_queue_join(node, now->cluster_id);
                node_wake(node);
        }
        node->configuration = *now;
        raft_transport_set_servers(node->transport, now);
        if (events->configuration != NULL)
                events->configuration(events->arg, &node->configuration);
}

void watch_update(struct raft_node *node)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        if (status.role == RAFT_CANDIDATE && node->role != RAFT_CANDIDATE)
                node->metrics.elections_started++;
        node->role = status.role;
        node->snapshot_index = status.snapshot_index;
        watch_configuration(node);
        watch_leadership(node, &status);
        watch_leader(node, &status);
        membership_update(node, &status);
}

void raft_node_status(const struct raft_node *node, struct raft_node_status *out)
{
        const struct raft_configuration *configuration = raft_configuration(node->raft);
        uint64_t now_ms = node_now_ms();
        struct raft_status status;

        raft_status(node->raft, &status);
        memset(out, 0, sizeof(*out));
        out->id = node->id;
        out->role = status.role;
        out->leading = node->leading;
        out->empty = status.last_index == 0 && status.hard_state.term == 0;
        out->failed = node->failed;
        out->has_leader = status.leader != RAFT_NO_SERVER;
        out->is_voter = configuration_is_voter(configuration, node->id);
        // A majority of one needs no messages either.
        out->has_lease =
            raft_has_lease(node->raft, now_ms) || (status.role == RAFT_LEADER && out->is_voter &&
                                                   configuration_voter_count(configuration) == 1);
        if (out->has_leader)
                find_leader(node, status.leader, &out->leader);
        out->cluster_id = configuration->cluster_id;
        out->term = status.hard_state.term;
        out->commit_index = status.commit_index;
        out->applied_index = node->applied;
        out->last_index = status.last_index;
        out->last_term = status.last_term;
        out->snapshot_index = status.snapshot_index;
        if (status.role == RAFT_LEADER)
                out->last_contact_ms = 0;
        else if (!node->heard_leader)
                out->last_contact_ms = UINT64_MAX;
        else if (now_ms > status.leader_contact_ms)
                out->last_contact_ms = now_ms - status.leader_contact_ms;
}

const struct raft_configuration *raft_node_configuration(const struct raft_node *node)
{
        return raft_configuration(node->raft);
}

unsigned raft_node_peers(const struct raft_node *node, struct raft_node_peer out[RAFT_SERVER_MAX])
{
        struct raft_peer_status peers[RAFT_SERVER_MAX];
        unsigned count = raft_peers(node->raft, peers);
        uint64_t now_ms = node_now_ms();

        for (unsigned i = 0; i < count; i++) {
                find_leader(node, peers[i].id, &out[i].server);
                out[i].leader = peers[i].id == node->id;
                out[i].caught_up = peers[i].caught_up;
                out[i].match_index = peers[i].match_index;
                out[i].last_contact_ms = now_ms > peers[i].last_contact_ms && !out[i].leader
                                             ? now_ms - peers[i].last_contact_ms
                                             : 0;
        }
        return count;
}

void raft_node_metrics(const struct raft_node *node, struct raft_node_metrics *out)
{
        struct raft_transport_counters counters;
        struct raft_status status;

        raft_status(node->raft, &status);
        raft_transport_counters(node->transport, &counters);
        *out = node->metrics;
        out->messages_sent = counters.sent;
        out->messages_received = counters.received;
        out->messages_dropped = counters.dropped;
        out->connections_refused = counters.refused;
        out->log_entries = status.log_entries;
        out->log_bytes = status.log_bytes;
        out->proposals_waiting = node->proposals.count;
}
