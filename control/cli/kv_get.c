#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/kv.h"
#include "control/text/base64.h"
#include "control/text/json_text.h"
#include "control/text/wide_json.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool base64, detailed, keys, recurse;
        const char *separator;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool on = strcmp(value, "true") == 0;

        (void)why;
        switch (flag->target[0]) {
        case 'b':
                options->base64 = on;
                break;
        case 'd':
                options->detailed = on;
                break;
        case 'k':
                options->keys = on;
                break;
        case 'r':
                options->recurse = on;
                break;
        default:
                options->separator = value;
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"base64", FLAG_BOOL, "", "Print the value in base64, as the agent keeps it.", set_option,
     "base64"},
    {"detailed", FLAG_BOOL, "", "Print indexes, flags and session with the value.", set_option,
     "detailed"},
    {"keys", FLAG_BOOL, "", "Print the names of keys that begin with KEY.", set_option, "keys"},
    {"recurse", FLAG_BOOL, "", "Print all keys that begin with KEY, and their values.", set_option,
     "recurse"},
    {"separator", FLAG_STRING, "<text>",
     "With -keys: print names up to this text only. The default is \"/\".", set_option,
     "separator"},
    CLIENT_FLAGS,
};

const struct flag_set kv_get_flag_set = {
    "Usage: lictor kv get [options] [KEY_OR_PREFIX]",
    "  Prints the value of a key, or with -recurse and -keys what is below a prefix. A key that "
    "is\n"
    "  not there is an error; a prefix without keys is not.\n"
    "\n"
    "      $ lictor kv get app/config/limit\n"
    "      $ lictor kv get -recurse app/",
    flags,
    ARRAY_LEN(flags),
};

static void print_value(const struct options *options, const json_t *pair)
{
        const char *text = json_string_value(json_object_get(pair, "Value"));
        size_t length = text != NULL ? strlen(text) : 0, bad_at;
        uint8_t *bytes;
        long size;

        if (options->base64 || length == 0) {
                fputs(text != NULL ? text : "", stdout);
                return;
        }
        bytes = malloc(length);
        size = bytes != NULL ? base64_decode(text, length, bytes, &bad_at) : -1;
        if (size > 0)
                fwrite(bytes, 1, (size_t)size, stdout);
        free(bytes);
}

static void print_detailed(const struct options *options, const json_t *pair)
{
        static const char *const numbers[] = {"CreateIndex", "Flags", NULL, "LockIndex",
                                              "ModifyIndex"};
        const char *session = json_string_value(json_object_get(pair, "Session"));

        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                if (numbers[i] == NULL)
                        printf("%-17s%s\n", "Key", json_text(pair, "Key"));
                else
                        printf("%-17s%llu\n", numbers[i],
                               (unsigned long long)json_integer_value(
                                   json_object_get(pair, numbers[i])));
        }
        printf("%-17s%s\nValue", "Session", session != NULL && *session != '\0' ? session : "-");
        if (json_string_length(json_object_get(pair, "Value")) > 0)
                printf("%-12s", "");
        print_value(options, pair);
        putchar('\n');
}

static void print_pairs(const struct options *options, const json_t *pairs)
{
        const json_t *pair;
        size_t i;

        json_array_foreach(pairs, i, pair)
        {
                if (options->detailed) {
                        if (i > 0)
                                putchar('\n');
                        print_detailed(options, pair);
                        continue;
                }
                if (options->recurse)
                        printf("%s:", json_text(pair, "Key"));
                print_value(options, pair);
                putchar('\n');
        }
}

static char *make_path(const struct options *options, const char *key)
{
        char *separator, *path;

        if (!options->keys)
                return kv_path(key, "%s", options->recurse ? "recurse=" : "");
        separator = client_escape(options->separator);
        if (separator == NULL)
                return NULL;
        path = kv_path(key, "keys=&separator=%s", separator);
        free(separator);
        return path;
}

static int print_reply(const struct options *options, const char *key,
                       const struct client_reply *reply)
{
        bool many = options->keys || options->recurse;
        json_t *value;

        if (reply->status == 404 && !many) {
                fprintf(stderr, "Error! No key exists at: %s\n", key);
                return 1;
        }
        if (reply->status == 404)
                return 0;
        value = wide_json_load(reply->body, reply->length);
        if (!json_is_array(value)) {
                fputs("Error querying Consul agent: the answer is no list\n", stderr);
                json_decref(value);
                return 1;
        }
        if (options->keys) {
                const json_t *name;
                size_t i;

                json_array_foreach(value, i, name) printf("%s\n", json_string_value(name));
        } else {
                print_pairs(options, value);
        }
        json_decref(value);
        return 0;
}

// Consul gives no reason here, but the status.
static int ask(const struct client_options *options, const struct client_call *call,
               struct client_reply *reply)
{
        static const char what[] = "Error querying Consul agent";
        char error[1024];
        int ret;

        if (call->path == NULL)
                return 1;
        ret = client_send(options, call, reply, error, sizeof(error));
        free((char *)(uintptr_t)call->path);
        if (ret < 0 || reply->status == 200 || reply->status == 404)
                return client_judge(ret, error, what, true, reply);
        fprintf(stderr, "%s: Unexpected response code: %ld\n", what, reply->status);
        free(reply->body);
        return 1;
}

int command_kv_get(int argc, char *const argv[])
{
        struct options options = {.separator = "/"};
        struct client_call call = {.method = "GET"};
        struct client_reply reply;
        const char *key;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&kv_get_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = kv_key(argc - rest, argv + rest, options.keys || options.recurse, &key);
        if (status != 0)
                return status;
        call.path = make_path(&options, key);
        status = ask(&options.client, &call, &reply);
        if (status != 0)
                return status;
        status = print_reply(&options, key, &reply);
        free(reply.body);
        return status;
}
