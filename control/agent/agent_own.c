#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/agent/agent_internal.h"
#include "control/watch/watches.h"

// What an agent does by asking itself, as its own client.

int agent_start_own(struct agent *agent, char *error, size_t error_size)
{
        const struct config_listen *listen = &agent->config->http_listen;
        bool served =
            listen->count > 0 && ask_target_of(&listen->addresses[0], &agent->own_api) == 0;
        struct watches_options watching = {
            .loop = &agent->loop, .log = agent->log, .own = served ? &agent->own_api : NULL};
        int ret = asker_create(&agent->loop, &agent->asker);

        watching.asker = agent->asker;
        if (ret == 0)
                ret = watches_create(&watching, &agent->watches);
        if (ret < 0) {
                snprintf(error, error_size, "cannot set up watches: %s", strerror(-ret));
                return ret;
        }
        return agent_watch(agent, error, error_size);
}

int agent_watch(struct agent *agent, char *error, size_t error_size)
{
        return watches_configure(agent->watches, json_object_get(agent->config->merged, "watches"),
                                 error, error_size);
}

void agent_stop_own(struct agent *agent)
{
        watches_destroy(agent->watches);
        asker_destroy(agent->asker);
        agent->watches = NULL;
        agent->asker = NULL;
}
