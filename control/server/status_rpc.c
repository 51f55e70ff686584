#include <inttypes.h>
#include <stdio.h>

#include "control/pack/pack.h"
#include "control/rpc/rpc_call.h"
#include "control/server/server_internal.h"

// Of Consul's "Status" service what autopilots ask: how far a server's log is, without asking
// anybody.

static void answer(struct rpc_call *take_call, struct byte_buffer *take_body)
{
        rpc_call_answer(take_call, take_body->bytes, take_body->len);
        byte_buffer_fini(take_body);
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
            {"Status.RaftStats", raft_stats},
        };

        return consul_rpc_add(server->rpc, methods, sizeof(methods) / sizeof(methods[0]), server);
}
