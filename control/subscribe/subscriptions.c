#include "control/subscribe/subscriptions.h"

#include <errno.h>
#include <stdlib.h>

#include "control/query/query.h"
#include "control/subscribe/subscriptions_internal.h"

// A subscriber with more unread begins anew; a snapshot it is being sent does not count.
#define BACKLOG_MAX ((size_t)4 << 20)
// Bytes of messages there are; beyond that nobody has unread ones.
#define KEPT_MAX ((size_t)512 << 20)

// --- Subscribers.

void subscriber_remove(struct subscriber *take_subscriber)
{
        struct subscribed *subscribed = take_subscriber->subscribed;

        LIST_REMOVE(take_subscriber, entry);
        subscribed->owner->stats.subscribers--;
        free(take_subscriber);
        if (LIST_EMPTY(&subscribed->subscribers))
                subscribed_drop(subscribed);
}

static void abort_subscriber(struct subscriber *take_subscriber, const char *why)
{
        const struct subscriber_sink sink = take_subscriber->sink;
        void *arg = take_subscriber->arg;

        take_subscriber->subscribed->owner->stats.aborted++;
        subscriber_remove(take_subscriber);
        sink.end(arg, GRPC_ABORTED, why);
}

// --- Snapshots.

// What blocking queries for the same go by.
static uint64_t index_of(const struct subscribed *subscribed)
{
        static const enum store_table tables[] = {STORE_NODES, STORE_SERVICES, STORE_CHECKS};
        const struct store *store = subscribed->owner->store;
        uint64_t index = 1;

        if (!subscribed->connect) {
                index = store_service_index(store, subscribed->key);
                return index > 0 ? index : 1;
        }
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
                if (store_table_index(store, tables[i]) > index)
                        index = store_table_index(store, tables[i]);
        }
        return index;
}

// Each instance is an event of its own, so that none is larger than others take.
static struct grpc_message *make_snapshot(const struct subscribed *subscribed)
{
        struct subscriptions *subscriptions = subscribed->owner;
        struct subscribe_change change = {.op = SUBSCRIBE_REGISTER};
        struct byte_buffer frames = BYTE_BUFFER_INIT;
        uint64_t index = index_of(subscribed);
        struct store_iter it;
        size_t begun;

        if (subscribed->connect)
                store_services(subscriptions->store, &it);
        else
                store_instances(subscriptions->store, subscribed->key, &it);
        while ((change.record = store_next_service(&it)) != NULL) {
                if (subscribed->connect && !query_is_mesh_of(change.record, subscribed->key))
                        continue;
                begun = grpc_frame_begin(&frames);
                subscribe_event_encode(subscriptions->store, index, &change, 1, &frames);
                grpc_frame_end(&frames, begun);
        }
        begun = grpc_frame_begin(&frames);
        subscribe_end_of_snapshot_encode(index, &frames);
        grpc_frame_end(&frames, begun);
        return grpc_message_create(&frames, &subscriptions->kept);
}

// returns  0 or a negative errno, as its sink.
static int send_snapshot(struct subscriber *subscriber)
{
        struct subscribed *subscribed = subscriber->subscribed;
        size_t len;

        if (subscribed->snapshot == NULL)
                subscribed->snapshot = make_snapshot(subscribed);
        grpc_message_bytes(subscribed->snapshot, &len);
        subscriber->allowance = BACKLOG_MAX + len;
        subscribed->owner->stats.snapshots++;
        return subscriber->sink.send(subscriber->arg, subscribed->snapshot);
}

static int send_new_snapshot(struct subscriber *subscriber)
{
        struct subscriptions *subscriptions = subscriber->subscribed->owner;
        struct byte_buffer frame = BYTE_BUFFER_INIT;
        struct grpc_message *message;
        size_t begun = grpc_frame_begin(&frame);
        int ret;

        subscribe_new_snapshot_encode(&frame);
        grpc_frame_end(&frame, begun);
        message = grpc_message_create(&frame, &subscriptions->kept);
        ret = subscriber->sink.send(subscriber->arg, message);
        grpc_message_release(message);
        return ret == 0 ? send_snapshot(subscriber) : ret;
}

// --- Changes.

static void send_event(struct subscribed *subscribed, struct grpc_message *message)
{
        struct subscriptions *subscriptions = subscribed->owner;
        struct subscriber *subscriber, *next;
        size_t len;

        grpc_message_bytes(message, &len);
        for (subscriber = LIST_FIRST(&subscribed->subscribers); subscriber != NULL;
             subscriber = next) {
                size_t backlog = subscriber->sink.backlog(subscriber->arg);

                next = LIST_NEXT(subscriber, entry);
                if (backlog < BACKLOG_MAX)
                        subscriber->allowance = BACKLOG_MAX;
                if (backlog + len > subscriber->allowance ||
                    (backlog > 0 && subscriptions->kept > KEPT_MAX) ||
                    subscriber->sink.send(subscriber->arg, message) < 0)
                        abort_subscriber(subscriber, "the subscriber does not keep up");
                else
                        subscriptions->stats.events++;
        }
}

