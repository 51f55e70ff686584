#include "control/agent/agent.h"
#include "control/agent/datacenters.h"
#include "control/agent/metrics_internal.h"
#include "control/agent/remote.h"
#include "control/consul/service.h"
#include "control/follow/follower.h"
#include "control/member/members.h"
#include "control/relay/relay.h"
#include "control/rpc/consul_rpc.h"
#include "control/rpc/demux.h"
#include "control/server/server.h"
#include "lictor/bytes.h"

static void add_follower(struct metric_list *list, const struct agent *agent)
{
        struct follower_state state;
        struct relay_stats calls;

        remote_copy_state(agent, &state);
        remote_call_stats(agent, &calls);
        // Without a copy yet there is no age to tell.
        if (state.age_ms != UINT64_MAX)
                metric_add(list, METRIC_GAUGE, "lictor.follower.age_milliseconds",
                           "How old the copy of the catalog may be.", state.age_ms);
        metric_add(list, METRIC_COUNTER, "lictor.follower.snapshots",
                   "Snapshots of the catalog taken over.", state.snapshots);
        metric_add(list, METRIC_COUNTER, "lictor.follower.changes",
                   "Changes of the catalog followed.", state.deltas);
        metric_add(list, METRIC_COUNTER, "consul.client.rpc", "Calls to servers.", calls.calls);
        metric_add(list, METRIC_COUNTER, "consul.client.rpc.exceeded",
                   "Calls refused over the rate.", calls.limited);
        metric_add(list, METRIC_COUNTER, "consul.client.rpc.failed",
                   "Servers that could not be asked.", calls.failed);
}

struct figure {
        enum metric_kind kind;
        const char *name, *help;
        uint64_t value;
};

static void add_figures(struct metric_list *list, const struct figure figures[], size_t count,
                        const char *network)
{
        for (size_t i = 0; i < count; i++) {
                struct metric *metric = metric_add(list, figures[i].kind, figures[i].name,
                                                   figures[i].help, figures[i].value);

                if (network != NULL)
                        metric_label(metric, "network", network);
        }
}

static void add_pool(struct metric_list *list, const struct members *members, enum member_pool pool,
                     const char *network)
{
        const struct serf *serf = members_serf(members, pool);
        struct serf_statistics serf_now;
        struct pool_counters sockets;

        if (serf == NULL)
                return;
        serf_statistics(serf, &serf_now);
        members_counters(members, pool, &sockets);
        const struct figure figures[] = {
            {METRIC_GAUGE, "lictor.gossip.members", "Members known, the failed and left included.",
             serf_member_count(serf)},
            {METRIC_GAUGE, "lictor.gossip.failed", "Members that failed.", serf_now.failed},
            {METRIC_GAUGE, "lictor.gossip.left", "Members that left.", serf_now.left},
            {METRIC_GAUGE, "lictor.gossip.health_score",
             "How much this node doubts its own network; 0 is well.", serf_now.health_score},
            {METRIC_GAUGE, "lictor.gossip.queued", "Messages waiting to be gossiped.",
             serf_now.intent_queue + serf_now.event_queue + serf_now.query_queue},
            {METRIC_COUNTER, "lictor.gossip.packets_in", "Packets received.", sockets.packets_in},
            {METRIC_COUNTER, "lictor.gossip.packets_out", "Packets sent.", sockets.packets_out},
            {METRIC_COUNTER, "lictor.gossip.bytes_in", "Bytes received.", sockets.bytes_in},
            {METRIC_COUNTER, "lictor.gossip.bytes_out", "Bytes sent.", sockets.bytes_out},
            {METRIC_COUNTER, "lictor.gossip.streams_in", "Streams accepted.", sockets.streams_in},
            {METRIC_COUNTER, "lictor.gossip.streams_out", "Streams begun.", sockets.streams_out},
            {METRIC_COUNTER, "lictor.gossip.refused_encryption",
             "Messages refused for their encryption.", sockets.refused_encryption},
            {METRIC_COUNTER, "lictor.gossip.refused_damaged", "Messages refused as damaged.",
             sockets.refused_damaged},
            {METRIC_COUNTER, "lictor.gossip.refused_streams", "Streams refused for their number.",
             sockets.refused_streams},
        };

        add_figures(list, figures, ARRAY_LEN(figures), network);
}

static void add_consul_calls(struct metric_list *list, const struct agent *agent)
{
        struct consul_rpc_counters calls;

        consul_rpc_counters(server_rpc(agent->server), &calls);
        const struct figure figures[] = {
            {METRIC_COUNTER, "consul.rpc.accept_conn", "Connections with calls of Consul's.",
             calls.connections},
            {METRIC_COUNTER, "consul.rpc.request", "Calls of Consul's.", calls.calls},
            {METRIC_COUNTER, "consul.rpc.request_error",
             "Connections and streams ended for what they sent.", calls.broken},
            {METRIC_COUNTER, "lictor.rpc.refused", "Connections refused for their number.",
             calls.refused},
            {METRIC_COUNTER, "lictor.rpc.failed", "Calls answered with an error.", calls.failed},
            {METRIC_GAUGE, "lictor.rpc.connections", "Connections open.", calls.connections_open},
            {METRIC_GAUGE, "lictor.rpc.waiting", "Calls not answered yet.", calls.calls_open},
        };

        add_figures(list, figures, ARRAY_LEN(figures), NULL);
}

