#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/rpc/consul_rpc.h"
#include "control/rpc/rpc_codec.h"
#include "control/yamux/yamux.h"
#include "lictor/bytes.h"

#define KEPT_MAX 20000u

struct server {
        uv_loop_t loop;
        struct demux *demux;
        struct consul_rpc *rpc;
        struct rpc_call *kept[KEPT_MAX]; /* calls that wait */
        unsigned kept_count, served, cancelled;
        size_t answer_len;
        unsigned closed;
};

static void serve_now(void *owner, struct rpc_call *call)
{
        struct server *s = owner;
        uint8_t *body = calloc(1, s->answer_len + 5);

        s->served++;
        body[0] = 0xdb;
        for (unsigned i = 0; i < 4; i++)
                body[1 + i] = (uint8_t)(s->answer_len >> (24 - 8 * i));
        rpc_call_answer(call, body, s->answer_len + 5);
        free(body);
}

static void on_cancel(void *arg, struct rpc_call *call)
{
        struct server *s = arg;

        for (unsigned i = 0; i < s->kept_count; i++)
                if (s->kept[i] == call) {
                        s->kept[i] = s->kept[--s->kept_count];
                        s->cancelled++;
                        return;
                }
        cr_assert_fail("a call that was not kept");
}

static void keep(void *owner, struct rpc_call *call)
{
        struct server *s = owner;

        cr_assert_lt(s->kept_count, KEPT_MAX);
        cr_expect_eq(strncmp(rpc_call_source_text(call), "127.0.0.1:", 10), 0);
        cr_expect_eq(rpc_call_source(call)->sa_family, AF_INET);
        rpc_call_on_cancel(call, on_cancel, s);
        s->kept[s->kept_count++] = call;
}

static const struct rpc_method methods[] = {{"Test.Now", serve_now}, {"Test.Keep", keep}};

static struct server *start(struct consul_rpc_options options)
{
        struct server *s = calloc(1, sizeof(*s));
        struct sockaddr_in address;

        cr_assert_not_null(s);
        cr_assert_eq(uv_loop_init(&s->loop), 0);
        cr_assert_eq(demux_create(&(struct demux_options){.loop = &s->loop}, &s->demux), 0);
        options.loop = &s->loop;
        options.demux = s->demux;
        cr_assert_eq(consul_rpc_create(&options, &s->rpc), 0);
        cr_assert_eq(consul_rpc_add(s->rpc, methods, ARRAY_LEN(methods), s), 0);
        uv_ip4_addr("127.0.0.1", 0, &address);
        cr_assert_eq(demux_listen(s->demux, (struct sockaddr *)&address), 0);
        return s;
}

static void on_part_closed(void *arg)
{
        ((struct server *)arg)->closed++;
}

static void stop(struct server *s)
{
        consul_rpc_close(s->rpc, on_part_closed, s);
        cr_expect_eq(s->kept_count, 0, "all calls are answered or cancelled");
        demux_close(s->demux, on_part_closed, s);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        cr_expect_eq(s->closed, 2);
        cr_expect_eq(uv_loop_close(&s->loop), 0, "nothing is left open");
        free(s);
}

/* The other end: a session of ours over a socket, driven by the test between turns of the loop. */
struct client {
        int fd;
        struct yamux *yamux;
        size_t received; /* of all streams */
        unsigned finished, reset;
        bool reads;
        bool over;
};

static void on_beat(uv_timer_t *timer)
{
        (void)timer;
}

static void client_read(struct client *c)
{
        static uint8_t bytes[65536];
        ssize_t got = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        struct yamux_event event = {.kind = YAMUX_BLOCKED};
        size_t at = 0, used;

        c->over |= got == 0 || (got < 0 && errno != EAGAIN);
        while (got > 0 && event.kind != YAMUX_NOTHING) {
                if (yamux_receive(c->yamux, bytes + at, (size_t)got - at, &used, &event) < 0)
                        return;
                at += used;
                if (event.kind == YAMUX_DATA && c->reads)
                        yamux_consume(event.stream, event.len);
                c->received += event.kind == YAMUX_DATA ? event.len : 0;
                c->finished += event.kind == YAMUX_FINISHED;
                c->reset += event.kind == YAMUX_RESET;
        }
}

