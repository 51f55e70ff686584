#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/cli/client_flags.h"
#include "control/config/config.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        const char *id, *name, *address, *socket;
        long port;
        const char *kind;
        json_t *tags, *meta, *addresses; /* NULL: none */
        bool any;                        /* of the flags that describe a service */
};

// "host:port" or "host".
static json_t *service_address(const char *text)
{
        const char *colon = strrchr(text, ':');
        size_t length =
            colon != NULL && strchr(colon, ']') == NULL ? (size_t)(colon - text) : strlen(text);
        long port = text[length] == ':' ? strtol(text + length + 1, NULL, 10) : 0;

        if (length > 1 && text[0] == '[' && text[length - 1] == ']') {
                text++;
                length -= 2;
        }
        return json_pack("{s:s%, s:i}", "Address", text, length, "Port", (int)port);
}

// Takes "key=value" into an object, which is made for the first one.
static int add_pair(json_t **map, const char *pair, json_t *(*make)(const char *value),
                    const char **why)
{
        const char *equals = strchr(pair, '=');
        char *key;

        *why = "out of memory";
        key = strndup(pair, (size_t)(equals - pair));
        if (*map == NULL)
                *map = json_object();
        if (key == NULL || json_object_set_new(*map, key, make(equals + 1)) < 0) {
                free(key);
                return -ENOMEM;
        }
        free(key);
        return 0;
}

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        options->any = true;
        switch (flag->target[0]) {
        case 'i':
                options->id = value;
                break;
        case 'n':
                options->name = value;
                break;
        case 'a':
                options->address = value;
                break;
        case 's':
                options->socket = value;
                break;
        case 'p':
                options->port = strtol(value, NULL, 10);
                break;
        case 't':
                if (options->tags == NULL)
                        options->tags = json_array();
                json_array_append_new(options->tags, json_string(value));
                break;
        case 'k':
                options->kind = value;
                break;
        case 'T':
                return add_pair(&options->addresses, value, service_address, why);
        default:
                return add_pair(&options->meta, value, json_string, why);
        }
        return 0;
}

static const struct flag register_flags[] = {
    {"address", FLAG_STRING, "<address>", "Address of the service; the node's unless given.",
     set_option, "address"},
    {"id", FLAG_STRING, "<id>", "ID of the service; its name unless given.", set_option, "id"},
    {"kind", FLAG_STRING, "<kind>", "Kind of the service, such as connect-proxy.", set_option,
     "kind"},
    {"meta", FLAG_PAIR, "<key=value>", "Metadata; may be given more than once.", set_option,
     "meta"},
    {"name", FLAG_STRING, "<name>", "Name of the service.", set_option, "name"},
    {"port", FLAG_INT, "<number>", "Port of the service.", set_option, "port"},
    {"socket", FLAG_STRING, "<path>",
     "Unix socket of the service, in place of an address and a port.", set_option, "socket"},
    {"tag", FLAG_STRING, "<text>", "A tag; may be given more than once.", set_option, "tag"},
    {"tagged-address", FLAG_PAIR, "<name=address>",
     "An address of another network, as wan=192.0.2.1:80; may be given more than once.", set_option,
     "TAGGED"},
    CLIENT_FLAGS,
};

const struct flag_set services_register_flag_set = {
    "Usage: lictor services register [options] [FILE...]",
    "  Registers services with the agent: those that the files define, as the agent's "
    "configuration\n"
    "  would, or one described by flags.\n"
    "\n"
    "      $ lictor services register web.hcl\n"
    "      $ lictor services register -name=web -port=80",
    register_flags,
    ARRAY_LEN(register_flags),
};

static const struct flag deregister_flags[] = {
    {"id", FLAG_STRING, "<id>", "ID of the service.", set_option, "id"},
    CLIENT_FLAGS,
};

const struct flag_set services_deregister_flag_set = {
    "Usage: lictor services deregister [options] [FILE...]",
    "  Takes services off the agent: the one with -id, or those that the files define.\n"
    "\n"
    "      $ lictor services deregister -id=web-1",
    deregister_flags,
    ARRAY_LEN(deregister_flags),
};

static int register_one(const struct options *options, const json_t *service)
{
        const char *name = json_text(service, "name");
        struct client_call call = {.method = "PUT", .path = "/v1/agent/service/register"};
        struct client_reply reply;
        char what[320], *body = json_dumps(service, JSON_COMPACT);
        int status = 1;

        snprintf(what, sizeof(what), "Error registering service \"%s\"", name);
        if (body != NULL) {
                call.body = body;
                call.body_length = strlen(body);
                status = client_ask(&options->client, &call, what, false, &reply);
        }
        free(body);
        if (status != 0)
                return status;
        printf("Registered service: %s\n", name);
        free(reply.body);
        return 0;
}

