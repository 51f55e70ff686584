#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/leader_call_internal.h"
#include "control/server/result_codec.h"

// The leader's side of what leader_call.c sends.
struct serving {
        struct leader_calls *calls;
        struct forward_incoming *incoming;
};

static struct serving *begin(struct leader_calls *calls, struct forward_incoming *incoming)
{
        struct serving *serving = malloc(sizeof(*serving));

        if (serving == NULL) {
                forward_answer_text(incoming, FORWARD_REFUSED, "out of memory");
                return NULL;
        }
        *serving = (struct serving){calls, incoming};
        calls->reference_count++;
        return serving;
}

static void end(struct serving *take_serving)
{
        struct leader_calls *calls = take_serving->calls;

        free(take_serving);
        leader_calls_release(calls);
}

// Not accepted, so nothing was done.
static void refuse(struct serving *take_serving, int error)
{
        bool elsewhere = error == -EPERM || error == -EBUSY || error == -EAGAIN;

        if (elsewhere)
                forward_answer(take_serving->incoming, FORWARD_NOT_LEADER, NULL, 0);
        else
                forward_answer_text(take_serving->incoming, FORWARD_REFUSED, strerror(-error));
        end(take_serving);
}

static void on_applied(void *arg, const struct fsm_result *result)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct serving *serving = arg;

        fsm_result_encode(result, &bytes);
        forward_answer(serving->incoming, FORWARD_OK, bytes.bytes, bytes.len);
        byte_buffer_fini(&bytes);
        end(serving);
}

static void on_readable(void *arg, int status)
{
        struct serving *serving = arg;
        struct raft_node_status node;
        uint8_t index[8];

        if (status < 0) {
                refuse(serving, -EAGAIN);
                return;
        }
        raft_node_status(raft_log_node(serving->calls->options.raft_log), &node);
        forward_put_u64(index, node.applied_index);
        forward_answer(serving->incoming, FORWARD_OK, index, sizeof(index));
        end(serving);
}

static void on_operated(void *arg, const struct operator_answer *answer)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct serving *serving = arg;

        operator_answer_encode(answer, &bytes);
        forward_answer(serving->incoming, FORWARD_OK, bytes.bytes, bytes.len);
        byte_buffer_fini(&bytes);
        end(serving);
}

static void operate(struct serving *serving, const struct forward_head *head,
                    const uint8_t *payload)
{
        const struct leader_calls_options *options = &serving->calls->options;
        struct operator_request request;
        struct raft_node_status node;

        raft_node_status(raft_log_node(options->raft_log), &node);
        if (!node.leading)
                refuse(serving, -EPERM);
        else if (operator_request_decode(payload, head->length, &request) < 0)
                refuse(serving, -EBADMSG);
        else
                options->operate(options->arg, &request, on_operated, serving);
}

void leader_calls_serve(struct leader_calls *calls, struct forward_incoming *take_incoming,
                        const struct forward_head *head, const uint8_t *payload)
{
        struct raft_log *log = calls->options.raft_log;
        struct serving *serving = begin(calls, take_incoming);
        int ret = 0;

        if (serving == NULL)
                return;
        switch (head->kind) {
        case FORWARD_PROPOSE:
                ret = raft_log_propose(log, payload, head->length, on_applied, serving);
                break;
        case FORWARD_READ_INDEX:
                if (head->length == 1)
                        ret = raft_node_read_index(raft_log_node(log), payload[0] == 1, on_readable,
                                                   serving);
                else
                        ret = -EBADMSG;
                break;
        case FORWARD_OPERATOR:
                operate(serving, head, payload);
                break;
        default:
                forward_answer_text(serving->incoming, FORWARD_UNSUPPORTED,
                                    "the leader does not know this request");
                end(serving);
        }
        if (ret < 0)
                refuse(serving, ret);
}
