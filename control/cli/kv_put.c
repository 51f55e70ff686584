#include <stdlib.h>
#include <string.h>

#include "control/cli/input.h"
#include "control/cli/kv.h"
#include "control/text/base64.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool acquire, release, base64, cas;
        uint64_t flags, modify_index;
        const char *session;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool on = strcmp(value, "true") == 0;

        switch (flag->target[0]) {
        case 'a':
                options->acquire = on;
                return 0;
        case 'r':
                options->release = on;
                return 0;
        case 'b':
                options->base64 = on;
                return 0;
        case 'c':
                options->cas = on;
                return 0;
        case 'f':
                return kv_set_number(value, &options->flags, why);
        case 'm':
                return kv_set_number(value, &options->modify_index, why);
        default:
                options->session = value;
                return 0;
        }
}

static const struct flag flags[] = {
    {"acquire", FLAG_BOOL, "", "Take the lock on the key for -session.", set_option, "acquire"},
    {"base64", FLAG_BOOL, "", "The value is written in base64.", set_option, "base64"},
    {"cas", FLAG_BOOL, "",
     "Write only when the key is still as -modify-index knows it; 0: when it is not there.",
     set_option, "cas"},
    {"flags", FLAG_STRING, "<number>", "A number kept with the key. The default is 0.", set_option,
     "flags"},
    {"modify-index", FLAG_STRING, "<number>", "ModifyIndex for -cas.", set_option, "modify-index"},
    {"release", FLAG_BOOL, "", "Give the lock of -session on the key back.", set_option, "release"},
    {"session", FLAG_STRING, "<id>", "Session for -acquire and -release.", set_option, "session"},
    CLIENT_FLAGS,
};

const struct flag_set kv_put_flag_set = {
    "Usage: lictor kv put [options] KEY [DATA]",
    "  Writes a key. DATA is the value itself, @FILE, or - for standard input; without it the "
    "value\n"
    "  is empty.\n"
    "\n"
    "      $ lictor kv put app/config/limit 5\n"
    "      $ lictor kv put app/config/file @settings.json",
    flags,
    ARRAY_LEN(flags),
};

// What is no base64 is told, and an empty value written in its place, as Consul does.
static void decode(struct input *value)
{
        uint8_t *bytes = malloc(value->length + 1);
        size_t bad_at = 0;
        long length =
            bytes != NULL ? base64_decode(value->bytes, value->length, bytes, &bad_at) : -1;

        if (length < 0)
                fprintf(
                    stderr,
                    "Error! Cannot base 64 decode data: illegal base64 data at input byte %zu\n",
                    bad_at);
        free(value->bytes);
        value->bytes = (char *)bytes;
        value->length = length > 0 ? (size_t)length : 0;
}

static int check(const struct options *options, int argc, const char *key)
{
        const char *problem = NULL;

        if (argc == 0)
                problem = "Missing KEY argument";
        else if ((options->acquire || options->release) &&
                 (options->session == NULL || options->session[0] == '\0'))
                problem = "Missing -session (required with -acquire and -release)";
        if (problem != NULL) {
                fprintf(stderr, "Error! %s\n", problem);
                return 1;
        }
        if (argc > 2) {
                fprintf(stderr, "Error! Too many arguments (expected 1 or 2, got %d)\n", argc);
                return 1;
        }
        if (*key == '/') {
                fprintf(stderr,
                        "Error! Failed writing data: Invalid key. Key must not begin with a '/': "
                        "%s\n",
                        key);
                return 1;
        }
        return 0;
}

static int print_result(const struct options *options, const char *key, bool written)
{
        const char *did = "Success! Data written to: ";

        if (options->acquire && !options->cas)
                did = "Success! Lock acquired on: ";
        else if (options->release && !options->cas)
                did = "Success! Lock released on: ";
        if (written) {
                printf("%s%s\n", did, key);
                return 0;
        }
        if (options->acquire && !options->cas)
                fputs("Error! Did not acquire lock\n", stderr);
        else if (options->release && !options->cas)
                fputs("Error! Did not release lock\n", stderr);
        else
                fprintf(stderr, "Error! Did not write to %s: %s\n", key,
                        options->cas && options->modify_index == 0
                            ? "CAS performed with index=0 and key already exists."
                            : "CAS failed");
        return 1;
}

static char *make_path(const struct options *options, const char *key)
{
        unsigned long long number = options->flags, index = options->modify_index;
        const char *session = options->session;
        char suffix[40] = "";

        if (number != 0)
                snprintf(suffix, sizeof(suffix), "&flags=%llu", number);
        // The first of these that is given counts, as in Consul.
        if (options->cas)
                return kv_path(key, "cas=%llu%s", index, suffix);
        if (options->acquire)
                return kv_path(key, "acquire=%s%s", session, suffix);
        if (options->release)
                return kv_path(key, "release=%s%s", session, suffix);
        return kv_path(key, "%s", *suffix != '\0' ? suffix + 1 : "");
}

int command_kv_put(int argc, char *const argv[])
{
        struct options options = {0};
        struct client_call call = {.method = "PUT"};
        struct client_reply reply;
        struct input value = {0};
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&kv_put_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        argc -= rest;
        argv += rest;
        status = check(&options, argc, argc > 0 ? argv[0] : "");
        if (status != 0)
                return status;
        if (input_read(argc > 1 ? argv[1] : NULL, &value) < 0) {
                free(value.bytes);
                return 1;
        }
        if (options.base64)
                decode(&value);
        call.path = make_path(&options, argv[0]);
        call.body = value.bytes;
        call.body_length = value.length;
        status = kv_ask(&options.client, &call, "Error! Failed writing data", &reply);
        free(value.bytes);
        if (status != 0)
                return status;
        status = print_result(&options, argv[0], strncmp(reply.body, "true", 4) == 0);
        free(reply.body);
        return status;
}
