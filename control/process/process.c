#include "control/process/process.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// How long output is waited for after the end: something it left behind may hold the pipe.
#define DRAIN_MS 500u

struct process {
        uv_process_t child;
        uv_pipe_t pipe;
        uv_timer_t drain;
        void (*output)(void *arg, const char *bytes, size_t len);
        void (*ended)(void *arg, int64_t exit_status, int signal);
        void *arg;
        char chunk[4096];
        bool has_exited, is_drained, held, told, waits_for_output;
        int64_t exit_status;
        int signal;
        unsigned open_handles;
};

static void on_closed(uv_handle_t *handle)
{
        struct process *process = handle->data;

        if (--process->open_handles == 0)
                free(process);
}

static void close_handle(uv_handle_t *handle)
{
        if (handle->data != NULL && !uv_is_closing(handle))
                uv_close(handle, on_closed);
}

static void close_output(struct process *process)
{
        close_handle((uv_handle_t *)&process->pipe);
        close_handle((uv_handle_t *)&process->drain);
}

static void close_handles(struct process *process)
{
        close_handle((uv_handle_t *)&process->child);
        close_output(process);
}

static void go_on(struct process *process)
{
        if (!process->has_exited || !process->is_drained || process->told)
                return;
        process->told = true;
        process->ended(process->arg, process->exit_status, process->signal);
        close_handles(process);
}

static void on_drained(uv_timer_t *timer)
{
        struct process *process = timer->data;

        uv_read_stop((uv_stream_t *)&process->pipe);
        process->is_drained = true;
        go_on(process);
}

static void start_drain(struct process *process)
{
        if (process->has_exited && !process->is_drained && !process->held &&
            !process->waits_for_output)
                uv_timer_start(&process->drain, on_drained, DRAIN_MS, 0);
}

static void on_exit_child(uv_process_t *child, int64_t exit_status, int number)
{
        struct process *process = child->data;

        process->has_exited = true;
        process->exit_status = exit_status;
        process->signal = number;
        if (process->told) {
                close_handle((uv_handle_t *)child);
                return;
        }
        start_drain(process);
        go_on(process);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct process *process = handle->data;

        (void)suggested;
        *out = uv_buf_init(process->chunk, sizeof(process->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct process *process = stream->data;

        if (count > 0 && process->output != NULL)
                process->output(process->arg, buffer->base, (size_t)count);
        if (count >= 0)
                return;
        uv_read_stop(stream);
        process->is_drained = true;
        go_on(process);
}

int process_input(const char *bytes, size_t len)
{
        int fd = memfd_create("input", MFD_CLOEXEC);
        size_t written = 0;

        if (fd < 0)
                return -errno;
        while (written < len) {
                ssize_t count = write(fd, bytes + written, len - written);

                if (count < 0 && errno == EINTR)
                        continue;
                if (count <= 0) {
                        int ret = count < 0 ? -errno : -EIO;

                        close(fd);
                        return ret;
                }
                written += (size_t)count;
        }
        lseek(fd, 0, SEEK_SET);
        return fd;
}

static size_t name_length(const char *setting)
{
        return strcspn(setting, "=");
}

static bool is_replaced(const char *setting, const char *const *by)
{
        size_t length = name_length(setting);

        for (; by != NULL && *by != NULL; by++) {
                if (name_length(*by) == length && strncmp(*by, setting, length) == 0)
                        return true;
        }
        return false;
}

// Our environment with what is added to it. returns  freed with free(); its texts are borrowed.
static char **make_environment(const char *const *added)
{
        size_t count = 0, used = 0;
        char **list;

        for (char **at = environ; *at != NULL; at++)
                count++;
        for (const char *const *at = added; at != NULL && *at != NULL; at++)
                count++;
        list = calloc(count + 1, sizeof(*list));
        if (list == NULL)
                return NULL;
        for (char **at = environ; *at != NULL; at++) {
                if (!is_replaced(*at, added))
                        list[used++] = *at;
        }
        for (const char *const *at = added; at != NULL && *at != NULL; at++)
                list[used++] = (char *)(uintptr_t)*at;
        return list;
}

// One pipe takes both outputs, in the order they are written.
static int spawn(uv_loop_t *loop, struct process *process, const struct process_spec *spec,
                 char **environment, int input)
{
        uv_stdio_container_t stdio[3];
        uv_process_options_t options = {
            .exit_cb = on_exit_child,
            .file = spec->argv[0],
            .args = (char **)(uintptr_t)spec->argv,
            .env = environment,
            .flags = UV_PROCESS_DETACHED,
            .stdio_count = 3,
            .stdio = stdio,
        };
        uv_file ends[2];
        int ret = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);

        if (ret < 0)
                return ret;
        ret = uv_pipe_open(&process->pipe, ends[0]);
        if (ret < 0) {
                close(ends[0]);
                close(ends[1]);
                return ret;
        }
        stdio[0] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = input};
        stdio[1] = stdio[2] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = ends[1]};
        // Its handle is initialised even when it fails.
        process->child.data = process;
        process->open_handles++;
        ret = uv_spawn(loop, &process->child, &options);
        close(ends[1]);
        if (ret == 0 && uv_read_start((uv_stream_t *)&process->pipe, give_chunk, on_read) < 0)
                process->is_drained = true;
        return ret;
}

