#include <jansson.h>
#include <stdlib.h>

#include "control/cli/kv.h"
#include "control/text/wide_json.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
};

static const struct flag flags[] = {CLIENT_FLAGS};

const struct flag_set kv_export_flag_set = {
    "Usage: lictor kv export [options] [KEY_OR_PREFIX]",
    "  Prints all keys that begin with KEY_OR_PREFIX as JSON which kv import reads; values are in\n"
    "  base64.\n"
    "\n"
    "      $ lictor kv export app/ > app.json",
    flags,
    ARRAY_LEN(flags),
};

// Written by hand: flags may go beyond the integers jansson writes.
static void print_pair(const json_t *pair, bool first)
{
        unsigned long long number =
            (unsigned long long)json_integer_value(json_object_get(pair, "Flags"));
        const json_t *value = json_object_get(pair, "Value");
        char *key = json_dumps(json_object_get(pair, "Key"), JSON_ENCODE_ANY);
        char *text = json_is_string(value) ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

        printf("%s\n\t{\n\t\t\"key\": %s,\n\t\t\"flags\": %llu,\n\t\t\"value\": %s\n\t}",
               first ? "" : ",", key != NULL ? key : "\"\"", number, text != NULL ? text : "\"\"");
        free(key);
        free(text);
}

static int print_pairs(const struct client_reply *reply)
{
        json_t *pairs =
            reply->status == 404 ? json_array() : wide_json_load(reply->body, reply->length);
        const json_t *pair;
        size_t i;
        int status = 1;

        if (json_is_array(pairs)) {
                fputs("[", stdout);
                json_array_foreach(pairs, i, pair) print_pair(pair, i == 0);
                puts(json_array_size(pairs) > 0 ? "\n]" : "]");
                status = 0;
        } else {
                fputs("Error querying Consul agent: the answer is no list\n", stderr);
        }
        json_decref(pairs);
        return status;
}

int command_kv_export(int argc, char *const argv[])
{
        struct options options = {0};
        struct client_call call = {.method = "GET"};
        struct client_reply reply;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&kv_export_flag_set, argc, argv, &options, &rest);
        const char *key;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (argc - rest > 1)
                return client_too_many(1, argc - rest);
        status = kv_key(argc - rest, argv + rest, true, &key);
        if (status != 0)
                return status;
        call.path = kv_path(key, "recurse=");
        status = kv_ask(&options.client, &call, "Error querying Consul agent", &reply);
        if (status != 0)
                return status;
        status = print_pairs(&reply);
        free(reply.body);
        return status;
}