// Sends what became of one service's instances.
static void publish(struct subscribed *subscribed, uint64_t index, const struct touched touched[],
                    size_t count)
{
        struct subscriptions *subscriptions = subscribed->owner;
        struct byte_buffer changes = BYTE_BUFFER_INIT, frame = BYTE_BUFFER_INIT;
        struct grpc_message *message;
        size_t begun = grpc_frame_begin(&frame);

        for (size_t i = 0; i < count; i++)
                byte_buffer_append(&changes, &touched[i].change, sizeof(touched[i].change));
        subscribe_event_encode(subscriptions->store, index, (const void *)changes.bytes, count,
                               &frame);
        grpc_frame_end(&frame, begun);
        byte_buffer_fini(&changes);
        message = grpc_message_create(&frame, &subscriptions->kept);
        subscribed_forget_snapshot(subscribed);
        send_event(subscribed, message);
        grpc_message_release(message);
}

static void forget_connect_snapshots(struct subscriptions *subscriptions)
{
        for (size_t i = subscriptions->count - subscriptions->connect_count;
             i < subscriptions->count; i++)
                subscribed_forget_snapshot(subscriptions->sorted[i]);
}

static void begin_anew(struct subscriptions *subscriptions)
{
        subscriptions->restores = store_restore_count(subscriptions->store);
        subscriptions->floor_index = store_applied_index(subscriptions->store);
        while (subscriptions->count > 0) {
                struct subscribed *last = subscriptions->sorted[subscriptions->count - 1];

                abort_subscriber(LIST_FIRST(&last->subscribers), "the server's state was replaced");
        }
}

static bool is_replaced(const struct subscriptions *subscriptions)
{
        return subscriptions->restores != store_restore_count(subscriptions->store);
}

static void on_changes(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct subscriptions *subscriptions = arg;
        const struct touched *touched;
        size_t end;

        if (is_replaced(subscriptions))
                begin_anew(subscriptions);
        // While it settles, subscribers have the new state already.
        if (subscriptions->count == 0 || store_is_settling(subscriptions->store))
                return;
        // Their index is that of all tables.
        forget_connect_snapshots(subscriptions);
        touched_collect(subscriptions, changes, count);
        touched = subscriptions->touched;
        for (size_t first = 0; first < subscriptions->touched_count; first = end) {
                for (end = first + 1; end < subscriptions->touched_count &&
                                      touched[end].subscribed == touched[first].subscribed;)
                        end++;
                publish(touched[first].subscribed, index, &touched[first], end - first);
        }
}

// --- Beginning and end.

int subscriptions_create(struct store *store, struct subscriptions **out)
{
        struct subscriptions *subscriptions = calloc(1, sizeof(*subscriptions));
        int ret;

        if (subscriptions == NULL)
                return -ENOMEM;
        subscriptions->store = store;
        subscriptions->restores = store_restore_count(store);
        subscriptions->floor_index = store_applied_index(store);
        ret = store_listen(store, on_changes, subscriptions);
        if (ret < 0)
                free(subscriptions);
        else
                *out = subscriptions;
        return ret;
}

void subscriptions_destroy(struct subscriptions *take_subscriptions)
{
        if (take_subscriptions == NULL)
                return;
        store_unlisten(take_subscriptions->store, on_changes, take_subscriptions);
        free(take_subscriptions->touched);
        free(take_subscriptions->sorted);
        free(take_subscriptions);
}

static bool may_resume(const struct subscribed *subscribed, uint64_t index)
{
        const struct subscriptions *subscriptions = subscribed->owner;

        return index >= subscriptions->floor_index &&
               index <= store_applied_index(subscriptions->store) && index >= index_of(subscribed);
}

struct subscriber *subscriptions_add(struct subscriptions *subscriptions,
                                     const struct subscribe_request *request,
                                     const struct subscriber_sink *sink, void *arg)
{
        bool connect = request->topic == SUBSCRIBE_SERVICE_HEALTH_CONNECT;
        struct subscriber *subscriber;
        int ret = 0;

        if ((!connect && request->topic != SUBSCRIBE_SERVICE_HEALTH) ||
            subscriptions->kept > KEPT_MAX)
                return NULL;
        if (is_replaced(subscriptions))
                begin_anew(subscriptions);
        subscriber = malloc(sizeof(*subscriber));
        if (subscriber == NULL)
                return NULL;
        *subscriber = (struct subscriber){.sink = *sink, .arg = arg, .allowance = BACKLOG_MAX};
        subscriber->subscribed = subscribed_get(subscriptions, connect, request->key);
        if (subscriber->subscribed == NULL) {
                free(subscriber);
                return NULL;
        }
        LIST_INSERT_HEAD(&subscriber->subscribed->subscribers, subscriber, entry);
        subscriptions->stats.subscribers++;
        if (request->index == 0)
                ret = send_snapshot(subscriber);
        else if (may_resume(subscriber->subscribed, request->index))
                subscriptions->stats.resumed++;
        else
                ret = send_new_snapshot(subscriber);
        if (ret == 0)
                return subscriber;
        subscriber_remove(subscriber);
        return NULL;
}

void subscriptions_stats(const struct subscriptions *subscriptions, struct subscriptions_stats *out)
{
        *out = subscriptions->stats;
}
