#include <jansson.h>
#include <stdlib.h>

#include "control/cli/kv.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
};

static const struct flag flags[] = {CLIENT_FLAGS};

static const struct flag_set flag_set = {
    "Usage: lictor kv export [options] [KEY_OR_PREFIX]",
    "  Prints all keys that begin with KEY_OR_PREFIX as JSON which kv import reads; values are in\n"
    "  base64.\n"
    "\n"
    "      $ lictor kv export app/ > app.json",
    flags,
    ARRAY_LEN(flags),
};

static json_t *exported(const json_t *pair)
{
        json_t *value = json_object_get(pair, "Value");

        return json_pack("{s:O, s:O, s:o}", "key", json_object_get(pair, "Key"), "flags",
                         json_object_get(pair, "Flags"), "value",
                         json_is_string(value) ? json_incref(value) : json_string(""));
}

static int print_pairs(const struct client_reply *reply)
{
        json_t *pairs = reply->status == 404
                            ? json_array()
                            : json_loadb(reply->body, reply->length, JSON_ALLOW_NUL, NULL);
        json_t *out = json_array(), *pair;
        size_t i;
        int status = 1;

        if (json_is_array(pairs)) {
                json_array_foreach(pairs, i, pair) json_array_append_new(out, exported(pair));
                status = json_dumpf(out, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER) < 0;
                putchar('\n');
        } else {
                fputs("Error querying Consul agent: the answer is no list\n", stderr);
        }
        json_decref(pairs);
        json_decref(out);
        return status;
}

int command_kv_export(int argc, char *const argv[])
{
        struct options options = {0};
        struct client_call call = {.method = "GET"};
        struct client_reply reply;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&flag_set, argc, argv, &options, &rest);
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
