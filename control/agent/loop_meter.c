#include "control/agent/loop_meter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

// As often as Consul's telemetry begins anew.
#define INTERVAL_MS 10000u

// The loop's own time is taken when a wait has ended, so a turn is what lies between that and the
// next wait. (libuv's own measuring of idle time would cost a system call a turn.)
struct loop_meter {
        uv_check_t check;     // runs after the wait and the callbacks of what it brought
        uv_prepare_t prepare; // runs before the wait
        unsigned handles_open;
        uint64_t woke_ms;
        uint64_t interval_ms;
        uint64_t longest_before_ns; // in the interval before
        uint64_t longest_present_ns;
        bool measuring;
        struct loop_turns turns;
};

static void on_check(uv_check_t *check)
{
        struct loop_meter *meter = check->data;

        meter->woke_ms = uv_now(check->loop);
}

static void on_prepare(uv_prepare_t *prepare)
{
        struct loop_meter *meter = prepare->data;
        uint64_t now_ns = uv_hrtime(), now_ms = now_ns / 1000000u;
        uint64_t busy_ns = now_ns - meter->woke_ms * 1000000u;

        // What was started last is called first, and this is to be the first after the wait.
        uv_check_stop(&meter->check);
        uv_check_start(&meter->check, on_check);
        uv_unref((uv_handle_t *)&meter->check);
        if (!meter->measuring)
                return;
        if (now_ms - meter->interval_ms >= INTERVAL_MS) {
                meter->longest_before_ns =
                    now_ms - meter->interval_ms < 2 * INTERVAL_MS ? meter->longest_present_ns : 0;
                meter->longest_present_ns = 0;
                meter->interval_ms = now_ms;
        }
        meter->turns.count++;
        if (busy_ns > meter->longest_present_ns)
                meter->longest_present_ns = busy_ns;
        if (busy_ns > meter->turns.longest_ns)
                meter->turns.longest_ns = busy_ns;
}

void loop_meter_start(struct loop_meter *meter)
{
        uv_update_time(meter->prepare.loop);
        meter->woke_ms = meter->interval_ms = uv_now(meter->prepare.loop);
        meter->measuring = true;
}

static void on_closed(uv_handle_t *handle)
{
        struct loop_meter *meter = handle->data;

        if (--meter->handles_open == 0)
                free(meter);
}

int loop_meter_create(struct loop_meter **out, uv_loop_t *loop)
{
        struct loop_meter *meter = calloc(1, sizeof(*meter));

        if (meter == NULL)
                return -ENOMEM;
        uv_check_init(loop, &meter->check);
        uv_prepare_init(loop, &meter->prepare);
        meter->check.data = meter->prepare.data = meter;
        meter->handles_open = 2;
        uv_prepare_start(&meter->prepare, on_prepare);
        uv_unref((uv_handle_t *)&meter->prepare);
        *out = meter;
        return 0;
}

void loop_meter_destroy(struct loop_meter *take_meter)
{
        if (take_meter == NULL)
                return;
        uv_close((uv_handle_t *)&take_meter->check, on_closed);
        uv_close((uv_handle_t *)&take_meter->prepare, on_closed);
}

void loop_meter_read(const struct loop_meter *meter, struct loop_turns *out)
{
        *out = meter->turns;
        out->longest_lately_ns = meter->longest_before_ns > meter->longest_present_ns
                                     ? meter->longest_before_ns
                                     : meter->longest_present_ns;
}
