#include "control/agent/remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "control/agent/dns_freshness.h"
#include "control/agent/local.h"
#include "control/follow/follower.h"
#include "control/gossip/serf.h"
#include "control/member/members.h"
#include "control/relay/relay.h"
#include "control/server/discovery.h"
#include "control/server/server.h"

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

// Where a member listens for calls. returns  false when it does not.
static bool server_address(const struct serf_member *member, const char *datacenter, char *out,
                           size_t size)
{
        struct swim_address address = member->address;
        struct sockaddr_storage socket_address;
        char ip[INET6_ADDRSTRLEN];
        struct member_info info;

        members_info(member, &info);
        if (info.role != MEMBER_SERVER || info.port == 0 ||
            strcasecmp(info.datacenter, datacenter) != 0)
                return false;
        pool_address_to(&address, &socket_address);
        if (uv_ip_name((const struct sockaddr *)&socket_address, ip, sizeof(ip)) < 0)
                return false;
        snprintf(out, size, address.length == 16 ? "[%s]:%u" : "%s:%u", ip, info.port);
        return true;
}

static size_t tell_those(const struct agent *agent, const char *datacenter,
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
                    !server_address(member, is_own ? agent->config->datacenter : datacenter,
                                    address, sizeof(address)))
                        continue;
                tell(tell_arg, address);
                told++;
        }
        return told;
}

// The servers of a datacenter, by gossip; this agent is none of them.
static void tell_servers(void *arg, const char *datacenter, relay_server_fn tell, void *tell_arg)
{
        if (tell_those(arg, datacenter, is_there, tell, tell_arg) == 0)
                tell_those(arg, datacenter, failed_lately, tell, tell_arg);
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

        return tell_those(agent, datacenter, has_not_left, note_server, &known) > 0;
}

// What could not be pushed before has somebody to be pushed to.
static void on_synced(void *arg)
{
        struct agent *agent = arg;

        if (agent->local != NULL)
                local_sync(agent->local);
        dns_freshness_check(agent->dns_freshness);
}

static int follow_servers(struct agent *agent, struct follower_options options)
{
        options.relay = agent->relay;
        agent->follower = follower_create(&options);
        return agent->follower != NULL ? 0 : -ENOMEM;
}

void remote_stop(struct agent *agent)
{
        follower_destroy(agent->follower);
        if (agent->relay != NULL)
                relay_close(agent->relay, NULL, NULL);
}

void remote_wait(void *arg, local_catalog_ready_fn done, void *done_arg)
{
        const struct agent *agent = arg;

        if (agent->server != NULL)
                server_read(agent->server, SERVER_READ_DEFAULT, done, done_arg);
        else
                follower_wait(agent->follower, done, done_arg);
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
        return follow_servers(agent, following);
}
