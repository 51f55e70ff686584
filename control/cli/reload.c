#include <stdlib.h>

#include "control/cli/cli.h"
#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

static const struct flag flags[] = {CLIENT_FLAGS};

const struct flag_set reload_flag_set = {
    "Usage: lictor reload [options]",
    "  Causes the agent to read its configuration files again. Services, checks, DNS settings, "
    "node\n"
    "  metadata and the log level take effect at once; what the files get wrong is reported, and\n"
    "  then nothing changes. The same as sending the agent SIGHUP.\n"
    "\n"
    "      $ lictor reload",
    flags,
    ARRAY_LEN(flags),
};

int command_reload(int argc, char *const argv[])
{
        struct client_options options = {0};
        struct client_reply reply;
        char error[512];
        int rest = 0, status = 1;
        enum flags_outcome outcome = flags_parse(&reload_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (client_request(&options, "PUT", "/v1/agent/reload", &reply, error, sizeof(error)) < 0) {
                fprintf(stderr, "Error reloading: %s\n", error);
                return 1;
        }
        if (reply.status == 200) {
                puts("Configuration reload triggered");
                status = 0;
        } else {
                fprintf(stderr, "Error reloading: Unexpected response code: %ld (%s)\n",
                        reply.status, reply.body);
        }
        free(reply.body);
        return status;
}
