#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"

// A request waiting for its change. The request may end before: it is forgotten then.
struct api_pending {
        const struct api *api;
        struct http_request *request;
        api_answer_fn answer;
        const char *prefix; // of what the log's refusals say
        char id[37];        // of what is being created, or ""
};

static void forget_request(void *arg)
{
        struct api_pending *pending = arg;

        pending->request = NULL;
}

struct api_pending *api_pending_create(struct http_request *request)
{
        struct api_pending *pending = calloc(1, sizeof(*pending));

        if (pending == NULL) {
                http_reply_text(request, 500, "out of memory");
                return NULL;
        }
        pending->request = request;
        http_request_on_cancel(request, forget_request, pending);
        return pending;
}

static void answer_id(struct http_request *request, const char *id)
{
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "ID", id);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

static void on_applied(void *arg, const struct fsm_result *result)
{
        struct api_pending *pending = arg;

        if (pending->request != NULL && fsm_result_ok(result) && pending->id[0] != '\0')
                answer_id(pending->request,
                          result->given_id[0] != '\0' ? result->given_id : pending->id);
        else if (pending->request != NULL && result->error.text[0] != '\0')
                http_reply_text(pending->request, 500, "%s%s",
                                result->index > 0 ? pending->prefix : "", result->error.text);
        else if (pending->request != NULL)
                pending->answer(pending->api, pending->request, result);
        free(pending);
}

static const char *prefix_of(const struct command *command)
{
        switch (command->type) {
        case COMMAND_KV:
        case COMMAND_QUERY_SET:
                return "raft apply failed: ";
        default:
                return "";
        }
}

void api_propose(struct api *api, struct http_request *request, struct command *command,
                 api_answer_fn answer)
{
        struct api_pending *pending = api_pending_create(request);

        if (pending == NULL)
                return;
        pending->api = api;
        pending->prefix = prefix_of(command);
        pending->answer = answer;
        propose_command(api->agent->proposer, command, on_applied, pending);
}

void api_propose_with_id(struct api *api, struct http_request *request, struct command *command,
                         const char *id)
{
        struct api_pending *pending = api_pending_create(request);

        if (pending == NULL)
                return;
        pending->api = api;
        pending->prefix = prefix_of(command);
        pending->answer = api_answer_true;
        snprintf(pending->id, sizeof(pending->id), "%s", id);
        propose_command(api->agent->proposer, command, on_applied, pending);
}

void api_answer_true(const struct api *api, struct http_request *request,
                     const struct fsm_result *result)
{
        struct json_writer w;

        (void)api;
        (void)result;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_bool(&w, true);
        http_reply_json(request, 200, &w);
}

void api_answer_local(void *pending, const struct local_result *result)
{
        struct api_pending *waiting = pending;

        if (waiting->request != NULL && result->text[0] != '\0')
                http_reply_text(waiting->request, result->status, "%s", result->text);
        else if (waiting->request != NULL)
                http_reply_empty(waiting->request, result->status);
        free(waiting);
}

bool api_parse_body(struct http_request *request, const struct json_schema *schema, unsigned flags,
                    bool list, json_t **out)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        bool is_namespace;
        size_t len;
        const char *body = http_request_body(request, &len);

        if (json_schema_parse(schema, flags, body, len, list, out, error) == 0)
                return true;
        is_namespace = strcmp(error, "json: unknown field \"Namespace\"") == 0;
        http_reply_text(request, 400, "Request decode failed: %s%s", error,
                        is_namespace && (flags & API_EXPLAIN_NAMESPACE)
                            ? " - Namespaces are a Consul Enterprise feature"
                            : "");
        return false;
}
