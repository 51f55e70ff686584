#include "control/agent/remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "control/agent/consul_servers.h"
#include "control/agent/dns_freshness.h"
#include "control/agent/local.h"
#include "control/follow/follower.h"
#include "control/gossip/serf.h"
#include "control/member/members.h"
#include "control/relay/relay.h"
#include "control/server/discovery.h"
#include "control/server/server.h"
#include "control/upstream/upstream.h"

static bool is_own_datacenter(const struct agent *agent, const char *datacenter)
{
        return *datacenter == '\0' || strcasecmp(datacenter, agent->config->datacenter) == 0;
}

/* After a partition has healed, deaths that one side declared may pass through the other until they
   are refuted: for so long those who failed are asked when nobody else is left. */
#define LATELY_US 10000000u

static bool is_there(const struct serf_member *member)
{
        return member->status == SERF_ALIVE || member->status == SERF_LEAVING;
}

static bool failed_lately(const struct serf_member *member)
{
        return member->status == SERF_FAILED &&
               uv_hrtime() / 1000 - member->gone_since_us < LATELY_US;
}

// Where a member listens for calls that we can make. returns  false when it does not.
static bool server_address(const struct agent *agent, const struct serf_member *member,
                           const char *datacenter, bool consul, char *out, size_t size)
{
        struct swim_address address = member->address;
        struct sockaddr_storage socket_address;
        char ip[INET6_ADDRSTRLEN];
        struct member_info info;

        members_info(member, &info);
        if (info.role != MEMBER_SERVER || info.port == 0 ||
            strcasecmp(info.datacenter, datacenter) != 0 ||
            consul_servers_owns(agent, &info) != consul)
                return false;
        pool_address_to(&address, &socket_address);
        if (uv_ip_name((const struct sockaddr *)&socket_address, ip, sizeof(ip)) < 0)
                return false;
        snprintf(out, size, address.length == 16 ? "[%s]:%u" : "%s:%u", ip, info.port);
        return true;
}

// @consul  whether Consul's servers are meant, or our own.
static size_t tell_those(const struct agent *agent, const char *datacenter, bool consul,
                         bool (*wanted)(const struct serf_member *member), relay_server_fn tell,
                         void *tell_arg)
{
        bool is_own = is_own_datacenter(agent, datacenter);
        const struct serf *serf = members_serf(agent->members, is_own ? MEMBER_LAN : MEMBER_WAN);
        char address[SERVER_ADDRESS_MAX];
        size_t told = 0;

        for (size_t i = 0; serf != NULL && i < serf_member_count(serf); i++) {
                const struct serf_member *member = serf_member_at(serf, i);

                if (member == serf_self(serf) || !wanted(member) ||
                    !server_address(agent, member, is_own ? agent->config->datacenter : datacenter,
                                    consul, address, sizeof(address)))
                        continue;
                tell(tell_arg, address);
                told++;
        }
        return told;
}

// The servers of a datacenter, by gossip; this agent is none of them.
static void tell_servers(void *arg, const char *datacenter, relay_server_fn tell, void *tell_arg)
{
        if (tell_those(arg, datacenter, false, is_there, tell, tell_arg) == 0)
                tell_those(arg, datacenter, false, failed_lately, tell, tell_arg);
}

static void tell_consul_servers(void *arg, const char *datacenter, relay_server_fn tell,
                                void *tell_arg)
{
        if (tell_those(arg, datacenter, true, is_there, tell, tell_arg) == 0)
                tell_those(arg, datacenter, true, failed_lately, tell, tell_arg);
}

static bool has_not_left(const struct serf_member *member)
{
        return member->status != SERF_LEFT;
}

static void note_server(void *arg, const char *address)
{
        bool *known = arg;

        (void)address;
        *known = true;
}

bool agent_knows_datacenter(const struct agent *agent, const char *datacenter)
{
        bool known = false;

        tell_servers((void *)(uintptr_t)agent, datacenter, note_server, &known);
        return known;
}

bool agent_remembers_datacenter(const struct agent *agent, const char *datacenter)
{
        bool known = false;

        return tell_those(agent, datacenter, false, has_not_left, note_server, &known) > 0;
}

// What could not be pushed before has somebody to be pushed to.
static void on_synced(void *arg)
{
        struct agent *agent = arg;

        if (agent->local != NULL)
                local_sync(agent->local);
        dns_freshness_check(agent->dns_freshness);
}

static int follow_servers(struct agent *agent, struct relay_options calls,
                          struct follower_options options)
{
        options.relay = agent->relay;
        agent->follower = follower_create(&options);
        if (agent->follower == NULL)
                return -ENOMEM;
        calls.servers = tell_consul_servers;
        agent->consul_servers = consul_servers_create(agent, &calls, &options);
        return agent->consul_servers != NULL ? 0 : -ENOMEM;
}

void remote_stop(struct agent *agent)
{
        consul_servers_destroy(agent->consul_servers);
        agent->consul_servers = NULL;
        follower_destroy(agent->follower);
        if (agent->relay != NULL)
                relay_close(agent->relay, NULL, NULL);
}

void remote_wait(void *arg, local_catalog_ready_fn done, void *done_arg)
{
        const struct agent *agent = arg;

        if (agent->server != NULL)
                server_read(agent->server, SERVER_READ_DEFAULT, done, done_arg);
        else if (consul_servers_in_use(agent->consul_servers))
                consul_servers_wait(agent->consul_servers, done, done_arg);
        else
                follower_wait(agent->follower, done, done_arg);
}

void remote_copy_state(const struct agent *agent, struct follower_state *out)
{
        if (consul_servers_in_use(agent->consul_servers))
                consul_servers_state(agent->consul_servers, out);
        else
                follower_state(agent->follower, out);
}

void remote_call_stats(const struct agent *agent, struct relay_stats *out)
{
        relay_stats(consul_servers_in_use(agent->consul_servers)
                        ? upstream_relay(consul_servers_upstream(agent->consul_servers))
                        : agent->relay,
                    out);
}

void remote_members_changed(struct agent *agent)
{
        if (agent->follower != NULL)
                follower_wake(agent->follower);
        if (agent->consul_servers != NULL)
                consul_servers_look(agent->consul_servers);
}

void remote_set_limit(struct agent *agent)
{
        const struct config_cluster *cluster = &agent->config->cluster;

        relay_set_limit(agent->relay, cluster->rpc_rate, cluster->rpc_max_burst);
        relay_set_limit(upstream_relay(consul_servers_upstream(agent->consul_servers)),
                        cluster->rpc_rate, cluster->rpc_max_burst);
}

int remote_start(struct agent *agent)
{
        const struct config *config = agent->config;
        const struct relay_options options = {
            .loop = &agent->loop,
            .log = agent->log,
            .hold_ms = config->cluster.rpc_hold_timeout_ms,
            .rate = config->server ? 0 : config->cluster.rpc_rate,
            .burst = config->cluster.rpc_max_burst,
            .arg = agent,
            .servers = tell_servers,
        };

        const struct follower_options following = {.loop = &agent->loop,
                                                   .log = agent->log,
                                                   .store = agent->store,
                                                   .arg = agent,
                                                   .synced = on_synced};

        agent->relay = relay_create(&options);
        if (agent->relay == NULL || config->server)
                return agent->relay != NULL ? 0 : -ENOMEM;
        return follow_servers(agent, options, following);
}
