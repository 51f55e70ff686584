#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/checks/internal.h"
#include "control/process/process.h"
#include "control/text/duration.h"

struct probe {
        struct check_runner *runner;
        struct process *process;
        struct check_tail tail;
        bool is_reported; // it ran out of its time
};

static void free_probe(struct probe *probe)
{
        check_tail_fini(&probe->tail);
        free(probe);
}

static void report(struct probe *probe, int64_t exit_status, int number)
{
        struct check_runner *runner = probe->runner;
        enum check_health health = CHECK_CRITICAL;
        char *output = check_tail_report(&probe->tail);

        if (number == 0 && exit_status == 0)
                health = CHECK_PASSING;
        else if (number == 0 && exit_status == 1)
                health = CHECK_WARNING;
        free_probe(probe);
        check_finish(runner, health, output != NULL ? output : "out of memory");
        free(output);
}

static void on_output(void *arg, const char *bytes, size_t len)
{
        struct probe *probe = arg;

        (void)check_tail_add(&probe->tail, bytes, len);
}

static void on_ended(void *arg, int64_t exit_status, int number)
{
        struct probe *probe = arg;
        struct check_runner *runner = probe->runner;

        if (!probe->is_reported) {
                report(probe, exit_status, number);
                return;
        }
        free_probe(probe);
        check_rest(runner);
}

static const char **make_arguments(const json_t *args)
{
        const char **argv = calloc(json_array_size(args) + 1, sizeof(*argv));
        const json_t *arg;
        size_t i;

        json_array_foreach(args, i, arg)
        {
                if (argv != NULL)
                        argv[i] = json_string_value(arg);
        }
        return argv;
}

static void begin(struct check_runner *runner)
{
        struct probe *probe = calloc(1, sizeof(*probe));
        const char **argv = make_arguments(runner->spec.args);
        const struct process_spec spec = {
            .argv = argv,
            .output = on_output,
            .waits_for_output = true,
            .ended = on_ended,
            .arg = probe,
        };
        char error[512] = "out of memory";

        if (probe != NULL && argv != NULL) {
                probe->runner = runner;
                check_tail_init(&probe->tail, runner->spec.output_max);
                runner->probe = probe;
                if (process_start(runner->engine->options.loop, &spec, &probe->process, error,
                                  sizeof(error)) == 0) {
                        free(argv);
                        return;
                }
                check_tail_fini(&probe->tail);
        }
        free(probe);
        free(argv);
        check_fail(runner, "%s", error);
}

static void cancel(struct check_runner *runner)
{
        struct probe *probe = runner->probe;

        process_kill(probe->process);
        free_probe(probe);
}

// The next run has to wait for the child's end; its output need not come to one.
static void expire(struct check_runner *runner)
{
        struct probe *probe = runner->probe;
        uint64_t timeout_ms =
            runner->spec.timeout_ms > 0 ? runner->spec.timeout_ms : CHECK_SCRIPT_TIMEOUT_MS;
        char text[128], duration[DURATION_TEXT_MAX];

        if (probe->is_reported)
                return;
        snprintf(text, sizeof(text), "Timed out (%s) running check",
                 duration_format((int64_t)timeout_ms * 1000000, duration));
        process_signal(probe->process, SIGKILL);
        if (!process_end_output(probe->process)) {
                cancel(runner);
                check_finish(runner, CHECK_CRITICAL, text);
                return;
        }
        probe->is_reported = true;
        check_report(runner, CHECK_CRITICAL, text);
}

const struct check_ops check_script_ops = {
    .name = "script",
    .timeout_ms = CHECK_SCRIPT_TIMEOUT_MS,
    .begin = begin,
    .cancel = cancel,
    .expire = expire,
};