static int deregister_id(const struct options *options, const char *id)
{
        struct client_call call = {.method = "PUT"};
        struct client_reply reply;
        char what[320], *escaped = client_escape(id), *path = NULL;
        int status = 1;

        snprintf(what, sizeof(what), "Error registering service \"%s\"", id);
        if (escaped != NULL && asprintf(&path, "/v1/agent/service/deregister/%s", escaped) >= 0) {
                call.path = path;
                status = client_ask(&options->client, &call, what, false, &reply);
                free(path);
        }
        free(escaped);
        if (status != 0)
                return status;
        printf("Deregistered service: %s\n", id);
        free(reply.body);
        return 0;
}

static int deregister_one(const struct options *options, const json_t *service)
{
        const char *id = json_text(service, "id");

        return deregister_id(options, *id != '\0' ? id : json_text(service, "name"));
}

typedef int (*service_fn)(const struct options *options, const json_t *service);

// Files of other names are passed over; what cannot be read is not.
static bool is_definition(const char *path)
{
        const char *dot = strrchr(path, '.');
        struct stat info;

        return (dot != NULL && (strcmp(dot, ".hcl") == 0 || strcmp(dot, ".json") == 0)) ||
               stat(path, &info) < 0 || !S_ISREG(info.st_mode);
}

// All files are read before anything is done, so that a mistake in one changes nothing.
static int for_files(const struct options *options, int count, char *const paths[], service_fn fn)
{
        json_t *all = json_array(), *service;
        int status = 0;
        size_t i;

        for (int n = 0; status == 0 && n < count; n++) {
                json_t *services = NULL;
                char *error = NULL;

                if (!is_definition(paths[n])) {
                        fprintf(stderr,
                                "skipping file %s, extension must be .hcl or .json, or config "
                                "format must be set\n",
                                paths[n]);
                        continue;
                }
                if (config_read_services(paths[n], &services, &error) < 0) {
                        fprintf(stderr, "Error: %s\n", error != NULL ? error : "out of memory");
                        status = 1;
                }
                json_array_extend(all, services);
                json_decref(services);
                free(error);
        }
        json_array_foreach(all, i, service)
        {
                if (status != 0)
                        break;
                status = fn(options, service);
        }
        json_decref(all);
        return status;
}

static int register_flags_given(const struct options *options)
{
        json_t *service = json_pack(
            "{s:s, s:s*, s:s*, s:s*, s:s*, s:o*, s:o*, s:o*}", "name", options->name, "kind",
            options->kind, "id", options->id, "address", options->address, "SocketPath",
            options->socket, "tags", json_incref(options->tags), "meta", json_incref(options->meta),
            "TaggedAddresses", json_incref(options->addresses));
        int status;

        if (options->port != 0)
                json_object_set_new(service, "port", json_integer(options->port));
        status = register_one(options, service);
        json_decref(service);
        return status;
}

static int run_register(const struct options *options, int count, char *const paths[])
{
        if (count > 0 && options->any) {
                fputs("Service registration requires arguments or -id, not both.\n", stderr);
                return 1;
        }
        if (count == 0 && options->name == NULL) {
                fputs("Service registration requires at least one argument or flags.\n", stderr);
                return 1;
        }
        return count > 0 ? for_files(options, count, paths, register_one)
                         : register_flags_given(options);
}

int command_services_register(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&services_register_flag_set, argc, argv, &options, &rest);

        if (outcome == FLAGS_OK)
                status = run_register(&options, argc - rest, argv + rest);
        else
                status = outcome == FLAGS_HELP ? 0 : 1;
        json_decref(options.tags);
        json_decref(options.meta);
        json_decref(options.addresses);
        return status;
}

int command_services_deregister(int argc, char *const argv[])
{
        struct options options = {0};
        int rest = 0;
        enum flags_outcome outcome =
            flags_parse(&services_deregister_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest < argc && options.id != NULL) {
                fputs("Service deregistration requires arguments or -id, not both.\n", stderr);
                return 1;
        }
        if (rest == argc && options.id == NULL) {
                fputs("Service deregistration requires at least one argument or -id.\n", stderr);
                return 1;
        }
        if (options.id != NULL)
                return deregister_id(&options, options.id);
        return for_files(&options, argc - rest, argv + rest, deregister_one);
}
