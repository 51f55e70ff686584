#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "control/cli/cli.h"
#include "lictor/bytes.h"
#include "lictor/version.h"

// Consul's RPC protocol, which clients of this release speak.
#define PROTOCOL_DEFAULT 2
#define PROTOCOL_MIN     2
#define PROTOCOL_MAX     3

static int set_format(void *context, const struct flag *flag, const char *value, const char **why)
{
        bool *json = context;

        (void)flag;
        *json = strcmp(value, "json") == 0;
        if (*json || strcmp(value, "pretty") == 0)
                return 0;
        *why = "must be pretty or json";
        return -EINVAL;
}

static const struct flag flags[] = {
    {"format", FLAG_STRING, "<pretty|json>", "Output format. The default is pretty.", set_format,
     NULL},
};

const struct flag_set version_flag_set = {
    "Usage: lictor version [options]",
    "  Prints the version of Lictor, the Consul release it conforms to, and the protocol versions\n"
    "  it speaks.\n"
    "\n"
    "      $ lictor version -format=json",
    flags,
    ARRAY_LEN(flags),
};

static int print_json(void)
{
        json_t *version =
            json_pack("{s:s, s:s, s:s, s:{s:i, s:i, s:i}}", "Version", LICTOR_VERSION, "Revision",
                      "", "ConsulVersion", LICTOR_CONSUL_API_VERSION, "RPC", "Default",
                      PROTOCOL_DEFAULT, "Min", PROTOCOL_MIN, "Max", PROTOCOL_MAX);
        int ret = version == NULL || json_dumpf(version, stdout, JSON_INDENT(4)) < 0;

        json_decref(version);
        puts("");
        return ret;
}

int command_version(int argc, char *const argv[])
{
        bool json = false;
        int rest = 0;
        enum flags_outcome outcome = flags_parse(&version_flag_set, argc, argv, &json, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (json)
                return print_json();
        printf("Lictor v%s\nConforms to Consul %s\n", LICTOR_VERSION, LICTOR_CONSUL_API_VERSION);
        printf("Protocol %d spoken by default, understands %d to %d (agent will automatically use "
               "protocol >2 when speaking to compatible agents)\n",
               PROTOCOL_DEFAULT, PROTOCOL_MIN, PROTOCOL_MAX);
        return 0;
}
