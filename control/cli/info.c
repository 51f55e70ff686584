#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

static const struct flag flags[] = {CLIENT_FLAGS};

const struct flag_set info_flag_set = {
    "Usage: lictor info [options]",
    "  Prints figures of the agent's parts, for finding out what is wrong.\n"
    "\n"
    "      $ lictor info -http-addr=192.0.2.5:8500",
    flags,
    ARRAY_LEN(flags),
};

static void print_part(const char *name, const json_t *part)
{
        const char *key;
        json_t *value;

        printf("%s:\n", name);
        json_object_foreach((json_t *)(uintptr_t)part, key, value)
            printf("\t%s = %s\n", key, json_string_value(value));
}

// Keys in order: an object keeps the order it was read in.
static json_t *read_sorted(const struct client_reply *reply)
{
        json_t *self = json_loadb(reply->body, reply->length, 0, NULL), *sorted = NULL;
        char *text = json_dumps(json_object_get(self, "Stats"), JSON_SORT_KEYS | JSON_COMPACT);

        if (text != NULL)
                sorted = json_loads(text, 0, NULL);
        free(text);
        json_decref(self);
        return sorted;
}

int command_info(int argc, char *const argv[])
{
        const struct client_call call = {.method = "GET", .path = "/v1/agent/self"};
        struct client_options options = {0};
        struct client_reply reply;
        int rest = 0, status;
        json_t *stats, *part;
        const char *name;
        enum flags_outcome outcome = flags_parse(&info_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = client_ask(&options, &call, "Error querying agent", false, &reply);
        if (status != 0)
                return status;
        stats = read_sorted(&reply);
        free(reply.body);
        if (stats == NULL) {
                fputs("Agent response did not contain 'Stats' key\n", stderr);
                return 1;
        }
        json_object_foreach(stats, name, part) print_part(name, part);
        json_decref(stats);
        return 0;
}
