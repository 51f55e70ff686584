#include <stdlib.h>
#include <string.h>

#include "control/cli/catalog.h"
#include "lictor/bytes.h"

struct options {
        struct catalog_options catalog;
        bool tags;
        const char *node;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        if (flag->target[0] == 'm')
                return catalog_set_meta(&options->catalog, value, why);
        if (flag->target[0] == 't')
                options->tags = strcmp(value, "true") == 0;
        else
                options->node = value;
        return 0;
}

static const struct flag flags[] = {
    {"node", FLAG_STRING, "<name>", "Print the services of this node only.", set_option, "node"},
    {"node-meta", FLAG_PAIR, "<key=value>",
     "Print services of nodes with this metadata only. Can be given several times.", set_option,
     "meta"},
    {"tags", FLAG_BOOL, "", "Print the tags of each service, too.", set_option, "tags"},
    CLIENT_FLAGS,
};

const struct flag_set catalog_services_flag_set = {
    "Usage: lictor catalog services [options]",
    "  Prints the names of a datacenter's services.\n"
    "  With -tags it prints the tags of all instances beside each.\n"
    "\n"
    "      $ lictor catalog services -tags\n"
    "      $ lictor catalog services -node=web-1",
    flags,
    ARRAY_LEN(flags),
};

// A node's services by ID become tags by name, as the whole catalog's are.
static json_t *gather(const json_t *services)
{
        json_t *by_name = json_object(), *service;
        const char *id;

        json_object_foreach((json_t *)(uintptr_t)services, id, service)
        {
                const char *name = json_string_value(json_object_get(service, "Service"));
                json_t *tags = name != NULL ? json_object_get(by_name, name) : NULL;

                if (name != NULL && tags == NULL) {
                        tags = json_array();
                        json_object_set_new(by_name, name, tags);
                }
                if (tags != NULL && json_is_array(json_object_get(service, "Tags")))
                        json_array_extend(tags, json_object_get(service, "Tags"));
        }
        return by_name;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *make_row(const char *name, const json_t *tags)
{
        size_t count = json_array_size(tags), size;
        const char **sorted = calloc(count + 1, sizeof(*sorted));
        char *row = NULL;
        FILE *out = open_memstream(&row, &size);

        for (size_t i = 0; sorted != NULL && i < count; i++) {
                const char *tag = json_string_value(json_array_get(tags, i));

                sorted[i] = tag != NULL ? tag : "";
        }
        if (sorted != NULL)
                qsort(sorted, count, sizeof(*sorted), compare_names);
        if (out != NULL)
                fprintf(out, "%s\x1f", name);
        for (size_t i = 0; out != NULL && sorted != NULL && i < count; i++) {
                if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
                        fprintf(out, "%s%s", i > 0 ? "," : "", sorted[i]);
        }
        if (out != NULL)
                fclose(out);
        free(sorted);
        return row;
}

static int print_sorted(const char **names, size_t count, const json_t *services, bool tags)
{
        char **rows = calloc(count + 1, sizeof(*rows));

        qsort(names, count, sizeof(*names), compare_names);
        for (size_t i = 0; rows != NULL && i < count; i++)
                rows[i] = tags ? make_row(names[i], json_object_get(services, names[i]))
                               : strdup(names[i]);
        return columns_print(rows, count);
}

static int print_services(const struct options *options, const json_t *services)
{
        size_t count = json_object_size(services), used = 0;
        const char **names = calloc(count + 1, sizeof(*names)), *key;
        json_t *value;
        int status;

        if (names == NULL)
                return 1;
        if (count == 0)
                fputs("No services match the given query - try expanding your search.\n", stderr);
        json_object_foreach((json_t *)(uintptr_t)services, key, value) names[used++] = key;
        status = print_sorted(names, used, services, options->tags);
        free(names);
        return status;
}

static int ask_and_print(const struct options *options)
{
        char *name = client_escape(options->node != NULL ? options->node : ""), *path = NULL;
        json_t *answer = NULL, *services;
        int status = 1;

        if (name == NULL || asprintf(&path, "/v1/catalog/%s%s",
                                     options->node != NULL ? "node/" : "services", name) < 0) {
                free(name);
                return 1;
        }
        status = catalog_get(&options->catalog.client, path, options->catalog.node_meta,
                             "Error listing services", &answer);
        if (status == 0) {
                services = options->node != NULL ? gather(json_object_get(answer, "Services"))
                                                 : json_incref(answer);
                status = print_services(options, services);
                json_decref(services);
        }
        json_decref(answer);
        free(path);
        free(name);
        return status;
}

int command_catalog_services(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&catalog_services_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                status = outcome == FLAGS_HELP ? 0 : 1;
        else if (rest < argc)
                status = client_too_many(0, argc - rest);
        else
                status = ask_and_print(&options);
        free(options.catalog.node_meta);
        return status;
}
