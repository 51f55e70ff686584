#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/gossip/serf.h"
#include "control/gossip/tags.h"

/* Serf nodes on simulated time: packets take a millisecond, streams the next turn, nothing is lost
 * unless a node is down. */

#define NODES_MAX  8u
#define SECOND_US  UINT64_C(1000000)
#define DELAY_US   1000u
#define FIRST_PORT 7000u

struct packet {
        size_t from, to;
        uint64_t at_us;
        struct byte_buffer bytes;
};

struct exchange {
        size_t from, to;
        bool join;
};

struct node {
        struct sim *sim;
        size_t number;
        char name[8];
        struct serf *serf;
        bool down;
        unsigned joined, failed, left, reaped, updated;
        unsigned events;
        uint64_t last_event_lamport;
        char last_event[64];
        uint64_t kept_ms; /* what the hook says; 0: nothing */
        unsigned queries, acks, responses, ended;
        char last_response[64];
};

struct sim {
        uint64_t now_us;
        struct node nodes[NODES_MAX];
        size_t count;
        struct packet *packets;
        size_t packet_count, packet_capacity;
        struct exchange exchanges[64];
        size_t exchange_count;
};

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet,
                    bool checksum)
{
        struct node *node = arg;
        struct sim *sim = node->sim;
        size_t target = to->port - FIRST_PORT;

        (void)checksum;
        if (target >= sim->count)
                return;
        if (sim->packet_count == sim->packet_capacity) {
                sim->packet_capacity = sim->packet_capacity ? 2 * sim->packet_capacity : 256;
                sim->packets = realloc(sim->packets, sim->packet_capacity * sizeof(struct packet));
                cr_assert_not_null(sim->packets);
        }
        sim->packets[sim->packet_count] =
            (struct packet){.from = node->number, .to = target, .at_us = sim->now_us + DELAY_US};
        byte_buffer_append(&sim->packets[sim->packet_count].bytes, packet.bytes, packet.length);
        sim->packet_count++;
}

static void want_exchange(struct sim *sim, size_t from, size_t to, bool join)
{
        if (sim->exchange_count < 64)
                sim->exchanges[sim->exchange_count++] = (struct exchange){from, to, join};
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        struct node *node = arg;

        want_exchange(node->sim, node->number, with->port - FIRST_PORT, false);
}

static void on_member_event(void *arg, enum serf_member_event event,
                            const struct serf_member *member)
{
        struct node *node = arg;
        unsigned *const counts[] = {&node->joined, &node->updated, &node->failed, &node->left,
                                    &node->reaped};

        (void)member;
        (*counts[event])++;
}

static void on_user_event(void *arg, const struct serf_user_event *event)
{
        struct node *node = arg;

        node->events++;
        node->last_event_lamport = event->lamport;
        snprintf(node->last_event, sizeof(node->last_event), "%.*s:%.*s", (int)event->name.length,
                 (const char *)event->name.bytes, (int)event->payload.length,
                 (const char *)event->payload.bytes);
}

static void on_query(void *arg, const struct serf_query *query)
{
        struct node *node = arg;

        node->queries++;
        cr_expect_eq(serf_respond(node->serf, query, pack_slice_of(node->name), node->sim->now_us),
                     0);
}

static void on_answer(void *arg, uint32_t id, enum serf_answer kind, struct pack_slice from,
                      struct pack_slice payload)
{
        struct node *node = arg;

        (void)id;
        (void)from;
        node->acks += kind == SERF_ANSWER_ACK;
        node->responses += kind == SERF_ANSWER_RESPONSE;
        node->ended += kind == SERF_ANSWER_END;
        if (kind == SERF_ANSWER_RESPONSE)
                snprintf(node->last_response, sizeof(node->last_response), "%.*s",
                         (int)payload.length, (const char *)payload.bytes);
}

static uint64_t on_kept_ms(void *arg, const struct serf_member *member, uint64_t kept_ms)
{
        const struct node *node = arg;

        (void)member;
        return node->kept_ms > 0 ? node->kept_ms : kept_ms;
}

