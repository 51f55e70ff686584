#include "control/cli/debug.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control/cli/calls.h"
#include "control/cli/client_flags.h"
#include "control/cli/holder.h"
#include "control/text/duration.h"
#include "lictor/bytes.h"

#define SECOND_NS       INT64_C(1000000000)
#define DURATION_NS     (120 * SECOND_NS)
#define DURATION_MIN_NS (10 * SECOND_NS)
#define INTERVAL_NS     (30 * SECOND_NS)
#define INTERVAL_MIN_NS (5 * SECOND_NS)
#define INDEX_VERSION   1
#define FILES_MAX       8

enum target { METRICS, LOGS, HOST, AGENT, MEMBERS, TARGET_COUNT };

static const char *const targets[TARGET_COUNT] = {
    [METRICS] = "metrics", [LOGS] = "logs",       [HOST] = "host",
    [AGENT] = "agent",     [MEMBERS] = "members",
};

struct options {
        struct client_options client;
        bool wanted[TARGET_COUNT], any_wanted, wants_profiles, no_archive;
        const char *unknown; // a target there is none of
        int64_t duration_ns, interval_ns;
        const char *output;
};

// A capture under way.
struct capture {
        const struct options *options;
        char folder[PATH_MAX - 64];
        const char *files[FILES_MAX]; // that are in it
        size_t file_count;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        switch (flag->target[0]) {
        case 'a':
                options->no_archive = strcmp(value, "true") != 0;
                break;
        case 'd':
                return duration_parse(value, &options->duration_ns);
        case 'i':
                return duration_parse(value, &options->interval_ns);
        default:
                options->output = value;
        }
        return 0;
}

static int set_capture(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        // As members was called before.
        const char *name = strcmp(value, "cluster") == 0 ? targets[MEMBERS] : value;
        bool known = strcmp(value, "pprof") == 0;

        (void)flag, (void)why;
        options->wants_profiles = options->wants_profiles || known;
        options->any_wanted = true;
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                if (strcmp(targets[i], name) == 0)
                        options->wanted[i] = known = true;
        }
        if (!known)
                options->unknown = value;
        return 0;
}

static const struct flag flags[] = {
    {"archive", FLAG_BOOL, "",
     "Put what was captured into a .tar.gz; the default. -archive=false leaves a folder.",
     set_option, "archive"},
    {"capture", FLAG_STRING, "<target>",
     "What to capture: metrics, logs, host, agent or members. May be given more than once; "
     "everything unless given. pprof is let pass with a warning.",
     set_capture, "capture"},
    {"duration", FLAG_DURATION, "<duration>",
     "How long to capture metrics and logs, 10s at least. Default: 2m.", set_option, "duration"},
    {"interval", FLAG_DURATION, "<duration>",
     "How often to capture metrics, 5s at least. Default: 30s.", set_option, "interval"},
    {"output", FLAG_STRING, "<path>",
     "The folder to write, and .tar.gz behind it the archive. Default: lictor-debug- and the time, "
     "where the command is run.",
     set_option, "output"},
    CLIENT_FLAGS,
};

const struct flag_set debug_flag_set = {
    "Usage: lictor debug [options]",
    "  Records what an agent knows of itself, for whoever looks for the cause of a problem: the "
    "host\n"
    "  (host.json), the agent and its settings (agent.json), the members it knows (members.json,\n"
    "  members-wan.json), metrics at every interval (metrics.json, a line each) and the log down "
    "to\n"
    "  TRACE (consul.log). An interrupt ends it early and keeps what there is.\n"
    "\n"
    "  Secrets are left out by the agent, but names and addresses are there: look through the\n"
    "  archive before it is given away.\n"
    "\n"
    "  Consul also captures pprof, profiles of its Go runtime. Lictor has none; to profile a "
    "running\n"
    "  agent use perf record -p PID, which needs nothing of the agent.\n"
    "\n"
    "      $ lictor debug -duration=30s -interval=5s\n"
    "      $ lictor debug -capture=agent -capture=host -archive=false -output=/tmp/it",
    flags,
    ARRAY_LEN(flags),
};

