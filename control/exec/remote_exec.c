#include "control/exec/remote_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/exec/job.h"
#include "control/process/process.h"

// Output goes in pieces of so many bytes, or what there is after so long: as Consul's agents do.
#define PIECE_BYTES 4096u
#define PIECE_MS    500u
// Output kept while a piece is under way; then the command has to wait.
#define KEPT_BYTES     (16u * PIECE_BYTES)
#define ASK_TIMEOUT_MS 30000u
#define JOB_BYTES_MAX  (16u << 20)
#define EXIT_FAILED    255

// One job. At most one request of it is under way; what it has to say waits in `output`.
struct run {
        struct remote_exec *exec;
        struct run *next;
        struct exec_order order;
        struct exec_job job;
        struct ask *ask;
        struct process *process;
        char *script;     // a file to be removed
        uv_timer_t timer; // output that waits, or a heartbeat
        char output[KEPT_BYTES + PIECE_BYTES], sent[PIECE_BYTES], exit_text[16];
        size_t output_len;
        unsigned pieces;
        bool asked_again, is_due, has_ended, is_abandoned;
};

struct remote_exec {
        struct remote_exec_options options;
        struct run *first;
        unsigned count;
};

static void go_on(struct run *run);

static void free_run(uv_handle_t *handle)
{
        struct run *run = handle->data;

        exec_job_fini(&run->job);
        free(run);
}

static void close_run(struct run *run)
{
        struct run **at = &run->exec->first;

        while (*at != run)
                at = &(*at)->next;
        *at = run->next;
        run->exec->count--;
        if (run->script != NULL)
                unlink(run->script);
        free(run->script);
        uv_close((uv_handle_t *)&run->timer, free_run);
}

static void give_up(struct run *run, const char *what, const char *why)
{
        log_error(run->exec->options.log, "agent", "remote exec: %s: session=%s error=\"%s\"", what,
                  run->order.session, why);
        close_run(run);
}

static int ask(struct run *run, const char *method, char *take_path, const char *body,
               size_t body_len, void (*done)(void *arg, const struct ask_answer *answer))
{
        const struct ask_spec spec = {.own = run->exec->options.own,
                                      .path = take_path,
                                      .method = method,
                                      .body = body,
                                      .body_len = body_len,
                                      .timeout_ms = ASK_TIMEOUT_MS,
                                      .body_max = JOB_BYTES_MAX,
                                      .done = done,
                                      .arg = run};
        int ret =
            take_path != NULL ? ask_begin(run->exec->options.asker, &spec, &run->ask) : -ENOMEM;

        free(take_path);
        return ret;
}

// Writes a key below the node's name, held by the session like all of the folder.
static int put(struct run *run, const char *name, const char *body, size_t length,
               void (*done)(void *arg, const struct ask_answer *answer))
{
        char query[16 + EXEC_SESSION_MAX];

        snprintf(query, sizeof(query), "acquire=%s", run->order.session);
        return ask(run, "PUT", exec_path(&run->order, run->exec->options.node_name, name, query),
                   body, length, done);
}

// Why a write was none, or NULL.
static const char *refusal(const struct ask_answer *answer, char *out, size_t size)
{
        if (answer->status == 0)
                return answer->error;
        if (answer->status == 200 && strncmp(answer->body, "true", 4) == 0)
                return NULL;
        if (answer->status == 200)
                return "the session does not hold the key";
        snprintf(out, size, "Unexpected response code: %ld (%.200s)", answer->status, answer->body);
        return out;
}

static void on_exit_written(void *arg, const struct ask_answer *answer)
{
        struct run *run = arg;
        char text[256];
        const char *why = refusal(answer, text, sizeof(text));

        run->ask = NULL;
        if (why != NULL)
                give_up(run, "failed to write the exit code", why);
        else
                close_run(run);
}

static void write_exit(struct run *run)
{
        if (put(run, "exit", run->exit_text, strlen(run->exit_text), on_exit_written) < 0)
                give_up(run, "failed to write the exit code", "out of memory");
}

// Nobody hears what it says any more.
static void abandon(struct run *run)
{
        run->is_abandoned = true;
        run->output_len = 0;
        uv_timer_stop(&run->timer);
        if (run->process == NULL) {
                close_run(run);
                return;
        }
        process_signal(run->process, SIGKILL);
        process_hold(run->process, false);
}

