#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/grpc/protobuf.h"
#include "control/query/query.h"
#include "control/subscribe/subscriptions.h"
#include "tests/control/fsm/machine.h"

#define INSTANCE_MAX 64

// What a subscriber knows: instances as their messages, by node and ID.
struct view {
        struct subscriptions *subscriptions;
        struct subscriber *subscriber;
        struct subscribe_request request;
        struct {
                char key[256];
                uint8_t *bytes;
                size_t len;
        } items[INSTANCE_MAX];
        unsigned count, messages, ends, new_snapshots, aborted;
        uint64_t index;
        size_t backlog;
        int result; // of sending
};

static struct pb_field field_of(struct pb_field message, uint32_t number)
{
        struct pb_reader reader = {message.bytes, message.bytes + message.len};
        struct pb_field field;

        while (pb_next(&reader, &field) > 0) {
                if (field.number == number)
                        return field;
        }
        return (struct pb_field){.number = 0};
}

static void forget_item(struct view *view, const char *key)
{
        for (unsigned i = 0; i < view->count; i++) {
                if (strcmp(view->items[i].key, key) != 0)
                        continue;
                free(view->items[i].bytes);
                view->items[i] = view->items[--view->count];
                return;
        }
}

// An instance's update, as Consul's agents take it in.
static void take_update(struct view *view, struct pb_field update)
{
        struct pb_field instance = field_of(update, 2), node = field_of(field_of(instance, 1), 2),
                        id = field_of(field_of(instance, 2), 2);
        char key[256];

        snprintf(key, sizeof(key), "%.*s/%.*s", (int)node.len, (const char *)node.bytes,
                 (int)id.len, (const char *)id.bytes);
        cr_assert_gt(node.len, 0);
        cr_assert_gt(id.len, 0);
        // A node may be registered again in other letters.
        for (char *c = key; *c != '\0'; c++)
                *c = (char)tolower(*c);
        forget_item(view, key);
        if (field_of(update, 1).value == SUBSCRIBE_DEREGISTER)
                return;
        cr_assert_lt(view->count, INSTANCE_MAX);
        snprintf(view->items[view->count].key, sizeof(key), "%s", key);
        view->items[view->count].bytes = malloc(instance.len);
        view->items[view->count].len = instance.len;
        memcpy(view->items[view->count++].bytes, instance.bytes, instance.len);
}

static void take_event(struct view *view, const uint8_t *bytes, size_t len)
{
        struct pb_field event = {.bytes = bytes, .len = len}, part, batch;
        struct pb_reader reader;

        if (field_of(event, 3).number != 0) {
                view->new_snapshots++;
                while (view->count > 0)
                        forget_item(view, view->items[0].key);
                return;
        }
        cr_expect_geq(field_of(event, 1).value, view->index);
        view->index = field_of(event, 1).value;
        view->ends += field_of(event, 2).number != 0;
        if (field_of(event, 10).number != 0)
                take_update(view, field_of(event, 10));
        batch = field_of(event, 4);
        reader = (struct pb_reader){batch.bytes, batch.bytes + batch.len};
        while (batch.number != 0 && pb_next(&reader, &part) > 0) {
                cr_expect_eq(field_of(part, 1).value, view->index);
                take_update(view, field_of(part, 10));
        }
}

static int take_messages(void *arg, struct grpc_message *message)
{
        struct view *view = arg;
        size_t len, message_len;
        const uint8_t *bytes = grpc_message_bytes(message, &len), *event;

        if (view->result < 0)
                return view->result;
        while (len > 0) {
                message_len = GRPC_FRAME_HEAD + ((size_t)bytes[3] << 8 | bytes[4]);
                cr_assert_eq(grpc_frame_read(bytes, message_len, &event, &message_len), 0);
                take_event(view, event, message_len);
                bytes = event + message_len;
                len -= GRPC_FRAME_HEAD + message_len;
                view->messages++;
        }
        return 0;
}

static size_t tell_backlog(void *arg)
{
        return ((struct view *)arg)->backlog;
}

static void on_end(void *arg, enum grpc_code code, const char *text)
{
        struct view *view = arg;

        cr_expect_eq(code, GRPC_ABORTED);
        cr_expect_neq(text[0], '\0');
        view->subscriber = NULL;
        view->aborted++;
        while (view->count > 0)
                forget_item(view, view->items[0].key);
}

static const struct subscriber_sink sink = {take_messages, tell_backlog, on_end};

static bool subscribe(struct view *view, uint64_t index)
{
        view->request.index = index;
        if (index == 0)
                view->index = 0;
        view->subscriber = subscriptions_add(view->subscriptions, &view->request, &sink, view);
        return view->subscriber != NULL;
}

static void unsubscribe(struct view *view)
{
        if (view->subscriber != NULL)
                subscriber_remove(view->subscriber);
        view->subscriber = NULL;
}

