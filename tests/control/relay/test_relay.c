#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "control/log/log.h"
#include "control/relay/relay.h"
#include "control/relay/relay_server.h"
#include "control/rpc/demux.h"

#define SERVER_MAX 3

/* A server that answers with what it was asked, at once or when told. */
struct echo {
        struct demux *demux;
        struct relay_server *server;
        struct relay_incoming *held[64];
        unsigned held_count, cancelled, seen, dealt_with;
        bool hold; /* keep calls unanswered */
        char address[64];
};

struct world {
        uv_loop_t loop;
        uv_timer_t limit;
        struct echo servers[SERVER_MAX];
        unsigned server_count;
        struct relay *relay;
        struct log log;
};

struct outcome {
        unsigned count, items;
        enum relay_error error;
        char text[64];
        size_t len;
};

static void on_limit(uv_timer_t *timer)
{
        (void)timer;
        cr_assert(false, "what was waited for has not happened");
}

static void note_cancel(void *arg)
{
        struct echo *echo = arg;

        echo->cancelled++;
}

static void note_more(void *arg, uint32_t dealt_with)
{
        struct echo *echo = arg;

        echo->dealt_with += dealt_with;
}

static void answer(struct relay_incoming *incoming, const void *bytes, size_t len)
{
        struct byte_buffer buffer = BYTE_BUFFER_INIT;

        byte_buffer_append(&buffer, bytes, len);
        relay_incoming_answer(incoming, &buffer);
}

static void handle(void *arg, struct relay_incoming *incoming, enum relay_kind kind,
                   const uint8_t *bytes, size_t len)
{
        struct echo *echo = arg;

        echo->seen++;
        if (kind == RELAY_FOLLOW) {
                for (uint8_t i = 0; i < 5; i++)
                        cr_assert_eq(relay_incoming_item(incoming, &i, 1), 0);
        }
        relay_incoming_on_more(incoming, note_more, echo);
        if (echo->hold) {
                relay_incoming_on_cancel(incoming, note_cancel, echo);
                echo->held[echo->held_count++ % 64] = incoming;
        } else {
                answer(incoming, bytes, len);
        }
}

static void on_connection(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct echo *echo = arg;

        relay_server_accept(echo->server, take_connection, peer);
}

static void start_server(struct world *world, struct echo *echo)
{
        struct sockaddr_in address;
        const struct demux_options demux = {.loop = &world->loop};
        const struct relay_server_options options = {
            .loop = &world->loop, .log = &world->log, .arg = echo, .handle = handle};

        *echo = (struct echo){.server = relay_server_create(&options)};
        cr_assert_not_null(echo->server);
        cr_assert_eq(demux_create(&demux, &echo->demux), 0);
        demux_register(echo->demux, DEMUX_RELAY, on_connection, echo);
        uv_ip4_addr("127.0.0.1", 0, &address);
        cr_assert_eq(demux_listen(echo->demux, (struct sockaddr *)&address), 0);
        snprintf(echo->address, sizeof(echo->address), "127.0.0.1:%u", demux_port(echo->demux));
}

static void stop_server(struct echo *echo)
{
        if (echo->server == NULL)
                return;
        relay_server_destroy(echo->server);
        demux_close(echo->demux, NULL, NULL);
        echo->server = NULL;
}

static void tell_servers(void *arg, const char *datacenter, relay_server_fn tell, void *tell_arg)
{
        struct world *world = arg;

        for (unsigned i = 0; *datacenter == '\0' && i < world->server_count; i++)
                tell(tell_arg, world->servers[i].address);
}

static struct world *begin(unsigned server_count, double rate)
{
        struct world *world = calloc(1, sizeof(*world));
        struct relay_options options = {.loop = &world->loop,
                                        .hold_ms = 2000,
                                        .rate = rate,
                                        .burst = 2,
                                        .arg = world,
                                        .servers = tell_servers};

        cr_assert_eq(uv_loop_init(&world->loop), 0);
        world->log.stream = stderr;
        options.log = &world->log;
        uv_timer_init(&world->loop, &world->limit);
        uv_timer_start(&world->limit, on_limit, 20000, 0);
        world->server_count = server_count;
        for (unsigned i = 0; i < server_count; i++)
                start_server(world, &world->servers[i]);
        world->relay = relay_create(&options);
        cr_assert_not_null(world->relay);
        return world;
}

