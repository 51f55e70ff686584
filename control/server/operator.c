#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/duties.h"
#include "control/store/store.h"

#define REASON_MAX 512

void operator_answer_text(operator_done_fn done, void *arg, uint16_t status, const char *format,
                          ...)
{
        struct operator_answer answer = {.status = status};
        char text[REASON_MAX];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        answer.body = text;
        answer.body_len = strlen(text);
        done(arg, &answer);
}

/* A membership change on its way for an operator. */
struct changing {
        operator_done_fn done;
        void *arg;
        bool is_transfer;
};

static void on_changed(void *arg, int status)
{
        static const char success[] = "{\"Success\":true}";
        const struct operator_answer transferred = {
            .status = 200, .is_json = true, .body = success, .body_len = sizeof(success) - 1};
        const struct operator_answer removed = {.status = 200, .body = ""};
        struct changing *changing = arg;

        if (status == 0)
                changing->done(changing->arg, changing->is_transfer ? &transferred : &removed);
        else
                operator_answer_text(changing->done, changing->arg, 500, "%s",
                                     status == -ETIMEDOUT ? "leadership transfer timeout"
                                                          : "leadership lost while committing log");
        free(changing);
}

static struct changing *make_changing(operator_done_fn done, void *arg, bool is_transfer)
{
        struct changing *changing = malloc(sizeof(*changing));

        if (changing == NULL) {
                operator_answer_text(done, arg, 500, "out of memory");
                return NULL;
        }
        *changing = (struct changing){done, arg, is_transfer};
        return changing;
}

static void refuse(struct changing *take_changing, int error)
{
        operator_answer_text(take_changing->done, take_changing->arg, 500, "%s",
                             error == -EBUSY    ? "another change of the cluster is under way"
                             : error == -EPERM  ? NO_LEADER_TEXT
                             : error == -EINVAL ? "the last voter cannot be removed"
                                                : strerror(-error));
        free(take_changing);
}

static void remove_peer(struct server *server, const struct operator_request *request,
                        operator_done_fn done, void *arg)
{
        struct raft_node *node = raft_log_node(server->log);
        const struct raft_configuration *configuration = raft_node_configuration(node);
        bool by_id = request->action == OPERATOR_REMOVE_BY_ID;
        const struct raft_server *found = NULL;
        struct changing *changing;
        int ret;

        for (unsigned i = 0; i < configuration->server_count; i++) {
                const struct raft_server *peer = &configuration->servers[i];

                if (strcmp(by_id ? peer->node_id : peer->address, request->argument) == 0)
                        found = peer;
        }
        if (found == NULL) {
                operator_answer_text(done, arg, 500,
                                     "%s \"%s\" was not found in the Raft configuration",
                                     by_id ? "id" : "address", request->argument);
                return;
        }
        changing = make_changing(done, arg, false);
        if (changing == NULL)
                return;
        log_warn(server->options.log, "server", "removing a server as an operator asked: %s",
                 request->argument);
        ret = raft_node_remove(node, found->id, on_changed, changing);
        if (ret < 0)
                refuse(changing, ret);
}

static void transfer(struct server *server, const struct operator_request *request,
                     operator_done_fn done, void *arg)
{
        raft_server_id to = RAFT_NO_SERVER;
        struct changing *changing;
        int ret;

        if (request->argument[0] != '\0') {
                const struct raft_configuration *configuration =
                    raft_node_configuration(raft_log_node(server->log));

                for (unsigned i = 0; i < configuration->server_count; i++) {
                        if (strcmp(configuration->servers[i].node_id, request->argument) == 0)
                                to = configuration->servers[i].id;
                }
                if (to == RAFT_NO_SERVER) {
                        operator_answer_text(done, arg, 500,
                                             "id \"%s\" was not found in the Raft configuration",
                                             request->argument);
                        return;
                }
        }
        changing = make_changing(done, arg, true);
        if (changing == NULL)
                return;
        ret = raft_node_transfer(raft_log_node(server->log), to, on_changed, changing);
        if (ret == -EINVAL) {
                operator_answer_text(done, arg, 500, "cannot find peer");
                free(changing);
        } else if (ret < 0) {
                refuse(changing, ret);
        }
}

static void renew_session(struct server *server, const struct operator_request *request,
                          operator_done_fn done, void *arg)
{
        const struct operator_answer renewed = {.status = 200, .body = ""};

        if (store_session_get(server->options.store, request->argument) == NULL) {
                operator_answer_text(done, arg, 404, "Session id '%.60s' not found",
                                     request->argument);
                return;
        }
        if (server->options.renew_session != NULL)
                server->options.renew_session(server->options.arg, request->argument);
        done(arg, &renewed);
}

void duties_operate(void *arg, const struct operator_request *request, operator_done_fn done,
                    void *done_arg)
{
        struct server *server = arg;

        switch (request->action) {
        case OPERATOR_REMOVE_BY_ID:
        case OPERATOR_REMOVE_BY_ADDRESS:
                remove_peer(server, request, done, done_arg);
                break;
        case OPERATOR_TRANSFER:
                transfer(server, request, done, done_arg);
                break;
        case OPERATOR_RENEW_SESSION:
                renew_session(server, request, done, done_arg);
                break;
        case OPERATOR_HEALTH:
        case OPERATOR_STATE:
                duties_report(server->duties, request, done, done_arg);
                break;
        }
}
