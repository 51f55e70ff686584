#include "control/subscribe/subscriptions.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "control/query/query.h"

// A subscriber with more unread begins anew; a snapshot it is being sent does not count.
#define BACKLOG_MAX ((size_t)4 << 20)
// Bytes of messages there are; beyond that nobody has unread ones.
#define KEPT_MAX ((size_t)512 << 20)

struct subscriber {
        LIST_ENTRY(subscriber) entry;
        struct subscribed *subscribed;
        struct subscriber_sink sink;
        void *arg;
        size_t allowance; // how much may be unread: a snapshot's bytes beside BACKLOG_MAX
};

// What one command did to an instance.
struct touched {
        struct subscribed *subscribed;
        struct subscribe_change change;
};

// A service that somebody subscribes to. There are as many as there are of those.
struct subscribed {
        struct subscriptions *owner;
        LIST_HEAD(, subscriber) subscribers;
        struct grpc_message *snapshot; // the latest one, while it is fresh; NULL: none
        bool connect;
        char key[]; // in lower case
};

struct subscriptions {
        struct store *store;
        struct subscribed **sorted; // by connect and key
        size_t count, capacity;
        size_t connect_count;
        uint64_t restores;       // of the store
        uint64_t floor_index;    // who has less than that begins anew
        size_t kept;             // bytes of messages
        struct touched *touched; // by one command; kept for the next
        size_t touched_count, touched_capacity;
        struct subscriptions_stats stats;
};

// --- Services subscribed to.

static int compare_key(const struct subscribed *subscribed, bool connect, const char *key)
{
        if (subscribed->connect != connect)
                return subscribed->connect ? 1 : -1;
        return strcmp(subscribed->key, key);
}

