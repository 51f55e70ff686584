// Arbitrary bytes as what a client sends over HTTP/2, after its preface, to a server of
// subscriptions whose store changes meanwhile. The first byte says how the rest is cut into pieces,
// and whether the client takes what is sent to it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/grpc/grpc_session.h"
#include "control/store/store_write.h"
#include "control/subscribe/subscriptions.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct follower {
        struct subscriptions *subscriptions;
        struct grpc_call *call;
        struct subscriber *subscriber;
};

static int send_message(void *arg, struct grpc_message *message)
{
        const struct follower *follower = arg;

        grpc_call_send(follower->call, message);
        return 0;
}

static size_t tell_backlog(void *arg)
{
        return grpc_call_backlog(((const struct follower *)arg)->call);
}

static void on_end(void *arg, enum grpc_code code, const char *text)
{
        struct follower *follower = arg;

        grpc_call_abort(follower->call, code, text);
        free(follower);
}

static void on_cancel(void *arg)
{
        struct follower *follower = arg;

        subscriber_remove(follower->subscriber);
        free(follower);
}

static const struct subscriber_sink sink = {send_message, tell_backlog, on_end};

static void serve(void *owner, struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct subscribe_request request;
        struct follower *follower;

        if (subscribe_request_decode(bytes, len, &request) < 0) {
                grpc_call_finish(call, GRPC_INTERNAL, "it cannot be read");
                return;
        }
        follower = malloc(sizeof(*follower));
        *follower = (struct follower){owner, call, NULL};
        follower->subscriber = subscriptions_add(owner, &request, &sink, follower);
        if (follower->subscriber == NULL) {
                grpc_call_finish(call, GRPC_CODE_UNKNOWN, "unknown topic");
                free(follower);
                return;
        }
        grpc_call_on_cancel(call, on_cancel, follower);
}

static void on_wake(void *arg)
{
        (void)arg;
}

// One more command: the service's check fails, or passes again.
static void change(struct store *store, uint64_t index)
{
        struct catalog_service service = CATALOG_SERVICE_INIT;
        struct catalog_check check = CATALOG_CHECK_INIT;
        struct catalog_node node = CATALOG_NODE_INIT;
        struct store_error error;

        node.name = service.node = check.node = "a";
        node.address = "10.0.0.1";
        service.name = service.id = check.service_id = "web";
        check.id = "c";
        check.status = index % 2 == 0 ? "passing" : "critical";
        store_begin(store, index);
        if (store_set_node(store, &node, &error) < 0 ||
            store_set_service(store, &service, &error) < 0 ||
            store_set_check(store, &check, &error) < 0)
                abort();
        store_commit(store);
}

static void take_all(struct grpc_session *session)
{
        uint8_t out[4096];
        size_t taken = 0, len;

        while ((len = grpc_session_take_output(session, out, sizeof(out))) > 0) {
                taken += len;
                if (taken > (64u << 20))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        unsigned calls_open = 0, round = 0;
        struct grpc_method method = {"/subscribe.StateChangeSubscription/Subscribe", serve, NULL};
        const struct grpc_session_options options = {.methods = &method,
                                                     .method_count = 1,
                                                     .wake = on_wake,
                                                     .calls_open = &calls_open,
                                                     .calls_max = 64};
        struct subscriptions *subscriptions;
        struct grpc_session *session;
        struct store *store = store_create();
        size_t piece = size > 0 ? (data[0] & 0x7f) + 1u : 1;
        bool takes = size > 0 && data[0] < 0x80;

        change(store, ++round);
        if (subscriptions_create(store, &subscriptions) < 0)
                abort();
        method.owner = subscriptions;
        if (grpc_session_create(&options, &session) < 0)
                abort();
        grpc_session_receive(session, (const uint8_t *)PREFACE, sizeof(PREFACE) - 1);
        for (size_t at = 1; at < size; at += piece) {
                size_t len = size - at < piece ? size - at : piece;

                if (grpc_session_receive(session, data + at, len) < 0)
                        break;
                if (takes)
                        take_all(session);
                if (round < 16)
                        change(store, ++round);
        }
        take_all(session);
        grpc_session_destroy(session);
        if (calls_open != 0)
                abort();
        subscriptions_destroy(subscriptions);
        store_destroy(store);
        return 0;
}
