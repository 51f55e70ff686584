#include "control/agent/remote_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/agent/agent.h"
#include "control/api/routes.h"
#include "control/dns/resolver.h"
#include "control/http/http.h"
#include "control/member/members.h"
#include "control/query/query.h"
#include "control/relay/relay.h"
#include "control/text/json_schema.h"

#define DATACENTERS_MAX 64u
#define QUERY_NAME_MAX  255u

struct remote_query {
        struct agent *agent;
        struct relay_call *call;
        struct byte_buffer message; /* the request that each of them gets */
        char *datacenters[DATACENTERS_MAX];
        unsigned count, next, asked;
        json_t *last; /* what the latest of them answered */
        remote_query_done_fn done;
        void *arg;
};

static void release(struct remote_query *take_query)
{
        for (unsigned i = 0; i < take_query->count; i++)
                free(take_query->datacenters[i]);
        byte_buffer_fini(&take_query->message);
        json_decref(take_query->last);
        free(take_query);
}

void remote_query_cancel(struct remote_query *take_query)
{
        if (take_query == NULL)
                return;
        relay_cancel(take_query->call);
        release(take_query);
}

static void add(struct remote_query *query, const char *datacenter)
{
        for (unsigned i = 0; i < query->count; i++) {
                if (strcasecmp(query->datacenters[i], datacenter) == 0)
                        return;
        }
        if (query->count == DATACENTERS_MAX ||
            strcasecmp(datacenter, query->agent->config->datacenter) == 0 ||
            !agent_knows_datacenter(query->agent, datacenter))
                return;
        query->datacenters[query->count] = strdup(datacenter);
        query->count += query->datacenters[query->count] != NULL;
}

static const json_t *wishes_of(const json_t *definition)
{
        return json_object_get(json_object_get(definition, "Service"), "Failover");
}

// The nearest first, then those that are named.
static void choose(struct remote_query *query, const json_t *wishes)
{
        json_int_t nearest = json_schema_int(wishes, "NearestN");
        struct member_datacenter *known = calloc(DATACENTERS_MAX, sizeof(*known));
        const json_t *name;
        size_t known_count = 0, i;

        if (known != NULL && nearest > 0)
                known_count = members_datacenters(query->agent->members, known, DATACENTERS_MAX);
        for (i = 0; i < known_count && i < DATACENTERS_MAX && query->count < nearest; i++)
                add(query, known[i].name);
        free(known);
        json_array_foreach(json_object_get(wishes, "Datacenters"), i, name)
        {
                if (json_is_string(name))
                        add(query, json_string_value(name));
        }
}

static void finish(struct remote_query *take_query)
{
        json_t *last = take_query->last;
        remote_query_done_fn done = take_query->done;
        unsigned asked = take_query->asked;
        void *arg = take_query->arg;

        take_query->last = NULL;
        release(take_query);
        done(arg, last, asked);
}

static bool ask_next(struct remote_query *query);

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct remote_query *query = arg;
        struct relay_answer message;
        json_t *body = NULL;

        if (error == RELAY_OK && relay_answer_decode(bytes, len, &message) == 0 &&
            message.status == 200)
                body = json_loadb(message.body.text, message.body.len, 0, NULL);
        if (json_is_object(body)) {
                json_decref(query->last);
                query->last = body;
                if (json_array_size(json_object_get(body, "Nodes")) > 0) {
                        finish(query);
                        return;
                }
        } else {
                json_decref(body);
        }
        if (!ask_next(query))
                finish(query);
}

static bool ask_next(struct remote_query *query)
{
        struct relay_question question = {.kind = RELAY_REQUEST,
                                          .repeatable = true,
                                          .bytes = query->message.bytes,
                                          .len = query->message.len};

        while (query->next < query->count) {
                question.datacenter = query->datacenters[query->next++];
                query->asked++;
                query->call = relay_start(query->agent->relay, &question,
                                          &(struct relay_events){.arg = query, .done = on_done});
                if (query->call != NULL)
                        return true;
        }
        return false;
}

static struct remote_query *make(struct agent *agent, remote_query_done_fn done, void *arg)
{
        struct remote_query *query = calloc(1, sizeof(*query));

        if (query != NULL) {
                query->agent = agent;
                query->done = done;
                query->arg = arg;
        }
        return query;
}

// returns  NULL, and all is released, when nobody is asked.
static struct remote_query *start(struct remote_query *take_query)
{
        if (ask_next(take_query))
                return take_query;
        release(take_query);
        return NULL;
}

