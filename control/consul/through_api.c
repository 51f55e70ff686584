#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api.h"
#include "control/consul/consul_internal.h"
#include "control/http/http.h"
#include "control/member/members.h"
#include "control/text/duration.h"

// Methods for operators, and prepared queries with their fail-over: the HTTP API carries them out,
// and its answers become theirs.

#define TARGET_MAX 2048

// What becomes of an answer: changes it, or puts another in its place. NULL fails the call.
typedef json_t *(*convert_fn)(const struct consul_call *call, json_t *take_answer);

struct asking {
        struct consul_call *call;
        struct http_request *request;
        convert_fn convert;
        void (*put)(struct byte_buffer *b, const json_t *answer);
        unsigned or_status;
};

static void on_cancelled(void *arg)
{
        struct asking *asking = arg;

        http_injected_cancel(asking->request);
        free(asking);
}

static void on_answered(void *arg, const struct http_injected_answer *answer)
{
        const struct asking asking = *(struct asking *)arg;
        struct consul_call *call = asking.call;
        struct byte_buffer body = BYTE_BUFFER_INIT;
        json_t *value;

        free(arg);
        if (answer->status != 200 && answer->status != asking.or_status) {
                consul_call_refuse(call, "%.*s", (int)answer->body_len, answer->body);
                return;
        }
        value = answer->body_len > 0
                    ? json_loadb(answer->body, answer->body_len, JSON_DECODE_ANY, NULL)
                    : json_object();
        value = value != NULL && asking.convert != NULL ? asking.convert(call, value) : value;
        if (value == NULL) {
                consul_call_refuse(call, CONSUL_MEMORY_TEXT);
                return;
        }
        if (asking.put != NULL)
                asking.put(&body, value);
        else
                wire_put_json(&body, value);
        json_decref(value);
        consul_call_answer(call, &body);
}

static void begin(struct consul_call *call, const struct consul_question *question,
                  const char *origin, convert_fn convert)
{
        const json_t *content = question->content;
        struct http_injection injection = {
            .method = question->method, .target = question->target, .done = on_answered};
        struct asking *asking = malloc(sizeof(*asking));
        char *text = content != NULL ? json_dumps(content, JSON_COMPACT) : NULL;
        int ret = -ENOMEM;

        if (asking != NULL && (content == NULL || text != NULL)) {
                *asking = (struct asking){.call = call,
                                          .convert = convert,
                                          .put = question->put,
                                          .or_status = question->or_status};
                injection.arg = asking;
                injection.origin =
                    *origin != '\0' ? origin : call->service->agent->config->node_name;
                injection.body = text != NULL ? text : "";
                injection.body_len = strlen(injection.body);
                consul_call_on_cancel(call, on_cancelled, asking);
                ret = api_inject(call->service->agent->api, &injection, &asking->request);
        }
        free(text);
        if (ret == 0)
                return;
        free(asking);
        consul_call_on_cancel(call, NULL, NULL);
        consul_call_refuse(call, CONSUL_MEMORY_TEXT);
}

void consul_ask(struct consul_call *call, const struct consul_question *question)
{
        begin(call, question, "", NULL);
}

// Has the API answer a request. @origin  the node whose agent asks, "" for this one.
static void ask(struct consul_call *call, const char *method, const char *target,
                const json_t *content, const char *origin, convert_fn convert)
{
        const struct consul_question question = {
            .method = method, .target = target, .content = content};

        begin(call, &question, origin, convert);
}

// Appends a text as a path or a query takes it. returns  false when there is no room.
static bool append_escaped(char target[TARGET_MAX], const char *text)
{
        static const char hex[] = "0123456789ABCDEF";
        size_t len = strlen(target);

        for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
                bool plain = (*c >= '0' && *c <= '9') || ((*c | 32) >= 'a' && (*c | 32) <= 'z') ||
                             strchr("-_.~", *c) != NULL;

                if (len + 4 > TARGET_MAX)
                        return false;
                if (plain) {
                        target[len++] = (char)*c;
                        continue;
                }
                target[len++] = '%';
                target[len++] = hex[*c >> 4];
                target[len++] = hex[*c & 15];
        }
        target[len] = '\0';
        return true;
}

