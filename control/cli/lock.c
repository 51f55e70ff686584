#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/child.h"
#include "control/cli/client_flags.h"
#include "control/cli/lock.h"
#include "control/text/duration.h"
#include "lictor/bytes.h"

// A child that was asked to end gets this long; less than a lock's delay of 15 seconds.
#define GRACE_MS 5000
#define RETRY_MS 1000

struct options {
        struct client_options client;
        bool child_exit_code, pass_stdin, shell, verbose;
        const char *name;
        int limit, monitor_retry;
        int64_t try_ns;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool on = strcmp(value, "true") == 0;

        (void)why;
        switch (flag->target[0]) {
        case 'c':
                options->child_exit_code = on;
                break;
        case 'p':
                options->pass_stdin = on;
                break;
        case 's':
                options->shell = on;
                break;
        case 'v':
                options->verbose = on;
                break;
        case 'n':
                options->name = value;
                break;
        case 'l':
                options->limit = (int)strtol(value, NULL, 10);
                break;
        case 'm':
                options->monitor_retry = (int)strtol(value, NULL, 10);
                break;
        default:
                return duration_parse(value, &options->try_ns);
        }
        return 0;
}

static const struct flag flags[] = {
    {"child-exit-code", FLAG_BOOL, "", "Exit with 2 when the child fails; otherwise with 0.",
     set_option, "child-exit-code"},
    {"monitor-retry", FLAG_INT, "<number>",
     "How often to ask again, a second apart, when the agent cannot tell whether the lock is still "
     "held. The default is 3.",
     set_option, "monitor-retry"},
    {"n", FLAG_INT, "<number>",
     "Holders at a time: with more than one it is a semaphore. The default is 1.", set_option,
     "limit"},
    {"name", FLAG_STRING, "<text>", "Name of the session.", set_option, "name"},
    {"pass-stdin", FLAG_BOOL, "", "Let the child read standard input.", set_option, "pass-stdin"},
    {"shell", FLAG_BOOL, "",
     "Run the child by a shell; the default. -shell=false runs it as it is.", set_option, "shell"},
    {"timeout", FLAG_DURATION, "<duration>", "The same as -try.", set_option, "try"},
    {"try", FLAG_DURATION, "<duration>", "Give up when the lock cannot be had within this time.",
     set_option, "try"},
    {"verbose", FLAG_BOOL, "", "Say what is done.", set_option, "verbose"},
    CLIENT_FLAGS,
};

const struct flag_set lock_flag_set = {
    "Usage: lictor lock [options] PREFIX CHILD...",
    "  Waits for a lock, runs a program while it is held, and gives it back. The lock is the key\n"
    "  PREFIX/.lock; of all that use the same PREFIX one runs at a time, or -n. When the lock is "
    "lost\n"
    "  the child is sent SIGTERM, and SIGKILL five seconds later; nobody else gets the lock "
    "before\n"
    "  15 seconds have passed. The child finds CONSUL_LOCK_HELD=true in its environment.\n"
    "\n"
    "      $ lictor lock service/backup/leader ./backup.sh",
    flags,
    ARRAY_LEN(flags),
};

struct run {
        const struct options *options;
        const struct lock_kind *kind;
        struct holder holder;
        struct lock lock;
        struct child child;
        struct pending monitor;
        uint64_t monitor_at_ms; // UINT64_MAX while a request is under way
        uint64_t monitor_index;
        int retries_left;
};

__attribute__((format(printf, 2, 3))) static void say(const struct run *run, const char *format,
                                                      ...)
{
        va_list arguments;

        if (!run->options->verbose)
                return;
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
}

static const char *check(const struct options *options, int argument_count)
{
        if (argument_count < 2)
                return "Key prefix and child command must be specified";
        if (options->limit <= 0)
                return "Lock holder limit must be positive";
        if (options->try_ns < 0)
                return "Timeout must be positive";
        if (options->monitor_retry < 0)
                return "Number for 'monitor-retry' must be >= 0";
        return NULL;
}

