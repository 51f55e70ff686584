#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "control/cli/exec.h"
#include "control/cli/holder.h"
#include "control/cli/input.h"
#include "control/text/base64.h"
#include "control/text/duration.h"
#include "control/text/wide_json.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        const char *node, *service, *tag, *prefix;
        bool shell, verbose;
        int64_t wait_ns, replicate_ns;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        switch (flag->target[0]) {
        case 'n':
                options->node = value;
                break;
        case 's':
                options->service = value;
                break;
        case 't':
                options->tag = value;
                break;
        case 'p':
                options->prefix = value;
                break;
        case 'S':
                options->shell = strcmp(value, "true") == 0;
                break;
        case 'v':
                options->verbose = strcmp(value, "true") == 0;
                break;
        case 'w':
                return duration_parse(value, &options->wait_ns);
        default:
                return duration_parse(value, &options->replicate_ns);
        }
        return 0;
}

static const struct flag flags[] = {
    {"node", FLAG_STRING, "<regexp>", "Only on nodes whose name matches.", set_option, "node"},
    {"prefix", FLAG_STRING, "<prefix>", "Where in the KV store; _rexec unless given.", set_option,
     "prefix"},
    {"service", FLAG_STRING, "<regexp>", "Only on nodes with a service that matches.", set_option,
     "service"},
    {"shell", FLAG_BOOL, "", "Run by a shell; the default. -shell=false runs it as it is.",
     set_option, "Shell"},
    {"tag", FLAG_STRING, "<regexp>", "With -service: its tags have to match, too.", set_option,
     "tag"},
    {"verbose", FLAG_BOOL, "", "Say who heard of it, too.", set_option, "verbose"},
    {"wait", FLAG_DURATION, "<duration>", "End when nobody answered for so long. Default: 2s.",
     set_option, "wait"},
    {"wait-repl", FLAG_DURATION, "<duration>",
     "Give servers so long before nodes look for the command. Default: 200ms.", set_option,
     "replicate"},
    CLIENT_FLAGS,
};

const struct flag_set exec_flag_set = {
    "Usage: lictor exec [options] [-|COMMAND...]",
    "  Asks nodes to run a command, and prints what it says there. With - it is a script from "
    "standard\n"
    "  input. The command goes by way of the KV store and an event, to agents that have\n"
    "  disable_remote_exec = false; none has it unless it is configured, since whoever may write "
    "to\n"
    "  the KV store and fire events could run programs there. The exit status is 2 when it failed\n"
    "  somewhere.\n"
    "\n"
    "      $ lictor exec -service=web uptime\n"
    "      $ lictor exec -node='^edge-' -wait=10s - < collect.sh",
    flags,
    ARRAY_LEN(flags),
};

struct run {
        const struct options *options;
        struct holder holder;
        struct exec_results results;
        char folder[256]; // PREFIX/SESSION/
};

static char *make_path(const char *start, const char *name, const char *query)
{
        char *escaped = client_escape(name), *path = NULL;

        if (escaped != NULL && asprintf(&path, "%s%s?%s", start, escaped, query) < 0)
                path = NULL;
        free(escaped);
        return path;
}

static int put(struct run *run, char *take_path, json_t *take_body)
{
        char *body = json_dumps(take_body, JSON_COMPACT);
        struct client_call call = {.method = "PUT", .path = take_path, .body = body};
        struct pending pending = {0};
        int ret = -ENOMEM;

        snprintf(run->holder.error, sizeof(run->holder.error), "out of memory");
        if (take_path != NULL && body != NULL) {
                call.body_length = strlen(body);
                ret = holder_ask(&run->holder, &call, &pending);
        }
        if (ret == 0 && strncmp(pending.reply.body, "false", 5) == 0) {
                snprintf(run->holder.error, sizeof(run->holder.error), "the key is locked");
                ret = -EEXIST;
        }
        calls_forget(run->holder.calls, &pending);
        free(take_path);
        free(body);
        json_decref(take_body);
        return ret;
}

// What nodes are to do: a command for a shell, arguments, or a script.
static json_t *job_json(const struct options *options, char *const argv[],
                        const struct input *script)
{
        json_t *job = json_pack("{s:I}", "Wait", (json_int_t)options->wait_ns), *args;
        char *text = NULL;
        size_t size = 0;
        FILE *out;

        if (script->bytes != NULL) {
                text = calloc(1, base64_text_len(script->length) + 1);
                if (text != NULL)
                        base64_encode((const uint8_t *)script->bytes, script->length, text);
                json_object_set_new(job, "Script", json_string(text));
        } else if (options->shell) {
                out = open_memstream(&text, &size);
                for (size_t i = 0; out != NULL && argv[i] != NULL; i++)
                        fprintf(out, "%s%s", i > 0 ? " " : "", argv[i]);
                if (out != NULL)
                        fclose(out);
                json_object_set_new(job, "Command", json_string(text));
        } else {
                args = json_array();
                for (size_t i = 0; argv[i] != NULL; i++)
                        json_array_append_new(args, json_string(argv[i]));
                json_object_set_new(job, "Args", args);
        }
        free(text);
        return job;
}