static void start_node(struct sim *sim, size_t number, uint64_t tombstone_s)
{
        static const uint8_t versions[] = {1, 5, 2, 2, 5, 4};
        struct node *node = &sim->nodes[number];
        struct serf_options o;
        struct serf_hooks hooks = {.arg = node,
                                   .send = on_send,
                                   .push_pull = on_push_pull,
                                   .member_event = on_member_event,
                                   .user_event = on_user_event,
                                   .query = on_query,
                                   .answer = on_answer,
                                   .kept_ms = on_kept_ms};

        memset(node, 0, sizeof(*node));
        node->sim = sim;
        node->number = number;
        snprintf(node->name, sizeof(node->name), "n%zu", number);
        serf_options_lan(&o);
        o.swim.name = pack_slice_of(node->name);
        o.swim.address = (struct swim_address){4, {127, 0, 0, 1}, (uint16_t)(FIRST_PORT + number)};
        o.swim.seed = 77 + number;
        memcpy(o.swim.versions, versions, sizeof(versions));
        o.reconnect_timeout_ms = o.tombstone_timeout_ms = tombstone_s * 1000;
        node->serf = serf_create(&o, &hooks, sim->now_us);
        cr_assert_not_null(node->serf);
}

static struct sim *create(size_t count, uint64_t tombstone_s)
{
        struct sim *sim = calloc(1, sizeof(*sim));

        cr_assert_not_null(sim);
        sim->count = count;
        sim->now_us = SECOND_US;
        for (size_t i = 0; i < count; i++)
                start_node(sim, i, tombstone_s);
        for (size_t i = 1; i < count; i++)
                want_exchange(sim, i, 0, true);
        return sim;
}

static void destroy(struct sim *sim)
{
        for (size_t i = 0; i < sim->count; i++)
                serf_destroy(sim->nodes[i].serf);
        for (size_t i = 0; i < sim->packet_count; i++)
                byte_buffer_fini(&sim->packets[i].bytes);
        free(sim->packets);
        free(sim);
}

struct arrival {
        struct node *node;
        struct swim_address from;
};

static void on_message(void *arg, uint8_t type, struct pack_slice body)
{
        const struct arrival *arrival = arg;

        serf_receive(arrival->node->serf, &arrival->from, type, body, arrival->node->sim->now_us);
}

static void deliver_packets(struct sim *sim)
{
        for (size_t i = 0; i < sim->packet_count;) {
                struct packet packet = sim->packets[i];
                struct arrival arrival = {
                    &sim->nodes[packet.to],
                    {4, {127, 0, 0, 1}, (uint16_t)(FIRST_PORT + packet.from)}};
                struct byte_buffer scratch = BYTE_BUFFER_INIT;

                if (packet.at_us > sim->now_us) {
                        i++;
                        continue;
                }
                sim->packets[i] = sim->packets[--sim->packet_count];
                if (!sim->nodes[packet.to].down && !sim->nodes[packet.from].down)
                        cr_expect_eq(gossip_unpack((struct pack_slice){packet.bytes.bytes,
                                                                       (uint32_t)packet.bytes.len},
                                                   &scratch, on_message, &arrival),
                                     0);
                byte_buffer_fini(&packet.bytes);
                byte_buffer_fini(&scratch);
        }
}

static void give_state(struct sim *sim, size_t from, size_t to, bool join)
{
        struct byte_buffer state = BYTE_BUFFER_INIT;

        serf_put_state(sim->nodes[from].serf, join, &state);
        cr_expect_eq(serf_merge_state(sim->nodes[to].serf,
                                      (struct pack_slice){state.bytes + 1, (uint32_t)state.len - 1},
                                      sim->now_us),
                     0);
        byte_buffer_fini(&state);
}

static void exchange_states(struct sim *sim)
{
        size_t count = sim->exchange_count;
        struct exchange due[64];

        memcpy(due, sim->exchanges, count * sizeof(due[0]));
        sim->exchange_count = 0;
        for (size_t i = 0; i < count; i++) {
                if (due[i].to >= sim->count || sim->nodes[due[i].to].down ||
                    sim->nodes[due[i].from].down)
                        continue;
                give_state(sim, due[i].from, due[i].to, due[i].join);
                give_state(sim, due[i].to, due[i].from, due[i].join);
                if (due[i].join)
                        serf_announce_join(sim->nodes[due[i].from].serf, sim->now_us);
        }
}

