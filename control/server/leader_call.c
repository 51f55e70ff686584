#include "control/server/leader_call.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/leader_call_internal.h"
#include "control/server/result_codec.h"

#define TICK_MS             100u
#define HELD_MAX            16384u
#define PROPOSE_TIMEOUT_MS  10000u
#define READ_TIMEOUT_MS     2000u
#define OPERATOR_TIMEOUT_MS 10000u

static void attempt(struct leader_call *take_call);

static void list_add(struct call_list *list, struct leader_call *take_call)
{
        take_call->next = NULL;
        *list->last = take_call;
        list->last = &take_call->next;
        list->count++;
}

static struct leader_call *list_take_all(struct call_list *list)
{
        struct leader_call *first = list->first;

        list->first = NULL;
        list->last = &list->first;
        list->count = 0;
        return first;
}

void leader_calls_release(struct leader_calls *calls)
{
        if (--calls->reference_count > 0)
                return;
        if (calls->closed != NULL)
                calls->closed(calls->closed_arg);
        free(calls);
}

static void end_call(struct leader_call *take_call)
{
        struct leader_calls *calls = take_call->calls;

        free(take_call);
        leader_calls_release(calls);
}

static void fail(struct leader_call *take_call, const char *text)
{
        const struct operator_answer answer = {
            .status = 500, .body = text, .body_len = strlen(text)};
        struct fsm_result result;

        switch (take_call->kind) {
        case FORWARD_PROPOSE:
                fsm_result_init(&result);
                store_error_set(&result.error, "%s", text);
                if (take_call->done.proposed != NULL)
                        take_call->done.proposed(take_call->arg, &result);
                fsm_result_fini(&result);
                break;
        case FORWARD_READ_INDEX:
                take_call->done.read(take_call->arg, text);
                break;
        default:
                take_call->done.operated(take_call->arg, &answer);
        }
        end_call(take_call);
}

static void on_tick(uv_timer_t *timer);

static void keep_time(struct leader_calls *calls)
{
        if (!calls->closing && !uv_is_active((uv_handle_t *)&calls->timer))
                uv_timer_start(&calls->timer, on_tick, TICK_MS, TICK_MS);
}

static void hold(struct leader_call *take_call)
{
        struct leader_calls *calls = take_call->calls;

        if (calls->closing || uv_now(calls->options.loop) >= take_call->deadline_ms ||
            calls->held.count >= HELD_MAX) {
                fail(take_call, NO_LEADER_TEXT);
                return;
        }
        list_add(&calls->held, take_call);
        keep_time(calls);
}

static raft_index applied_index(const struct leader_calls *calls)
{
        struct raft_node_status status;

        raft_node_status(raft_log_node(calls->options.raft_log), &status);
        return status.applied_index;
}

static void allow_read(struct leader_call *take_call)
{
        take_call->done.read(take_call->arg, NULL);
        end_call(take_call);
}

static void serve_reads(struct leader_calls *calls)
{
        raft_index applied = applied_index(calls);
        struct leader_call *call = list_take_all(&calls->unread), *next;

        for (; call != NULL; call = next) {
                next = call->next;
                if (call->index <= applied)
                        allow_read(call);
                else if (calls->closing || uv_now(calls->options.loop) >= call->deadline_ms)
                        fail(call, "timed out waiting for the leader's log");
                else
                        list_add(&calls->unread, call);
        }
        if (calls->unread.first == NULL && !calls->closing)
                uv_prepare_stop(&calls->prepare);
}

// Runs in each turn of the loop, thus after whatever applied something.
static void on_prepare(uv_prepare_t *prepare)
{
        serve_reads(prepare->data);
}

static void await_index(struct leader_call *take_call, uint64_t index)
{
        struct leader_calls *calls = take_call->calls;

        if (index <= applied_index(calls)) {
                allow_read(take_call);
                return;
        }
        take_call->index = index;
        list_add(&calls->unread, take_call);
        uv_prepare_start(&calls->prepare, on_prepare);
        keep_time(calls);
}