static char *event_path(const struct options *options)
{
        const char *const filters[][2] = {
            {"node", options->node}, {"service", options->service}, {"tag", options->tag}};
        char *path = NULL;
        size_t size;
        FILE *out = open_memstream(&path, &size);

        if (out == NULL)
                return NULL;
        fputs("/v1/event/fire/_rexec?", out);
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
                char *value = filters[i][1] != NULL ? client_escape(filters[i][1]) : NULL;

                if (value != NULL)
                        fprintf(out, "%s=%s&", filters[i][0], value);
                free(value);
        }
        return fclose(out) == 0 ? path : NULL;
}

// Print answers until there are none for a while.
static int collect(struct run *run)
{
        uint64_t wait_ms = (uint64_t)run->options->wait_ns / 1000000u, index = 0;
        uint64_t last_ms = holder_now_ms();

        for (;;) {
                struct exec_results *results = &run->results;
                // A node that has begun gets twice the time to end.
                bool busy = results->acknowledged > results->finished;
                uint64_t until_ms = last_ms + (busy ? 2 * wait_ms : wait_ms);
                uint64_t now = holder_now_ms();
                struct client_call call = {.method = "GET"};
                struct pending pending = {0};
                char query[96], *path;
                json_t *pairs;
                int ret;

                if (now >= until_ms)
                        return 0;
                snprintf(query, sizeof(query), "recurse=&index=%llu&wait=%llums",
                         (unsigned long long)index, (unsigned long long)(until_ms - now));
                path = make_path("/v1/kv/", run->folder, query);
                call.path = path != NULL ? path : "";
                ret = holder_ask(&run->holder, &call, &pending);
                free(path);
                if (ret == 0 && pending.reply.status == 200) {
                        pairs = wide_json_load(pending.reply.body, pending.reply.length);
                        if (exec_results_take(results, pairs))
                                last_ms = holder_now_ms();
                        json_decref(pairs);
                }
                index = pending.reply.index;
                calls_forget(run->holder.calls, &pending);
                if (ret < 0)
                        return ret;
        }
}

static void clean_up(struct run *run)
{
        char *path = make_path("/v1/kv/", run->folder, "recurse=");
        struct client_call call = {.method = "DELETE", .path = path != NULL ? path : ""};
        struct client_reply reply = {0};

        if (path != NULL)
                client_ask(run->holder.client, &call, "Failed to remove the command", true, &reply);
        if (path != NULL)
                free(reply.body);
        free(path);
}

static int report(const char *what, const struct run *run, int ret)
{
        fprintf(stderr, "%s: %s\n", what, ret == -EINTR ? "interrupted" : run->holder.error);
        return 1;
}

static int distribute(struct run *run, char *const argv[], const struct input *script)
{
        const struct options *options = run->options;
        char key[320], query[160];
        int ret;

        snprintf(run->folder, sizeof(run->folder), "%.180s/%s/", options->prefix,
                 run->holder.session);
        snprintf(key, sizeof(key), "%sjob", run->folder);
        snprintf(query, sizeof(query), "acquire=%s", run->holder.session);
        if (exec_results_init(&run->results, strlen(run->folder), options->verbose) < 0)
                return 1;
        ret = put(run, make_path("/v1/kv/", key, query), job_json(options, argv, script));
        if (ret < 0)
                return report("Failed to create job file", run, ret);
        ret = holder_pause(&run->holder, (unsigned)(options->replicate_ns / 1000000));
        if (ret == 0)
                ret = put(run, event_path(options),
                          json_pack("{s:s, s:s}", "Prefix", options->prefix, "Session",
                                    run->holder.session));
        if (ret < 0) {
                clean_up(run);
                return report("Failed to fire event", run, ret);
        }
        ret = collect(run);
        clean_up(run);
        if (ret < 0)
                return report("Failed to read results", run, ret);
        printf("%u / %u node(s) completed / acknowledged\n", run->results.finished,
               run->results.acknowledged);
        return run->results.failed > 0 ? 2 : 0;
}

static int run_exec(const struct options *options, char *const argv[], const struct input *script)
{
        struct run run = {.options = options};
        int ret = holder_open(&run.holder, &options->client, 0), status = 1;

        if (ret == 0)
                ret = holder_create_session(&run.holder, "Remote Exec", "delete");
        if (ret < 0)
                report("Failed to create session", &run, ret);
        else
                status = distribute(&run, argv, script);
        exec_results_fini(&run.results);
        holder_close(&run.holder);
        return status;
}

int command_exec(int argc, char *const argv[])
{
        struct options options = {
            .prefix = "_rexec", .shell = true, .wait_ns = 2000000000, .replicate_ns = 200000000};
        const struct client_call call = {.method = "GET", .path = "/v1/agent/self"};
        struct client_reply reply;
        struct input script = {0};
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&exec_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest == argc) {
                fputs("Must specify a command to execute\n\n", stderr);
                flags_print_help(&exec_flag_set, stderr);
                return 1;
        }
        if (options.tag != NULL && options.service == NULL) {
                fputs("Cannot provide tag filter without service filter.\n", stderr);
                return 1;
        }
        if (options.wait_ns <= 0 || options.replicate_ns < 0) {
                fputs("-wait and -wait-repl have to be positive\n", stderr);
                return 1;
        }
        status = client_ask(&options.client, &call, "Error querying Consul agent", false, &reply);
        if (status != 0)
                return status;
        free(reply.body);
        if (argc - rest == 1 && strcmp(argv[rest], "-") == 0 && input_read("-", &script) < 0)
                status = 1;
        else
                status = run_exec(&options, argv + rest, &script);
        free(script.bytes);
        return status;
}
