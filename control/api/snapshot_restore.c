#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/server/server.h"
#include "control/snapshot/state.h"

// Of the state in one command: a turn of the loop copies and applies it, which is to take no
// millisecond.
#define PIECE_LEN (256u << 10)
// How often a piece is proposed, whose fate is not known when the leader goes.
#define ATTEMPT_MAX 5u
// What a client hears of what was left out, beside the log.
#define LEFT_OUT_HEADER "X-Lictor-Left-Out"

// A restore: verified by a thread of the pool, then proposed piece by piece. Nothing has changed
// until the last piece is applied.
struct restoring {
        struct agent *agent;
        struct http_request *request; // NULL when it has ended before
        struct spool body;
        char dir[4096];
        char datacenter[256];
        struct snapshot_state state;
        uv_work_t work;
        atomic_bool cancelled;
        int result;
        char error[SNAPSHOT_ERROR_MAX];
        char id[37];
        uint64_t offset;
        uint32_t piece_len;
        unsigned attempt_count;
        bool is_open; // the state
};

static void close_in_pool(uv_work_t *work)
{
        struct restoring *restoring = work->data;

        if (restoring->is_open)
                snapshot_state_close(&restoring->state);
        spool_close(&restoring->body);
}

static void closed(uv_work_t *work, int status)
{
        (void)status;
        free(work->data);
}

// Large files that nobody refers to any more take their time to go.
static void end_restoring(struct restoring *take_restoring)
{
        uv_work_t *work = &take_restoring->work;

        work->data = take_restoring;
        if (uv_queue_work(&take_restoring->agent->loop, work, close_in_pool, closed) == 0)
                return;
        close_in_pool(work);
        free(take_restoring);
}

static void refuse(struct restoring *take_restoring, const char *text)
{
        if (take_restoring->request != NULL) {
                http_request_on_cancel(take_restoring->request, NULL, NULL);
                http_reply_text(take_restoring->request, 500, "%s", text);
        }
        log_warn(take_restoring->agent->log, "agent.server", "a snapshot is not restored: %s",
                 text);
        end_restoring(take_restoring);
}

static void succeed(struct restoring *take_restoring, uint64_t index)
{
        const struct snapshot_state *state = &take_restoring->state;
        struct http_request *request = take_restoring->request;

        log_info(take_restoring->agent->log, "agent.server",
                 "restored a snapshot: id=%s index=%llu bytes=%llu new_index=%llu", state->meta.id,
                 (unsigned long long)state->meta.index, (unsigned long long)state->file.len,
                 (unsigned long long)index);
        if (state->left_out[0] != '\0')
                log_warn(take_restoring->agent->log, "agent.server",
                         "left out of the snapshot, as there is no place for it here: %s",
                         state->left_out);
        if (request != NULL) {
                http_request_on_cancel(request, NULL, NULL);
                if (state->left_out[0] != '\0')
                        http_reply_header(request, LEFT_OUT_HEADER, state->left_out);
                http_reply_empty(request, 200);
        }
        end_restoring(take_restoring);
}

static void propose_piece(struct restoring *restoring);

static void on_proposed(void *arg, const struct fsm_result *result)
{
        struct restoring *restoring = arg;

        if (!fsm_result_ok(result)) {
                char text[sizeof(result->error.text) + 64];

                // Only what never got an answer may be asked again: the log refuses nothing twice.
                if (result->index == 0 && restoring->request != NULL &&
                    ++restoring->attempt_count < ATTEMPT_MAX) {
                        propose_piece(restoring);
                        return;
                }
                snprintf(text, sizeof(text), "Raft error when restoring snapshot: %s",
                         result->error.text);
                refuse(restoring, text);
                return;
        }
        restoring->attempt_count = 0;
        restoring->offset += restoring->piece_len;
        if (restoring->offset < restoring->state.file.len)
                propose_piece(restoring);
        else
                succeed(restoring, result->index);
}

static void propose_piece(struct restoring *restoring)
{
        uint64_t left = restoring->state.file.len - restoring->offset;
        struct command command = {.type = COMMAND_RESTORE};

        restoring->piece_len = left < PIECE_LEN ? (uint32_t)left : PIECE_LEN;
        command.restore =
            (struct command_restore){.id = restoring->id,
                                     .offset = restoring->offset,
                                     .total = restoring->state.file.len,
                                     .bytes = restoring->state.bytes + restoring->offset,
                                     .len = restoring->piece_len};
        propose_command(restoring->agent->proposer, &command, on_proposed, restoring);
}

static void verify_in_pool(uv_work_t *work)
{
        struct restoring *restoring = work->data;
        const uint8_t *bytes;

        restoring->result = spool_map(&restoring->body, &bytes);
        if (restoring->result < 0) {
                snprintf(restoring->error, sizeof(restoring->error),
                         "failed to read the archive: %s", strerror(-restoring->result));
                return;
        }
        restoring->result =
            snapshot_state_open(&restoring->state, bytes, restoring->body.len, restoring->dir,
                                restoring->datacenter, &restoring->cancelled, restoring->error);
}

// A client that has gone does not want it any more; once a piece is proposed it is too late to say.
static void verified(uv_work_t *work, int status)
{
        struct restoring *restoring = work->data;

        (void)status;
        restoring->is_open = restoring->result == 0;
        if (restoring->result < 0)
                refuse(restoring, restoring->error);
        else if (restoring->request == NULL)
                refuse(restoring, "the client has gone");
        else
                propose_piece(restoring);
}

static void forget_request(void *arg)
{
        struct restoring *restoring = arg;

        restoring->request = NULL;
        atomic_store(&restoring->cancelled, true);
}

void api_snapshot_restore(struct http_request *request, void *app)
{
        struct api *api = app;
        struct restoring *restoring;

        if (!api_check_datacenter(api, request))
                return;
        if (http_request_param(request, "stale") != NULL) {
                http_reply_text(request, 500, "stale not allowed for restore");
                return;
        }
        restoring = calloc(1, sizeof(*restoring));
        if (restoring == NULL || !api_make_uuid(restoring->id)) {
                free(restoring);
                http_reply_text(request, 500, "out of memory");
                return;
        }
        restoring->agent = api->agent;
        restoring->request = request;
        restoring->work.data = restoring;
        snprintf(restoring->dir, sizeof(restoring->dir), "%s", api->agent->config->data_dir);
        snprintf(restoring->datacenter, sizeof(restoring->datacenter), "%s",
                 api->agent->config->datacenter);
        http_request_take_spool(request, &restoring->body);
        http_request_on_cancel(request, forget_request, restoring);
        uv_queue_work(&api->agent->loop, &restoring->work, verify_in_pool, verified);
}
