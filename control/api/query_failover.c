#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"
#include "control/api/routes.h"
#include "control/member/members.h"
#include "control/relay/relay.h"

// A query that selects nothing here is carried out in other datacenters, one after the other, until
// one has something. They are sent the definition, which they need not know.

#define DATACENTERS_MAX 64u

struct failover {
        const struct api *api;
        struct http_request *request;
        struct relay_call *call;
        struct byte_buffer message; /* the request that each of them gets */
        char *datacenters[DATACENTERS_MAX];
        unsigned count, next, asked;
        json_t *last; /* what the latest of them answered */
        bool pretty;
};

static void end(struct failover *take_failover)
{
        for (unsigned i = 0; i < take_failover->count; i++)
                free(take_failover->datacenters[i]);
        byte_buffer_fini(&take_failover->message);
        json_decref(take_failover->last);
        free(take_failover);
}

static void on_cancel(void *arg)
{
        struct failover *failover = arg;

        relay_cancel(failover->call);
        end(failover);
}

static void add(struct failover *failover, const char *datacenter)
{
        for (unsigned i = 0; i < failover->count; i++) {
                if (strcasecmp(failover->datacenters[i], datacenter) == 0)
                        return;
        }
        if (failover->count == DATACENTERS_MAX ||
            strcasecmp(datacenter, failover->api->agent->config->datacenter) == 0 ||
            !agent_knows_datacenter(failover->api->agent, datacenter))
                return;
        failover->datacenters[failover->count] = strdup(datacenter);
        failover->count += failover->datacenters[failover->count] != NULL;
}

// The nearest first, then those that are named.
static void choose(struct failover *failover, const json_t *wishes)
{
        const struct members *members = failover->api->agent->members;
        json_int_t nearest = json_schema_int(wishes, "NearestN");
        struct member_datacenter *known = calloc(DATACENTERS_MAX, sizeof(*known));
        const json_t *name;
        size_t known_count = 0, i;

        if (known != NULL && nearest > 0)
                known_count = members_datacenters(members, known, DATACENTERS_MAX);
        for (i = 0; i < known_count && i < DATACENTERS_MAX && failover->count < nearest; i++)
                add(failover, known[i].name);
        free(known);
        json_array_foreach(json_object_get(wishes, "Datacenters"), i, name)
        {
                if (json_is_string(name))
                        add(failover, json_string_value(name));
        }
}

// Numbers that tell of the reading come from here: the other datacenter's log is another one.
static void answer(struct failover *failover, json_t *take_nodes, const char *datacenter)
{
        struct http_request *request = failover->request;
        json_t *body = failover->last;
        char *text;

        if (body == NULL)
                body = failover->last = json_object();
        if (take_nodes != NULL)
                json_object_set_new(body, "Nodes", take_nodes);
        if (datacenter != NULL)
                json_object_set_new(body, "Datacenter", json_string(datacenter));
        json_object_set_new(body, "Failovers", json_integer(failover->asked));
        http_reply_header_uint(request, "X-Consul-Index", 1);
        api_reply_contact(failover->api, request);
        text = json_dumps(body, failover->pretty ? JSON_INDENT(4) : JSON_COMPACT);
        if (text == NULL)
                http_reply_text(request, 500, "out of memory");
        else
                http_reply_bytes(request, 200, HTTP_JSON, text, strlen(text));
        end(failover);
}

static void ask_next(struct failover *failover);

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct failover *failover = arg;
        struct relay_answer message;
        json_t *body = NULL;

        http_request_on_cancel(failover->request, NULL, NULL);
        if (error == RELAY_OK && relay_answer_decode(bytes, len, &message) == 0 &&
            message.status == 200)
                body = json_loadb(message.body.text, message.body.len, 0, NULL);
        if (json_is_object(body)) {
                json_decref(failover->last);
                failover->last = body;
                if (json_array_size(json_object_get(body, "Nodes")) > 0) {
                        answer(failover, NULL, NULL);
                        return;
                }
        } else {
                json_decref(body);
        }
        ask_next(failover);
}

static void ask_next(struct failover *failover)
{
        struct relay_question question = {.kind = RELAY_REQUEST,
                                          .repeatable = true,
                                          .bytes = failover->message.bytes,
                                          .len = failover->message.len};

        if (failover->next == failover->count) {
                answer(failover, failover->last == NULL ? json_array() : NULL,
                       failover->last == NULL ? failover->api->agent->config->datacenter : NULL);
                return;
        }
        question.datacenter = failover->datacenters[failover->next++];
        failover->asked++;
        failover->call = relay_start(failover->api->agent->relay, &question,
                                     &(struct relay_events){.arg = failover, .done = on_done});
        if (failover->call != NULL)
                http_request_on_cancel(failover->request, on_cancel, failover);
        else
                ask_next(failover);
}

static bool make_message(struct failover *failover, const json_t *definition, bool connect,
                         size_t limit)
{
        const char *origin = api_asking_node(failover->api, failover->request);
        char *body = json_dumps(definition, JSON_COMPACT);
        char target[128];
        struct relay_request message = {.method = HTTP_GET, .hops = 1};

        if (body == NULL)
                return false;
        snprintf(target, sizeof(target), API_QUERY_REMOTE_PATH "?stale&limit=%zu%s",
                 limit < INT32_MAX ? limit : 0, connect ? "&connect=true" : "");
        message.target = (struct relay_text){target, strlen(target)};
        message.origin = (struct relay_text){origin, strlen(origin)};
        message.body = (struct relay_text){body, strlen(body)};
        relay_request_encode(&message, &failover->message);
        free(body);
        return true;
}

bool api_query_failover(const struct api *api, struct http_request *request,
                        const json_t *definition, bool connect, size_t limit)
{
        const json_t *wishes = json_object_get(json_object_get(definition, "Service"), "Failover");
        struct failover *failover;

        // What has come from another datacenter goes no further.
        if (strcmp(http_request_rest(request), "") == 0 || api->agent->relay == NULL)
                return false;
        failover = calloc(1, sizeof(*failover));
        if (failover == NULL)
                return false;
        failover->api = api;
        failover->request = request;
        failover->pretty = http_request_pretty(request);
        choose(failover, wishes);
        if (failover->count == 0 || !make_message(failover, definition, connect, limit)) {
                end(failover);
                return false;
        }
        ask_next(failover);
        return true;
}