static void on_piece_written(void *arg, const struct ask_answer *answer)
{
        struct run *run = arg;
        char text[256];
        const char *why = refusal(answer, text, sizeof(text));

        run->ask = NULL;
        if (why == NULL) {
                go_on(run);
                return;
        }
        log_error(run->exec->options.log, "agent",
                  "remote exec: failed to write output, the command is ended: session=%s "
                  "error=\"%s\"",
                  run->order.session, why);
        abandon(run);
}

static void on_due(uv_timer_t *timer)
{
        struct run *run = timer->data;

        run->is_due = true;
        go_on(run);
}

static void write_piece(struct run *run)
{
        size_t length = run->output_len < PIECE_BYTES ? run->output_len : PIECE_BYTES;
        char name[24];

        memcpy(run->sent, run->output, length);
        memmove(run->output, run->output + length, run->output_len - length);
        run->output_len -= length;
        run->is_due = false;
        snprintf(name, sizeof(name), "out/%05x", run->pieces++);
        if (put(run, name, run->sent, length, on_piece_written) < 0)
                abandon(run);
}

// Decides what is next once nothing is under way.
static void go_on(struct run *run)
{
        bool ended = run->has_ended;

        if (run->ask != NULL || run->is_abandoned)
                return;
        if (run->output_len >= PIECE_BYTES || run->is_due || (ended && run->output_len > 0)) {
                write_piece(run);
        } else if (ended) {
                write_exit(run);
                return;
        }
        if (run->is_abandoned || ended)
                return;
        if (run->output_len < KEPT_BYTES)
                process_hold(run->process, false);
        uv_timer_start(&run->timer, on_due, run->output_len > 0 ? PIECE_MS : run->job.heartbeat_ms,
                       0);
}

static void on_output(void *arg, const char *bytes, size_t len)
{
        struct run *run = arg;
        bool was_empty = run->output_len == 0;

        if (run->is_abandoned)
                return;
        memcpy(run->output + run->output_len, bytes, len);
        run->output_len += len;
        if (run->output_len >= KEPT_BYTES)
                process_hold(run->process, true);
        if (run->ask == NULL && (was_empty || run->output_len >= PIECE_BYTES))
                go_on(run);
}

static void on_ended(void *arg, int64_t exit_status, int signal)
{
        struct run *run = arg;

        run->process = NULL;
        if (run->is_abandoned) {
                close_run(run);
                return;
        }
        // What a shell says of who was ended by a signal.
        snprintf(run->exit_text, sizeof(run->exit_text), "%d",
                 signal != 0 ? 128 + signal : (int)exit_status);
        run->has_ended = true;
        run->is_due = false;
        uv_timer_stop(&run->timer);
        go_on(run);
}

