#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/demux.h"
#include "control/server/forward.h"

#define LONG_MS 60000u

/* Two servers on one loop; the far one answers, or keeps what it is asked. */
struct pair {
        uv_loop_t loop;
        uv_timer_t guard;
        struct log log;
        struct demux *demux;
        struct forward *near, *far;
        char address[32];
        struct forward_incoming *kept[4];
        unsigned kept_count, keep_max;
        uint64_t cluster_id;
};

struct outcome {
        struct pair *pair;
        unsigned called;
        int error;
        enum forward_status status;
        char text[32];
};

static uint64_t on_cluster_id(void *arg)
{
        return ((struct pair *)arg)->cluster_id;
}

static void on_request(void *arg, struct forward_incoming *incoming,
                       const struct forward_head *head, const uint8_t *payload)
{
        struct pair *p = arg;

        if (p->kept_count < p->keep_max)
                p->kept[p->kept_count++] = incoming;
        else
                forward_answer(incoming, FORWARD_OK, payload, head->length);
        uv_stop(&p->loop);
}

static void on_accept(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        (void)peer;
        forward_accept(((struct pair *)arg)->far, take_connection);
}

static void on_done(void *arg, int error, enum forward_status status, const uint8_t *payload,
                    size_t len)
{
        struct outcome *o = arg;

        o->called++;
        o->error = error;
        o->status = status;
        snprintf(o->text, sizeof(o->text), "%.*s", (int)len, len > 0 ? (const char *)payload : "");
        uv_stop(&o->pair->loop);
}

static void on_guard(uv_timer_t *timer)
{
        (void)timer;
        cr_assert_fail("nothing happened");
}

static void start(struct pair *p)
{
        struct forward_options options = {.loop = &p->loop,
                                          .log = &p->log,
                                          .arg = p,
                                          .cluster_id = on_cluster_id,
                                          .handle = on_request};
        struct demux_options demux_options = {.loop = &p->loop};
        struct sockaddr_in any;

        *p = (struct pair){.cluster_id = 7, .log = {.stream = stderr, .level = LOG_LEVEL_ERROR}};
        cr_assert_eq(uv_loop_init(&p->loop), 0);
        uv_timer_init(&p->loop, &p->guard);
        uv_timer_start(&p->guard, on_guard, 20000, 0);
        p->near = forward_create(&options);
        p->far = forward_create(&options);
        cr_assert_eq(demux_create(&demux_options, &p->demux), 0);
        demux_register(p->demux, DEMUX_FORWARD, on_accept, p);
        uv_ip4_addr("127.0.0.1", 0, &any);
        cr_assert_eq(demux_listen(p->demux, (struct sockaddr *)&any), 0);
        snprintf(p->address, sizeof(p->address), "127.0.0.1:%u", demux_port(p->demux));
}

static void stop(struct pair *p)
{
        for (unsigned i = 0; i < p->kept_count; i++)
                forward_answer(p->kept[i], FORWARD_OK, NULL, 0);
        forward_close(p->near, NULL, NULL);
        forward_close(p->far, NULL, NULL);
        demux_close(p->demux, NULL, NULL);
        uv_close((uv_handle_t *)&p->guard, NULL);
        // What ends now may stop the loop once more.
        while (uv_run(&p->loop, UV_RUN_DEFAULT) != 0)
                continue;
        cr_expect_eq(uv_loop_close(&p->loop), 0, "nothing is left open");
}

static void ask(struct pair *p, struct outcome *o, const char *text)
{
        *o = (struct outcome){.pair = p};
        forward_send(p->near, p->address, FORWARD_INTRODUCE, text, strlen(text), LONG_MS, on_done,
                     o);
}

static void await(const struct outcome *o)
{
        while (o->called == 0)
                uv_run(&o->pair->loop, UV_RUN_DEFAULT);
}

static void await_kept(struct pair *p, unsigned count)
{
        while (p->kept_count < count)
                uv_run(&p->loop, UV_RUN_DEFAULT);
}

Test(forward, requests_are_answered_each_with_its_own)
{
        struct outcome first, second;
        struct pair p;

        start(&p);
        p.keep_max = 1;
        ask(&p, &first, "first");
        ask(&p, &second, "second");
        await(&second);
        cr_expect_eq(second.error, 0);
        cr_expect_eq(second.status, FORWARD_OK);
        cr_expect_str_eq(second.text, "second");
        cr_expect_eq(first.called, 0, "answers come in any order");
        forward_answer_text(p.kept[0], FORWARD_REFUSED, "no");
        p.kept_count = 0;
        await(&first);
        cr_expect_eq(first.status, FORWARD_REFUSED);
        cr_expect_str_eq(first.text, "no");
        stop(&p);
}

Test(forward, what_was_never_sent_says_so)
{
        struct outcome o;
        struct pair p;

        start(&p);
        snprintf(p.address, sizeof(p.address), "127.0.0.1:1");
        ask(&p, &o, "lost");
        await(&o);
        cr_expect_eq(o.error, -ENOTCONN);
        snprintf(p.address, sizeof(p.address), "nowhere");
        ask(&p, &o, "lost");
        await(&o);
        cr_expect_eq(o.error, -ENOTCONN);
        stop(&p);
}

Test(forward, a_deposed_leader_is_not_waited_for)
{
        struct outcome o;
        struct pair p;
        uint64_t began_ms;

        start(&p);
        p.keep_max = 1;
        ask(&p, &o, "kept");
        await_kept(&p, 1);
        began_ms = uv_now(&p.loop);
        forward_hurry(p.near, p.address, 100);
        await(&o);
        cr_expect_eq(o.error, -ETIMEDOUT, "it was sent: its outcome is not known");
        cr_expect_geq(uv_now(&p.loop) - began_ms, 100, "what is on its way gets this long");
        stop(&p);
}

Test(forward, other_servers_keep_their_time)
{
        struct outcome o;
        struct pair p;

        start(&p);
        p.keep_max = 1;
        ask(&p, &o, "kept");
        await_kept(&p, 1);
        forward_hurry(p.near, "127.0.0.1:1", 0);
        forward_answer(p.kept[0], FORWARD_OK, "late", 4);
        p.kept_count = 0;
        await(&o);
        cr_expect_eq(o.error, 0);
        cr_expect_str_eq(o.text, "late");
        stop(&p);
}

Test(forward, a_request_cut_off_after_it_was_sent_may_have_been_done)
{
        struct outcome o;
        struct pair p;

        start(&p);
        p.keep_max = 1;
        ask(&p, &o, "kept");
        await_kept(&p, 1);
        forward_close(p.near, NULL, NULL);
        cr_expect_eq(o.called, 1);
        cr_expect_eq(o.error, -ECANCELED);
        p.near = forward_create(&(struct forward_options){
            .loop = &p.loop, .log = &p.log, .arg = &p, .cluster_id = on_cluster_id});
        stop(&p);
}