static void answer_proposal(struct leader_call *take_call, const uint8_t *payload, size_t len)
{
        struct fsm_result result;

        if (fsm_result_decode(payload, len, &result) < 0) {
                fsm_result_fini(&result);
                fail(take_call, "the leader's answer cannot be read");
                return;
        }
        if (take_call->done.proposed != NULL)
                take_call->done.proposed(take_call->arg, &result);
        fsm_result_fini(&result);
        end_call(take_call);
}

static void answer_operator(struct leader_call *take_call, const uint8_t *payload, size_t len)
{
        struct operator_answer answer;

        if (operator_answer_decode(payload, len, &answer) < 0) {
                fail(take_call, "the leader's answer cannot be read");
                return;
        }
        take_call->done.operated(take_call->arg, &answer);
        end_call(take_call);
}

static void fail_remotely(struct leader_call *take_call, int error)
{
        char text[128];

        // A read changes nothing: it may be asked again.
        if (take_call->kind == FORWARD_READ_INDEX && error != -ENOBUFS) {
                hold(take_call);
                return;
        }
        snprintf(text, sizeof(text), "rpc error making call: %s",
                 error == -ETIMEDOUT    ? "i/o deadline reached"
                 : error == -ENOBUFS    ? "too many requests are waiting"
                 : error == -ECONNRESET ? "EOF"
                                        : "connection lost");
        fail(take_call, text);
}

static void on_answer(void *arg, int error, enum forward_status status, const uint8_t *payload,
                      size_t len)
{
        struct leader_call *call = arg;
        char text[FORWARD_TEXT_MAX];

        if (error == -ENOTCONN || (error == 0 && status == FORWARD_NOT_LEADER)) {
                hold(call);
        } else if (error < 0) {
                fail_remotely(call, error);
        } else if (status != FORWARD_OK) {
                snprintf(text, sizeof(text), "%.*s", (int)(len < 900 ? len : 900),
                         (const char *)payload);
                fail(call, text);
        } else if (call->kind == FORWARD_PROPOSE) {
                answer_proposal(call, payload, len);
        } else if (call->kind == FORWARD_OPERATOR) {
                answer_operator(call, payload, len);
        } else if (len == 8) {
                await_index(call, forward_get_u64(payload));
        } else {
                fail(call, "the leader's answer cannot be read");
        }
}

static void on_proposed(void *arg, const struct fsm_result *result)
{
        struct leader_call *call = arg;

        if (call->done.proposed != NULL)
                call->done.proposed(call->arg, result);
        end_call(call);
}

static void on_local_read(void *arg, int status)
{
        if (status == 0)
                allow_read(arg);
        else
                hold(arg);
}

static void on_operated(void *arg, const struct operator_answer *answer)
{
        struct leader_call *call = arg;

        call->done.operated(call->arg, answer);
        end_call(call);
}

static void do_here(struct leader_call *take_call)
{
        const struct leader_calls_options *options = &take_call->calls->options;
        struct operator_request request;
        int ret = 0;

        switch (take_call->kind) {
        case FORWARD_PROPOSE:
                ret = raft_log_propose(options->raft_log, take_call->payload, take_call->len,
                                       on_proposed, take_call);
                break;
        case FORWARD_READ_INDEX:
                ret = raft_node_read_index(raft_log_node(options->raft_log),
                                           take_call->payload[0] == 1, on_local_read, take_call);
                break;
        default:
                if (operator_request_decode(take_call->payload, take_call->len, &request) < 0)
                        fail(take_call, "the request cannot be read");
                else
                        options->operate(options->arg, &request, on_operated, take_call);
        }
        if (ret == -EPERM || ret == -EBUSY || ret == -EAGAIN)
                hold(take_call);
        else if (ret < 0)
                fail(take_call, strerror(-ret));
}

static void attempt(struct leader_call *take_call)
{
        const struct leader_calls_options *options = &take_call->calls->options;
        struct raft_node_status status;
        uint64_t timeout_ms = take_call->kind == FORWARD_PROPOSE      ? PROPOSE_TIMEOUT_MS
                              : take_call->kind == FORWARD_READ_INDEX ? READ_TIMEOUT_MS
                                                                      : OPERATOR_TIMEOUT_MS;

        if (take_call->calls->closing) {
                fail(take_call, NO_LEADER_TEXT);
                return;
        }
        raft_node_status(raft_log_node(options->raft_log), &status);
        if (status.leading)
                do_here(take_call);
        else if (status.has_leader && status.cluster_id != 0 && status.leader.id != status.id &&
                 status.leader.address[0])
                forward_send(options->forward, status.leader.address, take_call->kind,
                             take_call->payload, take_call->len, timeout_ms, on_answer, take_call);
        else
                hold(take_call);
}

