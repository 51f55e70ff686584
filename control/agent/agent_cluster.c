#include "control/agent/agent.h"
#include "control/server/server.h"

const char *agent_leader_address(const struct agent *agent)
{
        return agent->server != NULL ? server_leader_address(agent->server) : "";
}

static void on_left(void *arg)
{
        agent_shutdown(arg, 0);
}

void agent_leave(struct agent *agent)
{
        if (agent->server != NULL)
                server_leave(agent->server, on_left, agent);
        else
                agent_shutdown(agent, 0);
}