static void end(struct world *world)
{
        relay_close(world->relay, NULL, NULL);
        for (unsigned i = 0; i < world->server_count; i++)
                stop_server(&world->servers[i]);
        uv_close((uv_handle_t *)&world->limit, NULL);
        uv_run(&world->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&world->loop), 0);
        free(world);
}

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct outcome *outcome = arg;

        outcome->count++;
        outcome->error = error;
        outcome->len = len;
        if (len > 0 && len < sizeof(outcome->text))
                memcpy(outcome->text, bytes, len);
}

static void on_item(void *arg, const uint8_t *bytes, size_t len)
{
        struct outcome *outcome = arg;

        cr_expect_eq(len, 1);
        cr_expect_eq(bytes[0], outcome->items);
        outcome->items++;
}

static struct relay_call *ask(struct world *world, enum relay_kind kind, bool repeatable,
                              const void *bytes, size_t len, struct outcome *outcome)
{
        const struct relay_question question = {
            .kind = kind, .datacenter = "", .repeatable = repeatable, .bytes = bytes, .len = len};
        const struct relay_events events = {outcome, on_done, on_item};
        struct relay_call *call = relay_start(world->relay, &question, &events);

        cr_assert_not_null(call);
        return call;
}

static void run_until(struct world *world, const unsigned *count, unsigned wanted)
{
        while (*count < wanted)
                uv_run(&world->loop, UV_RUN_ONCE);
}

static unsigned total_seen(const struct world *world)
{
        unsigned seen = 0;

        for (unsigned i = 0; i < world->server_count; i++)
                seen += world->servers[i].seen;
        return seen;
}

Test(relay, a_call_is_answered_over_one_connection_that_is_kept)
{
        struct world *world = begin(1, 0);
        struct outcome outcomes[50] = {0};
        struct relay_stats stats;

        for (unsigned i = 0; i < 50; i++)
                ask(world, RELAY_REQUEST, true, "hello", 5, &outcomes[i]);
        run_until(world, &outcomes[49].count, 1);
        run_until(world, &outcomes[0].count, 1);
        relay_stats(world->relay, &stats);
        cr_expect_eq(stats.connections, 1);
        for (unsigned i = 0; i < 50; i++) {
                cr_expect_eq(outcomes[i].error, RELAY_OK);
                cr_expect_str_eq(outcomes[i].text, "hello");
        }
        end(world);
}

Test(relay, long_messages_do_not_hold_up_short_ones)
{
        enum { LONG = 8 << 20 };
        struct world *world = begin(1, 0);
        struct outcome first = {0}, big = {0}, small = {0};
        char *bytes = calloc(1, LONG);

        ask(world, RELAY_REQUEST, true, "x", 1, &first);
        run_until(world, &first.count, 1);
        ask(world, RELAY_REQUEST, true, bytes, LONG, &big);
        ask(world, RELAY_REQUEST, true, "hello", 5, &small);
        run_until(world, &small.count, 1);
        cr_expect_eq(big.count, 0);
        run_until(world, &big.count, 1);
        cr_expect_eq(big.len, LONG);
        free(bytes);
        end(world);
}

Test(relay, what_comes_before_the_answer_comes_in_order)
{
        struct world *world = begin(1, 0);
        struct outcome outcome = {0};

        ask(world, RELAY_FOLLOW, true, "", 0, &outcome);
        run_until(world, &outcome.count, 1);
        cr_expect_eq(outcome.items, 5);
        end(world);
}

Test(relay, servers_that_cannot_be_reached_are_passed_over)
{
        struct world *world = begin(3, 0);
        struct outcome outcome = {0};

        stop_server(&world->servers[0]);
        stop_server(&world->servers[1]);
        ask(world, RELAY_PROPOSE, false, "x", 1, &outcome);
        run_until(world, &outcome.count, 1);
        cr_expect_eq(outcome.error, RELAY_OK);
        end(world);
}

Test(relay, without_a_server_a_call_fails_at_once)
{
        struct world *world = begin(2, 0);
        struct outcome outcome = {0};

        stop_server(&world->servers[0]);
        stop_server(&world->servers[1]);
        ask(world, RELAY_REQUEST, true, "x", 1, &outcome);
        cr_expect_eq(outcome.count, 0, "nobody is told before relay_start has returned");
        run_until(world, &outcome.count, 1);
        cr_expect_eq(outcome.error, RELAY_NO_SERVERS);
        end(world);
}

