#include <stdlib.h>
#include <string.h>

#include "control/cli/catalog.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

struct options {
        struct catalog_options catalog;
        bool detailed;
        const char *service, *filter, *near;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        switch (flag->target[0]) {
        case 'd':
                options->detailed = strcmp(value, "true") == 0;
                break;
        case 's':
                options->service = value;
                break;
        case 'f':
                options->filter = value;
                break;
        case 'm':
                return catalog_set_meta(&options->catalog, value, why);
        default:
                options->near = value;
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"detailed", FLAG_BOOL, "", "Print whole IDs, tagged addresses and metadata, too.", set_option,
     "detailed"},
    {"filter", FLAG_STRING, "<expression>", "Print nodes only for which this holds.", set_option,
     "filter"},
    {"near", FLAG_STRING, "<node>", "Order by distance from this node, _agent being the agent's.",
     set_option, "near"},
    {"node-meta", FLAG_PAIR, "<key=value>",
     "Print nodes with this metadata only. Can be given several times.", set_option, "meta"},
    {"service", FLAG_STRING, "<name>", "Print nodes with this service only.", set_option,
     "service"},
    CLIENT_FLAGS,
};

const struct flag_set catalog_nodes_flag_set = {
    "Usage: lictor catalog nodes [options]",
    "  Prints the nodes of a datacenter.\n"
    "  Without a match it prints nothing and says so on stderr; the exit status is 0.\n"
    "\n"
    "      $ lictor catalog nodes -detailed\n"
    "      $ lictor catalog nodes -service=web -near=_agent\n"
    "      $ lictor catalog nodes -filter='Meta.rack == r2'",
    flags,
    ARRAY_LEN(flags),
};

static char *make_row(const struct options *options, const json_t *node)
{
        const json_t *meta = json_object_get(node, options->service != NULL ? "NodeMeta" : "Meta");
        const char *id = json_text(node, "ID");
        char *row = NULL, *addresses, *pairs;

        if (!options->detailed) {
                if (asprintf(&row, "%s\x1f%.8s\x1f%s\x1f%s", json_text(node, "Node"), id,
                             json_text(node, "Address"), json_text(node, "Datacenter")) < 0)
                        row = NULL;
                return row;
        }
        addresses = catalog_pairs(json_object_get(node, "TaggedAddresses"));
        pairs = catalog_pairs(meta);
        if (addresses == NULL || pairs == NULL ||
            asprintf(&row, "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", json_text(node, "Node"), id,
                     json_text(node, "Address"), json_text(node, "Datacenter"), addresses,
                     pairs) < 0)
                row = NULL;
        free(addresses);
        free(pairs);
        return row;
}

static int print_nodes(const struct options *options, const json_t *nodes)
{
        size_t count = json_array_size(nodes);
        char **rows = calloc(count + 1, sizeof(*rows));

        if (count == 0) {
                fputs("No nodes match the given query - try expanding your search.\n", stderr);
                free(rows);
                return 0;
        }
        if (rows != NULL)
                rows[0] = strdup(options->detailed ? "Node\x1fID\x1f"
                                                     "Address\x1f"
                                                     "DC\x1fTaggedAddresses\x1fMeta"
                                                   : "Node\x1fID\x1f"
                                                     "Address\x1f"
                                                     "DC");
        for (size_t i = 0; rows != NULL && i < count; i++)
                rows[i + 1] = make_row(options, json_array_get(nodes, i));
        return columns_print(rows, count + 1);
}

static int ask_and_print(const struct options *options)
{
        char *query = NULL, *name = NULL, *path = NULL;
        json_t *nodes = NULL;
        int status = 1;

        if ((options->catalog.node_meta != NULL &&
             (query = strdup(options->catalog.node_meta)) == NULL) ||
            (options->filter != NULL && catalog_add_query(&query, "filter", options->filter) < 0) ||
            (options->near != NULL && catalog_add_query(&query, "near", options->near) < 0))
                goto out;
        name = client_escape(options->service != NULL ? options->service : "");
        if (name == NULL || asprintf(&path, "/v1/catalog/%s%s",
                                     options->service != NULL ? "service/" : "nodes", name) < 0) {
                path = NULL;
                goto out;
        }
        status = catalog_get(&options->catalog.client, path, query, "Error listing nodes", &nodes);
        if (status == 0)
                status = print_nodes(options, nodes);
out:
        json_decref(nodes);
        free(path);
        free(name);
        free(query);
        return status;
}

int command_catalog_nodes(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&catalog_nodes_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                status = outcome == FLAGS_HELP ? 0 : 1;
        else if (rest < argc)
                status = client_too_many(0, argc - rest);
        else
                status = ask_and_print(&options);
        free(options.catalog.node_meta);
        return status;
}
