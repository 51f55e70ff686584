#ifndef LICTOR_CLI_AGENT_FLAGS_H
#define LICTOR_CLI_AGENT_FLAGS_H

/** The flags of `lictor agent`: each is a setting laid over the files'. */

#include "control/config/config.h"

struct agent_flags {
        struct config_source *sources; /* -config-file and -config-dir in the order given */
        size_t source_count;
        const char **fragments; /* of -hcl */
        size_t fragment_count;
        const char *format; /* of -config-format; NULL when it was not given */
        json_t *settings;
        bool dev_mode;
        struct config_input input; /* the above as config_build takes it; borrows from it */
};

/**
 * Read the arguments behind "agent"; help and mistakes have been printed.
 * returns  -1 to go on, or the exit status.
 */
int agent_flags_parse(int argc, char *const argv[], struct agent_flags *out);
void agent_flags_fini(struct agent_flags *flags);

#endif
