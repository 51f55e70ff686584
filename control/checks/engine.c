#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/checks/internal.h"
#include "control/checks/transfer.h"
#include "lictor/random.h"

static const struct check_ops *const kinds[CHECK_KIND_COUNT] = {
    [CHECK_HTTP] = &check_http_ops,     [CHECK_TCP] = &check_tcp_ops,
    [CHECK_UDP] = &check_udp_ops,       [CHECK_GRPC] = &check_grpc_ops,
    [CHECK_SCRIPT] = &check_script_ops, [CHECK_DOCKER] = &check_docker_ops,
    [CHECK_H2PING] = &check_h2ping_ops, [CHECK_OS_SERVICE] = &check_os_service_ops,
};

static void on_timer(uv_timer_t *timer);

static void rearm(struct check_engine *engine)
{
        const struct deadline *first = deadlines_first(&engine->deadlines);
        uint64_t now_ms = uv_now(engine->options.loop);

        if (first == NULL)
                uv_timer_stop(&engine->timer);
        else
                uv_timer_start(&engine->timer, on_timer,
                               first->at_ms > now_ms ? first->at_ms - now_ms : 0, 0);
}

// The heap has had room for the runner since it was started, so this cannot fail.
static void schedule(struct check_runner *runner, uint64_t after_ms)
{
        struct check_engine *engine = runner->engine;

        deadlines_set(&engine->deadlines, &runner->deadline,
                      uv_now(engine->options.loop) + after_ms);
        if (deadlines_first(&engine->deadlines) == &runner->deadline)
                rearm(engine);
}

static void run(struct check_runner *runner)
{
        if (runner->is_running) {
                runner->ops->expire(runner);
                return;
        }
        runner->is_running = true;
        schedule(runner,
                 runner->spec.timeout_ms > 0 ? runner->spec.timeout_ms : runner->ops->timeout_ms);
        runner->ops->begin(runner);
}

static void on_timer(uv_timer_t *timer)
{
        struct check_engine *engine = timer->data;
        uint64_t now_ms;

        uv_update_time(engine->options.loop);
        now_ms = uv_now(engine->options.loop);
        for (unsigned i = 0; i < CHECK_BURST; i++) {
                struct deadline *due = deadlines_first(&engine->deadlines);

                if (due == NULL || due->at_ms > now_ms)
                        break;
                // Kept in the heap, so that setting it again needs no memory.
                deadlines_set(&engine->deadlines, due, UINT64_MAX);
                run(due->owner);
        }
        rearm(engine);
}

int check_engine_create(struct check_engine **out, const struct check_engine_options *options)
{
        struct check_engine *engine = calloc(1, sizeof(*engine));
        int ret;

        if (engine == NULL)
                return -ENOMEM;
        engine->options = *options;
        engine->random = options->seed;
        ret = transfers_create(options->loop, &engine->transfers);
        if (ret < 0)
                goto free_engine;
        ret = uv_timer_init(options->loop, &engine->timer);
        if (ret < 0)
                goto destroy_transfers;
        engine->timer.data = engine;
        *out = engine;
        return 0;
destroy_transfers:
        transfers_destroy(engine->transfers);
free_engine:
        free(engine);
        return ret;
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void check_engine_destroy(struct check_engine *take_engine)
{
        if (take_engine == NULL)
                return;
        transfers_destroy(take_engine->transfers);
        deadlines_fini(&take_engine->deadlines);
        uv_close((uv_handle_t *)&take_engine->timer, on_closed);
}

int check_start(struct check_engine *engine, const struct check_spec *spec, void *owner,
                struct check_runner **out)
{
        struct check_runner *runner = calloc(1, sizeof(*runner));
        int ret;

        if (runner == NULL)
                return -ENOMEM;
        *runner = (struct check_runner){
            .engine = engine, .spec = *spec, .ops = kinds[spec->kind], .owner = owner};
        runner->deadline.owner = runner;
        if (runner->spec.interval_ms < CHECK_INTERVAL_MIN_MS) {
                log_warn(engine->options.log, "agent",
                         "check has interval below minimum: check=%s minimum_interval=1s",
                         spec->id);
                runner->spec.interval_ms = CHECK_INTERVAL_MIN_MS;
        }
        if (runner->spec.output_max == 0)
                runner->spec.output_max = CHECK_OUTPUT_MAX;
        check_status_init(&runner->status, &spec->thresholds);
        ret = runner->ops->prepare != NULL ? runner->ops->prepare(runner) : 0;
        if (ret < 0)
                goto free_runner;
        ret = deadlines_set(&engine->deadlines, &runner->deadline,
                            uv_now(engine->options.loop) +
                                random_next(&engine->random) % runner->spec.interval_ms);
        if (ret < 0)
                goto forget;
        rearm(engine);
        *out = runner;
        return 0;
forget:
        if (runner->ops->forget != NULL)
                runner->ops->forget(runner);
free_runner:
        free(runner);
        return ret;
}

void check_stop(struct check_runner *take_runner)
{
        struct check_runner *runner = take_runner;

        if (runner == NULL)
                return;
        deadlines_clear(&runner->engine->deadlines, &runner->deadline);
        if (runner->is_running && runner->probe != NULL)
                runner->ops->cancel(runner);
        if (runner->ops->forget != NULL)
                runner->ops->forget(runner);
        free(runner);
}

void check_rest(struct check_runner *runner)
{
        runner->probe = NULL;
        runner->is_running = false;
        schedule(runner, runner->spec.interval_ms);
}

void check_report(struct check_runner *runner, enum check_health health, const char *output)
{
        const struct check_engine_options *options = &runner->engine->options;
        enum check_health followed;

        if (check_status_take(&runner->status, health, &followed))
                options->on_result(options->arg, runner->owner, followed, output);
        else
                log_debug(options->log, "agent",
                          "Check has not reached its threshold yet: check=%s result=%s",
                          runner->spec.id, check_health_text(health));
}

void check_finish(struct check_runner *runner, enum check_health health, const char *output)
{
        check_rest(runner);
        check_report(runner, health, output);
}

void check_fail(struct check_runner *runner, const char *format, ...)
{
        char text[CHECK_ERROR_MAX];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        check_finish(runner, CHECK_CRITICAL, text);
}

const char *check_kind_missing(enum check_kind kind)
{
        return kind == CHECK_OS_SERVICE ? check_os_service_missing() : NULL;
}

const char *check_errno_text(int error, char *out, size_t size)
{
        // Go has these in lower case throughout.
        snprintf(out, size, "%s", strerror(error));
        if (out[0] >= 'A' && out[0] <= 'Z')
                out[0] = (char)(out[0] - 'A' + 'a');
        return out;
}
