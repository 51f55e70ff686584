#include "raft/core/configuration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Encoded: version (1), count (1), then per server id (8, big-endian), voter (1), address length
// (1), address.
#define ENCODING_VERSION 1u
#define SERVER_FIXED     10u

static struct raft_server *find(struct raft_configuration *configuration, raft_server_id id)
{
        for (unsigned i = 0; i < configuration->server_count; i++)
                if (configuration->servers[i].id == id)
                        return &configuration->servers[i];
        return NULL;
}

const struct raft_server *configuration_find(const struct raft_configuration *configuration,
                                             raft_server_id id)
{
        for (unsigned i = 0; i < configuration->server_count; i++)
                if (configuration->servers[i].id == id)
                        return &configuration->servers[i];
        return NULL;
}

bool configuration_is_voter(const struct raft_configuration *configuration, raft_server_id id)
{
        const struct raft_server *server = configuration_find(configuration, id);

        return server != NULL && server->voter;
}

unsigned configuration_voter_count(const struct raft_configuration *configuration)
{
        unsigned count = 0;

        for (unsigned i = 0; i < configuration->server_count; i++)
                count += configuration->servers[i].voter;
        return count;
}

int configuration_put(struct raft_configuration *configuration, const struct raft_server *server)
{
        struct raft_server *old = find(configuration, server->id);

        if (server->id == RAFT_NO_SERVER || memchr(server->address, 0, RAFT_ADDRESS_MAX) == NULL)
                return -EINVAL;
        if (old == NULL) {
                if (configuration->server_count == RAFT_SERVER_MAX)
                        return -ENOSPC;
                configuration->servers[configuration->server_count++] = *server;
                return 0;
        }
        if (old->voter == server->voter && strcmp(old->address, server->address) == 0)
                return -EEXIST;
        if (old->voter && !server->voter && configuration_voter_count(configuration) == 1)
                return -EINVAL;
        *old = *server;
        return 0;
}

int configuration_remove(struct raft_configuration *configuration, raft_server_id id)
{
        struct raft_server *server = find(configuration, id);

        if (server == NULL)
                return -ENOENT;
        if (server->voter && configuration_voter_count(configuration) == 1)
                return -EINVAL;
        *server = configuration->servers[--configuration->server_count];
        return 0;
}

struct raft_buffer *raft_configuration_encode(const struct raft_configuration *configuration)
{
        uint8_t bytes[2 + RAFT_SERVER_MAX * (SERVER_FIXED + RAFT_ADDRESS_MAX)];
        uint8_t *at = bytes;

        *at++ = ENCODING_VERSION;
        *at++ = (uint8_t)configuration->server_count;
        for (unsigned i = 0; i < configuration->server_count; i++) {
                const struct raft_server *server = &configuration->servers[i];
                size_t length = strlen(server->address);

                for (unsigned shift = 64; shift > 0; shift -= 8)
                        *at++ = (uint8_t)(server->id >> (shift - 8));
                *at++ = server->voter;
                *at++ = (uint8_t)length;
                memcpy(at, server->address, length);
                at += length;
        }
        return raft_buffer_create(bytes, (size_t)(at - bytes));
}

// One server's bytes; returns how many, or 0 when they are malformed.
static size_t decode_server(const uint8_t *bytes, size_t length, struct raft_server *server)
{
        size_t address_length;

        if (length < SERVER_FIXED)
                return 0;
        memset(server, 0, sizeof(*server));
        for (unsigned i = 0; i < 8; i++)
                server->id = server->id << 8 | bytes[i];
        server->voter = bytes[8] == 1;
        address_length = bytes[9];
        if (bytes[8] > 1 || address_length >= RAFT_ADDRESS_MAX ||
            length < SERVER_FIXED + address_length ||
            memchr(bytes + SERVER_FIXED, 0, address_length) != NULL)
                return 0;
        memcpy(server->address, bytes + SERVER_FIXED, address_length);
        return SERVER_FIXED + address_length;
}

int raft_configuration_decode(const uint8_t *bytes, size_t length,
                              struct raft_configuration *configuration)
{
        size_t at = 2;

        memset(configuration, 0, sizeof(*configuration));
        if (length < 2 || bytes[0] != ENCODING_VERSION || bytes[1] > RAFT_SERVER_MAX)
                return -EINVAL;
        for (unsigned i = 0; i < bytes[1]; i++) {
                struct raft_server server;
                size_t used = decode_server(bytes + at, length - at, &server);

                if (used == 0 || configuration_put(configuration, &server) != 0 ||
                    configuration->server_count != i + 1)
                        return -EINVAL;
                at += used;
        }
        return at == length ? 0 : -EINVAL;
}
