#include "control/server/peers_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/node.h"

__attribute__((format(printf, 2, 3))) static int refuse(char error[PEERS_FILE_ERROR_MAX],
                                                        const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error, PEERS_FILE_ERROR_MAX, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static bool is_port(const char *text)
{
        char *end;
        long port;

        if (*text < '0' || *text > '9' || strlen(text) > 5)
                return false;
        port = strtol(text, &end, 10);
        return *end == '\0' && port > 0 && port < 65536;
}

// "10.1.2.3:8300" or "[2001:db8::1]:8300".
static bool is_address(const char *text)
{
        char host[RAFT_ADDRESS_MAX];
        const char *colon = strrchr(text, ':');
        struct in6_addr parsed;
        size_t len;

        if (colon == NULL || strlen(text) >= RAFT_ADDRESS_MAX || !is_port(colon + 1))
                return false;
        len = (size_t)(colon - text);
        memcpy(host, text, len);
        host[len] = '\0';
        if (host[0] != '[')
                return inet_pton(AF_INET, host, &parsed) == 1;
        if (host[len - 1] != ']')
                return false;
        host[len - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &parsed) == 1;
}

static int read_server(const json_t *item, size_t at, struct raft_server *out,
                       char error[PEERS_FILE_ERROR_MAX])
{
        const json_t *id = json_object_get(item, "id");
        const json_t *address = json_object_get(item, "address");
        const json_t *non_voter = json_object_get(item, "non_voter");

        if (json_is_string(item))
                address = item;
        else if (!json_is_object(item))
                return refuse(error, "server %zu is neither an object nor an address", at + 1);
        else if (!json_is_string(id))
                return refuse(error, "server %zu has no id", at + 1);
        else if (raft_server_id_of(json_string_value(id)) == RAFT_NO_SERVER)
                return refuse(error, "the id of server %zu is not a UUID", at + 1);
        if (!json_is_string(address))
                return refuse(error, "server %zu has no address", at + 1);
        if (!is_address(json_string_value(address)))
                return refuse(error,
                              "the address of server %zu is not of the form \"10.1.2.3:8300\"",
                              at + 1);
        if (non_voter != NULL && !json_is_boolean(non_voter))
                return refuse(error, "non_voter of server %zu is neither true nor false", at + 1);
        memset(out, 0, sizeof(*out));
        out->voter = !json_is_true(non_voter);
        snprintf(out->address, sizeof(out->address), "%s", json_string_value(address));
        if (id != NULL)
                snprintf(out->node_id, sizeof(out->node_id), "%s", json_string_value(id));
        return 0;
}

static int add_server(struct raft_configuration *out, const struct raft_server *server,
                      char error[PEERS_FILE_ERROR_MAX])
{
        for (unsigned i = 0; i < out->server_count; i++) {
                const struct raft_server *other = &out->servers[i];

                if (strcmp(other->address, server->address) == 0)
                        return refuse(error, "two servers have the address %s", server->address);
                if (server->node_id[0] != '\0' &&
                    raft_server_id_of(other->node_id) == raft_server_id_of(server->node_id))
                        return refuse(error, "two servers have the id %s", server->node_id);
        }
        out->servers[out->server_count++] = *server;
        return 0;
}

static int read_servers(const json_t *list, struct raft_configuration *out,
                        char error[PEERS_FILE_ERROR_MAX])
{
        unsigned voters = 0;

        if (!json_is_array(list))
                return refuse(error, "it is no list of servers");
        if (json_array_size(list) > RAFT_SERVER_MAX)
                return refuse(error, "more than %u servers", RAFT_SERVER_MAX);
        for (size_t i = 0; i < json_array_size(list); i++) {
                struct raft_server server;

                if (json_typeof(json_array_get(list, i)) != json_typeof(json_array_get(list, 0)))
                        return refuse(error, "some servers are named by ids, some by addresses");
                if (read_server(json_array_get(list, i), i, &server, error) < 0 ||
                    add_server(out, &server, error) < 0)
                        return -EINVAL;
                voters += server.voter;
        }
        return voters > 0 ? 0 : refuse(error, "no server in it votes");
}

int peers_file_parse(const char *text, size_t len, struct raft_configuration *out,
                     char error[PEERS_FILE_ERROR_MAX])
{
        json_error_t where;
        json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
        int ret;

        memset(out, 0, sizeof(*out));
        if (list == NULL) {
                refuse(error, "line %d: %s", where.line, where.text);
                // It quotes the text.
                for (char *c = error; *c != '\0'; c++)
                        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
                                *c = '?';
                return -EINVAL;
        }
        ret = read_servers(list, out, error);
        json_decref(list);
        return ret;
}
