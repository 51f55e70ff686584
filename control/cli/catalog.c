#include "control/cli/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lictor/bytes.h"

int catalog_add_query(char **query, const char *name, const char *value)
{
        char *escaped = client_escape(value), *grown = NULL;

        if (escaped == NULL ||
            asprintf(&grown, "%s&%s=%s", *query != NULL ? *query : "", name, escaped) < 0)
                grown = NULL;
        free(escaped);
        if (grown == NULL)
                return -ENOMEM;
        free(*query);
        *query = grown;
        return 0;
}

int catalog_set_meta(struct catalog_options *options, const char *value, const char **why)
{
        const char *equals = strchr(value, '=');
        char *pair;
        int ret;

        *why = "out of memory";
        pair = strdup(value);
        if (pair == NULL)
                return -ENOMEM;
        pair[equals - value] = ':';
        ret = catalog_add_query(&options->node_meta, "node-meta", pair);
        free(pair);
        return ret;
}

int catalog_get(const struct client_options *options, const char *path, const char *query,
                const char *what, json_t **out)
{
        struct client_call call = {.method = "GET"};
        struct client_reply reply;
        char *full;
        int status;

        if (asprintf(&full, "%s%s%s", path, query != NULL ? "?" : "",
                     query != NULL ? query + 1 : "") < 0)
                return 1;
        call.path = full;
        status = client_ask(options, &call, what, false, &reply);
        free(full);
        if (status != 0)
                return status;
        *out = json_loadb(reply.body, reply.length, JSON_DECODE_ANY, NULL);
        free(reply.body);
        if (*out == NULL)
                fprintf(stderr, "%s: the answer is no JSON\n", what);
        return *out != NULL ? 0 : 1;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *catalog_pairs(const json_t *map)
{
        size_t count = json_object_size(map), used = 0, size;
        const char **names = calloc(count + 1, sizeof(*names)), *key;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)map, key, value)
        {
                if (names != NULL)
                        names[used++] = key;
        }
        if (names != NULL)
                qsort(names, used, sizeof(*names), compare_names);
        for (size_t i = 0; out != NULL && i < used; i++) {
                const char *one = json_string_value(json_object_get(map, names[i]));

                fprintf(out, "%s%s=%s", i > 0 ? ", " : "", names[i], one != NULL ? one : "");
        }
        if (out != NULL)
                fclose(out);
        free(names);
        return text;
}

static const struct flag flags[] = {CLIENT_FLAGS};

const struct flag_set catalog_datacenters_flag_set = {
    "Usage: lictor catalog datacenters [options]",
    "  Prints the names of all known datacenters, the nearest first.\n"
    "\n"
    "      $ lictor catalog datacenters",
    flags,
    ARRAY_LEN(flags),
};

int command_catalog_datacenters(int argc, char *const argv[])
{
        struct client_options options = {0};
        const json_t *name;
        json_t *list;
        int rest = 0, status;
        size_t i;
        enum flags_outcome outcome =
            flags_parse(&catalog_datacenters_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest < argc)
                return client_too_many(0, argc - rest);
        status = catalog_get(&options, "/v1/catalog/datacenters", NULL, "Error listing datacenters",
                             &list);
        if (status != 0)
                return status;
        json_array_foreach(list, i, name) printf("%s\n", json_string_value(name));
        json_decref(list);
        return 0;
}