static void run(struct sim *sim, uint64_t duration_us)
{
        uint64_t end_us = sim->now_us + duration_us;

        while (sim->now_us < end_us) {
                sim->now_us += DELAY_US;
                exchange_states(sim);
                deliver_packets(sim);
                for (size_t i = 0; i < sim->count; i++) {
                        struct serf *serf = sim->nodes[i].serf;

                        if (!sim->nodes[i].down && serf_deadline_us(serf) <= sim->now_us)
                                serf_tick(serf, sim->now_us);
                }
        }
}

static int status_of(struct sim *sim, size_t seen_by, size_t number)
{
        const struct serf_member *member =
            serf_member_find(sim->nodes[seen_by].serf, pack_slice_of(sim->nodes[number].name));

        return member != NULL ? (int)member->status : -1;
}

static void expect_seen(struct sim *sim, size_t number, int status, const char *what)
{
        for (size_t i = 0; i < sim->count; i++) {
                if (i != number && !sim->nodes[i].down)
                        cr_expect_eq(status_of(sim, i, number), status, "%s: n%zu sees %d", what, i,
                                     status_of(sim, i, number));
        }
}

Test(serf, who_leaves_is_told_from_who_dies_and_both_are_forgotten)
{
        struct sim *sim = create(5, 60);

        run(sim, 5 * SECOND_US);
        for (size_t i = 0; i < 5; i++)
                expect_seen(sim, i, SERF_ALIVE, "joined");
        serf_leave(sim->nodes[4].serf, sim->now_us);
        sim->nodes[3].down = true;
        run(sim, 30 * SECOND_US);
        cr_expect(serf_has_left(sim->nodes[4].serf));
        sim->nodes[4].down = true;
        expect_seen(sim, 4, SERF_LEFT, "left");
        expect_seen(sim, 3, SERF_FAILED, "died");
        cr_expect_eq(sim->nodes[0].left, 1);
        cr_expect_eq(sim->nodes[0].failed, 1);
        run(sim, 120 * SECOND_US);
        expect_seen(sim, 4, -1, "reaped");
        expect_seen(sim, 3, -1, "reaped");
        cr_expect_eq(sim->nodes[0].reaped, 2);
        destroy(sim);
}

Test(serf, who_failed_is_kept_as_long_as_the_hook_says)
{
        struct sim *sim = create(3, 600);

        run(sim, 5 * SECOND_US);
        sim->nodes[0].kept_ms = 10000;
        sim->nodes[2].down = true;
        run(sim, 90 * SECOND_US);
        cr_expect_eq(sim->nodes[0].failed, 1);
        cr_expect_eq(sim->nodes[0].reaped, 1);
        cr_expect_null(serf_member_find(sim->nodes[0].serf, pack_slice_of(sim->nodes[2].name)));
        destroy(sim);
}

Test(serf, a_failed_member_comes_back_by_being_tried_again)
{
        struct sim *sim = create(4, 3600);

        run(sim, 5 * SECOND_US);
        sim->nodes[2].down = true;
        run(sim, 30 * SECOND_US);
        expect_seen(sim, 2, SERF_FAILED, "down");
        sim->nodes[2].down = false;
        run(sim, 400 * SECOND_US);
        expect_seen(sim, 2, SERF_ALIVE, "back");
        destroy(sim);
}

Test(serf, one_that_left_may_join_again)
{
        struct sim *sim = create(4, 3600);
        struct serf_statistics before;

        run(sim, 5 * SECOND_US);
        serf_leave(sim->nodes[3].serf, sim->now_us);
        run(sim, 10 * SECOND_US);
        expect_seen(sim, 3, SERF_LEFT, "left");
        serf_statistics(sim->nodes[3].serf, &before);
        serf_destroy(sim->nodes[3].serf);
        start_node(sim, 3, 3600);
        serf_clocks_set(sim->nodes[3].serf, before.member_clock, before.event_clock,
                        before.query_clock);
        want_exchange(sim, 3, 1, true);
        run(sim, 10 * SECOND_US);
        expect_seen(sim, 3, SERF_ALIVE, "again");
        destroy(sim);
}

