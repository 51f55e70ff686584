#include "control/agent/loop_meter.h"

#include <criterion/criterion.h>

struct work {
        uv_timer_t timer;
        uint64_t busy_ns;
        unsigned turns_left;
};

static void on_timer(uv_timer_t *timer)
{
        struct work *work = timer->data;
        uint64_t until_ns = uv_hrtime() + work->busy_ns;

        while (uv_hrtime() < until_ns)
                ;
        if (--work->turns_left == 0)
                uv_timer_stop(timer);
}

static void run(uint64_t busy_ns, struct loop_turns *out)
{
        struct work work = {.busy_ns = busy_ns, .turns_left = 3};
        struct loop_meter *meter;
        uv_loop_t loop;

        cr_assert_eq(uv_loop_init(&loop), 0);
        cr_assert_eq(loop_meter_create(&meter, &loop), 0);
        loop_meter_start(meter);
        uv_timer_init(&loop, &work.timer);
        work.timer.data = &work;
        uv_timer_start(&work.timer, on_timer, 1, 30);
        uv_run(&loop, UV_RUN_DEFAULT);
        loop_meter_read(meter, out);
        loop_meter_destroy(meter);
        uv_close((uv_handle_t *)&work.timer, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(loop_meter, a_turn_is_as_long_as_what_is_done_in_it)
{
        struct loop_turns turns;

        run(20000000, &turns);
        cr_expect_geq(turns.count, 2);
        cr_expect_geq(turns.longest_ns, 20000000);
        cr_expect_eq(turns.longest_lately_ns, turns.longest_ns);
}

Test(loop_meter, waiting_is_no_work)
{
        uint64_t began_ns = uv_hrtime(), passed_ns;
        struct loop_turns turns;

        run(0, &turns);
        passed_ns = uv_hrtime() - began_ns;
        // The timer lets the loop wait for 61 ms in three turns; a slow machine may take some.
        cr_expect_lt(turns.longest_ns + 20000000, passed_ns, "%llu of %llu ns",
                     (unsigned long long)turns.longest_ns, (unsigned long long)passed_ns);
}
