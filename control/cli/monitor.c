#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

/* A log has no end. */
#define FOREVER_S (10L * 365 * 24 * 3600)

struct options {
        struct client_options client;
        const char *level;
        bool json;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        if (strcmp(flag->target, "log-json") == 0)
                options->json = strcmp(value, "true") == 0;
        else
                options->level = value;
        return 0;
}

static const struct flag flags[] = {
    {"log-json", FLAG_BOOL, "", "Lines as JSON.", set_option, "log-json"},
    {"log-level", FLAG_STRING, "<level>", "From this level on: trace, debug, info, warn, err.",
     set_option, "log-level"},
    CLIENT_FLAGS,
};

const struct flag_set monitor_flag_set = {
    "Usage: lictor monitor [options]",
    "  Prints what a running agent logs from now on, at a level of its own.\n"
    "\n"
    "      $ lictor monitor -log-level=debug",
    flags,
    ARRAY_LEN(flags),
};

static bool print(void *arg, const char *bytes, size_t length)
{
        (void)arg;
        return fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0;
}

static void on_interrupt(int number)
{
        (void)number;
        _Exit(0);
}

int command_monitor(int argc, char *const argv[])
{
        struct options options = {.level = "INFO"};
        struct client_call call = {.method = "GET", .timeout_s = FOREVER_S, .on_body = print};
        struct client_reply reply;
        int rest = 0, status = 1;
        enum flags_outcome outcome = flags_parse(&monitor_flag_set, argc, argv, &options, &rest);
        char *level, *path = NULL;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        signal(SIGINT, on_interrupt);
        level = client_escape(options.level);
        if (level != NULL && asprintf(&path, "/v1/agent/monitor?loglevel=%s%s", level,
                                      options.json ? "&logjson=true" : "") >= 0) {
                call.path = path;
                status =
                    client_ask(&options.client, &call, "Error starting monitor", false, &reply);
                if (status == 0) {
                        fputs("\nRemote side ended the monitor! This usually means that the\n"
                              "remote side has exited or crashed.\n",
                              stderr);
                        free(reply.body);
                }
                free(path);
        }
        free(level);
        return status;
}
