#include "control/cli/cli.h"

int command_refuse_acl(int argc, char *const argv[])
{
        (void)argc;
        (void)argv;
        fputs("Access control lists are not part of this version: agents refuse to start with them "
              "enabled.\n",
              stderr);
        return 1;
}

int command_refuse_connect(int argc, char *const argv[])
{
        (void)argc;
        (void)argv;
        fputs("The service mesh is not part of this version.\n", stderr);
        return 1;
}
