#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

#define NODE_CHECK    "_node_maintenance"
#define SERVICE_CHECK "_service_maintenance:"

struct options {
        struct client_options client;
        bool enable, disable;
        const char *reason, *service;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        switch (flag->target[0]) {
        case 'e':
                options->enable = strcmp(value, "true") == 0;
                break;
        case 'd':
                options->disable = strcmp(value, "true") == 0;
                break;
        case 'r':
                options->reason = value;
                break;
        default:
                options->service = value;
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"disable", FLAG_BOOL, "", "End maintenance.", set_option, "disable"},
    {"enable", FLAG_BOOL, "", "Begin maintenance.", set_option, "enable"},
    {"reason", FLAG_STRING, "<text>", "Why; shown in the check.", set_option, "reason"},
    {"service", FLAG_STRING, "<id>", "One service of the agent only.", set_option, "service"},
    CLIENT_FLAGS,
};

const struct flag_set maint_flag_set = {
    "Usage: lictor maint [options]",
    "  Takes the agent's node, or one of its services, out of use and back by a check that is\n"
    "  critical. Without -enable and -disable it shows what is under maintenance.\n"
    "\n"
    "      $ lictor maint -enable -reason='new disk'\n"
    "      $ lictor maint -disable -service=web-1",
    flags,
    ARRAY_LEN(flags),
};

static int show(const struct options *options)
{
        const struct client_call call = {.method = "GET", .path = "/v1/agent/checks"};
        struct client_reply reply;
        int status = client_ask(&options->client, &call, "Error querying checks", false, &reply);
        const char *id;
        json_t *checks, *check;

        if (status != 0)
                return status;
        checks = json_loadb(reply.body, reply.length, 0, NULL);
        json_object_foreach(checks, id, check)
        {
                const char *notes = json_string_value(json_object_get(check, "Notes"));

                if (strcmp(id, NODE_CHECK) == 0)
                        printf("Node:\n  Name:   %s\n  Reason: %s\n\n",
                               json_string_value(json_object_get(check, "Node")), notes);
                else if (strncmp(id, SERVICE_CHECK, strlen(SERVICE_CHECK)) == 0)
                        printf("Service:\n  ID:     %s\n  Reason: %s\n\n",
                               id + strlen(SERVICE_CHECK), notes);
        }
        json_decref(checks);
        free(reply.body);
        return 0;
}

static int change(const struct options *options)
{
        struct client_call call = {.method = "PUT"};
        struct client_reply reply;
        const char *on = options->enable ? "true" : "false";
        char *reason = client_escape(options->enable && options->reason ? options->reason : "");
        char *id = client_escape(options->service ? options->service : ""), *path = NULL;
        int status = 1;
        char what[48];

        snprintf(what, sizeof(what), "Error %sabling %s maintenance",
                 options->enable ? "en" : "dis", options->service ? "service" : "node");
        if (reason != NULL && id != NULL &&
            asprintf(&path, "/v1/agent/%s%s?enable=%s&reason=%s",
                     options->service ? "service/maintenance/" : "maintenance",
                     options->service ? id : "", on, reason) >= 0) {
                call.path = path;
                status = client_ask(&options->client, &call, what, false, &reply);
                free(path);
        }
        if (status == 0) {
                if (options->service)
                        printf("Service maintenance is now %s for \"%s\"\n",
                               options->enable ? "enabled" : "disabled", options->service);
                else
                        printf("Node maintenance is now %s\n",
                               options->enable ? "enabled" : "disabled");
                free(reply.body);
        }
        free(reason);
        free(id);
        return status;
}

int command_maint(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0;
        enum flags_outcome outcome = flags_parse(&maint_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        // An empty name is none.
        if (options.service != NULL && options.service[0] == '\0')
                options.service = NULL;
        if (options.enable && options.disable) {
                fputs("Only one of -enable or -disable may be provided\n", stderr);
                return 1;
        }
        if (!options.enable && (options.reason != NULL && !options.disable)) {
                fputs("Reason may only be provided with -enable\n", stderr);
                return 1;
        }
        if (!options.enable && !options.disable && options.service != NULL) {
                fputs("Service requires either -enable or -disable\n", stderr);
                return 1;
        }
        return options.enable || options.disable ? change(&options) : show(&options);
}
