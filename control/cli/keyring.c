#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

#define RELAY_FACTOR_MAX 5

struct options {
        struct client_options client;
        const char *install, *use, *remove;
        bool list, list_primary, local_only;
        long relay_factor;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool on = strcmp(value, "true") == 0;

        (void)why;
        switch (flag->target[0]) {
        case 'i':
                options->install = value;
                break;
        case 'u':
                options->use = value;
                break;
        case 'd':
                options->remove = value;
                break;
        case 'l':
                options->list = on;
                break;
        case 'p':
                options->list_primary = on;
                break;
        case 'o':
                options->local_only = on;
                break;
        default:
                options->relay_factor = strtol(value, NULL, 10);
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"install", FLAG_STRING, "<key>", "Let every member accept this key, too.", set_option,
     "install"},
    {"list", FLAG_BOOL, "", "Print the keys and how many members have each.", set_option, "list"},
    {"list-primary", FLAG_BOOL, "", "The same for the keys that members encrypt with.", set_option,
     "primary"},
    {"local-only", FLAG_BOOL, "", "With -list: of this datacenter only.", set_option, "only"},
    {"relay-factor", FLAG_INT, "<number>",
     "Send answers by so many other members as well, at most 5.", set_option, "relay"},
    {"remove", FLAG_STRING, "<key>", "Take this key from every member; not the primary one.",
     set_option, "delete"},
    {"use", FLAG_STRING, "<key>", "Make this key, installed before, the primary one.", set_option,
     "use"},
    CLIENT_FLAGS,
};

const struct flag_set keyring_flag_set = {
    "Usage: lictor keyring [options]",
    "  Shows and changes the keys gossip is encrypted with, in all datacenters and between them. "
    "To\n"
    "  change the key: -install the new one, -use it, -remove the old one. `lictor keygen` makes "
    "one.\n"
    "\n"
    "      $ lictor keyring -list\n"
    "      $ lictor keyring -install=\"$(lictor keygen)\"",
    flags,
    ARRAY_LEN(flags),
};

static void print_keys(const json_t *responses, const char *keys_name)
{
        const json_t *response;
        const char *name;
        json_t *value;
        size_t i;

        json_array_foreach(responses, i, response)
        {
                const char *datacenter = json_string_value(json_object_get(response, "Datacenter"));
                long long nodes = json_integer_value(json_object_get(response, "NumNodes"));

                if (json_is_true(json_object_get(response, "WAN")))
                        puts("\nWAN:");
                else
                        printf("\n%s (LAN):\n", datacenter != NULL ? datacenter : "");
                json_object_foreach(json_object_get(response, "Messages"), name, value)
                    printf("  ===> %s: %s\n", name, json_string_value(value));
                json_object_foreach(json_object_get(response, keys_name), name, value)
                    printf("  %s [%lld/%lld]\n", name, (long long)json_integer_value(value), nodes);
        }
}

static int list(const struct options *options)
{
        struct client_call call = {.method = "GET"};
        struct client_reply reply;
        char path[96];
        json_t *responses;
        int status;

        printf("==> Gathering installed %sencryption keys...\n",
               options->list_primary ? "primary " : "");
        snprintf(path, sizeof(path), "/v1/operator/keyring?relay-factor=%ld%s",
                 options->relay_factor, options->local_only ? "&local-only=true" : "");
        call.path = path;
        status = client_ask(&options->client, &call, "error", false, &reply);
        if (status != 0)
                return status;
        responses = json_loadb(reply.body, reply.length, 0, NULL);
        print_keys(responses, options->list_primary ? "PrimaryKeys" : "Keys");
        json_decref(responses);
        free(reply.body);
        return 0;
}

static int change(const struct options *options, const char *method, const char *key,
                  const char *what)
{
        json_t *wanted = json_pack("{s:s}", "Key", key);
        char *body = json_dumps(wanted, JSON_COMPACT), path[64];
        struct client_call call = {.method = method, .path = path, .body = body};
        struct client_reply reply;
        int status = 1;

        printf("==> %s gossip encryption key...\n", what);
        fflush(stdout);
        snprintf(path, sizeof(path), "/v1/operator/keyring?relay-factor=%ld",
                 options->relay_factor);
        if (body != NULL) {
                call.body_length = strlen(body);
                status = client_ask(&options->client, &call, "error", false, &reply);
        }
        if (status == 0)
                free(reply.body);
        free(body);
        json_decref(wanted);
        return status;
}

int command_keyring(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0, actions;
        enum flags_outcome outcome = flags_parse(&keyring_flag_set, argc, argv, &options, &rest);
        bool lists;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        lists = options.list || options.list_primary;
        actions = options.list + options.list_primary + (options.install != NULL) +
                  (options.use != NULL) + (options.remove != NULL);
        if (actions == 0) {
                flags_print_help(&keyring_flag_set, stderr);
                return 1;
        }
        if (actions > 1) {
                fputs("Only a single action is allowed\n", stderr);
                return 1;
        }
        if (options.relay_factor < 0 || options.relay_factor > RELAY_FACTOR_MAX) {
                fprintf(stderr,
                        "Error parsing relay factor: Relay factor must be in range: [0, %d]\n",
                        RELAY_FACTOR_MAX);
                return 1;
        }
        if (options.local_only && !lists) {
                fputs("Error validating local-only: local-only can only be set for list requests\n",
                      stderr);
                return 1;
        }
        if (lists)
                return list(&options);
        if (options.install != NULL)
                return change(&options, "POST", options.install, "Installing new");
        if (options.use != NULL)
                return change(&options, "PUT", options.use, "Changing primary");
        return change(&options, "DELETE", options.remove, "Removing");
}
