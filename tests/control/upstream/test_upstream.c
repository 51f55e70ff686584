#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/fsm/propose.h"
#include "control/rpc/consul_rpc.h"
#include "control/upstream/upstream.h"
#include "lictor/bytes.h"

// The client's side of Consul's RPC against servers that speak it, on one loop.

#define KEPT_MAX    2000u
#define SERVERS_MAX 3u

struct server {
        struct group *group;
        struct demux *demux;
        struct consul_rpc *rpc;
        struct rpc_call *kept[KEPT_MAX]; /* calls that wait */
        unsigned kept_count, served, cancelled;
        char address[32];
};

struct group {
        uv_loop_t loop;
        struct log log;
        struct server servers[SERVERS_MAX];
        unsigned count;
        struct upstream *upstream;
};

/* What came of a call. */
struct outcome {
        unsigned times;
        char error[512];
        struct byte_buffer body;
};

static void echo(void *owner, struct rpc_call *call)
{
        struct server *server = owner;
        struct pack_slice args = rpc_call_args(call);

        server->served++;
        rpc_call_answer(call, args.bytes, args.length);
}

static void refuse(void *owner, struct rpc_call *call)
{
        (void)owner;
        rpc_call_refuse(call, "No cluster leader");
}

static void on_cancel(void *arg, struct rpc_call *call)
{
        struct server *server = arg;

        for (unsigned i = 0; i < server->kept_count; i++)
                if (server->kept[i] == call) {
                        server->kept[i] = server->kept[--server->kept_count];
                        server->cancelled++;
                        return;
                }
}

static void keep(void *owner, struct rpc_call *call)
{
        struct server *server = owner;

        cr_assert_lt(server->kept_count, KEPT_MAX);
        rpc_call_on_cancel(call, on_cancel, server);
        server->kept[server->kept_count++] = call;
}

static void long_answer(void *owner, struct rpc_call *call)
{
        static const uint32_t len = 3u << 20;
        uint8_t *body = calloc(1, len + 5);

        (void)owner;
        body[0] = 0xdb;
        for (unsigned i = 0; i < 4; i++)
                body[1 + i] = (uint8_t)(len >> (24 - 8 * i));
        rpc_call_answer(call, body, len + 5);
        free(body);
}

static const struct rpc_method methods[] = {
    {"Test.Echo", echo},        {"Test.Refuse", refuse},    {"Test.Keep", keep},
    {"Test.Long", long_answer}, {"Catalog.Register", echo}, {"Catalog.Deregister", refuse},
};

static void tell_servers(void *arg, const char *datacenter, relay_server_fn tell, void *tell_arg)
{
        struct group *group = arg;

        (void)datacenter;
        for (unsigned i = 0; i < group->count; i++)
                if (group->servers[i].demux != NULL)
                        tell(tell_arg, group->servers[i].address);
}

static void start_server(struct group *group, struct server *server)
{
        struct consul_rpc_options options = {.loop = &group->loop};
        struct sockaddr_in address;

        cr_assert_eq(demux_create(&(struct demux_options){.loop = &group->loop}, &server->demux),
                     0);
        options.demux = server->demux;
        cr_assert_eq(consul_rpc_create(&options, &server->rpc), 0);
        cr_assert_eq(consul_rpc_add(server->rpc, methods, ARRAY_LEN(methods), server), 0);
        uv_ip4_addr("127.0.0.1", 0, &address);
        cr_assert_eq(demux_listen(server->demux, (struct sockaddr *)&address), 0);
        snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
                 demux_port(server->demux));
        server->group = group;
}

static void stop_server(struct server *server)
{
        if (server->demux == NULL)
                return;
        consul_rpc_close(server->rpc, NULL, NULL);
        demux_close(server->demux, NULL, NULL);
        server->demux = NULL;
}

static struct group *start(unsigned count)
{
        struct group *group = calloc(1, sizeof(*group));
        const struct relay_options options = {.loop = &group->loop,
                                              .log = &group->log,
                                              .hold_ms = 1000,
                                              .arg = group,
                                              .servers = tell_servers};

        group->log.stream = stderr;
        cr_assert_eq(uv_loop_init(&group->loop), 0);
        group->count = count;
        for (unsigned i = 0; i < count; i++)
                start_server(group, &group->servers[i]);
        group->upstream = upstream_create(&options, "dc1");
        cr_assert_not_null(group->upstream);
        return group;
}

static void stop(struct group *group)
{
        upstream_close(group->upstream);
        for (unsigned i = 0; i < group->count; i++)
                stop_server(&group->servers[i]);
        uv_run(&group->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&group->loop), 0, "nothing is left open");
        free(group);
}

