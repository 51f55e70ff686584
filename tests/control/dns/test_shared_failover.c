#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/dns/shared_failover.h"
#include "lictor/random.h"

#define CALLS_MAX 1024

/* Who carries queries out; a test ends the calls by hand. */
struct call {
        char name[32];
        void (*done)(void *arg, const json_t *answer);
        void *arg;
        bool open;
};

struct elsewhere {
        struct call calls[CALLS_MAX];
        unsigned count, cancelled;
        bool nowhere;
};

struct fixture {
        uv_loop_t loop;
        struct elsewhere elsewhere;
        struct shared_failover *shared;
        struct dns_failover front;
};

static void *inner_ask(void *arg, const char *name, void (*done)(void *, const json_t *),
                       void *done_arg)
{
        struct elsewhere *elsewhere = arg;
        struct call *call = &elsewhere->calls[elsewhere->count];

        if (elsewhere->nowhere)
                return NULL;
        cr_assert_lt(elsewhere->count, CALLS_MAX);
        elsewhere->count++;
        snprintf(call->name, sizeof(call->name), "%s", name);
        call->done = done;
        call->arg = done_arg;
        call->open = true;
        return call;
}

static struct fixture *of_calls; // cancel is told the call alone

static void inner_cancel(void *take_call)
{
        struct call *call = take_call;

        cr_assert(call->open);
        call->open = false;
        of_calls->elsewhere.cancelled++;
}

static void begin(struct fixture *f, uint64_t age_ms)
{
        const struct dns_failover inner = {&f->elsewhere, inner_ask, inner_cancel};

        memset(f, 0, sizeof(*f));
        of_calls = f;
        uv_loop_init(&f->loop);
        cr_assert_eq(shared_failover_create(&f->loop, &inner, &f->shared), 0);
        shared_failover_set_age(f->shared, age_ms);
        f->front = shared_failover_front(f->shared);
}

static void end(struct fixture *f)
{
        shared_failover_destroy(f->shared);
        uv_run(&f->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&f->loop), 0);
}

static void answer(struct fixture *f, unsigned call, const char *text)
{
        json_t *json = text != NULL ? json_string(text) : NULL;

        cr_assert(call < f->elsewhere.count && f->elsewhere.calls[call].open);
        f->elsewhere.calls[call].open = false;
        f->elsewhere.calls[call].done(f->elsewhere.calls[call].arg, json);
        json_decref(json);
}

/* One that asks, and what it was told: "-" nothing yet, "" that there is nothing. */
struct question {
        char told[32];
        void *call;
        struct fixture *f;
        const char *then; /* asked once this is told */
        struct question *next;
};

static void on_told(void *arg, const json_t *json)
{
        struct question *q = arg;

        cr_assert_str_eq(q->told, "-", "told twice");
        snprintf(q->told, sizeof(q->told), "%s", json != NULL ? json_string_value(json) : "");
        q->call = NULL;
        if (q->then != NULL)
                q->next->call = q->f->front.ask(q->f->front.arg, q->then, on_told, q->next);
}

static void ask(struct fixture *f, const char *name, struct question *q)
{
        *q = (struct question){.told = "-", .f = f};
        q->call = f->front.ask(f->front.arg, name, on_told, q);
        cr_assert_str_eq(q->told, "-", "not before it returns");
}

Test(shared_failover, those_who_ask_at_a_time_share_one_call)
{
        struct question q[4];
        struct fixture f;

        begin(&f, 0);
        ask(&f, "a", &q[0]);
        ask(&f, "a", &q[1]);
        ask(&f, "b", &q[2]);
        ask(&f, "a", &q[3]);
        cr_assert_eq(f.elsewhere.count, 2);
        f.front.cancel(q[1].call);
        answer(&f, 0, "dc2");
        cr_expect_str_eq(q[0].told, "dc2");
        cr_expect_str_eq(q[1].told, "-");
        cr_expect_str_eq(q[2].told, "-");
        cr_expect_str_eq(q[3].told, "dc2");
        answer(&f, 1, NULL);
        cr_expect_str_eq(q[2].told, "");
        ask(&f, "a", &q[0]);
        cr_expect_eq(f.elsewhere.count, 3, "nothing is kept");
        answer(&f, 2, "dc3");
        cr_expect_str_eq(q[0].told, "dc3");
        end(&f);
}

Test(shared_failover, what_nobody_waits_for_is_given_up)
{
        struct question q[2];
        struct fixture f;

        begin(&f, 1000);
        ask(&f, "a", &q[0]);
        ask(&f, "a", &q[1]);
        f.front.cancel(q[0].call);
        cr_expect_eq(f.elsewhere.cancelled, 0);
        f.front.cancel(q[1].call);
        cr_expect_eq(f.elsewhere.cancelled, 1);
        f.elsewhere.nowhere = true;
        ask(&f, "a", &q[0]);
        cr_expect_null(q[0].call);
        end(&f);
}