static void run_until_held(struct world *world, unsigned *which)
{
        for (;;) {
                for (*which = 0; *which < world->server_count; ++*which) {
                        if (world->servers[*which].held_count > 0)
                                return;
                }
                uv_run(&world->loop, UV_RUN_ONCE);
        }
}

Test(relay, a_read_whose_server_dies_is_asked_of_another_one)
{
        struct world *world = begin(3, 0);
        struct outcome outcome = {0};
        unsigned which;

        for (unsigned i = 0; i < 3; i++)
                world->servers[i].hold = true;
        ask(world, RELAY_REQUEST, true, "x", 1, &outcome);
        run_until_held(world, &which);
        for (unsigned i = 0; i < 3; i++)
                world->servers[i].hold = false;
        stop_server(&world->servers[which]);
        cr_expect_eq(world->servers[which].cancelled, 1);
        run_until(world, &outcome.count, 1);
        cr_expect_eq(outcome.error, RELAY_OK);
        cr_expect_eq(total_seen(world), 2);
        end(world);
}

Test(relay, a_read_of_which_something_came_is_not_asked_again)
{
        struct world *world = begin(2, 0);
        struct outcome outcome = {0};

        world->servers[0].hold = world->servers[1].hold = true;
        ask(world, RELAY_FOLLOW, true, "", 0, &outcome);
        run_until(world, &outcome.items, 5);
        stop_server(&world->servers[world->servers[0].seen > 0 ? 0 : 1]);
        run_until(world, &outcome.count, 1);
        cr_expect_eq(outcome.error, RELAY_LOST);
        cr_expect_eq(total_seen(world), 1);
        end(world);
}

Test(relay, a_server_hears_what_was_dealt_with)
{
        struct world *world = begin(1, 0);
        struct outcome outcome = {0};
        struct relay_call *call;

        world->servers[0].hold = true;
        call = ask(world, RELAY_FOLLOW, true, "", 0, &outcome);
        // Nobody is there yet who could be told.
        relay_more(call, 1);
        run_until(world, &outcome.items, 5);
        relay_more(call, 4);
        relay_more(call, 1000);
        run_until(world, &world->servers[0].dealt_with, 1004);
        cr_expect_eq(world->servers[0].dealt_with, 1004);
        answer(world->servers[0].held[0], "", 0);
        run_until(world, &outcome.count, 1);
        end(world);
}

Test(relay, a_change_whose_server_dies_is_not_asked_again)
{
        struct world *world = begin(3, 0);
        struct outcome outcome = {0};
        unsigned which;

        for (unsigned i = 0; i < 3; i++)
                world->servers[i].hold = true;
        ask(world, RELAY_PROPOSE, false, "x", 1, &outcome);
        run_until_held(world, &which);
        stop_server(&world->servers[which]);
        run_until(world, &outcome.count, 1);
        cr_expect_eq(outcome.error, RELAY_LOST);
        cr_expect_eq(total_seen(world), 1);
        end(world);
}

Test(relay, a_server_hears_that_an_answer_is_not_waited_for)
{
        struct world *world = begin(1, 0);
        struct outcome outcome = {0};
        struct relay_call *call;
        unsigned which;

        world->servers[0].hold = true;
        call = ask(world, RELAY_REQUEST, true, "x", 1, &outcome);
        run_until_held(world, &which);
        relay_cancel(call);
        run_until(world, &world->servers[0].cancelled, 1);
        cr_expect_eq(outcome.count, 0);
        end(world);
}

Test(relay, more_than_the_rate_is_refused)
{
        struct world *world = begin(1, 0.001);
        struct outcome outcomes[3] = {0};

        for (unsigned i = 0; i < 3; i++)
                ask(world, RELAY_REQUEST, true, "x", 1, &outcomes[i]);
        for (unsigned i = 0; i < 3; i++)
                run_until(world, &outcomes[i].count, 1);
        cr_expect_eq(outcomes[0].error, RELAY_OK);
        cr_expect_eq(outcomes[1].error, RELAY_OK);
        cr_expect_eq(outcomes[2].error, RELAY_LIMITED);
        end(world);
}

Test(relay, calls_that_wait_are_told_when_the_agent_ends)
{
        struct world *world = begin(1, 0);
        struct outcome outcome = {0};
        unsigned which;

        world->servers[0].hold = true;
        ask(world, RELAY_REQUEST, true, "x", 1, &outcome);
        run_until_held(world, &which);
        end(world);
        cr_expect_eq(outcome.count, 1);
        cr_expect_eq(outcome.error, RELAY_STOPPED);
}