static void add_subscriptions(struct metric_list *list, const struct agent *agent)
{
        struct consul_service_stats stats;

        consul_service_stats(agent->consul, &stats);
        const struct figure figures[] = {
            {METRIC_GAUGE, "lictor.grpc.connections", "Connections with gRPC open.",
             stats.grpc.connections_open},
            {METRIC_COUNTER, "lictor.grpc.refused", "Connections refused for their number.",
             stats.grpc.refused},
            {METRIC_COUNTER, "lictor.grpc.broken",
             "Connections ended for what they sent, or for not reading.", stats.grpc.broken},
            {METRIC_GAUGE, "lictor.subscriptions.open", "Subscriptions to services.",
             stats.subscriptions.subscribers},
            {METRIC_COUNTER, "lictor.subscriptions.snapshots", "Snapshots sent to subscribers.",
             stats.subscriptions.snapshots},
            {METRIC_COUNTER, "lictor.subscriptions.resumed",
             "Subscriptions that went on without one.", stats.subscriptions.resumed},
            {METRIC_COUNTER, "lictor.subscriptions.events", "Changes sent to subscribers.",
             stats.subscriptions.events},
            {METRIC_COUNTER, "lictor.subscriptions.aborted", "Subscribers told to begin anew.",
             stats.subscriptions.aborted},
        };

        add_figures(list, figures, ARRAY_LEN(figures), NULL);
}

static void add_server_port(struct metric_list *list, const struct agent *agent)
{
        struct demux_counters port;
        struct remote_serve_stats served;

        demux_counters(server_demux(agent->server), &port);
        remote_serve_stats(agent->serving, &served);
        const struct figure figures[] = {
            {METRIC_COUNTER, "lictor.server_port.accepted", "Connections to the server port.",
             port.accepted},
            {METRIC_COUNTER, "lictor.server_port.refused",
             "Connections that spoke no protocol, none in time, or were too many.",
             port.unknown + port.silent + port.too_many},
            {METRIC_GAUGE, "lictor.server_port.callers", "Agents connected for calls.",
             served.calls.connections},
            {METRIC_COUNTER, "lictor.server_port.calls", "Calls of other agents.",
             served.calls.calls},
            {METRIC_COUNTER, "lictor.server_port.calls_refused", "Callers cut off.",
             served.calls.refused},
            {METRIC_GAUGE, "lictor.feed.followers", "Agents that follow the catalog here.",
             served.feed.followers},
            {METRIC_COUNTER, "lictor.feed.snapshots", "Snapshots sent to followers.",
             served.feed.snapshots},
            {METRIC_COUNTER, "lictor.feed.changes", "Changes sent to followers.",
             served.feed.deltas},
            {METRIC_COUNTER, "lictor.feed.dropped", "Followers that did not keep up.",
             served.feed.dropped},
        };

        add_figures(list, figures, ARRAY_LEN(figures), NULL);
}

static void add_datacenters(struct metric_list *list, const struct agent *agent)
{
        struct datacenter_state states[16];
        size_t count = datacenters_states(agent->datacenters, states, ARRAY_LEN(states));

        for (size_t i = 0; i < count && i < ARRAY_LEN(states); i++) {
                metric_label(metric_add(list, METRIC_GAUGE, "lictor.datacenter.answered",
                                        "1 when the workers answer another datacenter's names.",
                                        states[i].answered),
                             "datacenter", states[i].name);
                metric_label(metric_add(list, METRIC_GAUGE, "lictor.datacenter.entries",
                                        "Names of another datacenter that is in use.",
                                        states[i].entries),
                             "datacenter", states[i].name);
                if (states[i].age_ms != UINT64_MAX)
                        metric_label(
                            metric_add(list, METRIC_GAUGE, "lictor.datacenter.age_milliseconds",
                                       "How old what is known of another datacenter may be.",
                                       states[i].age_ms),
                            "datacenter", states[i].name);
        }
}

void metrics_add_cluster(struct metric_list *list, const struct agent *agent)
{
        if (agent->members != NULL) {
                add_pool(list, agent->members, MEMBER_LAN, "lan");
                add_pool(list, agent->members, MEMBER_WAN, "wan");
        }
        add_datacenters(list, agent);
        if (agent->follower != NULL)
                add_follower(list, agent);
        if (agent->server != NULL && agent->serving != NULL)
                add_server_port(list, agent);
        if (agent->server != NULL)
                add_consul_calls(list, agent);
        if (agent->consul != NULL)
                add_subscriptions(list, agent);
}