static bool append(char target[TARGET_MAX], const char *text)
{
        size_t len = strlen(target), more = strlen(text);

        if (len + more >= TARGET_MAX)
                return false;
        memcpy(target + len, text, more + 1);
        return true;
}

// --- Datacenters and operators.

void consul_datacenters(struct consul_call *call, const void *what)
{
        struct member_datacenter datacenters[MEMBER_DATACENTERS_MAX];
        size_t count =
            members_datacenters(call->service->agent->members, datacenters, MEMBER_DATACENTERS_MAX);
        struct byte_buffer body = BYTE_BUFFER_INIT;

        (void)what;
        pack_put_array(&body, (uint32_t)count);
        for (size_t i = 0; i < count; i++)
                pack_put_text(&body, datacenters[i].name);
        consul_call_answer(call, &body);
}

void consul_coordinate_datacenters(struct consul_call *call, const void *what)
{
        (void)what;
        ask(call, "GET", "/v1/coordinate/datacenters", NULL, "", NULL);
}

void consul_raft_configuration(struct consul_call *call, const void *what)
{
        (void)what;
        ask(call, "GET", "/v1/operator/raft/configuration", NULL, "", NULL);
}

// @what  which of the two names the server: "id" or "address".
void consul_remove_peer(struct consul_call *call, const void *what)
{
        char target[TARGET_MAX] = "/v1/operator/raft/peer?";
        struct consul_peer_request request;
        struct arena arena = ARENA_INIT;

        if (consul_peer_get(call->args, &arena, &request) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (append(target, what) && append(target, "=") &&
                 append_escaped(target, strcmp(what, "id") == 0 ? request.id : request.address))
                ask(call, "DELETE", target, NULL, "", NULL);
        else
                consul_call_refuse(call, "the server's name is too long");
        arena_fini(&arena);
}

// Durations are shown as text and carried as numbers.
static void put_duration(json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        int64_t ns;

        if (text != NULL && duration_parse(text, &ns) == 0)
                json_object_set_new(object, name, json_integer(ns));
}

static json_t *convert_keyring(const struct consul_call *call, json_t *take_answer)
{
        json_t *out;

        (void)call;
        // A change says nothing when every member has carried it out.
        out = json_pack("{s:o}", "Responses",
                        json_is_array(take_answer) ? json_incref(take_answer) : json_null());
        json_decref(take_answer);
        return out;
}

void consul_keyring(struct consul_call *call, const void *what)
{
        static const struct {
                const char *operation, *method;
        } operations[] = {
            {"list", "GET"}, {"install", "POST"}, {"use", "PUT"}, {"remove", "DELETE"}};
        struct consul_keyring_request request;
        struct arena arena = ARENA_INIT;
        const char *method = NULL;
        char target[TARGET_MAX];
        json_t *content = NULL;

        (void)what;
        if (consul_keyring_get(call->args, &arena, &request) < 0) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
                arena_fini(&arena);
                return;
        }
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
                if (strcmp(operations[i].operation, request.operation) == 0)
                        method = operations[i].method;
        }
        snprintf(target, sizeof(target), "/v1/operator/keyring?relay-factor=%lld%s",
                 (long long)request.relay_factor, request.local_only ? "&local-only=true" : "");
        if (method != NULL && strcmp(method, "GET") != 0)
                content = json_pack("{s:s}", "Key", request.key);
        if (method == NULL)
                consul_call_refuse(call, "Unrecognized keyring operation: %.60s",
                                   request.operation);
        else
                ask(call, method, target, content, "", convert_keyring);
        json_decref(content);
        arena_fini(&arena);
}

// --- Prepared queries.

// Nulls stand for what is absent, which bodies leave out.
static void drop_nulls(json_t *object)
{
        const char *name;
        json_t *value;
        void *next;

        json_object_foreach_safe(object, next, name, value)
        {
                if (json_is_null(value))
                        json_object_del(object, name);
        }
}

