#include "raft/core/configuration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Encoded: version (1), count (1), cluster id (8), then per server id (8), voter (1), address
// length (1), node id length (1), address, node id. Numbers are big-endian.
#define ENCODING_VERSION 1u
#define HEADER_LENGTH    10u
#define SERVER_FIXED     11u

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

static bool same_server(const struct raft_server *a, const struct raft_server *b)
{
        return a->id == b->id && a->voter == b->voter && strcmp(a->address, b->address) == 0 &&
               strcmp(a->node_id, b->node_id) == 0;
}

int configuration_put(struct raft_configuration *configuration, const struct raft_server *server)
{
        struct raft_server *old = find(configuration, server->id);

        if (server->id == RAFT_NO_SERVER || memchr(server->address, 0, RAFT_ADDRESS_MAX) == NULL ||
            memchr(server->node_id, 0, RAFT_NODE_ID_MAX) == NULL)
                return -EINVAL;
        if (old == NULL) {
                if (configuration->server_count == RAFT_SERVER_MAX)
                        return -ENOSPC;
                configuration->servers[configuration->server_count++] = *server;
                return 0;
        }
        if (same_server(old, server))
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

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
        for (unsigned shift = 64; shift > 0; shift -= 8)
                *at++ = (uint8_t)(value >> (shift - 8));
        return at;
}

static uint64_t get_u64(const uint8_t *at)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < 8; i++)
                value = value << 8 | at[i];
        return value;
}

bool raft_configuration_equal(const struct raft_configuration *a,
                              const struct raft_configuration *b)
{
        if (a->cluster_id != b->cluster_id || a->server_count != b->server_count)
                return false;
        for (unsigned i = 0; i < a->server_count; i++)
                if (!same_server(&a->servers[i], &b->servers[i]))
                        return false;
        return true;
}

struct raft_buffer *raft_configuration_encode(const struct raft_configuration *configuration)
{
        uint8_t bytes[HEADER_LENGTH +
                      RAFT_SERVER_MAX * (SERVER_FIXED + RAFT_ADDRESS_MAX + RAFT_NODE_ID_MAX)];
        uint8_t *at = bytes;

        *at++ = ENCODING_VERSION;
        *at++ = (uint8_t)configuration->server_count;
        at = put_u64(at, configuration->cluster_id);
        for (unsigned i = 0; i < configuration->server_count; i++) {
                const struct raft_server *server = &configuration->servers[i];
                size_t address_length = strlen(server->address);
                size_t node_id_length = strlen(server->node_id);

                at = put_u64(at, server->id);
                *at++ = server->voter;
                *at++ = (uint8_t)address_length;
                *at++ = (uint8_t)node_id_length;
                memcpy(at, server->address, address_length);
                at += address_length;
                memcpy(at, server->node_id, node_id_length);
                at += node_id_length;
        }
        return raft_buffer_create(bytes, (size_t)(at - bytes));
}

// One server's bytes; returns how many, or 0 when they are malformed.
static size_t decode_server(const uint8_t *bytes, size_t length, struct raft_server *server)
{
        size_t address_length, node_id_length, used;

        if (length < SERVER_FIXED)
                return 0;
        memset(server, 0, sizeof(*server));
        server->id = get_u64(bytes);
        server->voter = bytes[8] == 1;
        address_length = bytes[9];
        node_id_length = bytes[10];
        used = SERVER_FIXED + address_length + node_id_length;
        if (bytes[8] > 1 || address_length >= RAFT_ADDRESS_MAX ||
            node_id_length >= RAFT_NODE_ID_MAX || length < used ||
            memchr(bytes + SERVER_FIXED, 0, address_length + node_id_length) != NULL)
                return 0;
        memcpy(server->address, bytes + SERVER_FIXED, address_length);
        memcpy(server->node_id, bytes + SERVER_FIXED + address_length, node_id_length);
        return used;
}

int raft_configuration_decode(const uint8_t *bytes, size_t length,
                              struct raft_configuration *configuration)
{
        size_t at = HEADER_LENGTH;

        memset(configuration, 0, sizeof(*configuration));
        if (length < HEADER_LENGTH || bytes[0] != ENCODING_VERSION || bytes[1] > RAFT_SERVER_MAX)
                return -EINVAL;
        configuration->cluster_id = get_u64(bytes + 2);
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