// A script becomes a file, so that its first line may name who reads it.
static int write_script(struct run *run)
{
        const char *folder = getenv("TMPDIR");
        size_t written = 0;
        int fd;

        if (asprintf(&run->script, "%s/rexecXXXXXX",
                     folder != NULL && *folder != '\0' ? folder : "/tmp") < 0) {
                run->script = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(run->script, O_CLOEXEC);
        if (fd < 0) {
                int ret = -errno;

                free(run->script);
                run->script = NULL;
                return ret;
        }
        while (written < run->job.length) {
                ssize_t count = write(fd, run->job.text + written, run->job.length - written);

                if (count < 0 && errno == EINTR)
                        continue;
                if (count <= 0)
                        break;
                written += (size_t)count;
        }
        if (written < run->job.length || fchmod(fd, 0700) < 0) {
                close(fd);
                return -EIO;
        }
        close(fd);
        return 0;
}

static int start(struct run *run, char *error, size_t error_size)
{
        size_t count = json_array_size(run->job.args);
        const char **argv = calloc(count > 4 ? count + 1 : 5, sizeof(*argv));
        const struct process_spec spec = {
            .argv = argv, .output = on_output, .ended = on_ended, .arg = run};
        int ret = argv != NULL ? 0 : -ENOMEM;

        snprintf(error, error_size, "out of memory");
        if (ret == 0 && run->job.kind == EXEC_SCRIPT) {
                ret = write_script(run);
                snprintf(error, error_size, "cannot write the script to a file");
        }
        if (ret == 0 && run->job.kind != EXEC_ARGS)
                process_shell(run->job.kind == EXEC_SCRIPT ? run->script : run->job.text, argv);
        for (size_t i = 0; ret == 0 && i < count; i++)
                argv[i] = json_string_value(json_array_get(run->job.args, i));
        if (ret == 0)
                ret =
                    process_start(run->exec->options.loop, &spec, &run->process, error, error_size);
        free(argv);
        return ret;
}

static void on_acknowledged(void *arg, const struct ask_answer *answer)
{
        struct run *run = arg;
        char text[256];
        const char *why = refusal(answer, text, sizeof(text));

        run->ask = NULL;
        if (why != NULL) {
                give_up(run, "failed to acknowledge the job", why);
                return;
        }
        if (start(run, text, sizeof(text)) == 0) {
                go_on(run);
                return;
        }
        log_error(run->exec->options.log, "agent",
                  "remote exec: failed to start the command: session=%s error=\"%s\"",
                  run->order.session, text);
        snprintf(run->exit_text, sizeof(run->exit_text), "%d", EXIT_FAILED);
        run->has_ended = true;
        go_on(run);
}

static int ask_for_job(struct run *run);

static void on_job(void *arg, const struct ask_answer *answer)
{
        struct run *run = arg;
        char text[256];

        run->ask = NULL;
        // A server that is behind need not have it yet: the leader has.
        if (answer->status == 404 && !run->asked_again) {
                run->asked_again = true;
                if (ask_for_job(run) < 0)
                        give_up(run, "failed to get the job", "out of memory");
                return;
        }
        if (answer->status != 200) {
                snprintf(text, sizeof(text), "Unexpected response code: %ld", answer->status);
                give_up(run, "failed to get the job",
                        answer->status == 0     ? answer->error
                        : answer->status == 404 ? "job missing"
                                                : text);
                return;
        }
        if (exec_job_read(answer->body, answer->length, &run->job) < 0)
                give_up(run, "failed to read the job", "it is no job");
        else if (put(run, "ack", "", 0, on_acknowledged) < 0)
                give_up(run, "failed to acknowledge the job", "out of memory");
}

static int ask_for_job(struct run *run)
{
        return ask(run, "GET",
                   exec_path(&run->order, NULL, "job", run->asked_again ? "raw" : "raw&stale"),
                   NULL, 0, on_job);
}

int remote_exec_create(const struct remote_exec_options *options, struct remote_exec **out)
{
        struct remote_exec *exec = calloc(1, sizeof(*exec));

        if (exec == NULL)
                return -ENOMEM;
        exec->options = *options;
        *out = exec;
        return 0;
}

void remote_exec_destroy(struct remote_exec *take_exec)
{
        if (take_exec == NULL)
                return;
        while (take_exec->first != NULL) {
                struct run *run = take_exec->first;

                ask_cancel(run->ask);
                if (run->process != NULL)
                        process_abandon(run->process);
                close_run(run);
        }
        free(take_exec);
}

void remote_exec_begin(struct remote_exec *exec, const char *payload, size_t len)
{
        const struct log *log = exec->options.log;
        struct exec_order order;
        struct run *run;

        if (exec_order_read(payload, len, &order) < 0) {
                log_error(log, "agent", "remote exec: failed to read the event's payload");
                return;
        }
        if (exec->options.own == NULL || exec->count >= REMOTE_EXEC_MAX) {
                log_warn(log, "agent", "remote exec: a job is left out: session=%s reason=\"%s\"",
                         order.session,
                         exec->options.own == NULL ? "this agent has no HTTP API"
                                                   : "too many at a time");
                return;
        }
        run = calloc(1, sizeof(*run));
        if (run == NULL)
                return;
        run->exec = exec;
        run->order = order;
        uv_timer_init(exec->options.loop, &run->timer);
        run->timer.data = run;
        run->next = exec->first;
        exec->first = run;
        exec->count++;
        log_info(log, "agent", "remote exec: received a job: session=%s", order.session);
        if (ask_for_job(run) < 0)
                give_up(run, "failed to get the job", "out of memory");
}