static void fini(struct view *view)
{
        unsubscribe(view);
        while (view->count > 0)
                forget_item(view, view->items[0].key);
}

static struct view view_of(struct subscriptions *subscriptions, const char *service, bool connect)
{
        struct view view = {.subscriptions = subscriptions,
                            .request.topic = connect ? SUBSCRIBE_SERVICE_HEALTH_CONNECT
                                                     : SUBSCRIBE_SERVICE_HEALTH};

        snprintf(view.request.key, sizeof(view.request.key), "%s", service);
        return view;
}

// Whether a view has exactly what the store says now.
static bool is_right(const struct view *view, const struct store *store)
{
        bool connect = view->request.topic == SUBSCRIBE_SERVICE_HEALTH_CONNECT, right = true;
        struct subscribe_change change = {.op = SUBSCRIBE_REGISTER};
        unsigned count = 0;
        struct store_iter it;

        store_services(store, &it);
        while ((change.record = store_next_service(&it)) != NULL) {
                struct byte_buffer out = BYTE_BUFFER_INIT;
                struct pb_field event, instance;
                bool found = false;

                if (connect ? !query_is_mesh_of(change.record, view->request.key)
                            : strcasecmp(change.record->service.name, view->request.key) != 0)
                        continue;
                subscribe_event_encode(store, 1, &change, 1, &out);
                event = (struct pb_field){.bytes = out.bytes, .len = out.len};
                instance = field_of(field_of(event, 10), 2);
                for (unsigned i = 0; i < view->count; i++)
                        found |= view->items[i].len == instance.len &&
                                 memcmp(view->items[i].bytes, instance.bytes, instance.len) == 0;
                right &= found;
                count++;
                byte_buffer_fini(&out);
        }
        return right && count == view->count;
}

static struct machine machine;
static struct subscriptions *subscriptions;

static void set_up(void)
{
        machine_init(&machine);
        cr_assert_eq(subscriptions_create(machine.store, &subscriptions), 0);
}

static void tear_down(void)
{
        subscriptions_destroy(subscriptions);
        machine_fini(&machine);
}

TestSuite(subscriptions, .init = set_up, .fini = tear_down);

Test(subscriptions, a_snapshot_comes_first_and_changes_after_it)
{
        struct view view = view_of(subscriptions, "Web", false);
        struct subscriptions_stats stats;

        machine_node(&machine, "a", "10.0.0.1");
        machine_service(&machine, "a", "w1", "web", "x,y", "", 80);
        machine_check(&machine, "a", "c", "w1", "passing");
        cr_assert(subscribe(&view, 0));
        cr_expect_eq(view.messages, 2);
        cr_expect_eq(view.ends, 1);
        cr_expect(is_right(&view, machine.store));
        machine_check(&machine, "a", "c", "w1", "critical");
        cr_expect_eq(view.messages, 3);
        cr_expect_eq(view.index, store_applied_index(machine.store));
        cr_expect(is_right(&view, machine.store));
        machine_service(&machine, "a", "db", "db", "", "", 90);
        cr_expect_eq(view.messages, 3, "another service is none of its business");
        machine_node(&machine, "a", "10.0.0.2");
        cr_expect(is_right(&view, machine.store));
        machine_deregister(&machine, "a", "", "");
        cr_expect_eq(view.count, 0);
        subscriptions_stats(subscriptions, &stats);
        cr_expect_eq(stats.subscribers, 1);
        cr_expect_eq(stats.snapshots, 1);
        fini(&view);
}

Test(subscriptions, an_unknown_service_has_an_empty_snapshot_with_an_index)
{
        struct view view = view_of(subscriptions, "none", false);

        cr_assert(subscribe(&view, 0));
        cr_expect_eq(view.messages, 1);
        cr_expect_eq(view.ends, 1);
        cr_expect_gt(view.index, 0);
        fini(&view);
}

Test(subscriptions, an_index_since_which_nothing_changed_is_resumed)
{
        struct view view = view_of(subscriptions, "web", false);
        uint64_t index;

        machine_node(&machine, "a", "10.0.0.1");
        machine_service(&machine, "a", "w1", "web", "", "", 80);
        cr_assert(subscribe(&view, 0));
        unsubscribe(&view);
        machine_service(&machine, "a", "db", "db", "", "", 90);
        view.messages = 0;
        cr_assert(subscribe(&view, view.index));
        cr_expect_eq(view.messages, 0);
        unsubscribe(&view);
        index = view.index;
        machine_service(&machine, "a", "w1", "web", "", "", 81);
        cr_assert(subscribe(&view, index));
        cr_expect_eq(view.new_snapshots, 1);
        cr_expect_eq(view.messages, 3);
        cr_expect(is_right(&view, machine.store));
        unsubscribe(&view);
        view.index = 0;
        cr_assert(subscribe(&view, store_applied_index(machine.store) + 100));
        cr_expect_eq(view.new_snapshots, 2, "what this server has not seen cannot be resumed");
        fini(&view);
}

