#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/agent/agent_internal.h"
#include "control/event/events.h"
#include "control/exec/job.h"
#include "control/exec/remote_exec.h"
#include "control/watch/watches.h"

// What an agent does by asking itself, as its own client.

static void on_order(void *arg, const struct event *event)
{
        struct agent *agent = arg;

        if (!json_is_false(json_object_get(agent->config->merged, "disable_remote_exec")))
                log_info(agent->log, "agent",
                         "ignoring remote exec event, disabled.: event_name=%s event_id=%s",
                         event->name, event->id);
        else
                remote_exec_begin(agent->remote_exec, (const char *)event->payload,
                                  event->payload_len);
}

int agent_start_own(struct agent *agent, char *error, size_t error_size)
{
        const struct config_listen *listen = &agent->config->http_listen;
        bool served =
            listen->count > 0 && ask_target_of(&listen->addresses[0], &agent->own_api) == 0;
        struct watches_options watching = {
            .loop = &agent->loop, .log = agent->log, .own = served ? &agent->own_api : NULL};
        struct remote_exec_options executing = {.loop = &agent->loop,
                                                .log = agent->log,
                                                .own = watching.own,
                                                .node_name = agent->config->node_name};
        int ret = asker_create(&agent->loop, &agent->asker);

        watching.asker = agent->asker;
        if (ret == 0)
                ret = watches_create(&watching, &agent->watches);
        executing.asker = agent->asker;
        if (ret == 0)
                ret = remote_exec_create(&executing, &agent->remote_exec);
        if (ret < 0) {
                snprintf(error, error_size, "cannot set up watches and remote commands: %s",
                         strerror(-ret));
                return ret;
        }
        events_set_orders(agent->events, EXEC_EVENT, on_order, agent);
        return agent_watch(agent, error, error_size);
}

int agent_watch(struct agent *agent, char *error, size_t error_size)
{
        return watches_configure(agent->watches, json_object_get(agent->config->merged, "watches"),
                                 error, error_size);
}

void agent_stop_own(struct agent *agent)
{
        if (agent->remote_exec != NULL)
                events_set_orders(agent->events, NULL, NULL, NULL);
        remote_exec_destroy(agent->remote_exec);
        watches_destroy(agent->watches);
        asker_destroy(agent->asker);
        agent->remote_exec = NULL;
        agent->watches = NULL;
        agent->asker = NULL;
}