static const char *utc(const char *format, char out[64])
{
        time_t now = time(NULL);
        struct tm parts;

        gmtime_r(&now, &parts);
        strftime(out, 64, format, &parts);
        return out;
}

static FILE *open_file(struct capture *capture, const char *name)
{
        char path[PATH_MAX];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", capture->folder, name);
        file = fopen(path, "we");
        if (file == NULL)
                fprintf(stderr, "==> could not write %s: %s\n", path, strerror(errno));
        else
                capture->files[capture->file_count++] = name;
        return file;
}

static int close_file(FILE *take_file, const char *name)
{
        bool failed = ferror(take_file) != 0;

        if (fclose(take_file) == 0 && !failed)
                return 0;
        fprintf(stderr, "==> could not write %s: %s\n", name, strerror(errno));
        return 1;
}

// One answer becomes one file.
static int capture_answer(struct capture *capture, const char *name, const char *path)
{
        const struct client_call call = {.method = "GET", .path = path};
        struct client_reply reply;
        FILE *file;
        int status = client_ask(&capture->options->client, &call, "==> Static capture failed",
                                false, &reply);

        if (status != 0)
                return status;
        file = open_file(capture, name);
        status = 1;
        if (file != NULL) {
                fwrite(reply.body, 1, reply.length, file);
                status = close_file(file, name);
        }
        free(reply.body);
        return status;
}

static void capture_static(struct capture *capture)
{
        static const struct {
                enum target target;
                const char *name, *path;
        } rows[] = {{HOST, "host.json", "/v1/agent/host?pretty"},
                    {AGENT, "agent.json", "/v1/agent/self?pretty"},
                    {MEMBERS, "members.json", "/v1/agent/members?pretty"},
                    {MEMBERS, "members-wan.json", "/v1/agent/members?wan=1&pretty"}};

        // What cannot be had is told, and the rest is worth having.
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (capture->options->wanted[rows[i].target])
                        (void)capture_answer(capture, rows[i].name, rows[i].path);
        }
}

static bool append(void *arg, const char *bytes, size_t length)
{
        return fwrite(bytes, 1, length, arg) == length;
}

static int capture_metrics(const struct capture *capture, FILE *file)
{
        const struct client_call call = {.method = "GET", .path = "/v1/agent/metrics"};
        struct client_reply reply;
        int status = client_ask(&capture->options->client, &call,
                                "==> Error encountered during collection", false, &reply);

        if (status != 0)
                return status;
        fprintf(file, "%.*s\n", (int)strcspn(reply.body, "\n"), reply.body);
        free(reply.body);
        return 0;
}

static void tell(const char *what, unsigned number)
{
        char now[64];

        printf("==> %s %s (%u)\n", what, utc("%Y-%m-%d %H:%M:%S +0000 UTC", now), number);
        fflush(stdout);
}

// Waits until then, or for an interrupt, while the log streams. returns whether there was one.
static bool pass_time(struct calls *calls, int signals, uint64_t until_ms)
{
        for (uint64_t now = holder_now_ms(); now < until_ms; now = holder_now_ms()) {
                bool interrupted;

                calls_poll(calls, &signals, &interrupted, 1, (int)(until_ms - now));
                if (interrupted)
                        return true;
        }
        return false;
}

static void run_intervals(const struct capture *capture, struct calls *calls, int signals,
                          FILE *metrics)
{
        const struct options *options = capture->options;
        uint64_t began_ms = holder_now_ms();
        uint64_t interval_ms = (uint64_t)options->interval_ns / 1000000;
        uint64_t end_ms = began_ms + (uint64_t)options->duration_ns / 1000000;
        bool interrupted = false;

        tell("Beginning capture interval", 0);
        for (unsigned i = 0; began_ms + i * interval_ms <= end_ms && !interrupted; i++) {
                interrupted = pass_time(calls, signals, began_ms + i * interval_ms);
                if (interrupted || (metrics != NULL && capture_metrics(capture, metrics) != 0))
                        continue;
                tell("Capture successful", i);
        }
        interrupted = interrupted || pass_time(calls, signals, end_ms);
        if (interrupted)
                fputs(
                    "==> Error encountered during collection: stopping collection due to shutdown "
                    "signal\n",
                    stderr);
}

