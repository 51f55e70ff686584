#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/datacenters.h"
#include "control/agent/remote.h"
#include "control/agent/wan_names.h"
#include "control/dns/question.h"
#include "control/dns/resolver.h"
#include "control/relay/relay.h"
#include "control/relay/relay_server.h"
#include "dataplane/dns/dns_wire.h"
#include "lictor/bytes.h"

#define HEAD     3u /* before the message: the options, and the room for the answer */
#define OVER_TCP 1u
#define FOR_WAN  2u

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
static struct asking *start_asking(struct agent *agent, const char *datacenter, uint8_t options,
                                   const struct dns_message *message,
                                   void (*done)(void *, const uint8_t *, size_t), void *done_arg)
{
        struct relay_question question = {.kind = RELAY_DNS,
                                          .datacenter = agent->server != NULL ? datacenter : "",
                                          .repeatable = true};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        uint8_t head[HEAD] = {options};
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

static void *ask(void *arg, const char *datacenter, enum dns_transport transport,
                 const struct dns_message *message,
                 void (*done)(void *done_arg, const uint8_t *answer, size_t len), void *done_arg)
{
        struct agent *agent = arg;
        unsigned options = (transport == DNS_TCP ? OVER_TCP : 0) |
                           (agent->config->translate_wan_addresses ? FOR_WAN : 0);

        return start_asking(agent, datacenter, (uint8_t)options, message, done, done_arg);
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
        struct agent *agent;
        struct relay_incoming *incoming; /* NULL: nobody waits any more */
        struct dns_message question;     /* a copy to be answered for the WAN */
        uint8_t options;
        uint8_t data[];
};

static void forget(void *arg)
{
        struct answering *answering = arg;

        answering->incoming = NULL;
}

static void send_answer(struct answering *take_answering, const uint8_t *answer, size_t len)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        if (take_answering->incoming != NULL) {
                relay_incoming_on_cancel(take_answering->incoming, NULL, NULL);
                byte_buffer_append(&bytes, answer, len);
                relay_incoming_answer(take_answering->incoming, &bytes);
        }
        free(take_answering);
}

static void on_resolved(struct dns_job *done)
{
        const struct dns_message *message = &done->message;

        send_answer((struct answering *)done, message->data,
                    message->verdict == DNS_ANSWERED ? message->length : 0);
}

static void resolve(struct answering *answering)
{
        struct dns_resolver *resolver = answering->agent->dns_resolver;

        if (dns_resolver_wants(resolver, &answering->job.message))
                dns_resolver_take(resolver, &answering->job);
        else
                answering->job.done(&answering->job);
}

// What there is an answer to is answered once more, with addresses for elsewhere. Where a query
// fails over they are another datacenter's already.
static void on_resolved_here(struct dns_job *done)
{
        struct answering *answering = (struct answering *)done;
        struct agent *agent = answering->agent;

        done->done = on_resolved;
        if (answering->incoming == NULL || done->message.verdict != DNS_ANSWERED ||
            done->message.rcode != DNS_NOERROR) {
                on_resolved(done);
                return;
        }
        if (agent->wan_names == NULL)
                agent->wan_names = wan_names_create(agent);
        if (agent->wan_names != NULL &&
            wan_names_answer(agent->wan_names, done->transport, &answering->question) &&
            answering->question.rcode == DNS_NOERROR)
                done->message = answering->question;
        resolve(answering);
}

static void on_elsewhere(void *arg, const uint8_t *answer, size_t len)
{
        send_answer(arg, answer, answer != NULL ? len : 0);
}

// A client may want another datacenter's addresses otherwise than this server has them.
static bool ask_further(struct answering *answering, const char *datacenter)
{
        struct agent *agent = answering->agent;
        bool wan = (answering->options & FOR_WAN) != 0;

        return wan != agent->config->translate_wan_addresses &&
               start_asking(agent, datacenter, answering->options, &answering->job.message,
                            on_elsewhere, answering) != NULL;
}

static struct answering *make_answering(struct agent *agent, const uint8_t *bytes, size_t len)
{
        uint16_t capacity = len >= HEAD ? load_be16(bytes + 1) : 0;
        struct answering *answering;

        if (len < HEAD || bytes[0] > (OVER_TCP | FOR_WAN) || len - HEAD > capacity)
                return NULL;
        answering = calloc(1, sizeof(*answering) + 2u * capacity);
        if (answering == NULL)
                return NULL;
        answering->agent = agent;
        answering->options = bytes[0];
        answering->job.transport = bytes[0] & OVER_TCP ? DNS_TCP : DNS_UDP;
        answering->job.done = on_resolved;
        answering->job.message = (struct dns_message){
            .data = answering->data, .length = (uint16_t)(len - HEAD), .capacity = capacity};
        answering->question = answering->job.message;
        answering->question.data += capacity;
        memcpy(answering->job.message.data, bytes + HEAD, len - HEAD);
        memcpy(answering->question.data, bytes + HEAD, len - HEAD);
        return answering;
}

void remote_dns_serve(struct agent *agent, struct dns_responder *responder,
                      struct relay_incoming *take_incoming, const uint8_t *bytes, size_t len)
{
        struct answering *answering = make_answering(agent, bytes, len);
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        char datacenter[64];

        if (answering == NULL) {
                relay_incoming_answer(take_incoming, &nothing);
                return;
        }
        answering->incoming = take_incoming;
        relay_incoming_on_cancel(take_incoming, forget, answering);
        if (dns_question_datacenter(agent->dataplane, &answering->job.message, datacenter)) {
                if (ask_further(answering, datacenter))
                        return;
        } else if (answering->options & FOR_WAN) {
                answering->job.done = on_resolved_here;
        }
        dns_responder_answer(responder, answering->job.transport, &answering->job.message, 1);
        resolve(answering);
}
