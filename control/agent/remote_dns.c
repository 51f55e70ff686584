#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/datacenters.h"
#include "control/agent/remote.h"
#include "control/dns/resolver.h"
#include "control/relay/relay.h"
#include "control/relay/relay_server.h"
#include "dataplane/dns/dns_wire.h"
#include "lictor/bytes.h"

#define HEAD 3u /* before the message: the transport, and the room for the answer */

// --- Asking.

struct asking {
        struct agent *agent;
        struct relay_call *call;
        char datacenter[64];
        void (*done)(void *arg, const uint8_t *answer, size_t len);
        void *arg;
};

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct asking *asking = arg;

        // Only what there is counts as use: anybody can make up a name.
        if (error == RELAY_OK && len > 3 && (bytes[3] & 15) == DNS_NOERROR)
                datacenters_note(asking->agent->datacenters, asking->datacenter);
        if (error == RELAY_OK && len > 0)
                asking->done(asking->arg, bytes, len);
        else
                asking->done(asking->arg, NULL, 0);
        free(asking);
}

// A client has its own servers ask.
static void *ask(void *arg, const char *datacenter, enum dns_transport transport,
                 const struct dns_message *message,
                 void (*done)(void *done_arg, const uint8_t *answer, size_t len), void *done_arg)
{
        struct agent *agent = arg;
        struct relay_question question = {.kind = RELAY_DNS,
                                          .datacenter = agent->server != NULL ? datacenter : "",
                                          .repeatable = true};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        uint8_t head[HEAD] = {transport == DNS_TCP};
        struct asking *asking;

        if (agent->server != NULL && !agent_remembers_datacenter(agent, datacenter))
                return NULL;
        asking = calloc(1, sizeof(*asking));
        if (asking == NULL)
                return NULL;
        *asking = (struct asking){.agent = agent, .done = done, .arg = done_arg};
        snprintf(asking->datacenter, sizeof(asking->datacenter), "%s", datacenter);
        store_be16(head + 1, message->capacity);
        byte_buffer_append(&bytes, head, sizeof(head));
        byte_buffer_append(&bytes, message->data, message->length);
        question.bytes = bytes.bytes;
        question.len = bytes.len;
        asking->call = relay_start(agent->relay, &question,
                                   &(struct relay_events){.arg = asking, .done = on_done});
        byte_buffer_fini(&bytes);
        if (asking->call == NULL) {
                free(asking);
                return NULL;
        }
        return asking;
}

static void cancel(void *take_call)
{
        struct asking *asking = take_call;

        relay_cancel(asking->call);
        free(asking);
}

void remote_dns(struct agent *agent, struct dns_elsewhere *out)
{
        *out = (struct dns_elsewhere){agent, ask, cancel};
}

// --- Answering.

struct answering {
        struct dns_job job;
        struct relay_incoming *incoming; /* NULL: nobody waits any more */
        uint8_t data[];
};

static void forget(void *arg)
{
        struct answering *answering = arg;

        answering->incoming = NULL;
}

static void on_resolved(struct dns_job *done)
{
        struct answering *answering = (struct answering *)done;
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        if (answering->incoming != NULL) {
                relay_incoming_on_cancel(answering->incoming, NULL, NULL);
                if (done->message.verdict == DNS_ANSWERED)
                        byte_buffer_append(&bytes, done->message.data, done->message.length);
                relay_incoming_answer(answering->incoming, &bytes);
        }
        free(answering);
}

void remote_dns_serve(struct agent *agent, struct dns_responder *responder,
                      struct relay_incoming *take_incoming, const uint8_t *bytes, size_t len)
{
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        uint16_t capacity = len >= HEAD ? load_be16(bytes + 1) : 0;
        struct answering *answering;

        if (len < HEAD || bytes[0] > DNS_TCP || len - HEAD > capacity) {
                relay_incoming_answer(take_incoming, &nothing);
                return;
        }
        answering = calloc(1, sizeof(*answering) + capacity);
        if (answering == NULL) {
                relay_incoming_answer(take_incoming, &nothing);
                return;
        }
        answering->incoming = take_incoming;
        answering->job.transport = (enum dns_transport)bytes[0];
        answering->job.done = on_resolved;
        answering->job.message = (struct dns_message){
            .data = answering->data, .length = (uint16_t)(len - HEAD), .capacity = capacity};
        memcpy(answering->data, bytes + HEAD, len - HEAD);
        relay_incoming_on_cancel(take_incoming, forget, answering);
        dns_responder_answer(responder, answering->job.transport, &answering->job.message, 1);
        if (dns_resolver_wants(agent->dns_resolver, &answering->job.message))
                dns_resolver_take(agent->dns_resolver, &answering->job);
        else
                on_resolved(&answering->job);
}
