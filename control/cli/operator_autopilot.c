#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "control/cli/kv.h"
#include "lictor/bytes.h"

#define PATH "/v1/operator/autopilot/configuration"

struct options {
        struct client_options client;
        json_t *changes; // owned
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        uint64_t number;
        json_t *json;
        int ret;

        if (flag->kind == FLAG_BOOL) {
                json = json_boolean(strcmp(value, "true") == 0);
        } else if (strcmp(flag->value_name, "<number>") == 0) {
                ret = kv_set_number(value, &number, why);
                if (ret < 0)
                        return ret;
                json = json_integer((json_int_t)number);
        } else {
                json = json_string(value);
        }
        json_object_set_new(options->changes, flag->target, json);
        return 0;
}

static const struct flag get_flags[] = {CLIENT_FLAGS};

const struct flag_set autopilot_get_config_flag_set = {
    "Usage: lictor operator autopilot get-config [options]",
    "  Prints how servers that fail or join are dealt with.\n"
    "\n"
    "      $ lictor operator autopilot get-config",
    get_flags,
    ARRAY_LEN(get_flags),
};

static const struct flag set_flags[] = {
    {"cleanup-dead-servers", FLAG_BOOL, "", "Remove failed servers once others replace them.",
     set_option, "CleanupDeadServers"},
    {"disable-upgrade-migration", FLAG_BOOL, "", "Kept for Consul Enterprise.", set_option,
     "DisableUpgradeMigration"},
    {"last-contact-threshold", FLAG_DURATION, "<duration>",
     "A server that has not heard from the leader for so long is unhealthy.", set_option,
     "LastContactThreshold"},
    {"max-trailing-logs", FLAG_STRING, "<number>",
     "A server that lags by more entries is unhealthy.", set_option, "MaxTrailingLogs"},
    {"min-quorum", FLAG_STRING, "<number>", "Never clean up below this number of servers.",
     set_option, "MinQuorum"},
    {"redundancy-zone-tag", FLAG_STRING, "<name>", "Kept for Consul Enterprise.", set_option,
     "RedundancyZoneTag"},
    {"server-stabilization-time", FLAG_DURATION, "<duration>",
     "How long a new server has to be healthy before it votes.", set_option,
     "ServerStabilizationTime"},
    {"upgrade-version-tag", FLAG_STRING, "<name>", "Kept for Consul Enterprise.", set_option,
     "UpgradeVersionTag"},
    CLIENT_FLAGS,
};

const struct flag_set autopilot_set_config_flag_set = {
    "Usage: lictor operator autopilot set-config [options]",
    "  Changes how servers that fail or join are dealt with; what is not given stays as it is.\n"
    "\n"
    "      $ lictor operator autopilot set-config -cleanup-dead-servers=false",
    set_flags,
    ARRAY_LEN(set_flags),
};

static int read_config(const struct client_options *options, json_t **out)
{
        const struct client_call call = {.method = "GET", .path = PATH};
        struct client_reply reply;
        int status =
            client_ask(options, &call, "Error querying Autopilot configuration", false, &reply);

        if (status != 0)
                return status;
        *out = json_loadb(reply.body, reply.length, 0, NULL);
        free(reply.body);
        if (*out != NULL)
                return 0;
        fputs("Error querying Autopilot configuration: the answer is no JSON\n", stderr);
        return 1;
}

static void print(const json_t *config)
{
        static const char *const names[] = {"CleanupDeadServers",      "LastContactThreshold",
                                            "MaxTrailingLogs",         "MinQuorum",
                                            "ServerStabilizationTime", "RedundancyZoneTag",
                                            "DisableUpgradeMigration", "UpgradeVersionTag"};

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                const json_t *value = json_object_get(config, names[i]);
                bool is_tag = strstr(names[i], "Tag") != NULL;

                printf("%s = ", names[i]);
                if (is_tag)
                        printf("\"%s\"\n", value ? json_string_value(value) : "");
                else if (json_is_string(value))
                        printf("%s\n", json_string_value(value));
                else if (json_is_integer(value))
                        printf("%lld\n", (long long)json_integer_value(value));
                else
                        printf("%s\n", json_is_true(value) ? "true" : "false");
        }
}

int command_autopilot_get_config(int argc, char *const argv[])
{
        struct client_options options = {0};
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&autopilot_get_config_flag_set, argc, argv, &options, &rest);
        json_t *config = NULL;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = read_config(&options, &config);
        if (status == 0)
                print(config);
        json_decref(config);
        return status;
}

// Written only if nobody else has changed it meanwhile.
static int write_config(const struct client_options *options, const json_t *config)
{
        char path[96], *body = json_dumps(config, JSON_COMPACT);
        struct client_call call = {.method = "PUT", .path = path, .body = body};
        struct client_reply reply;
        int status = 1;

        snprintf(path, sizeof(path), PATH "?cas=%lld",
                 (long long)json_integer_value(json_object_get(config, "ModifyIndex")));
        if (body != NULL) {
                call.body_length = strlen(body);
                status = client_ask(options, &call, "Error setting Autopilot configuration", false,
                                    &reply);
        }
        free(body);
        if (status != 0)
                return status;
        if (strncmp(reply.body, "true", 4) == 0) {
                puts("Configuration updated!");
        } else {
                puts("Configuration could not be atomically updated, please try again");
                status = 1;
        }
        free(reply.body);
        return status;
}

int command_autopilot_set_config(int argc, char *const argv[])
{
        struct options options = {.changes = json_object()};
        int rest = 0, status = 1;
        enum flags_outcome outcome =
            flags_parse(&autopilot_set_config_flag_set, argc, argv, &options, &rest);
        json_t *config = NULL;

        if (outcome == FLAGS_OK)
                status = read_config(&options.client, &config);
        else if (outcome == FLAGS_HELP)
                status = 0;
        if (config != NULL) {
                json_object_update(config, options.changes);
                status = write_config(&options.client, config);
        }
        json_decref(config);
        json_decref(options.changes);
        return status;
}