static void on_beat(uv_timer_t *timer)
{
        (void)timer;
}

static void turn(struct group *group)
{
        uv_timer_t beat;

        uv_timer_init(&group->loop, &beat);
        uv_timer_start(&beat, on_beat, 2, 0);
        uv_run(&group->loop, UV_RUN_ONCE);
        uv_close((uv_handle_t *)&beat, NULL);
        uv_run(&group->loop, UV_RUN_NOWAIT);
}

#define TURN_UNTIL(group, condition)                                                               \
        do {                                                                                       \
                for (unsigned turns = 0; turns < 20000 && !(condition); turns++)                   \
                        turn(group);                                                               \
                cr_assert(condition, #condition);                                                  \
        } while (0)

static void on_done(void *arg, const char *error, struct pack_slice body)
{
        struct outcome *outcome = arg;

        outcome->times++;
        snprintf(outcome->error, sizeof(outcome->error), "%s", error != NULL ? error : "");
        if (body.length > 0)
                byte_buffer_append(&outcome->body, body.bytes, body.length);
}

static struct upstream_call *ask(struct group *group, const char *method, const char *text,
                                 bool repeatable, uint64_t timeout_ms, struct outcome *outcome)
{
        struct upstream_question question = {.method = method,
                                             .repeatable = repeatable,
                                             .timeout_ms = timeout_ms,
                                             .done = on_done,
                                             .arg = outcome};
        struct byte_buffer args = BYTE_BUFFER_INIT;
        struct upstream_call *call;

        *outcome = (struct outcome){.times = 0};
        pack_put_text(&args, text);
        question.args = (struct pack_slice){args.bytes, (uint32_t)args.len};
        call = upstream_start(group->upstream, &question);
        cr_assert_not_null(call);
        cr_expect_eq(outcome->times, 0, "never before upstream_start returns");
        byte_buffer_fini(&args);
        return call;
}

static unsigned kept_of(const struct group *group)
{
        unsigned count = 0;

        for (unsigned i = 0; i < group->count; i++)
                count += group->servers[i].kept_count;
        return count;
}

Test(upstream, a_call_gets_the_answer_of_the_server)
{
        struct group *group = start(1);
        struct outcome outcome;

        ask(group, "Test.Echo", "hello", true, 0, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_str_eq(outcome.error, "");
        cr_assert_eq(outcome.body.len, 6);
        cr_expect_arr_eq(outcome.body.bytes, "\xa5hello", 6);
        byte_buffer_fini(&outcome.body);
        stop(group);
}

Test(upstream, a_refusal_is_told_as_agents_pass_it_on)
{
        struct group *group = start(1);
        struct outcome outcome, next;

        ask(group, "Test.Refuse", "", true, 0, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_str_eq(outcome.error, "rpc error making call: No cluster leader");
        ask(group, "Nobody.Serves", "", true, 0, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_not_null(strstr(outcome.error, "can't find service"), "%s", outcome.error);
        ask(group, "Test.Echo", "x", true, 0, &next);
        TURN_UNTIL(group, next.times == 1);
        cr_expect_str_eq(next.error, "");
        byte_buffer_fini(&next.body);
        stop(group);
}

Test(upstream, an_answer_longer_than_a_stream_s_window_arrives_whole)
{
        struct group *group = start(1);
        struct outcome outcome;

        ask(group, "Test.Long", "", true, 0, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_str_eq(outcome.error, "");
        cr_expect_eq(outcome.body.len, (3u << 20) + 5);
        byte_buffer_fini(&outcome.body);
        stop(group);
}

Test(upstream, a_thousand_calls_wait_at_once_and_others_are_answered_meanwhile)
{
        static struct outcome waiting[1000], other;
        struct group *group = start(1);
        unsigned done = 0;

        for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
                ask(group, "Test.Keep", "", true, 0, &waiting[i]);
        TURN_UNTIL(group, group->servers[0].kept_count == ARRAY_LEN(waiting));
        ask(group, "Test.Echo", "x", true, 0, &other);
        TURN_UNTIL(group, other.times == 1);
        byte_buffer_fini(&other.body);
        while (group->servers[0].kept_count > 0)
                rpc_call_answer(group->servers[0].kept[--group->servers[0].kept_count],
                                (const uint8_t *)"\xc3", 1);
        TURN_UNTIL(group, waiting[0].times == 1);
        for (unsigned turns = 0; turns < 1000 && done < ARRAY_LEN(waiting); turns++) {
                turn(group);
                done = 0;
                for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
                        done += waiting[i].times;
        }
        cr_expect_eq(done, ARRAY_LEN(waiting));
        for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
                cr_expect_eq(waiting[i].body.len, 1);
                byte_buffer_fini(&waiting[i].body);
        }
        stop(group);
}

Test(upstream, a_cancelled_call_ends_at_the_server)
{
        struct group *group = start(1);
        struct outcome outcome;
        struct upstream_call *call = ask(group, "Test.Keep", "", true, 0, &outcome);

        TURN_UNTIL(group, group->servers[0].kept_count == 1);
        upstream_cancel(call);
        TURN_UNTIL(group, group->servers[0].cancelled == 1);
        cr_expect_eq(outcome.times, 0);
        stop(group);
}

// More than a server may have yet to accept: what comes then is put by.
Test(upstream, a_call_goes_out_once_those_before_it_are_cancelled)
{
        static struct upstream_call *calls[300];
        static struct outcome cancelled[ARRAY_LEN(calls)];
        struct group *group = start(1);
        struct outcome outcome;

        ask(group, "Test.Echo", "x", true, 0, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        byte_buffer_fini(&outcome.body);
        for (size_t i = 0; i < ARRAY_LEN(calls); i++)
                calls[i] = ask(group, "Test.Keep", "", true, 0, &cancelled[i]);
        ask(group, "Test.Echo", "x", true, 0, &outcome);
        for (size_t i = 0; i < ARRAY_LEN(calls); i++)
                upstream_cancel(calls[i]);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_str_eq(outcome.error, "");
        byte_buffer_fini(&outcome.body);
        stop(group);
}

Test(upstream, a_call_is_given_up_when_its_time_is_over)
{
        struct group *group = start(1);
        struct outcome outcome;

        ask(group, "Test.Keep", "", true, 50, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_str_neq(outcome.error, "");
        TURN_UNTIL(group, group->servers[0].cancelled == 1);
        stop(group);
}

Test(upstream, a_read_goes_on_at_another_server_and_a_change_does_not)
{
        struct group *group = start(3);
        struct outcome reading, changing;

        ask(group, "Test.Keep", "", true, 0, &reading);
        ask(group, "Test.Keep", "", false, 0, &changing);
        TURN_UNTIL(group, kept_of(group) == 2);
        for (unsigned i = 0; i < group->count; i++) {
                if (group->servers[i].kept_count > 0)
                        stop_server(&group->servers[i]);
        }
        TURN_UNTIL(group, changing.times == 1 && kept_of(group) == 1);
        cr_expect_str_neq(changing.error, "");
        cr_expect_eq(reading.times, 0);
        stop(group);
        cr_expect_eq(reading.times, 1, "it is told of the end");
}

static void on_proposed(void *arg, const struct fsm_result *result)
{
        struct outcome *outcome = arg;

        outcome->times++;
        snprintf(outcome->error, sizeof(outcome->error), "%s", result->error.text);
}

Test(upstream, a_registration_is_a_call_and_its_refusal_comes_back)
{
        struct group *group = start(1);
        struct command reg = {.type = COMMAND_REGISTER}, dereg = {.type = COMMAND_DEREGISTER},
                       reap = {.type = COMMAND_TOMBSTONE_REAP};
        struct outcome registered = {0}, refused = {0}, unknown = {0};
        struct log_proposer *proposer = upstream_proposer(group->upstream);

        reg.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        reg.reg.node.name = "n1";
        reg.reg.node.address = "10.0.0.1";
        reg.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        dereg.dereg = (struct command_deregister){"n1", "", ""};
        propose_command(proposer, &reg, on_proposed, &registered);
        propose_command(proposer, &dereg, on_proposed, &refused);
        propose_command(proposer, &reap, on_proposed, &unknown);
        TURN_UNTIL(group, registered.times == 1 && refused.times == 1);
        cr_expect_str_eq(registered.error, "");
        cr_expect_eq(group->servers[0].served, 1);
        cr_expect_str_eq(refused.error, "rpc error making call: No cluster leader");
        cr_expect_eq(unknown.times, 1);
        cr_expect_str_neq(unknown.error, "", "Consul has no such call");
        stop(group);
}

Test(upstream, without_servers_a_call_fails_at_once)
{
        struct group *group = start(0);
        struct outcome outcome;

        ask(group, "Test.Echo", "", true, 0, &outcome);
        TURN_UNTIL(group, outcome.times == 1);
        cr_expect_str_eq(outcome.error, "No known Consul servers");
        stop(group);
}
