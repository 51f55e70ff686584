#include <errno.h>

#include "control/agent/agent_internal.h"
#include "control/agent/local.h"
#include "control/agent/remote.h"
#include "control/event/events.h"
#include "control/member/members.h"
#include "control/server/server.h"

/* For the answer to who asked the agent to leave. */
#define ANSWER_MS 50u

// The agent among others: gossip, and leaving.

void agent_on_failed(void *arg, const char *text)
{
        struct agent *agent = arg;

        log_error(agent->log, "agent", "shutting down: reason=\"%s\"", text);
        agent_shutdown(agent, 1);
}

static size_t count_alive(const struct serf *serf)
{
        size_t count = 0;

        for (size_t i = 0; serf != NULL && i < serf_member_count(serf); i++)
                count += serf_member_at(serf, i)->status == SERF_ALIVE;
        return count;
}

static void on_members_changed(void *arg, enum member_pool pool)
{
        struct agent *agent = arg;

        if (pool == MEMBER_LAN && agent->local != NULL)
                local_set_cluster_size(agent->local,
                                       count_alive(members_serf(agent->members, MEMBER_LAN)));
        if (pool == MEMBER_LAN && agent->server != NULL)
                server_members_changed(agent->server);
        else if (pool == MEMBER_LAN)
                remote_members_changed(agent);
}

static void on_event_heard(void *arg, const struct event *event)
{
        struct agent *agent = arg;

        if (agent->events != NULL)
                events_receive(agent->events, event);
}

int agent_start_members(struct agent *agent, char *error, size_t error_size)
{
        const struct members_options options = {
            .loop = &agent->loop,
            .log = agent->log,
            .config = agent->config,
            .node_id = agent->node_id,
            .arg = agent,
            .changed = on_members_changed,
            .event = on_event_heard,
            .failed = agent_on_failed,
        };

        return members_create(&agent->members, &options, error, error_size);
}

void agent_carry_event(void *arg, const struct event *event)
{
        struct agent *agent = arg;

        if (members_fire(agent->members, event) < 0)
                log_warn(agent->log, "agent", "cannot send an event: name=%s", event->name);
}

static void on_end(uv_timer_t *timer)
{
        agent_shutdown(timer->data, 0);
}

static void on_left(void *arg)
{
        struct agent *agent = arg;

        if (agent->stopping)
                return;
        if (agent->left != NULL)
                agent->left(agent->left_arg);
        uv_timer_start(&agent->end_timer, on_end, agent->left != NULL ? ANSWER_MS : 0, 0);
}

int agent_leave(struct agent *agent, void (*left)(void *arg), void *arg)
{
        if (agent->leaving)
                return -EALREADY;
        agent->leaving = true;
        agent->left = left;
        agent->left_arg = arg;
        if (agent->server != NULL)
                server_leave(agent->server, on_left, agent);
        else
                members_leave(agent->members, on_left, agent);
        return 0;
}

const char *agent_leader_address(const struct agent *agent)
{
        return agent->server != NULL ? server_leader_address(agent->server) : "";
}
