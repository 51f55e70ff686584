#include <stdio.h>
#include <string.h>

#include "control/server/server_internal.h"

_Static_assert(RAFT_NODE_ID_MAX == sizeof(((struct founder *)0)->node_id), "one size of ids");
_Static_assert(RAFT_ADDRESS_MAX == SERVER_ADDRESS_MAX, "one size of addresses");

// As long as the log holds nothing but the configuration the cluster began with.
unsigned server_founders(void *arg, struct founder out[FOUNDER_MAX])
{
        const struct raft_configuration *configuration;
        struct server *server = arg;
        struct raft_node_status status;

        raft_node_status(raft_log_node(server->log), &status);
        if (status.empty || status.last_index > 1 || status.commit_index > 1)
                return 0;
        configuration = raft_node_configuration(raft_log_node(server->log));
        for (unsigned i = 0; i < configuration->server_count; i++) {
                memcpy(out[i].node_id, configuration->servers[i].node_id, RAFT_NODE_ID_MAX);
                memcpy(out[i].address, configuration->servers[i].address, RAFT_ADDRESS_MAX);
        }
        return configuration->server_count;
}

void server_bootstrap(struct server *server, const struct founder founders[], unsigned count)
{
        struct raft_configuration configuration = {.server_count = count};
        int ret;

        for (unsigned i = 0; i < count; i++) {
                struct raft_server *voter = &configuration.servers[i];

                voter->id = raft_server_id_of(founders[i].node_id);
                voter->voter = true;
                memcpy(voter->node_id, founders[i].node_id, sizeof(founders[i].node_id));
                memcpy(voter->address, founders[i].address, sizeof(founders[i].address));
        }
        ret = raft_node_bootstrap(raft_log_node(server->log), &configuration);
        if (ret < 0)
                log_error(server->options.log, "server", "cannot bootstrap the cluster: %s",
                          strerror(-ret));
        else
                log_info(server->options.log, "server", "bootstrapped a cluster: servers=%u",
                         count);
}

// Another server has begun a cluster with this one in it: beginning likewise is the same as having
// had the last piece of the puzzle in time.
void server_take_offer(void *arg, const struct founder founders[], unsigned count)
{
        struct server *server = arg;
        struct raft_node_status status;

        raft_node_status(raft_log_node(server->log), &status);
        for (unsigned i = 0; status.empty && !server->closing && i < count; i++) {
                if (strcmp(founders[i].node_id, server->own.node_id) == 0 &&
                    strcmp(founders[i].address, server->own.address) == 0) {
                        server_bootstrap(server, founders, count);
                        return;
                }
        }
}

static void bootstrap_if_due(struct server *server)
{
        const struct server_member *members;
        struct bootstrap_plan plan;
        size_t count;

        members = server->discovery->members(server->discovery, &count);
        bootstrap_plan_make(members, count, &plan);
        if (plan.conflict[0] != '\0')
                log_error(server->options.log, "server", "%s", plan.conflict);
        if (plan.digest != server->own.candidates) {
                server->own.candidates = plan.digest;
                server->discovery->announce(server->discovery, &server->own);
        }
        if (plan.verdict == BOOTSTRAP_GO)
                server_bootstrap(server, plan.founders, plan.founder_count);
}

void server_refresh(struct server *server)
{
        struct raft_node_status status;

        raft_node_status(raft_log_node(server->log), &status);
        server->own.empty = status.empty;
        server->own.cluster_id = status.cluster_id;
        server->own.leader = server->leading;
        if (!status.empty)
                server->own.candidates = 0;
        server->discovery->announce(server->discovery, &server->own);
        if (status.empty && server->own.expect > 1)
                bootstrap_if_due(server);
}