static bool make_message(struct remote_query *query, const struct remote_query_wish *wish)
{
        char *body = json_dumps(wish->definition, JSON_COMPACT);
        struct relay_request message = {.method = HTTP_GET, .hops = 1};
        char target[128];

        if (body == NULL)
                return false;
        snprintf(target, sizeof(target), API_QUERY_REMOTE_PATH "?stale&limit=%zu%s",
                 wish->limit < INT32_MAX ? wish->limit : 0, wish->connect ? "&connect=true" : "");
        message.target = (struct relay_text){target, strlen(target)};
        message.origin = (struct relay_text){wish->origin, strlen(wish->origin)};
        message.body = (struct relay_text){body, strlen(body)};
        relay_request_encode(&message, &query->message);
        free(body);
        return true;
}

struct remote_query *remote_query_start(struct agent *agent, const struct remote_query_wish *wish,
                                        remote_query_done_fn done, void *arg)
{
        struct remote_query *query;

        if (agent->relay == NULL)
                return NULL;
        query = make(agent, done, arg);
        if (query == NULL)
                return NULL;
        choose(query, wishes_of(wish->definition));
        if (query->count > 0 && !make_message(query, wish)) {
                release(query);
                return NULL;
        }
        return start(query);
}

// --- For DNS.

struct dns_asking {
        struct remote_query *query;
        void (*done)(void *arg, const json_t *answer);
        void *arg;
};

static void on_dns_done(void *arg, json_t *take_answer, unsigned asked)
{
        struct dns_asking *asking = arg;

        (void)asked;
        asking->done(asking->arg, take_answer);
        json_decref(take_answer);
        free(asking);
}

// A client has a server do it, which knows other datacenters.
static struct remote_query *ask_own_server(struct agent *agent, const char *name, void *arg)
{
        static const char hex[] = "0123456789ABCDEF";
        char target[64 + 3 * QUERY_NAME_MAX] = "/v1/query/";
        size_t used = strlen(target);
        const char *origin = agent->config->node_name;
        struct relay_request message = {.method = HTTP_GET, .hops = 1};
        struct remote_query *query;

        if (strlen(name) > QUERY_NAME_MAX)
                return NULL;
        for (const char *c = name; *c != '\0'; c++) {
                target[used++] = '%';
                target[used++] = hex[(uint8_t)*c >> 4];
                target[used++] = hex[(uint8_t)*c & 15];
        }
        snprintf(target + used, sizeof(target) - used, "/execute?stale");
        query = make(agent, on_dns_done, arg);
        if (query == NULL)
                return NULL;
        query->datacenters[0] = strdup("");
        query->count = query->datacenters[0] != NULL;
        message.target = (struct relay_text){target, strlen(target)};
        message.origin = (struct relay_text){origin, strlen(origin)};
        relay_request_encode(&message, &query->message);
        return start(query);
}

static void *dns_ask(void *arg, const char *name, void (*done)(void *, const json_t *),
                     void *done_arg)
{
        struct agent *agent = arg;
        const struct query_record *record = query_find(agent->store, name);
        char error[QUERY_ERROR_MAX];
        struct dns_asking *asking;
        struct query_plan plan;

        if (record == NULL || agent->relay == NULL ||
            query_plan_init(record, name, "", &plan, error) < 0)
                return NULL;
        asking = calloc(1, sizeof(*asking));
        if (asking != NULL && query_fails_over(plan.definition)) {
                const struct remote_query_wish wish = {
                    .definition = plan.definition,
                    .origin = agent->config->node_name,
                    .connect =
                        json_schema_bool(json_object_get(plan.definition, "Service"), "Connect")};

                *asking = (struct dns_asking){.done = done, .arg = done_arg};
                asking->query = agent->server != NULL
                                    ? remote_query_start(agent, &wish, on_dns_done, asking)
                                    : ask_own_server(agent, name, asking);
        }
        query_plan_fini(&plan);
        if (asking != NULL && asking->query == NULL) {
                free(asking);
                return NULL;
        }
        return asking;
}

static void dns_cancel(void *take_call)
{
        struct dns_asking *asking = take_call;

        remote_query_cancel(asking->query);
        free(asking);
}

void remote_query_dns(struct agent *agent, struct dns_failover *out)
{
        *out = (struct dns_failover){agent, dns_ask, dns_cancel};
}
