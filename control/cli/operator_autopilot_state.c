#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool json;
};

static int set_format(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)flag;
        *why = "the format has to be pretty or json";
        options->json = strcmp(value, "json") == 0;
        return options->json || strcmp(value, "pretty") == 0 ? 0 : -EINVAL;
}

static const struct flag flags[] = {
    {"format", FLAG_STRING, "<pretty|json>", "How to print it; pretty unless given.", set_format,
     "format"},
    CLIENT_FLAGS,
};

const struct flag_set autopilot_state_flag_set = {
    "Usage: lictor operator autopilot state [options]",
    "  Prints what the leader makes of the servers: whether each is healthy and votes, how far it "
    "is\n"
    "  behind, and how many may fail before the cluster does.\n"
    "\n"
    "      $ lictor operator autopilot state\n"
    "      $ lictor operator autopilot state -format=json",
    flags,
    ARRAY_LEN(flags),
};

static const char *truth(const json_t *object, const char *name)
{
        return json_is_true(json_object_get(object, name)) ? "true" : "false";
}

static long long number(const json_t *object, const char *name)
{
        return json_integer_value(json_object_get(object, name));
}

static void print_texts(const char *heading, const json_t *list)
{
        const json_t *item;
        size_t i;

        puts(heading);
        json_array_foreach(list, i, item)
        {
                printf("   %s\n", json_string_value(item));
        }
}

static int compare_keys(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// An object's keys in their order. returns  freed with free(); NULL for none.
static const char **sorted_keys(const json_t *object, size_t *count)
{
        const char **keys = calloc(json_object_size(object) + 1, sizeof(*keys));
        const char *key;
        json_t *value;

        *count = 0;
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
        {
                if (keys != NULL)
                        keys[(*count)++] = key;
        }
        if (keys != NULL)
                qsort(keys, *count, sizeof(*keys), compare_keys);
        return keys;
}

static void print_meta(const json_t *meta)
{
        size_t count;
        const char **keys = sorted_keys(meta, &count);

        if (count > 0)
                puts("      Meta");
        for (size_t i = 0; i < count; i++)
                printf("         \"%s\": \"%s\"\n", keys[i], json_text(meta, keys[i]));
        free(keys);
}

static void print_server(const json_t *server)
{
        static const char *const texts[][2] = {
            {"Name:           ", "Name"},     {"Address:        ", "Address"},
            {"Version:        ", "Version"},  {"Status:         ", "Status"},
            {"Node Type:      ", "NodeType"}, {"Node Status:    ", "NodeStatus"},
        };

        printf("   %s\n", json_text(server, "ID"));
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                printf("      %s %s\n", texts[i][0], json_text(server, texts[i][1]));
        printf("      Healthy:         %s\n", truth(server, "Healthy"));
        printf("      Last Contact:    %s\n", json_text(server, "LastContact"));
        printf("      Last Term:       %lld\n", number(server, "LastTerm"));
        printf("      Last Index:      %lld\n", number(server, "LastIndex"));
        if (json_is_true(json_object_get(server, "ReadReplica")))
                puts("      Read Replica:    true");
        print_meta(json_object_get(server, "Meta"));
}

static void print_pretty(const json_t *state)
{
        const json_t *servers = json_object_get(state, "Servers");
        const json_t *replicas = json_object_get(state, "ReadReplicas");
        size_t count;
        const char **ids = sorted_keys(servers, &count);

        printf("Healthy:                      %s\n", truth(state, "Healthy"));
        printf("Failure Tolerance:            %lld\n", number(state, "FailureTolerance"));
        printf("Optimistic Failure Tolerance: %lld\n", number(state, "OptimisticFailureTolerance"));
        printf("Leader:                       %s\n", json_text(state, "Leader"));
        print_texts("Voters:", json_object_get(state, "Voters"));
        if (json_array_size(replicas) > 0)
                print_texts("Read Replicas:", replicas);
        puts("Servers:");
        for (size_t i = 0; i < count; i++)
                print_server(json_object_get(servers, ids[i]));
        puts("");
        free(ids);
}

int command_autopilot_state(int argc, char *const argv[])
{
        struct options options = {0};
        const struct client_call call = {.method = "GET", .path = "/v1/operator/autopilot/state"};
        struct client_reply reply;
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&autopilot_state_flag_set, argc, argv, &options, &rest);
        json_t *state;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status =
            client_ask(&options.client, &call, "Error querying Autopilot state", false, &reply);
        if (status != 0)
                return status;
        state = json_loadb(reply.body, reply.length, 0, NULL);
        free(reply.body);
        if (!json_is_object(state)) {
                fputs("Error querying Autopilot state: the answer is no JSON object\n", stderr);
                status = 1;
        } else if (options.json) {
                json_dumpf(state, stdout, JSON_INDENT(4));
                puts("");
        } else {
                print_pretty(state);
        }
        json_decref(state);
        return status;
}
