#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/checks/internal.h"
#include "control/text/duration.h"

// A run of a script. It outlives its check when that is stopped: the child has to be reaped.
struct probe {
        struct check_runner *runner; // NULL when nobody wants to know any more
        uv_process_t process;
        uv_pipe_t pipe;
        struct check_tail tail;
        char chunk[4096];
        bool has_exited, has_ended; // the child; its output
        bool is_reported;           // it ran out of its time
        int64_t exit_status;
        int signal;
        unsigned open_handles;
};

static void on_closed(uv_handle_t *handle)
{
        struct probe *probe = handle->data;

        if (--probe->open_handles > 0)
                return;
        check_tail_fini(&probe->tail);
        free(probe);
}

static void close_handle(uv_handle_t *handle)
{
        if (!uv_is_closing(handle))
                uv_close(handle, on_closed);
}

static void report(struct probe *probe)
{
        struct check_runner *runner = probe->runner;
        enum check_health health = CHECK_CRITICAL;
        char *output = check_tail_report(&probe->tail);

        if (probe->signal == 0 && probe->exit_status == 0)
                health = CHECK_PASSING;
        else if (probe->signal == 0 && probe->exit_status == 1)
                health = CHECK_WARNING;
        probe->runner = NULL;
        check_finish(runner, health, output != NULL ? output : "out of memory");
        free(output);
}

static void go_on(struct probe *probe)
{
        if (!probe->has_exited)
                return;
        if (probe->has_ended || probe->is_reported || probe->runner == NULL) {
                struct check_runner *runner = probe->runner;

                close_handle((uv_handle_t *)&probe->process);
                close_handle((uv_handle_t *)&probe->pipe);
                if (runner != NULL && !probe->is_reported) {
                        report(probe);
                } else if (runner != NULL) {
                        probe->runner = NULL;
                        check_rest(runner);
                }
        }
}

static void on_exit_child(uv_process_t *process, int64_t exit_status, int signal)
{
        struct probe *probe = process->data;

        probe->has_exited = true;
        probe->exit_status = exit_status;
        probe->signal = signal;
        go_on(probe);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct probe *probe = handle->data;

        (void)suggested;
        *out = uv_buf_init(probe->chunk, sizeof(probe->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct probe *probe = stream->data;

        if (count > 0 && check_tail_add(&probe->tail, buffer->base, (size_t)count) == 0)
                return;
        if (count == 0)
                return;
        uv_read_stop(stream);
        probe->has_ended = true;
        go_on(probe);
}

static char **make_arguments(const json_t *args)
{
        char **argv = calloc(json_array_size(args) + 1, sizeof(*argv));
        const json_t *arg;
        size_t i;

        json_array_foreach(args, i, arg)
        {
                if (argv != NULL)
                        argv[i] = (char *)(uintptr_t)json_string_value(arg);
        }
        return argv;
}

// One pipe takes both of the child's outputs, in the order they were written.
static int spawn(struct probe *probe, uv_loop_t *loop, char **argv)
{
        uv_stdio_container_t stdio[3];
        uv_process_options_t options = {
            .exit_cb = on_exit_child,
            .file = argv[0],
            .args = argv,
            // A group of its own, which a timeout kills as a whole.
            .flags = UV_PROCESS_DETACHED,
            .stdio_count = 3,
            .stdio = stdio,
        };
        uv_file ends[2];
        int ret = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);

        if (ret < 0)
                return ret;
        ret = uv_pipe_open(&probe->pipe, ends[0]);
        if (ret < 0) {
                close(ends[0]);
                close(ends[1]);
                return ret;
        }
        stdio[0] = (uv_stdio_container_t){.flags = UV_IGNORE};
        stdio[1] = stdio[2] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = ends[1]};
        ret = uv_spawn(loop, &probe->process, &options);
        // Initialised even when it failed: it has to be closed.
        probe->open_handles++;
        close(ends[1]);
        if (ret == 0 && uv_read_start((uv_stream_t *)&probe->pipe, give_chunk, on_read) < 0)
                probe->has_ended = true;
        return ret;
}

static void begin(struct check_runner *runner)
{
        uv_loop_t *loop = runner->engine->options.loop;
        struct probe *probe = calloc(1, sizeof(*probe));
        char **argv = make_arguments(runner->spec.args), reason[96];
        int ret;

        if (probe == NULL || argv == NULL) {
                free(probe);
                free(argv);
                check_fail(runner, "out of memory");
                return;
        }
        probe->runner = runner;
        check_tail_init(&probe->tail, runner->spec.output_max);
        probe->process.data = probe->pipe.data = probe;
        uv_pipe_init(loop, &probe->pipe, 0);
        probe->pipe.data = probe;
        probe->open_handles = 1;
        ret = spawn(probe, loop, argv);
        runner->probe = probe;
        if (ret == 0) {
                free(argv);
                return;
        }
        probe->runner = NULL;
        if (probe->open_handles == 2)
                uv_close((uv_handle_t *)&probe->process, on_closed);
        uv_close((uv_handle_t *)&probe->pipe, on_closed);
        if (ret == UV_ENOENT && strchr(argv[0], '/') == NULL)
                check_fail(runner, "exec: \"%.300s\": executable file not found in $PATH", argv[0]);
        else
                check_fail(runner, "fork/exec %.300s: %s", argv[0],
                           check_errno_text(-ret, reason, sizeof(reason)));
        free(argv);
}

static void kill_group(const struct probe *probe)
{
        // While the output is open, someone of the group lives.
        if (!probe->has_exited || !probe->has_ended)
                kill(-probe->process.pid, SIGKILL);
}

static void cancel(struct check_runner *runner)
{
        struct probe *probe = runner->probe;

        probe->runner = NULL;
        kill_group(probe);
        close_handle((uv_handle_t *)&probe->pipe);
        go_on(probe);
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
        kill_group(probe);
        probe->is_reported = true;
        snprintf(text, sizeof(text), "Timed out (%s) running check",
                 duration_format((int64_t)timeout_ms * 1000000, duration));
        uv_read_stop((uv_stream_t *)&probe->pipe);
        // Reported first: the end of the run may come with it, and the check may go with either.
        if (probe->has_exited) {
                probe->runner = NULL;
                close_handle((uv_handle_t *)&probe->process);
                close_handle((uv_handle_t *)&probe->pipe);
                check_finish(runner, CHECK_CRITICAL, text);
                return;
        }
        check_report(runner, CHECK_CRITICAL, text);
}

const struct check_ops check_script_ops = {
    .name = "script",
    .timeout_ms = CHECK_SCRIPT_TIMEOUT_MS,
    .begin = begin,
    .cancel = cancel,
    .expire = expire,
};
