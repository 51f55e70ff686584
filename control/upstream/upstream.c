#include "control/upstream/upstream.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/consul/relayed.h"
#include "control/fsm/propose.h"
#include "control/store/store_write.h"
#include "control/upstream/change.h"
#include "control/upstream/transport.h"

#define UNREADABLE_TEXT "the server's answer cannot be read"

struct upstream {
        struct log_proposer proposer;
        struct relay *relay;
        char datacenter[];
};

struct upstream_call {
        struct relay_call *call;
        upstream_done_fn done;
        void *arg;
};

// --- Calls.

// What a server said, as agents pass it on.
static void tell_refusal(const struct upstream_call *call, struct pack_slice error)
{
        static const char prefix[] = "rpc error making call: ";
        size_t size = sizeof(prefix) + error.length;
        char *text = malloc(size);

        if (text != NULL)
                snprintf(text, size, "%s%.*s", prefix, (int)error.length,
                         (const char *)error.bytes);
        call->done(call->arg, text != NULL ? text : "out of memory", (struct pack_slice){NULL, 0});
        free(text);
}

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct upstream_call *call = arg;
        struct consul_outcome outcome = {{NULL, 0}, {NULL, 0}};

        if (error != RELAY_OK)
                call->done(call->arg, relay_error_text(error, true), outcome.body);
        else if (consul_outcome_get((struct pack_slice){bytes, (uint32_t)len}, &outcome) < 0)
                call->done(call->arg, UNREADABLE_TEXT, (struct pack_slice){NULL, 0});
        else if (outcome.error.length > 0)
                tell_refusal(call, outcome.error);
        else
                call->done(call->arg, NULL, outcome.body);
        free(call);
}

struct upstream_call *upstream_start(struct upstream *upstream,
                                     const struct upstream_question *question)
{
        const struct consul_relayed_call relayed = {
            .method = pack_slice_of(question->method), .args = question->args, .origin = {NULL, 0}};
        struct relay_question asked = {.kind = RELAY_CALL,
                                       .datacenter = "",
                                       .repeatable = question->repeatable,
                                       .unlimited = question->unlimited,
                                       .timeout_ms = question->timeout_ms};
        struct upstream_call *call = malloc(sizeof(*call));
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        if (call == NULL)
                return NULL;
        consul_relayed_call_put(&bytes, &relayed);
        asked.bytes = bytes.bytes;
        asked.len = bytes.len;
        *call = (struct upstream_call){.done = question->done, .arg = question->arg};
        call->call = relay_start(upstream->relay, &asked,
                                 &(struct relay_events){.arg = call, .done = on_done});
        byte_buffer_fini(&bytes);
        if (call->call != NULL)
                return call;
        free(call);
        return NULL;
}

void upstream_cancel(struct upstream_call *take_call)
{
        relay_cancel(take_call->call);
        free(take_call);
}

struct upstream_call *upstream_query(struct upstream *upstream, const struct consul_query *query,
                                     const struct upstream_question *question)
{
        struct byte_buffer args = BYTE_BUFFER_INIT;
        struct upstream_question asked = *question;
        struct upstream_call *call;

        consul_query_put(&args, query);
        asked.args = (struct pack_slice){args.bytes, (uint32_t)args.len};
        call = upstream_start(upstream, &asked);
        byte_buffer_fini(&args);
        return call;
}

// --- Changes.

struct proposal {
        propose_done_fn done;
        void *arg;
        enum upstream_answer answer;
};

static void on_proposed(void *arg, const char *error, struct pack_slice body)
{
        struct proposal *proposal = arg;
        struct fsm_result result;

        fsm_result_init(&result);
        if (error != NULL)
                store_error_set(&result.error, "%s", error);
        else if (upstream_change_get(proposal->answer, body, &result) < 0)
                store_error_set(&result.error, "%s", UNREADABLE_TEXT);
        if (proposal->done != NULL)
                proposal->done(proposal->arg, &result);
        fsm_result_fini(&result);
        free(proposal);
}

static int start_proposal(struct upstream *upstream, const struct command *command,
                          propose_done_fn done, void *arg)
{
        struct proposal *proposal = malloc(sizeof(*proposal));
        struct byte_buffer args = BYTE_BUFFER_INIT;
        struct upstream_question question = {
            .timeout_ms = UPSTREAM_ANSWER_MS, .done = on_proposed, .arg = proposal};
        int ret = -ENOMEM;

        if (proposal == NULL)
                return ret;
        *proposal = (struct proposal){.done = done, .arg = arg};
        question.method =
            upstream_change_put(&args, upstream->datacenter, command, &proposal->answer);
        question.args = (struct pack_slice){args.bytes, (uint32_t)args.len};
        if (question.method == NULL)
                ret = -ENOTSUP;
        else if (upstream_start(upstream, &question) != NULL)
                ret = 0;
        byte_buffer_fini(&args);
        if (ret < 0)
                free(proposal);
        // cppcheck-suppress memleak ; it comes back with the answer
        return ret;
}

static int propose(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct upstream *upstream =
            (struct upstream *)((char *)self - offsetof(struct upstream, proposer));
        struct arena arena = ARENA_INIT;
        struct command command;
        int ret = command_decode(bytes, len, &arena, &command);

        if (ret == 0)
                ret = start_proposal(upstream, &command, done, arg);
        arena_fini(&arena);
        return ret;
}

struct log_proposer *upstream_proposer(struct upstream *upstream)
{
        return &upstream->proposer;
}

// --- Life.

struct upstream *upstream_create(const struct relay_options *options, const char *datacenter)
{
        size_t size = strlen(datacenter) + 1;
        struct upstream *upstream = calloc(1, sizeof(*upstream) + size);
        struct relay_options own = *options;

        if (upstream == NULL)
                return NULL;
        own.transport = &upstream_transport;
        memcpy(upstream->datacenter, datacenter, size);
        upstream->proposer.propose = propose;
        upstream->relay = relay_create(&own);
        if (upstream->relay != NULL)
                return upstream;
        free(upstream);
        return NULL;
}

void upstream_close(struct upstream *take_upstream)
{
        if (take_upstream == NULL)
                return;
        relay_close(take_upstream->relay, NULL, NULL);
        free(take_upstream);
}

struct relay *upstream_relay(struct upstream *upstream)
{
        return upstream->relay;
}

const char *upstream_datacenter(const struct upstream *upstream)
{
        return upstream->datacenter;
}