static int open_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void capture_dynamic(struct capture *capture)
{
        const struct options *options = capture->options;
        FILE *metrics = options->wanted[METRICS] ? open_file(capture, "metrics.json") : NULL;
        FILE *log = options->wanted[LOGS] ? open_file(capture, "consul.log") : NULL;
        const struct client_call call = {.method = "GET",
                                         .path = "/v1/agent/monitor?loglevel=trace",
                                         .timeout_s = options->duration_ns / SECOND_NS + 60,
                                         .on_body = append,
                                         .on_body_arg = log};
        struct calls *calls = calls_create();
        struct pending pending = {0};
        int signals = open_signals();

        if (calls != NULL && signals >= 0) {
                if (log != NULL) {
                        // Line by line, so that it can be followed and outlives a killed command.
                        setvbuf(log, NULL, _IOLBF, BUFSIZ);
                        calls_begin(calls, &options->client, &call, &pending);
                }
                run_intervals(capture, calls, signals, metrics);
                if (pending.done && pending.result < 0)
                        fprintf(stderr, "==> Error encountered during collection: %s\n",
                                pending.error);
                calls_forget(calls, &pending);
        }
        calls_destroy(calls);
        if (signals >= 0)
                close(signals);
        if (metrics != NULL)
                (void)close_file(metrics, "metrics.json");
        if (log != NULL)
                (void)close_file(log, "consul.log");
}

static json_t *target_list(const struct options *options)
{
        json_t *list = json_array();

        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                if (options->wanted[i])
                        json_array_append_new(list, json_string(targets[i]));
        }
        return list;
}

static int write_index(struct capture *capture, const char *version)
{
        const struct options *options = capture->options;
        char interval[DURATION_TEXT_MAX], duration[DURATION_TEXT_MAX];
        json_t *index = json_pack(
            "{s:i, s:s, s:s, s:s, s:o}", "Version", INDEX_VERSION, "AgentVersion", version,
            "Interval", duration_format(options->interval_ns, interval), "Duration",
            duration_format(options->duration_ns, duration), "Targets", target_list(options));
        FILE *file = open_file(capture, "index.json");
        int status = 1;

        if (file != NULL) {
                json_dumpf(index, file, JSON_INDENT(4));
                status = close_file(file, "index.json");
        }
        json_decref(index);
        return status;
}

static int refuse(const char *text)
{
        fprintf(stderr, "==> Capture validation failed: %s\n", text);
        return 1;
}

static int check_options(struct options *options)
{
        char duration[DURATION_TEXT_MAX], interval[DURATION_TEXT_MAX], text[160];

        if (options->duration_ns < DURATION_MIN_NS)
                return refuse("duration must be longer than 10s");
        if (options->interval_ns < INTERVAL_MIN_NS)
                return refuse("interval must be longer than 5s");
        if (options->duration_ns < options->interval_ns) {
                snprintf(text, sizeof(text), "duration (%s) must be longer than interval (%s)",
                         duration_format(options->duration_ns, duration),
                         duration_format(options->interval_ns, interval));
                return refuse(text);
        }
        for (size_t i = 0; i < ARRAY_LEN(targets) && !options->any_wanted; i++)
                options->wanted[i] = true;
        if (options->unknown != NULL) {
                snprintf(text, sizeof(text), "target not found: %.100s", options->unknown);
                return refuse(text);
        }
        if (options->wants_profiles)
                fputs("==> [WARN] Unable to capture pprof: the agent is no Go program and has no "
                      "such profiles. Use perf record -p PID to profile it.\n",
                      stderr);
        return 0;
}

