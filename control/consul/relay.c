#include <stdlib.h>
#include <string.h>

#include "control/consul/consul_internal.h"
#include "control/consul/relayed.h"
#include "control/relay/relay.h"
#include "control/relay/relay_server.h"

struct relaying {
        struct consul_call *call;
        struct relay_call *asked;
};

static void on_cancelled(void *arg)
{
        struct relaying *relaying = arg;

        relay_cancel(relaying->asked);
        free(relaying);
}

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct relaying *relaying = arg;
        struct consul_call *call = relaying->call;
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct consul_outcome outcome;

        free(relaying);
        if (error != RELAY_OK) {
                consul_call_refuse(call, "%s", relay_error_text(error, false));
        } else if (len > UINT32_MAX ||
                   consul_outcome_get((struct pack_slice){bytes, (uint32_t)len}, &outcome) < 0) {
                consul_call_refuse(call, "the server's answer cannot be read");
        } else if (outcome.error.length > 0) {
                // As Consul's servers say when they have asked another one.
                consul_call_refuse(call, "rpc error making call: %.*s", (int)outcome.error.length,
                                   (const char *)outcome.error.bytes);
        } else {
                byte_buffer_append(&body, outcome.body.bytes, outcome.body.length);
                consul_call_answer(call, &body);
        }
}

// What may have changed something is not asked again.
static bool only_reads(const struct consul_call *call)
{
        return call->method->serve == consul_read_serve || call->method->serve == consul_txn_read;
}

void consul_call_relay(struct consul_call *take_call, const char *datacenter)
{
        const struct agent *agent = take_call->service->agent;
        const struct consul_relayed_call message = {
            .method = pack_slice_of(take_call->method->rpc.name),
            .args = take_call->args,
            .origin = pack_slice_of(agent->config->datacenter)};
        struct relay_question question = {
            .kind = RELAY_CALL, .datacenter = datacenter, .repeatable = only_reads(take_call)};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct relaying *relaying;

        if (take_call->incoming != NULL || !agent_knows_datacenter(agent, datacenter)) {
                consul_call_refuse(take_call, RELAY_NO_PATH_TEXT);
                return;
        }
        relaying = malloc(sizeof(*relaying));
        if (relaying == NULL) {
                consul_call_refuse(take_call, CONSUL_MEMORY_TEXT);
                return;
        }
        consul_relayed_call_put(&bytes, &message);
        question.bytes = bytes.bytes;
        question.len = bytes.len;
        relaying->call = take_call;
        relaying->asked = relay_start(agent->relay, &question,
                                      &(struct relay_events){.arg = relaying, .done = on_done});
        byte_buffer_fini(&bytes);
        if (relaying->asked != NULL) {
                consul_call_on_cancel(take_call, on_cancelled, relaying);
                return;
        }
        free(relaying);
        consul_call_refuse(take_call, CONSUL_MEMORY_TEXT);
}

void consul_service_relayed(struct consul_service *service, struct relay_incoming *take_incoming,
                            const uint8_t *bytes, size_t len)
{
        const struct consul_method *method = NULL;
        struct byte_buffer answer = BYTE_BUFFER_INIT;
        struct consul_outcome refusal = {.error = pack_slice_of(CONSUL_UNREADABLE_TEXT)};
        struct consul_relayed_call call;

        if (service != NULL && len <= UINT32_MAX &&
            consul_relayed_call_get((struct pack_slice){bytes, (uint32_t)len}, &call) == 0) {
                method = consul_find_method(call.method);
                refusal.error = pack_slice_of("rpc: can't find method");
        }
        if (method != NULL) {
                consul_call_serve(service, method, call.args, NULL, take_incoming);
                return;
        }
        consul_outcome_put(&answer, &refusal);
        relay_incoming_answer(take_incoming, &answer);
}