// Where one is, or would be.
static size_t find_place(const struct subscriptions *subscriptions, bool connect, const char *key)
{
        size_t low = 0, high = subscriptions->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_key(subscriptions->sorted[middle], connect, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void lower(const char *name, char out[SUBSCRIBE_KEY_MAX])
{
        size_t i = 0;

        for (; name[i] != '\0' && i < SUBSCRIBE_KEY_MAX - 1; i++)
                out[i] = (char)tolower((unsigned char)name[i]);
        out[i] = '\0';
}

static struct subscribed *find(const struct subscriptions *subscriptions, bool connect,
                               const char *name)
{
        char key[SUBSCRIBE_KEY_MAX];
        size_t place;

        lower(name, key);
        place = find_place(subscriptions, connect, key);
        if (place == subscriptions->count ||
            compare_key(subscriptions->sorted[place], connect, key) != 0)
                return NULL;
        return subscriptions->sorted[place];
}

static struct subscribed *find_or_add(struct subscriptions *subscriptions, bool connect,
                                      const char *name)
{
        struct subscribed *subscribed = find(subscriptions, connect, name);
        size_t capacity = subscriptions->capacity, place;
        char key[SUBSCRIBE_KEY_MAX];

        if (subscribed != NULL)
                return subscribed;
        lower(name, key);
        if (subscriptions->count == capacity) {
                capacity = capacity > 0 ? 2 * capacity : 64;
                struct subscribed **grown =
                    realloc(subscriptions->sorted, capacity * sizeof(struct subscribed *));

                if (grown == NULL)
                        return NULL;
                subscriptions->sorted = grown;
                subscriptions->capacity = capacity;
        }
        subscribed = malloc(sizeof(*subscribed) + strlen(key) + 1);
        if (subscribed == NULL)
                return NULL;
        *subscribed = (struct subscribed){.owner = subscriptions, .connect = connect};
        strcpy(subscribed->key, key);
        LIST_INIT(&subscribed->subscribers);
        place = find_place(subscriptions, connect, key);
        memmove(&subscriptions->sorted[place + 1], &subscriptions->sorted[place],
                (subscriptions->count - place) * sizeof(struct subscribed *));
        subscriptions->sorted[place] = subscribed;
        subscriptions->count++;
        subscriptions->connect_count += connect;
        return subscribed;
}

static void forget_snapshot(struct subscribed *subscribed)
{
        if (subscribed->snapshot != NULL)
                grpc_message_release(subscribed->snapshot);
        subscribed->snapshot = NULL;
}

static void drop(struct subscribed *take_subscribed)
{
        struct subscriptions *subscriptions = take_subscribed->owner;
        size_t place = find_place(subscriptions, take_subscribed->connect, take_subscribed->key);

        forget_snapshot(take_subscribed);
        subscriptions->count--;
        subscriptions->connect_count -= take_subscribed->connect;
        memmove(&subscriptions->sorted[place], &subscriptions->sorted[place + 1],
                (subscriptions->count - place) * sizeof(struct subscribed *));
        free(take_subscribed);
}

// --- Subscribers.

void subscriber_remove(struct subscriber *take_subscriber)
{
        struct subscribed *subscribed = take_subscriber->subscribed;

        LIST_REMOVE(take_subscriber, entry);
        subscribed->owner->stats.subscribers--;
        free(take_subscriber);
        if (LIST_EMPTY(&subscribed->subscribers))
                drop(subscribed);
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

static struct touched *next_touched(struct subscriptions *subscriptions)
{
        size_t capacity = subscriptions->touched_capacity;

        if (subscriptions->touched_count == capacity) {
                struct touched *grown;

                capacity = capacity > 0 ? 2 * capacity : 64;
                grown = realloc(subscriptions->touched, capacity * sizeof(*grown));
                // As elsewhere in the store, memory that cannot be had ends the process.
                if (grown == NULL)
                        abort();
                subscriptions->touched = grown;
                subscriptions->touched_capacity = capacity;
        }
        return &subscriptions->touched[subscriptions->touched_count++];
}

static void touch(struct subscribed *subscribed, const struct service_record *record,
                  enum subscribe_op op)
{
        if (subscribed != NULL)
                *next_touched(subscribed->owner) = (struct touched){subscribed, {record, op}};
}

// Calls for each service subscribed to that an instance counts for.
static void touch_all(struct subscriptions *subscriptions, const struct service_record *record,
                      const struct service_record *unless, enum subscribe_op op)
{
        struct subscribed *subscribed = find(subscriptions, false, record->service.name);
        size_t first = subscriptions->count - subscriptions->connect_count;

        if (unless == NULL || strcasecmp(unless->service.name, record->service.name) != 0)
                touch(subscribed, record, op);
        for (size_t i = first; i < subscriptions->count; i++) {
                subscribed = subscriptions->sorted[i];
                if (query_is_mesh_of(record, subscribed->key) &&
                    (unless == NULL || !query_is_mesh_of(unless, subscribed->key)))
                        touch(subscribed, record, op);
        }
}

static void touch_instance(struct subscriptions *subscriptions, const char *node, const char *id)
{
        const struct service_record *record = store_service_get(subscriptions->store, node, id);

        if (record != NULL)
                touch_all(subscriptions, record, NULL, SUBSCRIBE_REGISTER);
}

static void touch_node(struct subscriptions *subscriptions, const char *node)
{
        const struct service_record *record;
        struct store_iter it;

        store_services_of_node(subscriptions->store, node, &it);
        while ((record = store_next_service(&it)) != NULL)
                touch_all(subscriptions, record, NULL, SUBSCRIBE_REGISTER);
}

static void touch_check(struct subscriptions *subscriptions, const struct check_record *record)
{
        if (record == NULL)
                return;
        if (record->check.service_id[0] == '\0')
                touch_node(subscriptions, record->check.node);
        else
                touch_instance(subscriptions, record->check.node, record->check.service_id);
}

// An instance that is gone, or goes by another name now.
static void touch_former(struct subscriptions *subscriptions, const struct service_record *former)
{
        const struct catalog_service *service = &former->service;

        touch_all(subscriptions, former,
                  store_service_get(subscriptions->store, service->node, service->id),
                  SUBSCRIBE_DEREGISTER);
}

static void collect(struct subscriptions *subscriptions, const struct store_change *change)
{
        switch (change->table) {
        case STORE_NODES:
                touch_node(subscriptions, change->node);
                return;
        case STORE_SERVICES:
                if (change->before.record != NULL)
                        touch_former(subscriptions, change->before.service);
                if (change->after.record != NULL)
                        touch_instance(subscriptions, change->after.service->service.node,
                                       change->after.service->service.id);
                return;
        case STORE_CHECKS:
                touch_check(subscriptions, change->before.check);
                touch_check(subscriptions, change->after.check);
                return;
        default:
                return;
        }
}

static int compare_instances(const struct service_record *a, const struct service_record *b)
{
        size_t a_len = a->instance_key_len, b_len = b->instance_key_len;
        int order = memcmp(a->instance_key, b->instance_key, a_len < b_len ? a_len : b_len);

        return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_touched(const void *a, const void *b)
{
        const struct touched *x = a, *y = b;

        if (x->subscribed != y->subscribed)
                return (uintptr_t)x->subscribed < (uintptr_t)y->subscribed ? -1 : 1;
        return compare_instances(x->change.record, y->change.record);
}

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

// Sends what became of one service's instances, each once.
static void publish(struct subscriptions *subscriptions, uint64_t index, size_t first, size_t end)
{
        struct subscribed *subscribed = subscriptions->touched[first].subscribed;
        struct byte_buffer changes = BYTE_BUFFER_INIT, frame = BYTE_BUFFER_INIT;
        struct grpc_message *message;
        size_t begun;

        for (size_t i = first; i < end; i++) {
                const struct touched *touched = &subscriptions->touched[i];

                if (i == first ||
                    compare_instances(touched[-1].change.record, touched->change.record) != 0)
                        byte_buffer_append(&changes, &touched->change, sizeof(touched->change));
        }
        begun = grpc_frame_begin(&frame);
        subscribe_event_encode(subscriptions->store, index, (const void *)changes.bytes,
                               changes.len / sizeof(struct subscribe_change), &frame);
        grpc_frame_end(&frame, begun);
        byte_buffer_fini(&changes);
        message = grpc_message_create(&frame, &subscriptions->kept);
        forget_snapshot(subscribed);
        send_event(subscribed, message);
        grpc_message_release(message);
}

static void forget_connect_snapshots(struct subscriptions *subscriptions)
{
        for (size_t i = subscriptions->count - subscriptions->connect_count;
             i < subscriptions->count; i++)
                forget_snapshot(subscriptions->sorted[i]);
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
        size_t end;

        if (is_replaced(subscriptions))
                begin_anew(subscriptions);
        // While it settles, subscribers have the new state already.
        if (subscriptions->count == 0 || store_is_settling(subscriptions->store))
                return;
        // Their index is that of all tables.
        forget_connect_snapshots(subscriptions);
        subscriptions->touched_count = 0;
        for (size_t i = 0; i < count; i++)
                collect(subscriptions, &changes[i]);
        if (subscriptions->touched_count > 1)
                qsort(subscriptions->touched, subscriptions->touched_count,
                      sizeof(*subscriptions->touched), compare_touched);
        for (size_t first = 0; first < subscriptions->touched_count; first = end) {
                for (end = first + 1; end < subscriptions->touched_count &&
                                      subscriptions->touched[end].subscribed ==
                                          subscriptions->touched[first].subscribed;)
                        end++;
                publish(subscriptions, index, first, end);
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
        subscriber->subscribed = find_or_add(subscriptions, connect, request->key);
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
