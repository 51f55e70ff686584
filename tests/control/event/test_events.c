#include "control/agent/local.h"
#include "control/event/event_filter.h"
#include "control/event/events.h"
#include "control/store/watch.h"
#include "lictor/bytes.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ID "9d8a3f10-1c2b-4e5f-8a6b-0123456789ab"

static struct event some_event(const char *name)
{
        return (struct event){.id = ID,
                              .name = name,
                              .payload = (const uint8_t *)"x",
                              .payload_len = 1,
                              .node_filter = "",
                              .service_filter = "",
                              .tag_filter = ""};
}

Test(events, the_newest_256_are_kept_in_order)
{
        struct events *events = events_create("node1", NULL);
        char error[EVENT_ERROR_MAX], name[16];

        for (int i = 0; i < EVENTS_MAX + 10; i++) {
                struct event e;

                snprintf(name, sizeof(name), "e%d", i);
                e = some_event(name);
                cr_assert_eq(events_fire(events, &e, error), 0);
        }
        cr_assert_eq(events_count(events), EVENTS_MAX);
        cr_expect_str_eq(events_at(events, 0)->name, "e10");
        cr_expect_str_eq(events_at(events, EVENTS_MAX - 1)->name, "e265");
        cr_expect_eq(events_at(events, EVENTS_MAX - 1)->lamport_time, EVENTS_MAX + 10);
        events_destroy(events);
}

Test(events, only_sound_ones_are_fired)
{
        static const struct {
                const char *name, *node, *service, *tag, *want;
        } rows[] = {
            {"", "", "", "", "User event missing name"},
            {"e", "", "", "t", "Cannot provide tag filter without service filter"},
            {"e", "(", "", "", "Invalid node filter: error parsing regexp: "},
            {"e", "", "[", "", "Invalid service filter: error parsing regexp: "},
            {"e", "", "s", "*", "Invalid tag filter: error parsing regexp: "},
            {"e", "a", "b", "c", ""},
        };
        struct events *events = events_create("node1", NULL);

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char error[EVENT_ERROR_MAX] = "";
                struct event e = some_event(rows[i].name);

                e.node_filter = rows[i].node;
                e.service_filter = rows[i].service;
                e.tag_filter = rows[i].tag;
                events_fire(events, &e, error);
                cr_expect_eq(strncmp(error, rows[i].want, strlen(rows[i].want)), 0, "%s", error);
        }
        cr_expect_eq(events_count(events), 0, "node1 matches no a");
        events_destroy(events);
}

Test(events, name_and_payload_have_a_limit_together)
{
        static const uint8_t payload[EVENT_SIZE_MAX];
        struct events *events = events_create("node1", NULL);
        struct event e = some_event("deploy");
        char error[EVENT_ERROR_MAX];
        size_t most = 0;

        e.payload = payload;
        for (e.payload_len = 0; e.payload_len <= sizeof(payload); e.payload_len++) {
                if (events_fire(events, &e, error) == 0)
                        most = e.payload_len;
        }
        cr_expect_gt(most, 400);
        cr_expect_lt(most, EVENT_SIZE_MAX - 50);
        cr_expect_not_null(
            strstr(error, "user event exceeds configured limit of 512 bytes before encoding"));
        events_destroy(events);
}

struct told {
        struct events *events;
        unsigned sent;
        unsigned watched;
        uint64_t lamport_time;
};

static void on_send(void *arg, const struct event *event)
{
        struct told *told = arg;

        told->sent++;
        told->lamport_time = event->lamport_time;
        events_receive(told->events, event);
}

static void on_watch(struct watch *watch)
{
        ((struct told *)watch->arg)->watched++;
}

Test(events, the_carrier_gets_what_is_fired_and_watchers_hear_what_is_kept)
{
        struct events *events = events_create("node1", NULL);
        struct told told = {.events = events};
        struct watch watch = {.fire = on_watch, .arg = &told};
        struct event e = some_event("e");
        char error[EVENT_ERROR_MAX];

        events_set_carrier(events, on_send, &told);
        watch_add(events_watches(events), &watch, 0, WATCH_EXACT, "", 0);
        e.lamport_time = 41;
        e.node_filter = "^other$";
        events_receive(events, &e);
        cr_expect_eq(told.watched, 0, "it concerns another node");
        e.node_filter = "^node";
        cr_expect_eq(events_fire(events, &e, error), 0);
        cr_expect_eq(told.sent, 1);
        cr_expect_eq(told.watched, 1);
        cr_expect_eq(told.lamport_time, 42, "later than all that was heard of");
        events_destroy(events);
}

Test(events, the_index_is_the_id_folded)
{
        struct event e = some_event("e");

        cr_expect_eq(event_index(&e), UINT64_C(0x9d8a3f101c2b4e5f) ^ UINT64_C(0x8a6b0123456789ab));
}

Test(event_filter, an_expression_without_end_is_cut_off)
{
        struct event_filter filter;
        char error[200];

        cr_assert_eq(event_filter_compile("^(a+)+$", &filter, error, sizeof(error)), 0);
        cr_expect(event_filter_matches(&filter, "aaaa"));
        cr_expect_not(event_filter_matches(
            &filter, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"));
        event_filter_fini(&filter);
}
