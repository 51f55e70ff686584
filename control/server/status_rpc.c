#include <inttypes.h>
#include <stdio.h>

#include "control/pack/pack.h"
#include "control/rpc/rpc_call.h"
#include "control/server/server_internal.h"

// Consul's "Status" service: what a server knows of itself and its peers, without asking anybody.

static void answer(struct rpc_call *take_call, struct byte_buffer *take_body)
{
        rpc_call_answer(take_call, take_body->bytes, take_body->len);
        byte_buffer_fini(take_body);
}

static void ping(void *owner, struct rpc_call *call)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;

        (void)owner;
        pack_put_map(&body, 0);
        answer(call, &body);
}

// Whether the question is for this datacenter; it is refused if not.
static bool check_datacenter(const struct server *server, struct rpc_call *call)
{
        struct asked {
                struct pack_slice datacenter;
        } asked = {0};
        static const struct pack_field fields[] = {
            PACK_FIELD(struct asked, datacenter, "Datacenter", PACK_RAW)};
        struct msgpack_reader r = pack_reader_of(rpc_call_args(call));

        if (pack_get_struct(&r, fields, 1, &asked) < 0) {
                rpc_call_refuse(call, "rpc: the arguments are no DCSpecificRequest");
                return false;
        }
        if (asked.datacenter.length > 0 &&
            !pack_slice_equal(asked.datacenter,
                              pack_slice_of(server->options.config->datacenter))) {
                rpc_call_refuse(call, "No path to datacenter");
                return false;
        }
        return true;
}

static void leader(void *owner, struct rpc_call *call)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;
        const struct server *server = owner;

        if (!check_datacenter(server, call))
                return;
        pack_put_text(&body, server_leader_address(server));
        answer(call, &body);
}

static void peers(void *owner, struct rpc_call *call)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;
        const struct server *server = owner;
        const struct raft_configuration *configuration;

        if (!check_datacenter(server, call))
                return;
        configuration = raft_node_configuration(server_raft_node(server));
        pack_put_array(&body, configuration->server_count);
        for (unsigned i = 0; i < configuration->server_count; i++)
                pack_put_text(&body, configuration->servers[i].address);
        answer(call, &body);
}

static void raft_stats(void *owner, struct rpc_call *call)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;
        const struct server *server = owner;
        struct raft_node_status status;
        char contact[32] = "never";

        raft_node_status(server_raft_node(server), &status);
        // A duration as Go prints it; the leader's own is "0".
        if (status.last_contact_ms != UINT64_MAX)
                snprintf(contact, sizeof(contact),
                         status.last_contact_ms > 0 ? "%" PRIu64 "ms" : "%" PRIu64,
                         status.last_contact_ms);
        pack_put_map(&body, 3);
        pack_put_text(&body, "LastContact");
        pack_put_text(&body, contact);
        pack_put_text(&body, "LastTerm");
        pack_put_uint(&body, status.last_term);
        pack_put_text(&body, "LastIndex");
        pack_put_uint(&body, status.last_index);
        answer(call, &body);
}

int server_add_status_calls(struct server *server)
{
        static const struct rpc_method methods[] = {
            {"Status.Ping", ping},
            {"Status.Leader", leader},
            {"Status.Peers", peers},
            {"Status.RaftStats", raft_stats},
        };

        return consul_rpc_add(server->rpc, methods, sizeof(methods) / sizeof(methods[0]), server);
}