// returns  whether the lock is lost, as far as an answer of the monitor tells.
static bool is_lost(struct run *run)
{
        struct holder *h = &run->holder;
        uint64_t now = holder_now_ms();
        int verdict;

        if (run->monitor.exchange == NULL && !run->monitor.done && now >= run->monitor_at_ms) {
                run->monitor_at_ms = UINT64_MAX;
                run->kind->watch(&run->lock, run->monitor_index, &run->monitor);
        }
        if (!run->monitor.done)
                return false;
        verdict = holder_judge(h, &run->monitor);
        if (verdict == 0 && run->kind->is_held(&run->lock, &run->monitor.reply)) {
                run->monitor_index = run->monitor.reply.index;
                run->retries_left = run->options->monitor_retry;
                run->monitor_at_ms = now;
        } else if (verdict == -EAGAIN && run->retries_left-- > 0) {
                run->monitor_index = 0;
                run->monitor_at_ms = now + RETRY_MS;
        } else {
                return true;
        }
        calls_forget(h->calls, &run->monitor);
        return false;
}

static void kill_child(struct run *run)
{
        uint64_t until_ms = holder_now_ms() + GRACE_MS;
        char error[128];

        say(run, "Terminating child pid %d", (int)run->child.pid);
        child_signal(&run->child, SIGTERM);
        while (holder_now_ms() < until_ms) {
                if (holder_turn(&run->holder, run->child.fd, until_ms))
                        break;
        }
        if (holder_now_ms() >= until_ms)
                fprintf(stderr, "Child did not exit after grace period of 5s\n");
        // What it started, too, before somebody else gets the lock.
        child_signal(&run->child, SIGKILL);
        child_wait(&run->child, error, sizeof(error));
}

// Run the child until it ends, or the lock is lost. returns  whether the child succeeded.
static bool guard_child(struct run *run)
{
        struct holder *h = &run->holder;
        char error[128];
        bool lost = false;

        run->monitor_at_ms = holder_now_ms();
        run->retries_left = run->options->monitor_retry;
        while (!h->interrupted && !lost) {
                uint64_t until_ms;

                lost = !holder_is_valid(h) || is_lost(run);
                until_ms = lost ? 0 : run->monitor_at_ms;
                if (!holder_turn(h, run->child.fd, until_ms))
                        continue;
                if (child_wait(&run->child, error, sizeof(error)) < 0)
                        fprintf(stderr, "Error running handler: %s\n", error);
                say(run, "Child terminated, releasing lock");
                return error[0] == '\0';
        }
        if (lost)
                fputs("Lock lost, killing child\n", run->options->verbose ? stdout : stderr);
        else
                say(run, "Shutdown triggered, killing child");
        kill_child(run);
        return false;
}

static int give_back(struct run *run)
{
        int ret;

        run->holder.interrupted = false;
        calls_forget(run->holder.calls, &run->monitor);
        ret = run->kind->release(&run->lock);
        if (ret < 0) {
                fprintf(stderr, "Lock release failed: %s\n",
                        ret == -EINTR ? "interrupted" : run->holder.error);
                return 1;
        }
        ret = run->kind->cleanup(&run->lock);
        if (ret < 0 && ret != -EBUSY) {
                fprintf(stderr, "Lock cleanup failed: %s\n",
                        ret == -EINTR ? "interrupted" : run->holder.error);
                return 1;
        }
        say(run, ret == -EBUSY ? "Cleanup aborted, lock in use" : "Cleanup succeeded");
        return 0;
}

static int run_child(struct run *run, char *const argv[])
{
        static const char *const environment[] = {"CONSUL_LOCK_HELD=true", "LICTOR_LOCK_HELD=true",
                                                  NULL};
        const struct options *options = run->options;
        const struct child_spec spec = {.argv = argv,
                                        .shell = options->shell,
                                        .pass_stdin = options->pass_stdin,
                                        .environment = environment,
                                        // A child that reads a terminal has to stay in its group.
                                        .own_group = !options->pass_stdin || !isatty(STDIN_FILENO)};
        char error[512];
        bool succeeded = false;
        int status;

        say(run, "Starting handler");
        if (child_start(&spec, &run->child, error, sizeof(error)) < 0)
                fprintf(stderr, "Error starting handler: %s\n", error);
        else
                succeeded = guard_child(run);
        status = give_back(run);
        if (status == 0 && options->child_exit_code && !succeeded)
                status = 2;
        return status;
}