static json_t *convert_id(const struct consul_call *call, json_t *take_answer)
{
        json_t *id = json_incref(json_object_get(take_answer, "ID"));

        (void)call;
        json_decref(take_answer);
        return id != NULL ? id : json_string("");
}

static void change_query(struct consul_call *call, const struct consul_query_change *change)
{
        const char *id = json_string_value(json_object_get(change->query, "ID"));
        json_t *service = json_object_get(change->query, "Service");
        bool create = strcmp(change->op, "create") == 0;
        char target[TARGET_MAX] = "/v1/query";

        drop_nulls(service);
        drop_nulls(json_object_get(service, "Failover"));
        drop_nulls(change->query);
        if (!create && (!append(target, "/") || !append_escaped(target, id != NULL ? id : "")))
                consul_call_refuse(call, "the query's ID is too long");
        else if (create)
                ask(call, "POST", target, change->query, "", convert_id);
        else if (strcmp(change->op, "update") == 0)
                ask(call, "PUT", target, change->query, "", convert_id);
        else if (strcmp(change->op, "delete") == 0)
                ask(call, "DELETE", target, NULL, "", convert_id);
        else
                consul_call_refuse(call, "Unknown prepared query operation: %.60s", change->op);
}

void consul_query_apply(struct consul_call *call, const void *what)
{
        struct consul_query_change change;
        struct arena arena = ARENA_INIT;

        (void)what;
        if (consul_query_change_get(call->args, &arena, &change) < 0) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
                arena_fini(&arena);
                return;
        }
        if (json_is_object(change.query))
                change_query(call, &change);
        else
                consul_call_refuse(call, "Must provide a query");
        json_decref(change.query);
        arena_fini(&arena);
}

// Definitions of checks show their durations as text.
static json_t *convert_execute(const struct consul_call *call, json_t *take_answer)
{
        static const char *const durations[] = {"Interval", "Timeout", "TTL",
                                                "DeregisterCriticalServiceAfter"};
        json_t *node, *check;
        size_t i, j;

        (void)call;
        json_array_foreach(json_object_get(take_answer, "Nodes"), i, node)
        {
                json_array_foreach(json_object_get(node, "Checks"), j, check)
                {
                        json_t *definition = json_object_get(check, "Definition");

                        for (size_t k = 0; k < sizeof(durations) / sizeof(durations[0]); k++)
                                put_duration(definition, durations[k]);
                }
        }
        return take_answer;
}

// A target's path and what decides how fresh the answer is. returns  false when it is too long.
static bool begin_query_target(char target[TARGET_MAX], const struct consul_query *query,
                               const char *verb)
{
        snprintf(target, TARGET_MAX, "/v1/query/");
        return append_escaped(target, query->query_id_or_name) && append(target, verb) &&
               append(target, query->consistent ? "?consistent"
                              : query->stale    ? "?stale"
                                                : "?");
}

static void execute(struct consul_call *call, const struct consul_query *query)
{
        char target[TARGET_MAX], limit[40] = "";
        bool fits = begin_query_target(target, query, "/execute");

        if (query->limit != 0)
                snprintf(limit, sizeof(limit), "&limit=%lld", (long long)query->limit);
        fits =
            fits && append(target, limit) && append(target, query->connect ? "&connect=true" : "");
        if (query->source.node[0] != '\0')
                fits =
                    fits && append(target, "&near=") && append_escaped(target, query->source.node);
        if (fits)
                ask(call, "GET", target, NULL, query->agent.node, convert_execute);
        else
                consul_call_refuse(call, "the query's name is too long");
}

void consul_query_execute(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct consul_query query;

        (void)what;
        if (consul_query_get(call->args, &arena, &query) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else
                execute(call, &query);
        arena_fini(&arena);
}

void consul_query_explain(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct consul_query query;
        char target[TARGET_MAX];

        (void)what;
        if (consul_query_get(call->args, &arena, &query) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (!begin_query_target(target, &query, "/explain"))
                consul_call_refuse(call, "the query's name is too long");
        else
                ask(call, "GET", target, NULL, query.agent.node, NULL);
        arena_fini(&arena);
}