// One turn of either side.
static void turn(struct server *s, struct client *c)
{
        static uint8_t bytes[4096];
        uv_timer_t beat;
        size_t len;

        while ((len = yamux_take_output(c->yamux, bytes, sizeof(bytes))) > 0)
                if (send(c->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
                        break;
        uv_timer_init(&s->loop, &beat);
        uv_timer_start(&beat, on_beat, 2, 0);
        uv_run(&s->loop, UV_RUN_ONCE);
        uv_close((uv_handle_t *)&beat, NULL);
        uv_run(&s->loop, UV_RUN_NOWAIT);
        client_read(c);
}

#define TURN_UNTIL(s, c, condition)                                                                \
        do {                                                                                       \
                for (unsigned turns = 0; turns < 20000 && !(condition); turns++)                   \
                        turn(s, c);                                                                \
                cr_assert(condition, #condition);                                                  \
        } while (0)

static struct client *client_start(const struct server *s, bool sends_byte)
{
        const struct yamux_options options = {.client = true, .seed = 1, .backlog_max = UINT32_MAX};
        struct client *c = calloc(1, sizeof(*c));
        struct sockaddr_in address;

        cr_assert_not_null(c);
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        uv_ip4_addr("127.0.0.1", demux_port(s->demux), &address);
        cr_assert_eq(connect(c->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        if (sends_byte)
                cr_assert_eq(send(c->fd, "\4", 1, 0), 1);
        cr_assert_eq(yamux_create(&options, 0, &c->yamux), 0);
        c->reads = true;
        return c;
}

static void client_stop(struct client *c)
{
        yamux_destroy(c->yamux);
        close(c->fd);
        free(c);
}

static struct yamux_stream *open_stream(struct client *c)
{
        struct yamux_stream *stream;

        cr_assert_eq(yamux_open(c->yamux, NULL, &stream), 0);
        return stream;
}

static void send_call(struct yamux_stream *stream, const char *method, uint64_t seq)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        pack_put_map(&b, 2);
        pack_put_text(&b, "ServiceMethod");
        pack_put_text(&b, method);
        pack_put_text(&b, "Seq");
        pack_put_uint(&b, seq);
        pack_put_map(&b, 0);
        cr_assert_eq(yamux_send(stream, b.bytes, b.len), 0);
        byte_buffer_fini(&b);
}

static struct consul_rpc_counters counters(const struct server *s)
{
        struct consul_rpc_counters now;

        consul_rpc_counters(s->rpc, &now);
        return now;
}

Test(consul_rpc, ten_thousand_calls_wait_in_one_connection_and_are_answered_in_any_order)
{
        struct server *s = start((struct consul_rpc_options){0});
        struct client *c = client_start(s, true);

        for (unsigned i = 0; i < 10000; i++)
                send_call(open_stream(c), "Test.Keep", i);
        TURN_UNTIL(s, c, s->kept_count == 10000);
        cr_expect_eq(counters(s).calls_open, 10000);
        while (s->kept_count > 0)
                rpc_call_answer(s->kept[--s->kept_count], (const uint8_t *)"\xc0", 1);
        // Each is 37 bytes and its number, which is of one, two or three.
        TURN_UNTIL(s, c, c->received == 10000 * (37 + 3) - 128 - 256);
        cr_expect_eq(counters(s).calls_open, 0);
        client_stop(c);
        stop(s);
}

Test(consul_rpc, calls_are_cancelled_when_their_stream_or_connection_goes)
{
        struct server *s = start((struct consul_rpc_options){0});
        struct client *c = client_start(s, true);
        struct yamux_stream *a = open_stream(c), *b = open_stream(c);

        for (unsigned i = 0; i < 3; i++)
                send_call(a, "Test.Keep", i);
        for (unsigned i = 0; i < 2; i++)
                send_call(b, "Test.Keep", i);
        TURN_UNTIL(s, c, s->kept_count == 5);
        yamux_reset(a);
        TURN_UNTIL(s, c, s->cancelled == 3);
        cr_expect_eq(s->kept_count, 2, "the other stream's wait on");
        shutdown(c->fd, SHUT_RDWR);
        TURN_UNTIL(s, c, s->cancelled == 5);
        cr_expect_eq(counters(s).calls_open, 0);
        cr_expect_eq(counters(s).connections_open, 0);
        client_stop(c);
        stop(s);
}

Test(consul_rpc, calls_are_cancelled_when_the_server_ends)
{
        struct server *s = start((struct consul_rpc_options){0});
        struct client *c = client_start(s, true);

        send_call(open_stream(c), "Test.Keep", 1);
        TURN_UNTIL(s, c, s->kept_count == 1);
        stop(s);
        client_stop(c);
}

Test(consul_rpc, a_stream_that_sends_no_more_is_ended_when_its_calls_are_answered)
{
        struct server *s = start((struct consul_rpc_options){0});
        struct client *c = client_start(s, true);
        struct yamux_stream *a = open_stream(c);

        send_call(a, "Test.Keep", 1);
        yamux_finish(a);
        TURN_UNTIL(s, c, s->kept_count == 1);
        for (unsigned i = 0; i < 20; i++)
                turn(s, c);
        cr_expect_eq(c->finished, 0);
        rpc_call_refuse(s->kept[--s->kept_count], "no");
        TURN_UNTIL(s, c, c->finished == 1);
        cr_expect_gt(c->received, 30);
        cr_expect_eq(counters(s).failed, 1);
        client_stop(c);
        stop(s);
}

Test(consul_rpc, calls_over_the_limit_are_read_when_others_were_answered)
{
        struct server *s = start((struct consul_rpc_options){.calls_max = 10});
        struct client *c = client_start(s, true);
        struct yamux_stream *a = open_stream(c), *b = open_stream(c);
        unsigned answered = 0;

        for (unsigned i = 0; i < 25; i++) {
                send_call(a, "Test.Keep", i);
                send_call(b, "Test.Keep", i);
        }
        for (; answered < 50; answered++) {
                TURN_UNTIL(s, c, s->kept_count == (50 - answered < 10 ? 50 - answered : 10));
                rpc_call_answer(s->kept[--s->kept_count], (const uint8_t *)"\xc0", 1);
        }
        cr_expect_eq(counters(s).calls, 50);
        client_stop(c);
        stop(s);
}

Test(consul_rpc, no_calls_are_read_while_answers_are_not)
{
        struct server *s = start((struct consul_rpc_options){0});
        struct client *c = client_start(s, true);
        struct yamux_stream *a = open_stream(c);
        unsigned served;

        s->answer_len = 1 << 20;
        c->reads = false;
        for (unsigned i = 0; i < 60; i++)
                send_call(a, "Test.Now", i);
        TURN_UNTIL(s, c, s->served >= 17);
        for (unsigned i = 0; i < 50; i++)
                turn(s, c);
        served = s->served;
        cr_expect_leq(served, 20, "%u", served);
        cr_expect_lt(c->received, 262145);
        c->reads = true;
        yamux_consume(a, c->received);
        TURN_UNTIL(s, c, c->received >= 60u << 20);
        cr_expect_eq(s->served, 60);
        client_stop(c);
        stop(s);
}

Test(consul_rpc, connections_of_one_address_are_limited)
{
        struct server *s = start((struct consul_rpc_options){.per_source_max = 2});
        struct client *c[4];

        for (unsigned i = 0; i < 3; i++) {
                c[i] = client_start(s, true);
                TURN_UNTIL(s, c[i], counters(s).connections + counters(s).refused == i + 1);
        }
        cr_expect_eq(counters(s).refused, 1);
        TURN_UNTIL(s, c[2], c[2]->over);
        client_stop(c[0]);
        TURN_UNTIL(s, c[1], counters(s).connections_open == 1);
        c[3] = client_start(s, true);
        send_call(open_stream(c[3]), "Test.Now", 1);
        TURN_UNTIL(s, c[3], c[3]->received > 0);
        for (unsigned i = 1; i < 4; i++)
                client_stop(c[i]);
        stop(s);
}

Test(consul_rpc, a_call_that_does_not_come_whole_in_time_is_given_up)
{
        struct server *s = start((struct consul_rpc_options){.call_ms = 100});
        struct client *c = client_start(s, true);
        struct client *plain = client_start(s, false);
        struct yamux_stream *a = open_stream(c), *b = open_stream(c);

        send_call(b, "Test.Keep", 1);
        cr_assert_eq(yamux_send(a, "\x82\xad", 2), 0);
        cr_assert_eq(send(plain->fd, "\0\x82\xad", 3, 0), 3);
        TURN_UNTIL(s, c, c->reset == 1);
        TURN_UNTIL(s, plain, plain->over);
        cr_expect_eq(s->kept_count, 1, "a whole call may take its time");
        client_stop(c);
        client_stop(plain);
        stop(s);
}

Test(consul_rpc, a_session_that_answers_no_pings_is_ended_and_others_are_not)
{
        const struct consul_rpc_options options = {.keepalive_ms = 1, .patience_ms = 1500};
        struct server *s = start(options);
        struct client *mute = client_start(s, true), *c = client_start(s, true);
        struct yamux_stream *stream = open_stream(c);
        size_t before;

        TURN_UNTIL(s, c, counters(s).connections_open == 2);
        send_call(stream, "Test.Now", 1);
        TURN_UNTIL(s, c, counters(s).broken == 1);
        before = c->received;
        send_call(stream, "Test.Now", 2);
        TURN_UNTIL(s, c, c->received > before);
        cr_expect_eq(counters(s).connections_open, 1);
        client_stop(mute);
        client_stop(c);
        stop(s);
}

Test(consul_rpc, who_keeps_most_of_unfinished_calls_goes_when_there_is_no_room)
{
        static uint8_t filler[100000];
        struct server *s = start((struct consul_rpc_options){.kept_max = 100000});
        struct client *greedy = client_start(s, true), *c = client_start(s, true);
        struct yamux_stream *a = open_stream(greedy), *b = open_stream(c);
        static const uint8_t half[] =
            "\x82\xadServiceMethod\xa8Test.Now\xa3Seq\x01\xdb\x00\x01\x00";

        yamux_send(a, half, sizeof(half)); // the arguments: a text of 65536 bytes
        yamux_send(a, filler, 60000);
        TURN_UNTIL(s, greedy, yamux_backlog(greedy->yamux) == 0);
        yamux_send(b, half, sizeof(half));
        yamux_send(b, filler, 50000);
        TURN_UNTIL(s, c, counters(s).broken == 1);
        TURN_UNTIL(s, greedy, greedy->over);
        yamux_send(b, filler, 15536);
        TURN_UNTIL(s, c, s->served == 1);
        client_stop(greedy);
        client_stop(c);
        stop(s);
}
