#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"

// What an agent that knows nobody answers about joining and leaving.

void api_agent_join(struct http_request *request, void *app)
{
        const char *address = http_request_rest(request);

        (void)app;
        http_reply_text(
            request, 500,
            "1 error occurred:\n\t* Failed to join %.200s: this agent does not gossip\n\n",
            address);
}

// Its own name is let pass: who is told that it has left says that it has not.
void api_agent_force_leave(struct http_request *request, void *app)
{
        const struct api *api = app;
        const char *name = http_request_rest(request);

        if (strcmp(name, api->agent->config->node_name) == 0)
                http_reply_empty(request, 200);
        else
                http_reply_text(request, 500, "agent: No node found with name '%.200s'", name);
}

static void on_leave_closed(uv_handle_t *handle)
{
        free(handle);
}

static void on_leave(uv_timer_t *timer)
{
        agent_leave(timer->data);
        uv_close((uv_handle_t *)timer, on_leave_closed);
}

void api_agent_leave(struct http_request *request, void *app)
{
        const struct api *api = app;
        uv_timer_t *timer = calloc(1, sizeof(*timer));

        if (timer == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        log_info(api->agent->log, "agent", "Gracefully shutting down agent...");
        http_reply_empty(request, 200);
        // Once the answer is on its way.
        uv_timer_init(&api->agent->loop, timer);
        timer->data = api->agent;
        uv_timer_start(timer, on_leave, 50, 0);
}