static void describe(const char *program, int ret, char *out, size_t size)
{
        const char *reason = strerror(-ret);

        if (ret == -ENOENT && strchr(program, '/') == NULL)
                snprintf(out, size, "exec: \"%s\": executable file not found in $PATH", program);
        else
                snprintf(out, size, "fork/exec %s: %c%s", program, tolower((unsigned char)*reason),
                         reason + 1);
}

int process_start(uv_loop_t *loop, const struct process_spec *spec, struct process **out,
                  char *error, size_t error_size)
{
        struct process *process = calloc(1, sizeof(*process));
        char **environment = make_environment(spec->environment);
        int input = process_input(spec->input, spec->input_len), ret = -ENOMEM;

        if (process != NULL && environment != NULL && input >= 0) {
                process->output = spec->output;
                process->ended = spec->ended;
                process->arg = spec->arg;
                process->waits_for_output = spec->waits_for_output;
                uv_pipe_init(loop, &process->pipe, 0);
                uv_timer_init(loop, &process->drain);
                process->pipe.data = process->drain.data = process;
                process->open_handles = 2;
                ret = spawn(loop, process, spec, environment, input);
                if (ret < 0)
                        close_handles(process);
        } else {
                ret = input < 0 ? input : -ENOMEM;
                free(process);
        }
        if (ret < 0)
                describe(spec->argv[0], ret, error, error_size);
        else
                *out = process;
        if (input >= 0)
                close(input);
        free(environment);
        return ret;
}

void process_signal(const struct process *process, int number)
{
        // While its output is open, someone of the group lives.
        if (!process->has_exited || !process->is_drained)
                kill(-process->child.pid, number);
}

void process_hold(struct process *process, bool held)
{
        if (process->held == held || process->is_drained)
                return;
        process->held = held;
        if (held) {
                uv_timer_stop(&process->drain);
                uv_read_stop((uv_stream_t *)&process->pipe);
                return;
        }
        if (uv_read_start((uv_stream_t *)&process->pipe, give_chunk, on_read) < 0)
                process->is_drained = true;
        start_drain(process);
}

bool process_end_output(struct process *process)
{
        if (!process->is_drained)
                uv_read_stop((uv_stream_t *)&process->pipe);
        process->is_drained = true;
        return !process->has_exited;
}

void process_kill(struct process *take_process)
{
        process_signal(take_process, SIGKILL);
        take_process->told = true;
        close_output(take_process);
        if (take_process->has_exited)
                close_handle((uv_handle_t *)&take_process->child);
}

void process_abandon(struct process *take_process)
{
        process_signal(take_process, SIGTERM);
        close_handles(take_process);
}

void process_shell(const char *script, const char *argv[4])
{
        const char *shell = getenv("SHELL");

        argv[0] = shell != NULL && *shell != '\0' ? shell : "/bin/sh";
        argv[1] = "-c";
        argv[2] = script;
        argv[3] = NULL;
}

const char *process_end_text(int64_t exit_status, int number, char *out, size_t size)
{
        if (number != 0) {
                snprintf(out, size, "signal: %s", strsignal(number));
                for (char *c = out; *c != '\0'; c++)
                        *c = (char)tolower((unsigned char)*c);
        } else if (exit_status != 0) {
                snprintf(out, size, "exit status %lld", (long long)exit_status);
        } else {
                out[0] = '\0';
        }
        return out;
}
