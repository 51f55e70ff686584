#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
        const char *id, *address;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)why;
        *(flag->target[0] == 'i' ? &options->id : &options->address) = value;
        return 0;
}

static const struct flag list_flags[] = {CLIENT_FLAGS};

const struct flag_set operator_list_peers_flag_set = {
    "Usage: lictor operator raft list-peers [options]",
    "  Prints the servers of the Raft configuration and which of them leads.\n"
    "\n"
    "      $ lictor operator raft list-peers -stale",
    list_flags,
    ARRAY_LEN(list_flags),
};

static const struct flag remove_flags[] = {
    {"address", FLAG_STRING, "<address>", "Remove the server at this address and port.", set_option,
     "address"},
    {"id", FLAG_STRING, "<uuid>", "Remove the server with this ID.", set_option, "id"},
    CLIENT_FLAGS,
};

const struct flag_set operator_remove_peer_flag_set = {
    "Usage: lictor operator raft remove-peer [options]",
    "  Removes a server from the Raft configuration: one that is gone and did not leave. A server\n"
    "  that is to go should leave, which removes it.\n"
    "\n"
    "      $ lictor operator raft remove-peer -address=192.0.2.5:8300",
    remove_flags,
    ARRAY_LEN(remove_flags),
};

static int print_servers(const json_t *servers)
{
        size_t count = json_array_size(servers);
        char **rows = calloc(count + 1, sizeof(*rows));

        if (rows != NULL)
                rows[0] = strdup("Node\x1fID\x1f"
                                 "Address\x1fState\x1fVoter\x1fRaftProtocol");
        for (size_t i = 0; rows != NULL && i < count; i++) {
                const json_t *server = json_array_get(servers, i);
                const char *version = json_text(server, "ProtocolVersion");

                if (asprintf(
                        &rows[i + 1], "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", json_text(server, "Node"),
                        json_text(server, "ID"), json_text(server, "Address"),
                        json_is_true(json_object_get(server, "Leader")) ? "leader" : "follower",
                        json_is_true(json_object_get(server, "Voter")) ? "true" : "false",
                        *version != '\0' ? version : "<=1") < 0)
                        rows[i + 1] = NULL;
        }
        return columns_print(rows, count + 1);
}

int command_operator_list_peers(int argc, char *const argv[])
{
        const struct client_call call = {.method = "GET",
                                         .path = "/v1/operator/raft/configuration"};
        struct client_options options = {0};
        struct client_reply reply;
        int rest = 0, status;
        json_t *answer;
        enum flags_outcome outcome =
            flags_parse(&operator_list_peers_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = client_ask(&options, &call,
                            "Error getting peers: Failed to retrieve raft "
                            "configuration",
                            false, &reply);
        if (status != 0)
                return status;
        answer = json_loadb(reply.body, reply.length, 0, NULL);
        free(reply.body);
        status = print_servers(json_object_get(answer, "Servers"));
        json_decref(answer);
        return status;
}

int command_operator_remove_peer(int argc, char *const argv[])
{
        struct client_call call = {.method = "DELETE"};
        struct options options = {0};
        struct client_reply reply;
        char *value, *path;
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&operator_remove_peer_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (options.id != NULL && options.id[0] == '\0')
                options.id = NULL;
        if (options.address != NULL && options.address[0] == '\0')
                options.address = NULL;
        if ((options.id == NULL) == (options.address == NULL)) {
                fprintf(stderr, "Error removing peer: %s\n",
                        options.id != NULL ? "cannot give both an address and id"
                                           : "an address or id is required for the peer to remove");
                return 1;
        }
        value = client_escape(options.id != NULL ? options.id : options.address);
        if (value == NULL || asprintf(&path, "/v1/operator/raft/peer?%s=%s",
                                      options.id != NULL ? "id" : "address", value) < 0) {
                free(value);
                return 1;
        }
        free(value);
        call.path = path;
        status = client_ask(&options.client, &call, "Error removing peer", false, &reply);
        free(path);
        if (status != 0)
                return status;
        printf("Removed peer with %s \"%s\"\n", options.id != NULL ? "id" : "address",
               options.id != NULL ? options.id : options.address);
        free(reply.body);
        return 0;
}
