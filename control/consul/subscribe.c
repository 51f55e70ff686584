#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/consul/consul_internal.h"
#include "control/relay/relay.h"
#include "control/relay/relay_server.h"
#include "control/server/server.h"

// What may wait of a stream from another datacenter: its server holds back what is too much.
#define RELAYED_BACKLOG_MAX ((size_t)64 << 20)

// A call that follows a service, from an agent or from a server of another datacenter.
struct following {
        struct consul_service *service;
        struct grpc_call *call;          // one of the two,
        struct relay_incoming *incoming; // neither once it is cancelled
        struct subscriber *subscriber;   // of this datacenter's services
        struct relay_call *asked;        // who is asked in another one
        bool is_waiting;                 // for the store to be fresh enough
        struct subscribe_request request;
        LIST_ENTRY(following) entry; // of the service
};

// --- The end.

// Nothing is sent any more. What waits for the store frees it when that is done.
static void release(struct following *take_following)
{
        if (take_following->subscriber != NULL)
                subscriber_remove(take_following->subscriber);
        if (take_following->asked != NULL)
                relay_cancel(take_following->asked);
        LIST_REMOVE(take_following, entry);
        take_following->call = NULL;
        take_following->incoming = NULL;
        if (!take_following->is_waiting)
                free(take_following);
}

static void on_cancelled(void *arg)
{
        release(arg);
}

static void finish(struct following *take_following, enum grpc_code code, const char *text)
{
        struct grpc_call *call = take_following->call;
        struct relay_incoming *incoming = take_following->incoming;
        struct byte_buffer answer = BYTE_BUFFER_INIT;

        release(take_following);
        if (call != NULL) {
                grpc_call_abort(call, code, text);
                return;
        }
        pack_put_uint(&answer, code);
        pack_put_text(&answer, text);
        relay_incoming_on_cancel(incoming, NULL, NULL);
        relay_incoming_answer(incoming, &answer);
}

// --- Where events go.

static void on_end(void *arg, enum grpc_code code, const char *text)
{
        struct following *following = arg;

        following->subscriber = NULL;
        finish(following, code, text);
}

static int send_to_call(void *arg, struct grpc_message *message)
{
        const struct following *following = arg;

        grpc_call_send(following->call, message);
        return 0;
}

static size_t backlog_of_call(void *arg)
{
        const struct following *following = arg;

        return grpc_call_backlog(following->call);
}

static int send_to_server(void *arg, struct grpc_message *message)
{
        const struct following *following = arg;
        size_t len;
        const uint8_t *bytes = grpc_message_bytes(message, &len);

        return relay_incoming_item(following->incoming, bytes, len);
}

static size_t backlog_of_server(void *arg)
{
        const struct following *following = arg;

        return relay_incoming_backlog(following->incoming);
}

static const struct subscriber_sink call_sink = {send_to_call, backlog_of_call, on_end};
static const struct subscriber_sink server_sink = {send_to_server, backlog_of_server, on_end};

// --- This datacenter's services.

static void on_readable(void *arg, const char *error)
{
        struct following *following = arg;

        following->is_waiting = false;
        if (following->call == NULL && following->incoming == NULL) {
                free(following);
                return;
        }
        if (error != NULL) {
                finish(following, GRPC_UNAVAILABLE, error);
                return;
        }
        following->subscriber =
            subscriptions_add(following->service->subscriptions, &following->request,
                              following->call != NULL ? &call_sink : &server_sink, following);
        if (following->subscriber == NULL)
                finish(following, GRPC_RESOURCE_EXHAUSTED, CONSUL_MEMORY_TEXT);
}

// --- Those of another one, from a server there.

static void on_item(void *arg, const uint8_t *bytes, size_t len)
{
        struct following *following = arg;
        struct byte_buffer frames = BYTE_BUFFER_INIT;
        struct grpc_message *message;

        if (grpc_call_backlog(following->call) > RELAYED_BACKLOG_MAX) {
                finish(following, GRPC_ABORTED, "the subscriber does not keep up");
                return;
        }
        byte_buffer_append(&frames, bytes, len);
        message = grpc_message_create(&frames, NULL);
        grpc_call_send(following->call, message);
        grpc_message_release(message);
}

static void on_relayed(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct following *following = arg;
        struct msgpack_reader r = {bytes, bytes + len};
        struct pack_slice text = {NULL, 0};
        char copy[256] = "";
        uint64_t code = GRPC_UNAVAILABLE;

        following->asked = NULL;
        if (error != RELAY_OK) {
                finish(following, GRPC_UNAVAILABLE, relay_error_text(error, false));
                return;
        }
        // An empty answer: a server that knows of no subscriptions.
        if (pack_get_uint(&r, UINT8_MAX, &code) == 0 && pack_get_raw(&r, &text) == 0)
                snprintf(copy, sizeof(copy), "%.*s", (int)text.length, (const char *)text.bytes);
        finish(following, (enum grpc_code)code, copy);
}