Test(subscriptions, who_does_not_keep_up_is_ended)
{
        struct view slow = view_of(subscriptions, "web", false),
                    broken = view_of(subscriptions, "web", false),
                    quick = view_of(subscriptions, "web", false);

        machine_node(&machine, "a", "10.0.0.1");
        cr_assert(subscribe(&slow, 0));
        cr_assert(subscribe(&broken, 0));
        cr_assert(subscribe(&quick, 0));
        slow.backlog = 100u << 20;
        broken.result = -EPIPE;
        machine_service(&machine, "a", "w1", "web", "", "", 80);
        cr_expect_eq(slow.aborted, 1);
        cr_expect_eq(broken.aborted, 1);
        cr_expect_eq(quick.aborted, 0);
        cr_expect(is_right(&quick, machine.store));
        fini(&slow);
        fini(&broken);
        fini(&quick);
}

Test(subscriptions, a_topic_of_none_is_refused)
{
        struct view view = view_of(subscriptions, "web", false);

        for (uint64_t topic = 0; topic < 5; topic++) {
                view.request.topic = topic;
                cr_expect_eq(subscribe(&view, 0), topic == 1 || topic == 2);
                fini(&view);
        }
}

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

Test(subscriptions, all_begin_anew_when_the_state_is_replaced)
{
        struct view view = view_of(subscriptions, "web", false);
        struct byte_buffer snapshot = BYTE_BUFFER_INIT;
        uint64_t index;

        machine_node(&machine, "a", "10.0.0.1");
        machine_service(&machine, "a", "w1", "web", "", "", 80);
        cr_assert_eq(store_snapshot_write(machine.store, append, &snapshot), 0);
        machine_service(&machine, "a", "w2", "web", "", "", 81);
        cr_assert(subscribe(&view, 0));
        index = view.index;
        cr_assert_eq(store_snapshot_read(machine.store, snapshot.bytes, snapshot.len), 0);
        cr_expect_eq(view.aborted, 1);
        view.index = 0;
        cr_assert(subscribe(&view, index));
        cr_expect_eq(view.new_snapshots, 1, "indexes from before it mean nothing");
        cr_expect(is_right(&view, machine.store));
        fini(&view);
        byte_buffer_fini(&snapshot);
}

static void register_proxy(const char *id, const char *destination)
{
        struct command command = {.type = COMMAND_REGISTER};
        char proxy[128];

        snprintf(proxy, sizeof(proxy), "{\"DestinationServiceName\": \"%s\"}", destination);
        command.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        command.reg.node.name = "a";
        command.reg.node.address = "10.0.0.1";
        command.reg.has_service = true;
        command.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        command.reg.service.kind = "connect-proxy";
        command.reg.service.id = id;
        command.reg.service.name = "proxy";
        command.reg.service.proxy_json = proxy;
        cr_assert_str_eq(machine_run(&machine, &command), "");
}

Test(subscriptions, proxies_count_for_the_service_they_stand_before)
{
        struct view web = view_of(subscriptions, "web", true),
                    db = view_of(subscriptions, "db", true);

        machine_node(&machine, "a", "10.0.0.1");
        cr_assert(subscribe(&web, 0));
        cr_assert(subscribe(&db, 0));
        register_proxy("p", "web");
        cr_expect_eq(web.count, 1);
        cr_expect_eq(db.count, 0);
        register_proxy("p", "db");
        cr_expect_eq(web.count, 0);
        cr_expect_eq(db.count, 1);
        cr_expect(is_right(&db, machine.store));
        machine_deregister(&machine, "a", "p", "");
        cr_expect_eq(db.count, 0);
        fini(&web);
        fini(&db);
}

Test(subscriptions, views_are_the_store_after_any_commands)
{
        const char *text = getenv("LICTOR_TEST_SEED");
        uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 0x5eed1, state = seed;
        static const char *const names[] = {"web", "DB", "none"};
        struct view views[3];

        for (unsigned i = 0; i < 3; i++) {
                views[i] = view_of(subscriptions, names[i], false);
                cr_assert(subscribe(&views[i], 0));
        }
        for (unsigned round = 0; round < 4000; round++) {
                machine_random(&machine, &state);
                for (unsigned i = 0; i < 3; i++) {
                        cr_assert(is_right(&views[i], machine.store),
                                  "%s after %u commands: LICTOR_TEST_SEED=%#llx", names[i], round,
                                  (unsigned long long)seed);
                        if (round % 5 == i && views[i].subscriber != NULL) {
                                unsubscribe(&views[i]);
                                cr_assert(subscribe(&views[i], views[i].index));
                        }
                }
        }
        for (unsigned i = 0; i < 3; i++)
                fini(&views[i]);
}
