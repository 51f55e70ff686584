#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/gossip/serf.h"
#include "control/gossip/serf_message.h"

/* One node, and what a member that means harm could tell it. */

static unsigned events;

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet, bool sum)
{
        (void)arg, (void)to, (void)packet, (void)sum;
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        (void)arg, (void)with;
}

static void on_user_event(void *arg, const struct serf_user_event *event)
{
        (void)arg, (void)event;
        events++;
}

static struct serf *node_of(size_t members_max)
{
        struct serf_hooks hooks = {
            .send = on_send, .push_pull = on_push_pull, .user_event = on_user_event};
        struct serf_options o;

        serf_options_lan(&o);
        o.swim.name = pack_slice_of("self");
        o.swim.address = (struct swim_address){4, {10, 0, 0, 1}, 8301};
        memcpy(o.swim.versions, "\1\5\2\2\5\4", GOSSIP_VERSION_COUNT);
        o.swim.members_max = members_max;
        events = 0;
        return serf_create(&o, &hooks, 0);
}

static void receive(struct serf *s, uint8_t type, const struct byte_buffer *body)
{
        struct swim_address from = {4, {10, 0, 0, 9}, 8301};

        serf_receive(s, &from, type, (struct pack_slice){body->bytes, (uint32_t)body->len}, 1);
}

static void say_alive(struct serf *s, const char *name)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct pack_slice address = {(const uint8_t *)"\12\0\0\2", 4};

        gossip_put_alive(&b, &(struct gossip_alive){.incarnation = 1,
                                                    .node = pack_slice_of(name),
                                                    .address = address,
                                                    .port = 8301});
        memmove(b.bytes, b.bytes + 1, --b.len);
        receive(s, GOSSIP_ALIVE, &b);
        byte_buffer_fini(&b);
}

static void say_dead(struct serf *s, const char *name)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        gossip_put_accusation(&b, GOSSIP_DEAD,
                              &(struct gossip_accusation){.incarnation = 1,
                                                          .node = pack_slice_of(name),
                                                          .from = pack_slice_of("mallory")});
        memmove(b.bytes, b.bytes + 1, --b.len);
        receive(s, GOSSIP_DEAD, &b);
        byte_buffer_fini(&b);
}

static void say_leaving(struct serf *s, const char *name, uint64_t lamport)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        serf_put_intent(&b, SERF_LEAVE,
                        &(struct serf_intent){.lamport = lamport, .node = pack_slice_of(name)});
        receive(s, GOSSIP_USER, &b);
        byte_buffer_fini(&b);
}

static void say_event(struct serf *s, uint64_t lamport)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        serf_put_user_event(
            &b, &(struct serf_user_event){.lamport = lamport, .name = pack_slice_of("deploy")});
        receive(s, GOSSIP_USER, &b);
        byte_buffer_fini(&b);
}

static struct serf_statistics statistics_of(const struct serf *s)
{
        struct serf_statistics statistics;

        serf_statistics(s, &statistics);
        return statistics;
}

Test(serf_hostile, a_time_that_cannot_be_does_not_use_up_the_clock)
{
        static const uint64_t times[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2,
                                         UINT64_C(1) << 63};
        struct serf *s = node_of(100);

        say_alive(s, "b");
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                say_leaving(s, "b", times[i]);
                say_leaving(s, "self", times[i]);
                say_event(s, times[i]);
        }
        cr_expect_eq(serf_member_find(s, pack_slice_of("b"))->status, SERF_ALIVE);
        cr_expect_eq(events, 0);
        cr_expect_lt(statistics_of(s).member_clock, 100);
        cr_expect_lt(statistics_of(s).event_clock, 100);
        // What is honest still counts.
        say_leaving(s, "b", 50);
        say_event(s, 50);
        cr_expect_eq(serf_member_find(s, pack_slice_of("b"))->status, SERF_LEAVING);
        cr_expect_eq(events, 1);
        serf_destroy(s);
}

Test(serf_hostile, names_that_come_and_go_do_not_pile_up)
{
        struct serf *s = node_of(50);
        char name[16];

        for (unsigned i = 0; i < 500; i++) {
                snprintf(name, sizeof(name), "flood%u", i);
                say_alive(s, name);
                say_dead(s, name);
                // Long enough for the layer below to forget the dead.
                for (uint64_t step = 1; step <= 3; step++)
                        serf_tick(s, (i * 3 + step) * 20000000);
        }
        cr_expect_leq(serf_member_count(s), 50);
        serf_destroy(s);
}

Test(serf_hostile, nobody_else_makes_us_leave)
{
        struct serf *s = node_of(100);

        for (uint64_t lamport = 1; lamport < 1000; lamport += 7)
                say_leaving(s, "self", lamport);
        cr_expect_eq(serf_self(s)->status, SERF_ALIVE);
        cr_expect_gt(serf_self(s)->status_lamport, 990);
        serf_destroy(s);
}
