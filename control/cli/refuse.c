#include <string.h>

#include "control/cli/cli.h"

// For help the line is the answer, otherwise it is why nothing was done.
static int refuse(int argc, char *const argv[], const char *line)
{
        bool asked = argc > 0 &&
                     (strcmp(argv[argc - 1], "-h") == 0 || strcmp(argv[argc - 1], "-help") == 0 ||
                      strcmp(argv[argc - 1], "--help") == 0);

        fprintf(asked ? stdout : stderr, "%s\n", line);
        return asked ? 0 : 1;
}

int command_refuse_acl(int argc, char *const argv[])
{
        return refuse(argc, argv,
                      "Access control lists are not part of this version: agents refuse to start "
                      "with them enabled.");
}

int command_refuse_connect(int argc, char *const argv[])
{
        return refuse(argc, argv, "The service mesh is not part of this version.");
}

int command_refuse_config(int argc, char *const argv[])
{
        return refuse(argc, argv,
                      "Central configurations (config entries) are not part of this version: they "
                      "serve the service mesh, which is not either.");
}
