#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/member/members.h"

// Joining others and leaving them.

// A request that is answered later, unless its client is gone by then.
struct waiting {
        struct http_request *request;
};

static void forget_request(void *arg)
{
        ((struct waiting *)arg)->request = NULL;
}

static struct waiting *wait_with(struct http_request *request)
{
        struct waiting *waiting = calloc(1, sizeof(*waiting));

        if (waiting == NULL) {
                http_reply_text(request, 500, "out of memory");
                return NULL;
        }
        *waiting = (struct waiting){request};
        http_request_on_cancel(request, forget_request, waiting);
        return waiting;
}

// returns the request to be answered, or NULL.
static struct http_request *end_waiting(struct waiting *take_waiting)
{
        struct http_request *request = take_waiting->request;

        free(take_waiting);
        if (request != NULL)
                http_request_on_cancel(request, NULL, NULL);
        return request;
}

static bool has_flag(const struct http_request *request, const char *name)
{
        const char *value = http_request_param(request, name);

        return value != NULL && value[0] != '\0';
}

static void on_joined(void *arg, unsigned joined, const char *error)
{
        struct http_request *request = end_waiting(arg);

        if (request == NULL)
                return;
        if (joined > 0)
                http_reply_empty(request, 200);
        else
                http_reply_text(request, 500, "%s", error);
}

void api_agent_join(struct http_request *request, void *app)
{
        const char *address = http_request_rest(request);
        bool wan = has_flag(request, "wan");
        const struct api *api = app;
        struct waiting *waiting;
        int ret;

        if (address[0] == '\0') {
                http_reply_text(request, 400, "Missing address to join");
                return;
        }
        waiting = wait_with(request);
        if (waiting == NULL)
                return;
        ret = members_join(api->agent->members, wan ? MEMBER_WAN : MEMBER_LAN, &address, 1,
                           on_joined, waiting);
        if (ret == 0)
                return;
        (void)end_waiting(waiting);
        if (ret == -ENOENT)
                http_reply_text(request, 500, "Must be a server to join WAN cluster");
        else
                http_reply_text(request, 500, "%s", strerror(-ret));
}

void api_agent_force_leave(struct http_request *request, void *app)
{
        const char *name = http_request_rest(request);
        const struct api *api = app;

        if (members_force_leave(api->agent->members, name,
                                http_request_param(request, "prune") != NULL,
                                has_flag(request, "wan")) == 0)
                http_reply_empty(request, 200);
        else
                http_reply_text(request, 500, "agent: No node found with name '%.200s'", name);
}

static void on_left(void *arg)
{
        struct http_request *request = end_waiting(arg);

        if (request != NULL)
                http_reply_empty(request, 200);
}

void api_agent_leave(struct http_request *request, void *app)
{
        const struct api *api = app;
        struct waiting *waiting = wait_with(request);

        if (waiting == NULL)
                return;
        log_info(api->agent->log, "agent", "Gracefully shutting down agent...");
        if (agent_leave(api->agent, on_left, waiting) < 0) {
                (void)end_waiting(waiting);
                http_reply_text(request, 500, "the agent is leaving already");
        }
}