Test(shared_failover, an_answer_is_given_again_while_it_is_young_enough)
{
        struct question q[2];
        struct fixture f;

        begin(&f, 300000);
        ask(&f, "a", &q[0]);
        answer(&f, 0, "dc2");
        ask(&f, "a", &q[0]);
        ask(&f, "a", &q[1]);
        cr_expect_str_eq(q[0].told, "-");
        f.front.cancel(q[1].call);
        uv_run(&f.loop, UV_RUN_DEFAULT);
        cr_expect_str_eq(q[0].told, "dc2");
        cr_expect_str_eq(q[1].told, "-");
        shared_failover_set_age(f.shared, 300000);
        ask(&f, "a", &q[0]);
        cr_expect_eq(f.elsewhere.count, 2, "new settings begin anew");
        answer(&f, 1, NULL);
        ask(&f, "a", &q[0]);
        cr_expect_eq(f.elsewhere.count, 3, "that nobody answered is not kept");
        f.front.cancel(q[0].call);
        end(&f);
}

Test(shared_failover, an_answer_too_old_is_asked_for_anew)
{
        struct question q;
        struct fixture f;
        uint64_t from_ms;

        begin(&f, 5);
        ask(&f, "a", &q);
        answer(&f, 0, "dc2");
        for (from_ms = uv_now(&f.loop); uv_now(&f.loop) < from_ms + 5;)
                uv_update_time(&f.loop);
        ask(&f, "a", &q);
        cr_expect_eq(f.elsewhere.count, 2);
        answer(&f, 1, "dc3");
        cr_expect_str_eq(q.told, "dc3");
        end(&f);
}

Test(shared_failover, who_is_told_may_ask_again)
{
        struct question q[2];
        struct fixture f;

        for (uint64_t age_ms = 0; age_ms <= 1000; age_ms += 1000) {
                begin(&f, age_ms);
                ask(&f, "a", &q[0]);
                q[0].then = "b";
                q[0].next = &q[1];
                q[1] = (struct question){.told = "-", .f = &f};
                answer(&f, 0, "dc2");
                cr_assert_eq(f.elsewhere.count, 2);
                answer(&f, 1, "dc3");
                cr_expect_str_eq(q[1].told, "dc3");
                end(&f);
        }
}

Test(shared_failover, names_beyond_the_bound_are_answered_all_the_same)
{
        enum { COUNT = SHARED_FAILOVER_NAMES_MAX + 20 };
        static struct question q[COUNT];
        struct fixture f;
        char name[32];

        for (uint64_t age_ms = 0; age_ms <= 100000; age_ms += 100000) {
                begin(&f, age_ms);
                for (unsigned i = 0; i < COUNT; i++) {
                        snprintf(name, sizeof(name), "n%u", i);
                        ask(&f, name, &q[i]);
                }
                for (unsigned i = 0; i < COUNT; i++)
                        answer(&f, i, f.elsewhere.calls[i].name);
                for (unsigned i = 0; i < COUNT; i++)
                        cr_expect_str_eq(q[i].told, f.elsewhere.calls[i].name);
                end(&f);
        }
}

Test(shared_failover, nobody_is_forgotten_whatever_the_order)
{
        enum { QUESTIONS = 64, STEPS = 20000 };
        static struct question q[QUESTIONS];
        static char asked[QUESTIONS][32];
        uint64_t seed = 20261123, random = seed;
        struct fixture f;

        for (unsigned round = 0; round < 2; round++) {
                begin(&f, round * 1000);
                memset(q, 0, sizeof(q));
                for (unsigned step = 0; step < STEPS; step++) {
                        struct question *one = &q[random_next(&random) % QUESTIONS];
                        unsigned what = (unsigned)(random_next(&random) % 4), open = CALLS_MAX;

                        for (unsigned i = 0; i < f.elsewhere.count; i++)
                                open = f.elsewhere.calls[i].open ? i : open;
                        if (what < 2 && one->call == NULL && f.elsewhere.count < CALLS_MAX - 1) {
                                snprintf(asked[one - q], sizeof(asked[0]), "n%u",
                                         (unsigned)(random_next(&random) % 8));
                                ask(&f, asked[one - q], one);
                        } else if (what == 2 && one->call != NULL) {
                                f.front.cancel(one->call);
                                one->call = NULL;
                        } else if (open < CALLS_MAX) {
                                answer(&f, open, f.elsewhere.calls[open].name);
                        }
                        if (step % 7 == 0)
                                uv_run(&f.loop, UV_RUN_NOWAIT);
                }
                for (unsigned i = 0; i < f.elsewhere.count; i++)
                        if (f.elsewhere.calls[i].open)
                                answer(&f, i, f.elsewhere.calls[i].name);
                uv_run(&f.loop, UV_RUN_NOWAIT);
                for (unsigned i = 0; i < QUESTIONS; i++) {
                        cr_expect_null(q[i].call, "seed %lu", (unsigned long)seed);
                        if (q[i].told[0] != '-' && q[i].told[0] != '\0')
                                cr_expect_str_eq(q[i].told, asked[i], "seed %lu",
                                                 (unsigned long)seed);
                }
                end(&f);
        }
}
