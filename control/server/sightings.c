#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/duties.h"

// What gossip knows of servers, as introductions are told it.

static enum server_life life_of(enum serf_status status)
{
        switch (status) {
        case SERF_LEFT:
                return SERVER_LEFT;
        case SERF_FAILED:
                return SERVER_FAILED;
        case SERF_ALIVE:
        case SERF_LEAVING:
                break;
        }
        return SERVER_ALIVE;
}

static bool see(const struct server *server, const struct serf_member *member,
                struct server_sighting *out)
{
        struct swim_address address = member->address;
        struct sockaddr_storage socket_address;
        char ip[INET6_ADDRSTRLEN];
        struct member_info info;

        members_info(member, &info);
        if (info.role != MEMBER_SERVER || info.port == 0 || info.node_id[0] == '\0' ||
            strcmp(info.datacenter, server->own.datacenter) != 0 ||
            strcmp(info.node_id, server->own.node_id) == 0 ||
            member->name.length >= sizeof(out->name) ||
            memchr(member->name.bytes, '\0', member->name.length) != NULL)
                return false;
        memset(out, 0, sizeof(*out));
        memcpy(out->name, member->name.bytes, member->name.length);
        memcpy(out->node_id, info.node_id, sizeof(out->node_id));
        pool_address_to(&address, &socket_address);
        if (uv_ip_name((const struct sockaddr *)&socket_address, ip, sizeof(ip)) < 0)
                return false;
        snprintf(out->address, sizeof(out->address), address.length == 16 ? "[%s]:%u" : "%s:%u", ip,
                 info.port);
        out->life = life_of(member->status);
        return true;
}

void server_members_changed(struct server *server)
{
        const struct serf *serf = members_serf(server->options.members, MEMBER_LAN);
        struct server_sighting *sightings;
        size_t count = 0;

        if (server->closing || server->introductions == NULL || serf == NULL)
                return;
        sightings = calloc(SERVER_KNOWN_MAX, sizeof(*sightings));
        if (sightings == NULL)
                return;
        for (size_t i = 0; i < serf_member_count(serf) && count < SERVER_KNOWN_MAX; i++)
                count += see(server, serf_member_at(serf, i), &sightings[count]);
        introductions_sight(server->introductions, sightings, count);
        free(sightings);
        server->duties->reconcile_due = true;
        duties_wake(server->duties);
}