static int acquire_and_run(struct run *run, const char *name, char *const argv[])
{
        int ret;

        if (run->options->limit == 1)
                say(run, "Setting up lock at path: %s", run->lock.key);
        else
                say(run, "Setting up semaphore (limit %d) at prefix: %s", run->options->limit,
                    run->lock.prefix);
        say(run, "Attempting lock acquisition");
        ret = holder_create_session(&run->holder, name, "release");
        if (ret < 0)
                lock_failed(&run->lock, "failed to create session", ret);
        else
                ret = run->kind->acquire(&run->lock);
        if (ret == 0 && !run->holder.interrupted && holder_is_valid(&run->holder))
                return run_child(run, argv);
        if (ret == 0) {
                fputs("Shutdown triggered during lock acquisition\n", stderr);
                return give_back(run);
        }
        if (ret == -EINTR || ret == -ETIMEDOUT)
                fputs("Shutdown triggered or timeout during lock acquisition\n", stderr);
        else
                fprintf(stderr, "Lock acquisition failed: %s\n", run->holder.error);
        // A contender's key that is left would be taken for a holder's.
        if (run->options->limit > 1 && run->holder.session[0] != '\0') {
                run->holder.interrupted = false;
                run->kind->release(&run->lock);
        }
        return 1;
}

// The prefix as a path is written shortest: no empty parts.
static char *clean(const char *text)
{
        char *out = malloc(strlen(text) + 1);
        size_t length = 0;

        if (out == NULL)
                return NULL;
        for (; *text != '\0'; text++) {
                if (*text != '/' || (length > 0 && out[length - 1] != '/'))
                        out[length++] = *text;
        }
        while (length > 0 && out[length - 1] == '/')
                length--;
        out[length] = '\0';
        return out;
}

static char *session_name(const struct options *options, const char *prefix, char *const argv[])
{
        char *name = NULL;
        size_t size;
        FILE *out;

        if (options->name != NULL && *options->name != '\0')
                return strdup(options->name);
        out = open_memstream(&name, &size);
        if (out == NULL)
                return NULL;
        fputs("Consul lock for '", out);
        for (size_t i = 0; argv[i] != NULL; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "", argv[i]);
        fprintf(out, "' at '%s'", prefix);
        return fclose(out) == 0 ? name : NULL;
}

static int run_lock(const struct options *options, const char *prefix, char *const argv[])
{
        struct run run = {.options = options, .child.fd = -1};
        char *cleaned = clean(prefix), *key = NULL, *name = session_name(options, prefix, argv);
        int status = 1;

        run.kind = options->limit == 1 ? &lock_mutex : &lock_semaphore;
        if (cleaned == NULL || name == NULL ||
            asprintf(&key, "%s%s.lock", cleaned, *cleaned != '\0' ? "/" : "") < 0) {
                key = NULL;
                fputs("Lock setup failed: out of memory\n", stderr);
                goto out;
        }
        run.lock = (struct lock){.holder = &run.holder,
                                 .prefix = cleaned,
                                 .key = key,
                                 .limit = options->limit,
                                 .try_ms = (uint64_t)(options->try_ns + 999999) / 1000000u};
        if (holder_open(&run.holder, &options->client, (unsigned)options->monitor_retry) < 0)
                fputs("Lock setup failed: cannot watch signals\n", stderr);
        else
                status = acquire_and_run(&run, name, argv);
        calls_forget(run.holder.calls, &run.monitor);
        holder_close(&run.holder);
out:
        free(cleaned);
        free(key);
        free(name);
        return status;
}

int command_lock(int argc, char *const argv[])
{
        struct options options = {.shell = true, .limit = 1, .monitor_retry = 3};
        const struct client_call call = {.method = "GET", .path = "/v1/agent/self"};
        struct client_reply reply;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&lock_flag_set, argc, argv, &options, &rest);
        const char *problem;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        problem = check(&options, argc - rest);
        if (problem != NULL) {
                fprintf(stderr, "%s\n", problem);
                return 1;
        }
        // Locks on keys are files' names to people: a slash in front is no part of them.
        status = client_ask(&options.client, &call, "Error querying Consul agent", false, &reply);
        if (status != 0)
                return status;
        free(reply.body);
        return run_lock(&options, argv[rest], argv + rest + 1);
}
