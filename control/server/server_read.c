#include <stdlib.h>

#include "control/server/raft_log.h"
#include "control/server/server_internal.h"

// Reading the store: at once, or when the leader says how far it has to be.

static void read_store(struct server *server, enum server_consistency consistency,
                       leader_read_fn done, void *arg)
{
        // Most reads: whoever was told of a change was told by this server, after it had applied
        // it.
        if (consistency == SERVER_READ_STALE ||
            (consistency == SERVER_READ_DEFAULT && server_reads_at_once(server)))
                done(arg, NULL);
        else
                leader_calls_read(server->calls, consistency == SERVER_READ_DEFAULT, done, arg);
}

/* A read before the server has caught up. */
struct early_read {
        struct server *server;
        leader_read_fn done;
        void *arg;
};

static void on_early_read(void *arg, const char *error)
{
        struct early_read *read = arg;

        if (error == NULL)
                read->server->caught_up = true;
        read->done(read->arg, error);
        free(read);
}

void server_read(struct server *server, enum server_consistency consistency, leader_read_fn done,
                 void *arg)
{
        struct early_read *early;

        if (server->caught_up) {
                read_store(server, consistency, done, arg);
                return;
        }
        early = malloc(sizeof(*early));
        if (early == NULL) {
                done(arg, "out of memory");
                return;
        }
        *early = (struct early_read){server, done, arg};
        read_store(server, consistency == SERVER_READ_STALE ? SERVER_READ_DEFAULT : consistency,
                   on_early_read, early);
}

bool server_has_caught_up(const struct server *server)
{
        return server->caught_up;
}

bool server_reads_at_once(const struct server *server)
{
        struct raft_node_status status;

        raft_node_status(raft_log_node(server->log), &status);
        return status.leading && status.has_lease && status.applied_index >= status.commit_index;
}
