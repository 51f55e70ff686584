#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/gossip/swim.h"
#include "lictor/bytes.h"

/* One node, and messages nobody honest would send. */

#define SECOND_US UINT64_C(1000000)

static struct {
        unsigned sent, conflicts, failed, joined;
        uint32_t pinged; /* sequence of the last probe */
} seen;

static void on_message(void *arg, uint8_t type, struct pack_slice body)
{
        struct msgpack_reader r = {body.bytes, body.bytes + body.length};
        struct gossip_ping ping;

        (void)arg;
        if (type == GOSSIP_PING && gossip_get_ping(&r, &ping) == 0)
                seen.pinged = ping.sequence;
}

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet, bool sum)
{
        struct byte_buffer scratch = BYTE_BUFFER_INIT;

        (void)arg, (void)to, (void)sum;
        seen.sent++;
        (void)gossip_unpack(packet, &scratch, on_message, NULL);
        byte_buffer_fini(&scratch);
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        (void)arg, (void)with;
}

static void on_event(void *arg, enum swim_event event, const struct swim_node *node)
{
        (void)arg, (void)node;
        seen.joined += event == SWIM_JOINED;
        seen.failed += event == SWIM_FAILED;
}

static void on_conflict(void *arg, const struct swim_node *node, const struct swim_address *other)
{
        (void)arg, (void)node, (void)other;
        seen.conflicts++;
}

static uint32_t reclaim_ms;

static struct swim *node_of(size_t members_max)
{
        struct swim_hooks hooks = {
            .send = on_send, .push_pull = on_push_pull, .event = on_event, .conflict = on_conflict};
        struct swim_options o;

        swim_options_lan(&o);
        o.name = pack_slice_of("self");
        o.address = (struct swim_address){4, {10, 0, 0, 1}, 8301};
        memcpy(o.versions, "\1\5\2\2\5\4", GOSSIP_VERSION_COUNT);
        o.members_max = members_max;
        o.dead_reclaim_ms = reclaim_ms;
        o.seed = 1;
        memset(&seen, 0, sizeof(seen));
        return swim_create(&o, &hooks, 0);
}

static void receive(struct swim *s, const struct byte_buffer *message, uint64_t now_us)
{
        struct swim_address from = {4, {10, 0, 0, 9}, 8301};
        struct pack_slice body = {message->bytes + 1, (uint32_t)message->len - 1};

        swim_receive(s, &from, message->bytes[0], body, now_us);
}

static void say_alive(struct swim *s, const char *name, uint32_t incarnation, uint8_t last_octet,
                      uint16_t port, const char *versions, uint64_t now_us)
{
        uint8_t address[4] = {10, 0, 0, last_octet};
        struct byte_buffer b = BYTE_BUFFER_INIT;

        gossip_put_alive(&b, &(struct gossip_alive){.incarnation = incarnation,
                                                    .node = pack_slice_of(name),
                                                    .address = {address, 4},
                                                    .port = port,
                                                    .versions = {(const uint8_t *)versions, 6}});
        receive(s, &b, now_us);
        byte_buffer_fini(&b);
}

static void accuse(struct swim *s, enum gossip_type type, const char *name, uint32_t incarnation,
                   uint64_t now_us)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        gossip_put_accusation(&b, type,
                              &(struct gossip_accusation){.incarnation = incarnation,
                                                          .node = pack_slice_of(name),
                                                          .from = pack_slice_of("mallory")});
        receive(s, &b, now_us);
        byte_buffer_fini(&b);
}

static enum gossip_state state_of(struct swim *s, const char *name)
{
        return swim_find(s, pack_slice_of(name))->state;
}

#define GOOD "\1\5\2\2\5\4"

Test(swim_hostile, another_address_for_our_name_is_a_conflict_and_changes_nothing)
{
        struct swim *s = node_of(100);

        say_alive(s, "self", 1000, 66, 8301, GOOD, 1);
        cr_expect_eq(seen.conflicts, 1);
        cr_expect_eq(swim_self(s)->address.bytes[3], 1);
        cr_expect_eq(swim_self(s)->incarnation, 1);
        swim_destroy(s);
}

Test(swim_hostile, another_address_for_a_member_does_not_divert_it)
{
        struct swim *s = node_of(100);

        say_alive(s, "b", 1, 2, 8301, GOOD, 1);
        say_alive(s, "b", 50, 66, 8301, GOOD, 2);
        cr_expect_eq(seen.conflicts, 1);
        cr_expect_eq(swim_find(s, pack_slice_of("b"))->address.bytes[3], 2);
        cr_expect_eq(swim_find(s, pack_slice_of("b"))->incarnation, 1);
        swim_destroy(s);
}

Test(swim_hostile, a_dead_members_name_is_another_ones_only_after_a_while)
{
        static const struct {
                uint32_t reclaim_ms;
                uint64_t after_ms;
                bool taken;
        } cases[] = {{0, 3600000, false}, {30000, 29999, false}, {30000, 30001, true}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct swim *s;

                reclaim_ms = cases[i].reclaim_ms;
                s = node_of(100);
                say_alive(s, "b", 5, 2, 8301, GOOD, 1);
                accuse(s, GOSSIP_DEAD, "b", 5, 1);
                cr_assert_eq(state_of(s, "b"), GOSSIP_STATE_DEAD);
                // A machine that is replaced begins to count anew.
                say_alive(s, "b", 1, 66, 8301, GOOD, 1 + cases[i].after_ms * 1000);
                cr_expect_eq(state_of(s, "b"),
                             cases[i].taken ? GOSSIP_STATE_ALIVE : GOSSIP_STATE_DEAD, "%zu", i);
                cr_expect_eq(swim_find(s, pack_slice_of("b"))->address.bytes[3],
                             cases[i].taken ? 66 : 2, "%zu", i);
                cr_expect_eq(seen.conflicts, !cases[i].taken, "%zu", i);
                swim_destroy(s);
        }
}