static void on_tick(uv_timer_t *timer)
{
        struct leader_calls *calls = timer->data;

        leader_calls_wake(calls);
        serve_reads(calls);
        if (calls->held.first == NULL && calls->unread.first == NULL)
                uv_timer_stop(timer);
}

void leader_calls_wake(struct leader_calls *calls)
{
        struct leader_call *call = list_take_all(&calls->held), *next;

        for (; call != NULL; call = next) {
                next = call->next;
                attempt(call);
        }
}

static struct leader_call *make_call(struct leader_calls *calls, enum forward_kind kind,
                                     const void *payload, size_t len, void *arg)
{
        struct leader_call *call = malloc(sizeof(*call) + len);

        if (call == NULL)
                return NULL;
        *call = (struct leader_call){
            .calls = calls,
            .kind = kind,
            .deadline_ms = uv_now(calls->options.loop) + calls->options.hold_ms,
            .arg = arg,
            .len = (uint32_t)len,
        };
        memcpy(call->payload, payload, len);
        calls->reference_count++;
        return call;
}

static int propose(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct leader_calls *calls =
            (struct leader_calls *)((char *)self - offsetof(struct leader_calls, proposer));
        struct leader_call *call;

        if (len < 2 || bytes[0] != COMMAND_VERSION || bytes[1] >= COMMAND_TYPE_COUNT)
                return -ENOTSUP;
        if (len > COMMAND_BYTES_MAX)
                return -E2BIG;
        call = make_call(calls, FORWARD_PROPOSE, bytes, len, arg);
        if (call == NULL)
                return -ENOMEM;
        call->done.proposed = done;
        attempt(call);
        return 0;
}

void leader_calls_read(struct leader_calls *calls, bool lease, leader_read_fn done, void *arg)
{
        const uint8_t flag = lease;
        struct leader_call *call = make_call(calls, FORWARD_READ_INDEX, &flag, 1, arg);

        if (call == NULL) {
                done(arg, "out of memory");
                return;
        }
        call->done.read = done;
        attempt(call);
}

void leader_calls_operate(struct leader_calls *calls, const struct operator_request *request,
                          operator_done_fn done, void *arg)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        static const char no_memory[] = "out of memory";
        const struct operator_answer answer = {
            .status = 500, .body = no_memory, .body_len = sizeof(no_memory) - 1};
        struct leader_call *call;

        operator_request_encode(request, &bytes);
        call = make_call(calls, FORWARD_OPERATOR, bytes.bytes, bytes.len, arg);
        byte_buffer_fini(&bytes);
        if (call == NULL) {
                done(arg, &answer);
                return;
        }
        call->done.operated = done;
        attempt(call);
}

static void on_handle_closed(uv_handle_t *handle)
{
        leader_calls_release(handle->data);
}

struct leader_calls *leader_calls_create(const struct leader_calls_options *options)
{
        struct leader_calls *calls = calloc(1, sizeof(*calls));

        if (calls == NULL)
                return NULL;
        calls->proposer.propose = propose;
        calls->options = *options;
        calls->held.last = &calls->held.first;
        calls->unread.last = &calls->unread.first;
        uv_timer_init(options->loop, &calls->timer);
        uv_prepare_init(options->loop, &calls->prepare);
        calls->timer.data = calls->prepare.data = calls;
        calls->reference_count = 2;
        return calls;
}

void leader_calls_close(struct leader_calls *take_calls, void (*closed)(void *arg), void *arg)
{
        take_calls->closing = true;
        take_calls->closed = closed;
        take_calls->closed_arg = arg;
        leader_calls_wake(take_calls);
        serve_reads(take_calls);
        uv_close((uv_handle_t *)&take_calls->timer, on_handle_closed);
        uv_close((uv_handle_t *)&take_calls->prepare, on_handle_closed);
}

struct log_proposer *leader_calls_proposer(struct leader_calls *calls)
{
        return &calls->proposer;
}