static void follow_elsewhere(struct following *following, const uint8_t *bytes, size_t len)
{
        const struct agent *agent = following->service->agent;
        const struct relay_question question = {.kind = RELAY_SUBSCRIBE,
                                                .datacenter = following->request.datacenter,
                                                .unlimited = true,
                                                .bytes = bytes,
                                                .len = len};
        const struct relay_events events = {.arg = following, .done = on_relayed, .item = on_item};

        if (following->incoming != NULL ||
            !agent_knows_datacenter(agent, following->request.datacenter)) {
                finish(following, GRPC_UNAVAILABLE, RELAY_NO_PATH_TEXT);
                return;
        }
        following->asked = relay_start(agent->relay, &question, &events);
        if (following->asked == NULL)
                finish(following, GRPC_RESOURCE_EXHAUSTED, CONSUL_MEMORY_TEXT);
}

// --- Requests.

static bool is_here(const struct following *following)
{
        const char *datacenter = following->request.datacenter;

        return *datacenter == '\0' ||
               strcasecmp(datacenter, following->service->agent->config->datacenter) == 0;
}

static void follow(struct following *following, const uint8_t *bytes, size_t len)
{
        struct subscribe_request *request = &following->request;
        char text[64] = "unknown topic Unknown";

        LIST_INSERT_HEAD(&following->service->followings, following, entry);
        if (subscribe_request_decode(bytes, len, request) < 0) {
                finish(following, GRPC_INTERNAL, "grpc: the request cannot be read");
        } else if (!is_here(following)) {
                follow_elsewhere(following, bytes, len);
        } else if (request->topic != SUBSCRIBE_SERVICE_HEALTH &&
                   request->topic != SUBSCRIBE_SERVICE_HEALTH_CONNECT) {
                if (request->topic != 0)
                        snprintf(text, sizeof(text), "unknown topic %llu",
                                 (unsigned long long)request->topic);
                finish(following, GRPC_CODE_UNKNOWN, text);
        } else {
                following->is_waiting = true;
                server_read(following->service->agent->server, SERVER_READ_STALE, on_readable,
                            following);
        }
}

static void serve_call(void *owner, struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct following *following = calloc(1, sizeof(*following));

        if (following == NULL) {
                grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, CONSUL_MEMORY_TEXT);
                return;
        }
        following->service = owner;
        following->call = call;
        grpc_call_on_cancel(call, on_cancelled, following);
        follow(following, bytes, len);
}

void consul_service_subscribe(struct consul_service *service, struct relay_incoming *take_incoming,
                              const uint8_t *bytes, size_t len)
{
        struct following *following = service != NULL ? calloc(1, sizeof(*following)) : NULL;
        struct byte_buffer nothing = BYTE_BUFFER_INIT;

        if (following == NULL) {
                relay_incoming_answer(take_incoming, &nothing);
                return;
        }
        following->service = service;
        following->incoming = take_incoming;
        relay_incoming_on_cancel(take_incoming, on_cancelled, following);
        follow(following, bytes, len);
}

// --- Beginning and end.

int consul_subscribe_start(struct consul_service *service)
{
        const struct config_cluster *cluster = &service->agent->config->cluster;
        struct grpc_server_options options = {.loop = &service->agent->loop,
                                              .demux = server_demux(service->agent->server),
                                              .log = service->agent->log,
                                              .methods = &service->subscribe,
                                              .method_count = 1,
                                              .per_source_max =
                                                  cluster->rpc_max_conns_per_client > 0
                                                      ? (unsigned)cluster->rpc_max_conns_per_client
                                                      : UINT_MAX};
        int ret = subscriptions_create(service->agent->store, &service->subscriptions);

        if (ret < 0)
                return ret;
        service->subscribe = (struct grpc_method){"/subscribe.StateChangeSubscription/Subscribe",
                                                  serve_call, service};
        return grpc_server_create(&options, &service->grpc);
}

void consul_subscribe_stop(struct consul_service *service)
{
        struct following *following;

        grpc_server_destroy(service->grpc);
        while ((following = LIST_FIRST(&service->followings)) != NULL)
                // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                finish(following, GRPC_UNAVAILABLE, "this server is stopping");
        subscriptions_destroy(service->subscriptions);
}

void consul_service_stats(const struct consul_service *service, struct consul_service_stats *out)
{
        grpc_server_stats(service->grpc, &out->grpc);
        subscriptions_stats(service->subscriptions, &out->subscriptions);
}