Test(serf, a_failed_member_can_be_declared_to_have_left_and_pruned)
{
        struct sim *sim = create(4, 3600);

        run(sim, 5 * SECOND_US);
        sim->nodes[1].down = sim->nodes[2].down = true;
        run(sim, 30 * SECOND_US);
        serf_force_leave(sim->nodes[0].serf, pack_slice_of("n1"), false, sim->now_us);
        serf_force_leave(sim->nodes[0].serf, pack_slice_of("n2"), true, sim->now_us);
        run(sim, 10 * SECOND_US);
        cr_expect_eq(status_of(sim, 0, 1), SERF_LEFT);
        cr_expect_eq(status_of(sim, 3, 1), SERF_LEFT);
        cr_expect_eq(status_of(sim, 0, 2), -1);
        cr_expect_eq(status_of(sim, 3, 2), -1);
        destroy(sim);
}

Test(serf, events_reach_everybody_once_and_in_lamport_order)
{
        struct sim *sim = create(6, 3600);

        run(sim, 5 * SECOND_US);
        for (unsigned i = 0; i < 20; i++) {
                char payload[8];

                snprintf(payload, sizeof(payload), "%u", i);
                cr_assert_eq(serf_fire(sim->nodes[i % 6].serf, pack_slice_of("e"),
                                       pack_slice_of(payload), false, sim->now_us),
                             0);
                run(sim, 3 * SECOND_US);
                for (size_t n = 0; n < 6; n++) {
                        cr_expect_eq(sim->nodes[n].events, i + 1, "n%zu has %u of %u", n,
                                     sim->nodes[n].events, i + 1);
                        cr_expect_eq(sim->nodes[n].last_event_lamport,
                                     sim->nodes[0].last_event_lamport);
                        cr_expect_str_eq(sim->nodes[n].last_event + 2, payload);
                }
        }
        destroy(sim);
}

Test(serf, who_joins_hears_old_events_unless_it_does_not_want_them)
{
        struct sim *sim = create(3, 3600);

        sim->exchange_count = 0;
        want_exchange(sim, 1, 0, true);
        run(sim, 3 * SECOND_US);
        serf_fire(sim->nodes[0].serf, pack_slice_of("old"), pack_slice_of(""), false, sim->now_us);
        run(sim, 3 * SECOND_US);
        serf_ignore_old_events(sim->nodes[2].serf);
        want_exchange(sim, 2, 0, true);
        run(sim, 3 * SECOND_US);
        cr_expect_eq(sim->nodes[1].events, 1);
        cr_expect_eq(sim->nodes[2].events, 0);
        serf_fire(sim->nodes[0].serf, pack_slice_of("new"), pack_slice_of(""), false, sim->now_us);
        run(sim, 3 * SECOND_US);
        cr_expect_eq(sim->nodes[2].events, 1);
        cr_expect_str_eq(sim->nodes[2].last_event, "new:");
        destroy(sim);
}

Test(serf, a_query_is_answered_by_everybody_and_ends)
{
        struct sim *sim = create(5, 3600);
        struct serf_question question = {.name = pack_slice_of("who"), .ack = true};
        uint32_t id;

        run(sim, 5 * SECOND_US);
        cr_assert_eq(serf_ask(sim->nodes[1].serf, &question, sim->now_us, &id), 0);
        run(sim, 20 * SECOND_US);
        for (size_t i = 0; i < 5; i++)
                cr_expect_eq(sim->nodes[i].queries, 1);
        cr_expect_eq(sim->nodes[1].acks, 5);
        cr_expect_eq(sim->nodes[1].responses, 5);
        cr_expect_eq(sim->nodes[1].ended, 1);
        destroy(sim);
}

static void give_role(struct sim *sim, size_t number, const char *role)
{
        const struct tag tag = {pack_slice_of("role"), pack_slice_of(role)};
        struct byte_buffer meta = BYTE_BUFFER_INIT;

        tags_put(&meta, &tag, 1);
        cr_assert_eq(serf_set_tags(sim->nodes[number].serf,
                                   (struct pack_slice){meta.bytes, (uint32_t)meta.len},
                                   sim->now_us),
                     0);
        byte_buffer_fini(&meta);
}

