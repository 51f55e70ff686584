#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/session_rules.h"
#include "control/consul/consul_internal.h"
#include "control/leader/leader.h"
#include "control/server/server.h"

// --- Creating and destroying.

static void answer_id(struct byte_buffer *b, const struct fsm_result *result, const char *id)
{
        (void)result;
        pack_put_text(b, id);
}

static bool make_id(const struct store *store, char id[37])
{
        do {
                if (!api_make_uuid(id))
                        return false;
        } while (store_session_get(store, id) != NULL);
        return true;
}

static void create(struct consul_call *call, const struct catalog_session *session)
{
        const struct agent *agent = call->service->agent;
        struct command command = {.type = COMMAND_SESSION_CREATE};
        char id[37], error[SESSION_ERROR_MAX];

        if (session->node[0] == '\0') {
                consul_call_refuse(call, "Must provide Node");
        } else if (session_rules_check(session, agent->config->session_ttl_min_ns, error) < 0) {
                consul_call_refuse(call, "%s", error);
        } else if (!make_id(agent->store, id)) {
                consul_call_refuse(call, "no random numbers");
        } else {
                command.session_create = *session;
                command.session_create.id = id;
                consul_propose(call, &command, answer_id, id);
        }
}

static void destroy(struct consul_call *call, const struct catalog_session *session)
{
        struct command command = {.type = COMMAND_SESSION_DESTROY};
        struct store_error error;

        if (session->id[0] == '\0') {
                consul_call_refuse(call, "Must provide ID");
        } else if (store_session_check_id(session->id, &error) < 0) {
                consul_call_refuse(call, "Session lookup failed: %s", error.text);
        } else {
                command.session_destroy = session->id;
                consul_propose(call, &command, answer_id, "");
        }
}

void consul_session_apply(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct catalog_session session;
        const char *op;

        (void)what;
        if (consul_session_request_get(call->args, &arena, &op, &session) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (strcmp(op, "create") == 0)
                create(call, &session);
        else if (strcmp(op, "destroy") == 0)
                destroy(call, &session);
        else
                consul_call_refuse(call, "Invalid session operation \"%.60s\"", op);
        arena_fini(&arena);
}

// --- Renewing: the leader keeps a session's time.

struct renewal {
        struct consul_call *call; // NULL once it is cancelled
        struct agent *agent;
        struct operator_request request; // its argument is the session's id
};

static void forget_call(void *arg)
{
        struct renewal *renewal = arg;

        renewal->call = NULL;
}

static void answer_renewed(struct consul_call *call, const struct agent *agent, const char *id)
{
        const struct session_record *session = store_session_get(agent->store, id);
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct consul_meta meta;

        consul_meta_now(agent, false, store_table_index(agent->store, STORE_SESSIONS), &meta);
        pack_put_map(&body, 1 + CONSUL_META_PAIRS);
        wire_put_name(&body, "Sessions");
        if (session != NULL) {
                pack_put_array(&body, 1);
                consul_put_session(&body, session);
        } else {
                pack_put_nil(&body);
        }
        consul_put_meta(&body, &meta);
        consul_call_answer(call, &body);
}

static void on_readable(void *arg, const char *error)
{
        struct renewal *renewal = arg;

        if (renewal->call != NULL && error != NULL)
                consul_call_refuse(renewal->call, "%s", error);
        else if (renewal->call != NULL)
                answer_renewed(renewal->call, renewal->agent, renewal->request.argument);
        free(renewal);
}

static void on_renewed(void *arg, const struct operator_answer *answer)
{
        struct renewal *renewal = arg;

        if (renewal->call != NULL && answer->status == 200) {
                server_read(renewal->agent->server, SERVER_READ_DEFAULT, on_readable, renewal);
                return;
        }
        if (renewal->call != NULL)
                consul_call_refuse(renewal->call, "%.*s", (int)answer->body_len, answer->body);
        free(renewal);
}

static void renew(struct consul_call *call, const char *id)
{
        struct agent *agent = call->service->agent;
        struct renewal *renewal;

        if (server_leads(agent->server)) {
                leader_renew_session(agent->leader, id);
                answer_renewed(call, agent, id);
                return;
        }
        renewal = malloc(sizeof(*renewal));
        if (renewal == NULL) {
                consul_call_refuse(call, CONSUL_MEMORY_TEXT);
                return;
        }
        *renewal = (struct renewal){
            .call = call, .agent = agent, .request = {.action = OPERATOR_RENEW_SESSION}};
        snprintf(renewal->request.argument, sizeof(renewal->request.argument), "%s", id);
        consul_call_on_cancel(call, forget_call, renewal);
        server_operate(agent->server, &renewal->request, on_renewed, renewal);
}

void consul_session_renew(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct consul_query query;
        struct store_error error;

        (void)what;
        // An ID that can be one fits into the leader's request.
        if (consul_query_get(call->args, &arena, &query) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (store_session_check_id(query.session_id, &error) < 0)
                consul_call_refuse(call, "%s", error.text);
        else
                renew(call, query.session_id);
        arena_fini(&arena);
}
