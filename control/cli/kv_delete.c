#include <stdlib.h>
#include <string.h>

#include "control/cli/kv.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool cas, recurse, index_given;
        uint64_t modify_index;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool on = strcmp(value, "true") == 0;

        if (flag->target[0] == 'm') {
                options->index_given = true;
                return kv_set_number(value, &options->modify_index, why);
        }
        *(flag->target[0] == 'c' ? &options->cas : &options->recurse) = on;
        return 0;
}

static const struct flag flags[] = {
    {"cas", FLAG_BOOL, "", "Delete only when the key is still as -modify-index knows it.",
     set_option, "cas"},
    {"modify-index", FLAG_STRING, "<number>", "ModifyIndex for -cas.", set_option, "modify-index"},
    {"recurse", FLAG_BOOL, "", "Delete all keys that begin with KEY.", set_option, "recurse"},
    CLIENT_FLAGS,
};

const struct flag_set kv_delete_flag_set = {
    "Usage: lictor kv delete [options] KEY_OR_PREFIX",
    "  Deletes a key, or with -recurse all that begin with a prefix.\n"
    "\n"
    "      $ lictor kv delete app/config/limit",
    flags,
    ARRAY_LEN(flags),
};

static const char *check(const struct options *options)
{
        if (options->cas && options->recurse)
                return "Cannot specify both -cas and -recurse!";
        if (options->index_given && !options->cas)
                return "Cannot specify -modify-index without -cas!";
        if (options->cas && options->modify_index == 0)
                return "Cannot delete a key that does not exist. Provide a -modify-index greater "
                       "than than 0.";
        return NULL;
}

static int print_result(const struct options *options, const char *key, bool deleted)
{
        if (options->recurse)
                printf("Success! Deleted keys with prefix: %s\n", key);
        else if (deleted)
                printf("Success! Deleted key: %s\n", key);
        else
                fprintf(stderr, "Error! Did not delete key %s: CAS failed\n", key);
        return options->recurse || deleted ? 0 : 1;
}

int command_kv_delete(int argc, char *const argv[])
{
        struct options options = {0};
        struct client_call call = {.method = "DELETE"};
        struct client_reply reply;
        const char *key, *problem;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&kv_delete_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = kv_key(argc - rest, argv + rest, options.recurse, &key);
        if (status != 0)
                return status;
        problem = check(&options);
        if (problem != NULL) {
                fprintf(stderr, "%s\n", problem);
                return 1;
        }
        if (options.cas)
                call.path = kv_path(key, "cas=%llu", (unsigned long long)options.modify_index);
        else
                call.path = kv_path(key, "%s", options.recurse ? "recurse=" : "");
        status = kv_ask(&options.client, &call, "Error! Failed to delete", &reply);
        if (status != 0)
                return status;
        status = print_result(&options, key, strncmp(reply.body, "true", 4) == 0);
        free(reply.body);
        return status;
}
