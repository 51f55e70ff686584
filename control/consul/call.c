#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/consul/consul_internal.h"
#include "control/consul/relayed.h"
#include "control/relay/relay_server.h"

#define ERROR_MAX 1024

static void free_call(struct consul_call *take_call)
{
        LIST_REMOVE(take_call, entry);
        free(take_call);
}

static void on_incoming_cancelled(void *arg)
{
        struct consul_call *call = arg;

        if (call->cancelled != NULL)
                call->cancelled(call->arg);
        free_call(call);
}

static void on_rpc_cancelled(void *arg, struct rpc_call *rpc)
{
        (void)rpc;
        on_incoming_cancelled(arg);
}

// Answers or refuses where it came from.
static void end_call(struct rpc_call *rpc, struct relay_incoming *incoming, const char *error,
                     struct byte_buffer *take_body)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        if (rpc != NULL && error != NULL) {
                rpc_call_refuse(rpc, error);
        } else if (rpc != NULL) {
                rpc_call_answer(rpc, take_body->bytes, take_body->len);
        } else {
                const struct consul_outcome outcome = {
                    .error = error != NULL ? pack_slice_of(error) : (struct pack_slice){NULL, 0},
                    .body = {take_body->bytes, (uint32_t)take_body->len}};

                relay_incoming_on_cancel(incoming, NULL, NULL);
                consul_outcome_put(&bytes, &outcome);
                relay_incoming_answer(incoming, &bytes);
        }
        byte_buffer_fini(take_body);
}

void consul_call_answer(struct consul_call *take_call, struct byte_buffer *take_body)
{
        struct rpc_call *rpc = take_call->rpc;
        struct relay_incoming *incoming = take_call->incoming;

        free_call(take_call);
        end_call(rpc, incoming, NULL, take_body);
}

void consul_call_refuse(struct consul_call *take_call, const char *format, ...)
{
        struct rpc_call *rpc = take_call->rpc;
        struct relay_incoming *incoming = take_call->incoming;
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        char text[ERROR_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        free_call(take_call);
        // An empty text would be a success.
        end_call(rpc, incoming, text[0] != '\0' ? text : "refused", &nothing);
}

void consul_call_stop(struct consul_call *take_call)
{
        if (take_call->cancelled != NULL)
                take_call->cancelled(take_call->arg);
        consul_call_refuse(take_call, "this server is stopping");
}

void consul_call_on_cancel(struct consul_call *call, void (*cancelled)(void *arg), void *arg)
{
        call->cancelled = cancelled;
        call->arg = arg;
}

static bool is_foreign(const struct consul_call *call, const char *datacenter)
{
        return !call->method->anywhere && *datacenter != '\0' &&
               strcasecmp(datacenter, call->service->agent->config->datacenter) != 0;
}

void consul_call_serve(struct consul_service *service, const struct consul_method *method,
                       struct pack_slice args, struct rpc_call *take_rpc,
                       struct relay_incoming *take_incoming)
{
        struct consul_call *call = malloc(sizeof(*call));
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        const char *datacenter;

        if (call == NULL) {
                end_call(take_rpc, take_incoming, CONSUL_MEMORY_TEXT, &nothing);
                return;
        }
        *call = (struct consul_call){.service = service,
                                     .method = method,
                                     .args = args,
                                     .rpc = take_rpc,
                                     .incoming = take_incoming};
        LIST_INSERT_HEAD(&service->calls, call, entry);
        if (take_rpc != NULL)
                rpc_call_on_cancel(take_rpc, on_rpc_cancelled, call);
        else
                relay_incoming_on_cancel(take_incoming, on_incoming_cancelled, call);
        if (consul_datacenter_get(args, &arena, &datacenter) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (is_foreign(call, datacenter))
                consul_call_relay(call, datacenter);
        else
                method->serve(call, method->what);
        arena_fini(&arena);
}
