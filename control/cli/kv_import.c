#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/input.h"
#include "control/cli/kv.h"
#include "control/text/base64.h"
#include "control/text/wide_json.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        const char *prefix;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)flag;
        (void)why;
        options->prefix = value;
        return 0;
}

static const struct flag flags[] = {
    {"prefix", FLAG_STRING, "<key>", "Write the keys below this one.", set_option, "prefix"},
    CLIENT_FLAGS,
};

const struct flag_set kv_import_flag_set = {
    "Usage: lictor kv import [options] DATA",
    "  Writes what kv export printed: DATA itself, @FILE, or - for standard input. Keys are "
    "written\n"
    "  one by one; there is no going back half way.\n"
    "\n"
    "      $ lictor kv import @app.json\n"
    "      $ lictor kv export app/ | lictor kv import -http-addr=192.0.2.9:8500 -",
    flags,
    ARRAY_LEN(flags),
};

static char *joined_key(const char *prefix, const char *key)
{
        size_t length = prefix != NULL ? strlen(prefix) : 0;
        char *joined = NULL;

        while (length > 0 && prefix[length - 1] == '/')
                length--;
        if (asprintf(&joined, "%.*s%s%s", (int)length, prefix != NULL ? prefix : "",
                     length > 0 ? "/" : "", key) < 0)
                return NULL;
        return joined;
}

// The member whatever its letters' case, as Go reads it.
static const json_t *member(const json_t *pair, const char *name)
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)pair, key, value)
        {
                if (strcasecmp(key, name) == 0)
                        return value;
        }
        return NULL;
}

static bool is_kind(const json_t *pair, const char *name, json_type kind)
{
        const json_t *value = member(pair, name);

        return value == NULL || json_is_null(value) || json_typeof(value) == kind;
}

static bool is_pair(const json_t *pair)
{
        return json_is_object(pair) && is_kind(pair, "key", JSON_STRING) &&
               is_kind(pair, "value", JSON_STRING) && is_kind(pair, "flags", JSON_INTEGER);
}

static int write_pair(const struct options *options, const json_t *pair)
{
        const char *name = json_string_value(member(pair, "key"));
        const char *text = json_string_value(member(pair, "value"));
        unsigned long long number = (unsigned long long)json_integer_value(member(pair, "flags"));
        struct client_call call = {.method = "PUT"};
        size_t length = text != NULL ? strlen(text) : 0, bad_at = 0;
        uint8_t *bytes = malloc(length + 1);
        long size =
            bytes != NULL ? base64_decode(text != NULL ? text : "", length, bytes, &bad_at) : -1;
        char *key = joined_key(options->prefix, name != NULL ? name : "");
        struct client_reply reply;
        char *what = NULL;
        int status = 1;

        if (size < 0) {
                fprintf(stderr,
                        "Error base 64 decoding value for key %s: illegal base64 data at input "
                        "byte %zu\n",
                        name != NULL ? name : "", bad_at);
        } else if (key != NULL && key[0] == '/') {
                fprintf(stderr,
                        "Error! Failed writing data for key %s: Invalid key. Key must not begin "
                        "with a '/': %s\n",
                        key, key);
        } else if (key != NULL &&
                   asprintf(&what, "Error! Failed writing data for key %s", key) >= 0) {
                call.path = kv_path(key, "flags=%llu", number);
                call.body = (const char *)bytes;
                call.body_length = (size_t)size;
                status = kv_ask(&options->client, &call, what, &reply);
                if (status == 0) {
                        printf("Imported: %s\n", key);
                        free(reply.body);
                }
                free(what);
        }
        free(key);
        free(bytes);
        return status;
}

static int import(const struct options *options, const struct input *input)
{
        json_t *pairs = wide_json_load(input->bytes, input->length), *pair;
        size_t i;
        int status = 0;

        if (pairs == NULL || !(json_is_array(pairs) || json_is_null(pairs))) {
                fprintf(stderr, "Cannot unmarshal data: %s\n",
                        pairs != NULL ? "a list of keys is needed" : "it is no JSON");
                status = 1;
        }
        // Nothing is written when one of them is wrong.
        json_array_foreach(pairs, i, pair)
        {
                if (is_pair(pair))
                        continue;
                fprintf(stderr, "Cannot unmarshal data: entry %zu is no key with its value\n", i);
                json_decref(pairs);
                return 1;
        }
        json_array_foreach(pairs, i, pair)
        {
                status = write_pair(options, pair);
                if (status != 0)
                        break;
        }
        json_decref(pairs);
        return status;
}

int command_kv_import(int argc, char *const argv[])
{
        struct options options = {0};
        struct input input = {0};
        int rest = 0, status = 1;
        enum flags_outcome outcome = flags_parse(&kv_import_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (argc - rest > 1) {
                fputs("Error! ", stderr);
                return client_too_many(1, argc - rest);
        }
        if (rest == argc) {
                fputs("Error! Missing DATA argument\n", stderr);
                return 1;
        }
        if (argv[rest][0] == '\0') {
                fputs("Error! Empty DATA argument\n", stderr);
                return 1;
        }
        if (input_read(argv[rest], &input) == 0)
                status = import(&options, &input);
        free(input.bytes);
        return status;
}
