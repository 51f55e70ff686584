#define PCRE2_CODE_UNIT_WIDTH 8

#include <jansson.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        const char *name, *node, *service, *tag;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        switch (flag->target[1]) {
        case 'a':
                *(flag->target[0] == 'n' ? &options->name : &options->tag) = value;
                break;
        case 'o':
                options->node = value;
                break;
        default:
                options->service = value;
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"name", FLAG_STRING, "<name>", "Name of the event.", set_option, "name"},
    {"node", FLAG_STRING, "<regexp>", "Only agents whose node's name matches take it.", set_option,
     "node"},
    {"service", FLAG_STRING, "<regexp>", "Only agents with a service that matches take it.",
     set_option, "service"},
    {"tag", FLAG_STRING, "<regexp>", "With -service: its tags have to match, too.", set_option,
     "tag"},
    CLIENT_FLAGS,
};

const struct flag_set event_flag_set = {
    "Usage: lictor event [options] [payload]",
    "  Fires an event that every agent of the datacenter hears, once, and not certainly in order.\n"
    "  A watch of type event acts upon what is heard.\n"
    "\n"
    "      $ lictor event -name=deploy 1.6.2\n"
    "      $ lictor event -name=restart -service='^web$' -tag=blue",
    flags,
    ARRAY_LEN(flags),
};

static int check_pattern(const char *what, const char *pattern)
{
        PCRE2_UCHAR reason[128];
        pcre2_code *code;
        size_t offset;
        int error;

        if (pattern == NULL)
                return 0;
        code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &error, &offset, NULL);
        if (code == NULL) {
                pcre2_get_error_message(error, reason, sizeof(reason));
                fprintf(stderr, "Failed to compile %s filter regexp: %s\n", what,
                        (const char *)reason);
                return 1;
        }
        pcre2_code_free(code);
        return 0;
}

static int check(const struct options *options, int argument_count)
{
        if (options->name == NULL || *options->name == '\0') {
                fputs("Event name must be specified\n\n", stderr);
                flags_print_help(&event_flag_set, stderr);
                return 1;
        }
        if (check_pattern("node", options->node) || check_pattern("service", options->service) ||
            check_pattern("tag", options->tag))
                return 1;
        if (options->tag != NULL && options->service == NULL) {
                fputs("Cannot provide tag filter without service filter.\n", stderr);
                return 1;
        }
        if (argument_count > 1) {
                fputs("Too many command line arguments.\n\n", stderr);
                flags_print_help(&event_flag_set, stderr);
                return 1;
        }
        return 0;
}

static char *make_path(const struct options *options)
{
        const struct {
                const char *name, *value;
        } filters[] = {
            {"node", options->node}, {"service", options->service}, {"tag", options->tag}};
        char *name = client_escape(options->name), *path = NULL;
        size_t size;
        FILE *out = name != NULL ? open_memstream(&path, &size) : NULL;

        if (out != NULL) {
                fprintf(out, "/v1/event/fire/%s?", name);
                for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
                        char *value = filters[i].value ? client_escape(filters[i].value) : NULL;

                        if (value != NULL)
                                fprintf(out, "%s=%s&", filters[i].name, value);
                        free(value);
                }
                fclose(out);
        }
        free(name);
        return path;
}

int command_event(int argc, char *const argv[])
{
        struct options options = {0};
        struct client_call call = {.method = "PUT"};
        struct client_reply reply;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&event_flag_set, argc, argv, &options, &rest);
        json_t *event;
        char *path;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = check(&options, argc - rest);
        if (status != 0)
                return status;
        path = make_path(&options);
        call.path = path != NULL ? path : "";
        call.body = rest < argc ? argv[rest] : "";
        call.body_length = strlen(call.body);
        status = client_ask(&options.client, &call, "Error firing event", false, &reply);
        free(path);
        if (status != 0)
                return status;
        event = json_loadb(reply.body, reply.length, 0, NULL);
        printf("Event ID: %s\n", json_text(event, "ID"));
        json_decref(event);
        free(reply.body);
        return 0;
}
