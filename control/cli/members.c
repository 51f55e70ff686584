#define PCRE2_CODE_UNIT_WIDTH 8

#include <jansson.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool detailed, wan;
        const char *status, *segment;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool on = strcmp(value, "true") == 0;

        (void)why;
        if (strcmp(flag->target, "status") == 0)
                options->status = value;
        else if (strcmp(flag->target, "segment") == 0)
                options->segment = value;
        else
                *(flag->target[0] == 'd' ? &options->detailed : &options->wan) = on;
        return 0;
}

static const struct flag flags[] = {
    {"detailed", FLAG_BOOL, "", "Print all tags of each member.", set_option, "detailed"},
    {"segment", FLAG_STRING, "<name>",
     "Print members of this network segment only. Segments are Consul Enterprise's.", set_option,
     "segment"},
    {"status", FLAG_STRING, "<regexp>", "Print members of a matching status only, e.g. alive.",
     set_option, "status"},
    {"wan", FLAG_BOOL, "", "Print the servers of all datacenters, as a server knows them.",
     set_option, "wan"},
    CLIENT_FLAGS,
};

const struct flag_set members_flag_set = {
    "Usage: lictor members [options]",
    "  Prints the members of the cluster as the agent knows them: servers first, then by name. "
    "When\n"
    "  none matches nothing is printed and the exit status is 2.\n"
    "\n"
    "      $ lictor members -detailed\n"
    "      $ lictor members -wan -status='alive|failed'",
    flags,
    ARRAY_LEN(flags),
};

static const char *status_name(const json_t *member)
{
        static const char *const names[] = {"none", "alive", "leaving", "left", "failed"};
        json_int_t status = json_integer_value(json_object_get(member, "Status"));

        return status >= 0 && status < (json_int_t)ARRAY_LEN(names) ? names[status] : "invalid";
}

static const char *tag(const json_t *member, const char *name)
{
        const char *value =
            json_string_value(json_object_get(json_object_get(member, "Tags"), name));

        return value != NULL ? value : "";
}

static bool is_server(const json_t *member)
{
        return strcmp(tag(member, "role"), "consul") == 0;
}

static int compare(const void *a, const void *b)
{
        const json_t *left = *(const json_t *const *)a, *right = *(const json_t *const *)b;

        if (is_server(left) != is_server(right))
                return is_server(left) ? -1 : 1;
        return strcmp(json_string_value(json_object_get(left, "Name")),
                      json_string_value(json_object_get(right, "Name")));
}

static char *tags_text(const json_t *member)
{
        const json_t *tags = json_object_get(member, "Tags");
        char *text = NULL, *dumped = json_dumps(tags, JSON_SORT_KEYS | JSON_COMPACT);
        json_t *sorted = dumped != NULL ? json_loads(dumped, 0, NULL) : NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        const char *key, *separator = "";
        json_t *value;

        // An object keeps the order it was read in.
        json_object_foreach(sorted, key, value)
        {
                if (out != NULL)
                        fprintf(out, "%s%s=%s", separator, key, json_string_value(value));
                separator = ",";
        }
        if (out != NULL)
                fclose(out);
        json_decref(sorted);
        free(dumped);
        return text;
}

static char *make_row(const struct options *options, const json_t *member)
{
        const char *address = json_string_value(json_object_get(member, "Addr"));
        const char *name = json_string_value(json_object_get(member, "Name"));
        int port = (int)json_integer_value(json_object_get(member, "Port"));
        const char *build = tag(member, "build"), *segment = tag(member, "segment");
        bool v6 = address != NULL && strchr(address, ':') != NULL;
        char *row = NULL, *tags;

        if (options->detailed) {
                tags = tags_text(member);
                if (asprintf(&row, v6 ? "%s\x1f[%s]:%d\x1f%s\x1f%s" : "%s\x1f%s:%d\x1f%s\x1f%s",
                             name, address, port, status_name(member), tags) < 0)
                        row = NULL;
                free(tags);
                return row;
        }
        if (is_server(member))
                segment = "<all>";
        else if (*segment == '\0')
                segment = "<default>";
        if (asprintf(&row,
                     v6 ? "%s\x1f[%s]:%d\x1f%s\x1f%s\x1f%.*s\x1f%s\x1f%s\x1f%s"
                        : "%s\x1f%s:%d\x1f%s\x1f%s\x1f%.*s\x1f%s\x1f%s\x1f%s",
                     name, address, port, status_name(member),
                     is_server(member) ? "server" : "client", (int)strcspn(build, ":"), build,
                     tag(member, "vsn"), tag(member, "dc"), segment) < 0)
                row = NULL;
        return row;
}

static int print_members(const struct options *options, const json_t **members, size_t count)
{
        char **rows = calloc(count + 1, sizeof(*rows));

        if (rows != NULL)
                rows[0] = strdup(options->detailed ? "Node\x1f"
                                                     "Address\x1f"
                                                     "Status\x1f"
                                                     "Tags"
                                                   : "Node\x1f"
                                                     "Address\x1f"
                                                     "Status\x1f"
                                                     "Type\x1f"
                                                     "Build\x1f"
                                                     "Protocol\x1f"
                                                     "DC\x1f"
                                                     "Segment");
        for (size_t i = 0; rows != NULL && i < count; i++)
                rows[i + 1] = make_row(options, members[i]);
        return columns_print(rows, count + 1);
}

static int print_matching(const struct options *options, const json_t *list, pcre2_code *pattern)
{
        pcre2_match_data *match = pcre2_match_data_create_from_pattern(pattern, NULL);
        const json_t **members = calloc(json_array_size(list) + 1, sizeof(const json_t *));
        const json_t *member;
        size_t count = 0, i;
        int status = 1;

        if (match == NULL || members == NULL)
                goto out;
        json_array_foreach(list, i, member)
        {
                const char *text = status_name(member);

                if (json_is_string(json_object_get(member, "Name")) &&
                    pcre2_match(pattern, (PCRE2_SPTR)text, strlen(text), 0, 0, match, NULL) > 0)
                        members[count++] = member;
        }
        qsort(members, count, sizeof(const json_t *), compare);
        status = count > 0 ? print_members(options, members, count) : 2;
out:
        free(members);
        pcre2_match_data_free(match);
        return status;
}

int command_members(int argc, char *const argv[])
{
        struct options options = {.status = ".*", .segment = "_all"};
        struct client_call call = {.method = "GET"};
        struct client_reply reply;
        pcre2_code *pattern;
        PCRE2_UCHAR reason[128];
        size_t offset;
        char *segment, *path;
        int rest = 0, status, code;
        json_t *list;
        enum flags_outcome outcome = flags_parse(&members_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        pattern = pcre2_compile((PCRE2_SPTR)options.status, PCRE2_ZERO_TERMINATED, 0, &code,
                                &offset, NULL);
        if (pattern == NULL) {
                pcre2_get_error_message(code, reason, sizeof(reason));
                fprintf(stderr, "Failed to compile status regexp: %s\n", (const char *)reason);
                return 1;
        }
        segment = client_escape(options.segment);
        if (segment == NULL || asprintf(&path, "/v1/agent/members?segment=%s%s", segment,
                                        options.wan ? "&wan=1" : "") < 0)
                abort();
        call.path = path;
        status = client_ask(&options.client, &call, "Error retrieving members", false, &reply);
        if (status == 0) {
                list = json_loadb(reply.body, reply.length, 0, NULL);
                status = print_matching(&options, list, pattern);
                json_decref(list);
                free(reply.body);
        }
        free(segment);
        free(path);
        pcre2_code_free(pattern);
        return status;
}