Test(swim_hostile, no_accusation_is_beyond_denial)
{
        static const uint32_t incarnations[] = {
            1, 7, 1u << 31, UINT32_MAX - 2, UINT32_MAX - 1, UINT32_MAX};
        struct swim *s = node_of(100);

        for (size_t i = 0; i < sizeof(incarnations) / sizeof(incarnations[0]); i++) {
                accuse(s, i % 2 ? GOSSIP_SUSPECT : GOSSIP_DEAD, "self", incarnations[i], 1);
                cr_expect_eq(state_of(s, "self"), GOSSIP_STATE_ALIVE);
                cr_expect(swim_self(s)->incarnation > incarnations[i] ||
                          incarnations[i] == UINT32_MAX);
        }
        // At the top it stays there; going round to 0 would make everybody deaf to us.
        cr_expect_eq(swim_self(s)->incarnation, UINT32_MAX);
        swim_update(s, pack_slice_of("new"), 2);
        cr_expect_eq(swim_self(s)->incarnation, UINT32_MAX);
        swim_destroy(s);
}

Test(swim_hostile, nobodys_word_kills_a_member_at_the_last_incarnation_but_its_silence_does)
{
        struct swim *s = node_of(100);

        say_alive(s, "b", UINT32_MAX, 2, 8301, GOOD, 1);
        accuse(s, GOSSIP_DEAD, "b", UINT32_MAX, 2);
        accuse(s, GOSSIP_SUSPECT, "b", UINT32_MAX, 2);
        cr_expect_eq(state_of(s, "b"), GOSSIP_STATE_ALIVE);
        for (uint64_t now_us = 0; now_us < 60 * SECOND_US; now_us += 100000)
                swim_tick(s, now_us);
        cr_expect_eq(seen.failed, 1);
        swim_destroy(s);
}

Test(swim_hostile, a_flood_of_joins_is_bounded_and_counted)
{
        struct swim *s = node_of(50);
        char name[16];

        for (unsigned i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "flood%u", i);
                say_alive(s, name, 1, 3, 8301, GOOD, 1);
        }
        cr_expect_eq(swim_count(s), 50);
        cr_expect_eq(seen.joined, 50);
        cr_expect_eq(swim_refused_count(s), 951);
        // The known are still heard.
        accuse(s, GOSSIP_DEAD, "flood3", 1, 2);
        say_alive(s, "flood3", 2, 3, 8301, GOOD, 3);
        cr_expect_eq(state_of(s, "flood3"), GOSSIP_STATE_ALIVE);
        swim_destroy(s);
}

Test(swim_hostile, replays_of_what_is_over_change_nothing)
{
        struct swim *s = node_of(100);

        say_alive(s, "b", 5, 2, 8301, GOOD, 1);
        accuse(s, GOSSIP_DEAD, "b", 5, 2);
        cr_assert_eq(state_of(s, "b"), GOSSIP_STATE_DEAD);
        say_alive(s, "b", 5, 2, 8301, GOOD, 3);
        cr_expect_eq(state_of(s, "b"), GOSSIP_STATE_DEAD, "an alive replayed after the death");
        say_alive(s, "b", 6, 2, 8301, GOOD, 4);
        accuse(s, GOSSIP_DEAD, "b", 5, 5);
        accuse(s, GOSSIP_SUSPECT, "b", 5, 5);
        cr_expect_eq(state_of(s, "b"), GOSSIP_STATE_ALIVE, "a death replayed after the return");
        swim_destroy(s);
}

Test(swim_hostile, members_that_cannot_be_are_not_taken_in)
{
        struct swim *s = node_of(100);
        char name[GOSSIP_NAME_MAX + 2];

        say_alive(s, "", 1, 2, 8301, GOOD, 1);
        say_alive(s, "port", 1, 2, 0, GOOD, 1);
        say_alive(s, "zero", 1, 2, 8301, "\0\5\2\2\5\4", 1);
        say_alive(s, "order", 1, 2, 8301, "\5\2\2\2\5\4", 1);
        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        say_alive(s, name, 1, 2, 8301, GOOD, 1);
        cr_expect_eq(swim_count(s), 1);
        swim_destroy(s);
}

Test(swim_hostile, a_denial_during_a_probe_outweighs_its_failure)
{
        struct swim *s = node_of(100);
        uint64_t now_us = 0;

        say_alive(s, "b", 1, 2, 8301, GOOD, 0);
        for (; seen.pinged == 0; now_us += 10000)
                swim_tick(s, now_us);
        say_alive(s, "b", 2, 2, 8301, GOOD, now_us);
        // To the end of this probe, and not through the next.
        for (uint64_t end_us = now_us + SECOND_US + SECOND_US / 2; now_us < end_us; now_us += 10000)
                swim_tick(s, now_us);
        cr_expect_eq(state_of(s, "b"), GOSSIP_STATE_ALIVE);
        // Silence goes on: the next probe counts.
        for (uint64_t end_us = now_us + 2 * SECOND_US; now_us < end_us; now_us += 10000)
                swim_tick(s, now_us);
        cr_expect_eq(state_of(s, "b"), GOSSIP_STATE_SUSPECT);
        swim_destroy(s);
}