// Asks who the agent is. returns  its version, freed with free(), or NULL, having told why.
static char *ask_version(const struct options *options)
{
        const struct client_call call = {.method = "GET", .path = "/v1/agent/self"};
        const char *text;
        char *version = NULL;
        struct client_reply reply;
        json_t *self;

        if (client_ask(&options->client, &call,
                       "==> Capture validation failed: error querying target agent", false,
                       &reply) != 0)
                return NULL;
        self = json_loadb(reply.body, reply.length, 0, NULL);
        text = json_string_value(json_object_get(json_object_get(self, "Config"), "Version"));
        if (text != NULL)
                version = strdup(text);
        else
                refuse("agent response did not contain version key");
        json_decref(self);
        free(reply.body);
        return version;
}

static void print_head(const struct capture *capture, const char *version)
{
        const struct options *options = capture->options;
        char interval[DURATION_TEXT_MAX], duration[DURATION_TEXT_MAX];
        const char *separator = "";

        puts("==> Starting debugger and capturing static information...");
        printf("     Agent Version: '%s'\n", version);
        printf("          Interval: '%s'\n", duration_format(options->interval_ns, interval));
        printf("          Duration: '%s'\n", duration_format(options->duration_ns, duration));
        printf("            Output: '%s%s'\n", capture->folder,
               options->no_archive ? "" : ".tar.gz");
        fputs("           Capture: '", stdout);
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                if (!options->wanted[i])
                        continue;
                printf("%s%s", separator, targets[i]);
                separator = ", ";
        }
        puts("'");
        fflush(stdout);
}

static int archive(const struct capture *capture)
{
        char error[512], path[PATH_MAX];

        if (debug_archive_write(capture->folder, capture->files, capture->file_count, error,
                                sizeof(error)) < 0) {
                fprintf(stderr, "==> Archive creation failed: %s\n", error);
                return 1;
        }
        for (size_t i = 0; i < capture->file_count; i++) {
                snprintf(path, sizeof(path), "%s/%s", capture->folder, capture->files[i]);
                unlink(path);
        }
        rmdir(capture->folder);
        return 0;
}

static int run(const struct options *options, const char *version)
{
        struct capture capture = {.options = options};
        char now[64], text[PATH_MAX + 64];
        int ret;

        if (options->output != NULL)
                snprintf(capture.folder, sizeof(capture.folder), "%s", options->output);
        else
                snprintf(capture.folder, sizeof(capture.folder), "lictor-debug-%s",
                         utc("%Y-%m-%dT%H-%M-%SZ", now));
        for (size_t end = strlen(capture.folder); end > 1 && capture.folder[end - 1] == '/'; end--)
                capture.folder[end - 1] = '\0';
        ret = debug_make_folder(capture.folder);
        if (ret < 0) {
                snprintf(text, sizeof(text),
                         ret == -EEXIST ? "output directory already exists: %s"
                                        : "could not create output directory: %s",
                         capture.folder);
                return refuse(text);
        }
        print_head(&capture, version);
        capture_static(&capture);
        if (options->wanted[METRICS] || options->wanted[LOGS])
                capture_dynamic(&capture);
        if (write_index(&capture, version) != 0 || (!options->no_archive && archive(&capture) != 0))
                return 1;
        printf("    Saved debug archive: %s%s\n", capture.folder,
               options->no_archive ? "" : ".tar.gz");
        return 0;
}

int command_debug(int argc, char *const argv[])
{
        struct options options = {.duration_ns = DURATION_NS, .interval_ns = INTERVAL_NS};
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&debug_flag_set, argc, argv, &options, &rest);
        char *version;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest < argc) {
                fputs("==> debug: Too many arguments provided, expected 0\n", stderr);
                return 1;
        }
        if (check_options(&options) != 0)
                return 1;
        version = ask_version(&options);
        status = version != NULL ? run(&options, version) : 1;
        free(version);
        return status;
}
