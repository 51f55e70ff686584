#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool wan, prune;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        *(flag->target[0] == 'w' ? &options->wan : &options->prune) = strcmp(value, "true") == 0;
        return 0;
}

static const struct flag join_flags[] = {
    {"wan", FLAG_BOOL, "", "Join servers of another datacenter.", set_option, "wan"},
    CLIENT_FLAGS,
};

const struct flag_set join_flag_set = {
    "Usage: lictor join [options] address ...",
    "  Tells a running agent to join the cluster of the agents at these addresses. One that can "
    "be\n"
    "  reached is enough.\n"
    "\n"
    "      $ lictor join 192.0.2.5 192.0.2.6:8301",
    join_flags,
    ARRAY_LEN(join_flags),
};

static const struct flag force_leave_flags[] = {
    {"prune", FLAG_BOOL, "", "Forget the member altogether.", set_option, "prune"},
    {"wan", FLAG_BOOL, "", "The member is a server of another datacenter.", set_option, "wan"},
    CLIENT_FLAGS,
};

const struct flag_set force_leave_flag_set = {
    "Usage: lictor force-leave [options] name",
    "  Makes the cluster take a failed member for one that left. One that still runs will join "
    "again.\n"
    "  With -prune it is forgotten at once rather than after reconnect_timeout.\n"
    "\n"
    "      $ lictor force-leave -prune web-1",
    force_leave_flags,
    ARRAY_LEN(force_leave_flags),
};

static const struct flag leave_flags[] = {CLIENT_FLAGS};

const struct flag_set leave_flag_set = {
    "Usage: lictor leave [options]",
    "  Makes the agent leave its cluster and end.\n"
    "  A server that leaves is taken out of the Raft configuration; its data stays on disk. To end "
    "an agent\n"
    "  that is to come back, send it SIGTERM instead, if leave_on_terminate is off.",
    leave_flags,
    ARRAY_LEN(leave_flags),
};

// A PUT to a path with one name in it.
static int put_name(const struct options *options, const char *prefix, const char *name,
                    const char *query, const char *what)
{
        struct client_call call = {.method = "PUT"};
        struct client_reply reply;
        char *escaped = client_escape(name), *path = NULL;
        int status = 1;

        if (escaped != NULL && asprintf(&path, "%s%s%s", prefix, escaped, query) >= 0) {
                call.path = path;
                status = client_ask(&options->client, &call, what, false, &reply);
                if (status == 0)
                        free(reply.body);
                free(path);
        }
        free(escaped);
        return status;
}

int command_join(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0, joined = 0;
        enum flags_outcome outcome = flags_parse(&join_flag_set, argc, argv, &options, &rest);
        char what[256];

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest == argc) {
                fputs("At least one address to join must be specified.\n\n", stderr);
                flags_print_help(&join_flag_set, stderr);
                return 1;
        }
        for (int i = rest; i < argc; i++) {
                snprintf(what, sizeof(what), "Error joining address '%s'", argv[i]);
                joined += put_name(&options, "/v1/agent/join/", argv[i],
                                   options.wan ? "?wan=1" : "", what) == 0;
        }
        if (joined == 0) {
                fputs("Failed to join any nodes.\n", stderr);
                return 1;
        }
        printf("Successfully joined cluster by contacting %d nodes.\n", joined);
        return 0;
}

int command_force_leave(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0;
        enum flags_outcome outcome =
            flags_parse(&force_leave_flag_set, argc, argv, &options, &rest);
        char query[32];

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (argc - rest != 1) {
                fputs("A single node name must be specified to force leave.\n\n", stderr);
                flags_print_help(&force_leave_flag_set, stderr);
                return 1;
        }
        snprintf(query, sizeof(query), "%s%s%s", options.prune ? "?prune=1" : "",
                 options.wan ? (options.prune ? "&" : "?") : "", options.wan ? "wan=1" : "");
        return put_name(&options, "/v1/agent/force-leave/", argv[rest], query,
                        "Error force leaving");
}

int command_leave(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&leave_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest < argc) {
                fputs("found unexpected args: [", stderr);
                for (int i = rest; i < argc; i++)
                        fprintf(stderr, "%s%s", i > rest ? " " : "", argv[i]);
                fputs("]\n", stderr);
                return 1;
        }
        status = put_name(&options, "/v1/agent/leave", "", "", "Error leaving");
        if (status == 0)
                puts("Graceful leave complete");
        return status;
}
