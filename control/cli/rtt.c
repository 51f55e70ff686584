#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/cli/client_flags.h"
#include "control/store/coordinate_record.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        bool wan;
};

static int set_wan(void *context, const struct flag *flag, const char *value, const char **why)
{
        (void)flag;
        (void)why;
        ((struct options *)context)->wan = strcmp(value, "true") == 0;
        return 0;
}

static const struct flag flags[] = {
    {"wan", FLAG_BOOL, "", "Names are of servers as NODE.DATACENTER.", set_wan, "wan"},
    CLIENT_FLAGS,
};

const struct flag_set rtt_flag_set = {
    "Usage: lictor rtt [options] node1 [node2]",
    "  Prints the round-trip time between two nodes as their coordinates tell it. Without a "
    "second\n"
    "  one it is the agent's own.\n"
    "  With -wan the names are of servers, with their datacenter: name.dc.\n"
    "\n"
    "      $ lictor rtt web-1 web-2",
    flags,
    ARRAY_LEN(flags),
};

static bool read_coordinate(const json_t *entry, struct coordinate *out)
{
        const json_t *coord = json_object_get(entry, "Coord");
        const json_t *vec = json_object_get(coord, "Vec");

        if (json_array_size(vec) != COORDINATE_DIMENSIONS)
                return false;
        for (size_t i = 0; i < COORDINATE_DIMENSIONS; i++)
                out->vec[i] = json_number_value(json_array_get(vec, i));
        out->error = json_number_value(json_object_get(coord, "Error"));
        out->adjustment = json_number_value(json_object_get(coord, "Adjustment"));
        out->height = json_number_value(json_object_get(coord, "Height"));
        return true;
}

static bool find_node(const json_t *entries, const char *name, size_t length,
                      struct coordinate *out)
{
        const json_t *entry;
        size_t i;

        json_array_foreach(entries, i, entry)
        {
                const char *node = json_string_value(json_object_get(entry, "Node"));

                if (node != NULL && strlen(node) == length && strncasecmp(node, name, length) == 0)
                        return read_coordinate(entry, out);
        }
        return false;
}

// A server is named NODE.DATACENTER, and names may hold dots.
static bool find_server(const json_t *datacenters, const char *name, struct coordinate *out)
{
        const char *dot = strrchr(name, '.');
        const json_t *entry;
        size_t i;

        if (dot == NULL)
                return false;
        json_array_foreach(datacenters, i, entry)
        {
                const char *datacenter = json_string_value(json_object_get(entry, "Datacenter"));

                if (datacenter != NULL && strcmp(datacenter, dot + 1) == 0)
                        return find_node(json_object_get(entry, "Coordinates"), name,
                                         (size_t)(dot - name), out);
        }
        return false;
}

// The agent's own name in the pool that is asked about; to be freed.
static char *own_name(const struct options *options)
{
        const struct client_call call = {.method = "GET", .path = "/v1/agent/self"};
        struct client_reply reply;
        json_t *answer, *self;
        char *name = NULL;

        if (client_ask(&options->client, &call, "Unable to look up agent info", false, &reply) != 0)
                return NULL;
        answer = json_loadb(reply.body, reply.length, 0, NULL);
        self = json_object_get(answer, "Config");
        free(reply.body);
        if (self == NULL || asprintf(&name, options->wan ? "%s.%s" : "%s",
                                     json_string_value(json_object_get(self, "NodeName")),
                                     json_string_value(json_object_get(self, "Datacenter"))) < 0)
                name = NULL;
        json_decref(answer);
        return name;
}

static int print_distance(const struct options *options, const json_t *list, const char *from,
                          const char *to)
{
        const char *const names[] = {from, to};
        struct coordinate at[2];

        for (int i = 0; options->wan && i < 2; i++) {
                const char *dot = strrchr(names[i], '.');

                if (dot != NULL && dot != names[i] && dot[1] != '\0')
                        continue;
                fputs("Node names must be specified as <node name>.<datacenter> with -wan\n",
                      stderr);
                return 1;
        }
        for (int i = 0; i < 2; i++) {
                if (options->wan ? find_server(list, names[i], &at[i])
                                 : find_node(list, names[i], strlen(names[i]), &at[i]))
                        continue;
                fprintf(stderr, "Could not find a coordinate for node \"%s\"\n", names[i]);
                return 1;
        }
        printf("Estimated %s <-> %s rtt: %.3f ms (using %s coordinates)\n", from, to,
               1000 * coordinate_distance_s(&at[0], &at[1]), options->wan ? "WAN" : "LAN");
        return 0;
}

int command_rtt(int argc, char *const argv[])
{
        struct client_call call = {.method = "GET", .path = "/v1/coordinate/nodes"};
        struct options options = {0};
        struct client_reply reply;
        char *own = NULL;
        const char *to;
        int rest = 0, status;
        json_t *list;
        enum flags_outcome outcome = flags_parse(&rtt_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (argc - rest < 1 || argc - rest > 2) {
                fputs("One or two node names must be specified\n\n", stderr);
                flags_print_help(&rtt_flag_set, stderr);
                return 1;
        }
        to = argc - rest == 2 ? argv[rest + 1] : (own = own_name(&options));
        if (to == NULL)
                return 1;
        if (options.wan)
                call.path = "/v1/coordinate/datacenters";
        status = client_ask(&options.client, &call, "Error getting coordinates", false, &reply);
        if (status == 0) {
                list = json_loadb(reply.body, reply.length, 0, NULL);
                status = print_distance(&options, list, argv[rest], to);
                json_decref(list);
                free(reply.body);
        }
        free(own);
        return status;
}