Test(serf, a_query_is_for_those_its_filters_name)
{
        static const struct {
                const char *name, *tag, *expression;
                const char *nodes[2];
                unsigned answered[5];
        } cases[] = {
            {"by name", NULL, NULL, {"n1", "n3"}, {0, 1, 0, 1, 0}},
            {"by tag", "role", "^d", {NULL}, {0, 0, 1, 1, 0}},
            {"by both", "role", "db", {"n1", "n3"}, {0, 0, 0, 1, 0}},
            {"by a tag nobody has", "rack", ".", {NULL}, {0, 0, 0, 0, 0}},
            {"by an expression that is none", "role", "(", {NULL}, {0, 0, 0, 0, 0}},
        };

        for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
                struct sim *sim = create(5, 3600);
                struct byte_buffer filters = BYTE_BUFFER_INIT;
                struct pack_slice names[2];
                struct serf_question question = {.name = pack_slice_of("who")};
                uint32_t name_count = 0, id;

                give_role(sim, 2, "db");
                give_role(sim, 3, "db");
                give_role(sim, 4, "web");
                run(sim, 5 * SECOND_US);
                for (; name_count < 2 && cases[c].nodes[name_count]; name_count++)
                        names[name_count] = pack_slice_of(cases[c].nodes[name_count]);
                serf_put_filters(&filters, (name_count > 0 ? 1u : 0u) + (cases[c].tag ? 1u : 0u));
                if (name_count > 0)
                        serf_put_filter_nodes(&filters, names, name_count);
                if (cases[c].tag)
                        serf_put_filter_tag(&filters, pack_slice_of(cases[c].tag),
                                            pack_slice_of(cases[c].expression));
                question.filters = (struct pack_slice){filters.bytes, (uint32_t)filters.len};
                cr_assert_eq(serf_ask(sim->nodes[0].serf, &question, sim->now_us, &id), 0);
                run(sim, 20 * SECOND_US);
                for (size_t i = 0; i < 5; i++)
                        cr_expect_eq(sim->nodes[i].queries, cases[c].answered[i], "%s: n%zu",
                                     cases[c].name, i);
                byte_buffer_fini(&filters);
                destroy(sim);
        }
}

Test(serf, an_intent_that_comes_before_its_member_counts)
{
        struct sim *sim = create(2, 3600);
        struct byte_buffer message = BYTE_BUFFER_INIT;
        struct serf_intent leave = {.lamport = 40, .node = pack_slice_of("n1")};
        struct swim_address from = {4, {127, 0, 0, 1}, FIRST_PORT};

        sim->exchange_count = 0;
        serf_put_intent(&message, SERF_LEAVE, &leave);
        serf_receive(sim->nodes[0].serf, &from, GOSSIP_USER,
                     (struct pack_slice){message.bytes, (uint32_t)message.len}, sim->now_us);
        byte_buffer_fini(&message);
        want_exchange(sim, 1, 0, false);
        run(sim, DELAY_US);
        cr_expect_eq(status_of(sim, 0, 1), SERF_LEAVING);
        // It has learnt the time of that, and what it says next is later.
        serf_announce_join(sim->nodes[1].serf, sim->now_us);
        run(sim, 10 * SECOND_US);
        cr_expect_eq(status_of(sim, 0, 1), SERF_ALIVE);
        destroy(sim);
}

Test(serf, tags_are_told_to_everybody)
{
        struct sim *sim = create(3, 3600);
        const struct serf_member *member;

        run(sim, 5 * SECOND_US);
        cr_assert_eq(serf_set_tags(sim->nodes[2].serf, pack_slice_of("tags"), sim->now_us), 0);
        run(sim, 5 * SECOND_US);
        for (size_t i = 0; i < 3; i++) {
                member = serf_member_find(sim->nodes[i].serf, pack_slice_of("n2"));
                cr_expect(pack_slice_equal(member->meta, pack_slice_of("tags")), "n%zu", i);
        }
        cr_expect_eq(sim->nodes[0].updated, 1);
        destroy(sim);
}
