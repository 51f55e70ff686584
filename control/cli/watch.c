#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/child.h"
#include "control/cli/client_flags.h"
#include "control/watch/watch.h"
#include "lictor/bytes.h"

// Agents let a query wait for five minutes, and a little more so that not all end at once.
#define QUERY_TIMEOUT_S 600

struct options {
        struct client_options client;
        json_t *params; // owned
        bool shell;
};

static int set_param(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        json_t *list;

        (void)why;
        if (flag->kind == FLAG_BOOL) {
                // Not given and given as false are the same.
                if (strcmp(value, "true") == 0)
                        json_object_set_new(options->params, flag->target, json_true());
                else
                        json_object_del(options->params, flag->target);
                return 0;
        }
        if (strcmp(flag->target, "tag") != 0) {
                if (*value != '\0')
                        json_object_set_new(options->params, flag->target, json_string(value));
                return 0;
        }
        list = json_object_get(options->params, "tag");
        if (list == NULL) {
                list = json_array();
                json_object_set_new(options->params, "tag", list);
        }
        json_array_append_new(list, json_string(value));
        return 0;
}

static int set_shell(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)flag, (void)why;
        options->shell = strcmp(value, "true") == 0;
        return 0;
}

static const struct flag flags[] = {
    {"key", FLAG_STRING, "<key>", "Key to watch, for -type=key.", set_param, "key"},
    {"name", FLAG_STRING, "<name>", "Events of this name only, for -type=event.", set_param,
     "name"},
    {"passingonly", FLAG_BOOL, "", "Instances without a bad check only, for -type=service.",
     set_param, "passingonly"},
    {"prefix", FLAG_STRING, "<prefix>", "Keys that begin with this, for -type=keyprefix.",
     set_param, "prefix"},
    {"service", FLAG_STRING, "<name>", "Service to watch, for -type=service and checks.", set_param,
     "service"},
    {"shell", FLAG_BOOL, "",
     "Run the handler by a shell; the default. -shell=false runs it as it is.", set_shell, NULL},
    {"state", FLAG_STRING, "<state>", "Checks in this state only, for -type=checks.", set_param,
     "state"},
    {"tag", FLAG_STRING, "<tag>",
     "Instances with this tag only, for -type=service; may be given more than once.", set_param,
     "tag"},
    {"type", FLAG_STRING, "<type>", "key, keyprefix, services, nodes, service, checks or event.",
     set_param, "type"},
    CLIENT_FLAGS,
};

const struct flag_set watch_flag_set = {
    "Usage: lictor watch [options] [HANDLER...]",
    "  Watches something of the cluster. Without a handler it prints what there is, as JSON, and "
    "ends.\n"
    "  A handler is run at once and again on every change: it reads the JSON from standard input\n"
    "  and finds the index in CONSUL_INDEX. When it fails the watch ends.\n"
    "\n"
    "      $ lictor watch -type=service -service=web ./reload-proxy.sh\n"
    "      $ lictor watch -type=key -key=app/limit",
    flags,
    ARRAY_LEN(flags),
};

static void on_signal(int number)
{
        (void)number;
        _exit(0);
}

static int run_handler(const struct options *options, char *const argv[],
                       const struct watch_news *news)
{
        char index[48], index_own[48], error[512];
        const char *environment[] = {index, index_own, NULL};
        struct child_spec spec = {.argv = argv,
                                  .shell = options->shell,
                                  .environment = environment,
                                  .input_length = news->length + 1};
        struct child child;
        char *input = malloc(news->length + 1);
        int ret = -ENOMEM;

        snprintf(index, sizeof(index), "CONSUL_INDEX=%llu", (unsigned long long)news->index);
        snprintf(index_own, sizeof(index_own), "LICTOR_INDEX=%llu",
                 (unsigned long long)news->index);
        snprintf(error, sizeof(error), "out of memory");
        if (input != NULL) {
                memcpy(input, news->text, news->length);
                input[news->length] = '\n';
                spec.input = input;
                ret = child_start(&spec, &child, error, sizeof(error));
        }
        if (ret == 0)
                ret = child_wait(&child, error, sizeof(error));
        if (ret < 0)
                fprintf(stderr, "Error executing handler: %s\n", error);
        free(input);
        return ret < 0 ? 1 : 0;
}

// Ask once. returns  as watch_plan_take().
static int ask(const struct options *options, struct watch_plan *plan, bool pretty,
               struct watch_news *news)
{
        struct client_call call = {.method = "GET", .timeout_s = QUERY_TIMEOUT_S};
        char *path = watch_plan_path(plan), error[1024];
        struct client_reply reply = {0};
        int ret = -ENOMEM;
        unsigned wait_s;

        snprintf(error, sizeof(error), "out of memory");
        if (path != NULL) {
                call.path = path;
                ret = client_send(&options->client, &call, &reply, error, sizeof(error));
        }
        if (ret == 0 && reply.status != 200 && reply.status != 404) {
                snprintf(error, sizeof(error), "Unexpected response code: %ld (%.900s)",
                         reply.status, reply.body);
                ret = -EPROTO;
        }
        if (ret == 0) {
                snprintf(error, sizeof(error), "the answer is not what was asked for");
                ret = watch_plan_take(plan, reply.status, reply.body, reply.length, reply.index,
                                      pretty, news);
        }
        if (ret < 0) {
                wait_s = watch_plan_fail(plan);
                fprintf(stderr, "Watch (type: %s) errored: %s, retry in %us\n",
                        watch_plan_type(plan), error, wait_s);
                sleep(wait_s);
        }
        free(reply.body);
        free(path);
        return ret;
}

static int run_watch(const struct options *options, struct watch_plan *plan, char *const argv[])
{
        bool once = argv[0] == NULL;
        int status = 0;

        for (;;) {
                struct watch_news news = {0};

                if (ask(options, plan, once, &news) <= 0)
                        continue;
                if (once)
                        printf("%s\n", news.text);
                else
                        status = run_handler(options, argv, &news);
                free(news.text);
                if (once || status != 0)
                        return status;
        }
}

static int watch(struct options *options, char *const argv[])
{
        const struct client_call call = {.method = "GET", .path = "/v1/agent/self"};
        struct client_options local = options->client;
        struct client_reply reply;
        struct watch_plan *plan;
        char error[512];
        int status;

        if (json_object_get(options->params, "type") == NULL) {
                fputs("Watch type must be specified\n\n", stderr);
                flags_print_help(&watch_flag_set, stderr);
                return 1;
        }
        if (watch_plan_create(options->params, &plan, error, sizeof(error)) < 0) {
                fprintf(stderr, "%s\n", error);
                return 1;
        }
        local.datacenter = NULL;
        status = client_ask(&local, &call, "Error querying Consul agent", false, &reply);
        if (status == 0) {
                free(reply.body);
                signal(SIGINT, on_signal);
                signal(SIGTERM, on_signal);
                status = run_watch(options, plan, argv);
        }
        watch_plan_destroy(plan);
        return status;
}

int command_watch(int argc, char *const argv[])
{
        struct options options = {.params = json_object(), .shell = true};
        int rest = 0, status = 1;
        enum flags_outcome outcome = FLAGS_BAD;

        if (options.params != NULL)
                outcome = flags_parse(&watch_flag_set, argc, argv, &options, &rest);
        if (outcome == FLAGS_OK)
                status = watch(&options, argv + rest);
        else if (outcome == FLAGS_HELP)
                status = 0;
        json_decref(options.params);
        return status;
}
