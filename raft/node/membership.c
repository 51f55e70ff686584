#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "raft/node/node_internal.h"

static void finish(struct waiting_call *call, int status)
{
        struct waiting_call done = *call;

        memset(call, 0, sizeof(*call));
        if (done.active && done.done != NULL)
                done.done(done.arg, status);
}

static int compare_servers(const void *a, const void *b)
{
        const struct raft_server *x = a, *y = b;

        return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

// The servers in one order, whatever order they were given in, and the identity that follows.
static int normalize(const struct raft_node *node, const struct raft_configuration *given,
                     struct raft_configuration *out)
{
        XXH3_state_t *hash;

        memset(out, 0, sizeof(*out));
        if (given->server_count == 0 || given->server_count > RAFT_SERVER_MAX)
                return -EINVAL;
        for (unsigned i = 0; i < given->server_count; i++) {
                struct raft_server server = {.voter = given->servers[i].voter};

                if (memchr(given->servers[i].node_id, 0, RAFT_NODE_ID_MAX) == NULL ||
                    memchr(given->servers[i].address, 0, RAFT_ADDRESS_MAX) == NULL)
                        return -EINVAL;
                snprintf(server.node_id, sizeof(server.node_id), "%s", given->servers[i].node_id);
                snprintf(server.address, sizeof(server.address), "%s", given->servers[i].address);
                server.id = raft_server_id_of(server.node_id);
                if (configuration_find(out, server.id) != NULL ||
                    configuration_put(out, &server) != 0)
                        return -EINVAL;
        }
        if (!configuration_is_voter(out, node->id))
                return -EINVAL;
        qsort(out->servers, out->server_count, sizeof(out->servers[0]), compare_servers);
        hash = XXH3_createState();
        if (hash == NULL)
                return -ENOMEM;
        XXH3_64bits_reset(hash);
        for (unsigned i = 0; i < out->server_count; i++)
                XXH3_64bits_update(hash, out->servers[i].node_id,
                                   strlen(out->servers[i].node_id) + 1);
        out->cluster_id = XXH3_64bits_digest(hash) | 1; // never 0
        XXH3_freeState(hash);
        return 0;
}

int raft_node_bootstrap(struct raft_node *node, const struct raft_configuration *configuration)
{
        struct raft_configuration first;
        struct raft_buffer *data;
        int ret;

        if (node->failed || node->closing)
                return -EIO;
        ret = normalize(node, configuration, &first);
        if (ret != 0)
                return ret;
        data = raft_configuration_encode(&first);
        if (data == NULL)
                return -ENOMEM;
        ret = raft_bootstrap(node->raft, data, node_now_ms());
        if (ret != 0) {
                raft_buffer_unref(data);
                return ret;
        }
        node_wake(node);
        return 0;
}

static void start_change(struct raft_node *node, raft_index index, raft_node_done_fn done,
                         void *arg)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        node->change = (struct waiting_call){.active = true,
                                             .index = index,
                                             .term = status.hard_state.term,
                                             .done = done,
                                             .arg = arg};
        node_wake(node);
}

int raft_node_put_server(struct raft_node *node, const char *node_id, const char *address,
                         bool voter, raft_node_done_fn done, void *arg)
{
        struct raft_server server = {.id = raft_server_id_of(node_id), .voter = voter};
        const struct raft_server *old;
        raft_index index;
        int ret;

        if (node->failed || node->closing)
                return -EPERM;
        if (server.id == RAFT_NO_SERVER || strlen(address) >= sizeof(server.address))
                return -EINVAL;
        if (node->change.active)
                return -EBUSY;
        old = configuration_find(raft_configuration(node->raft), server.id);
        if (old != NULL && strcmp(old->node_id, node_id) != 0)
                return -EEXIST;
        snprintf(server.node_id, sizeof(server.node_id), "%s", node_id);
        snprintf(server.address, sizeof(server.address), "%s", address);
        ret = raft_propose_server(node->raft, &server, &index);
        if (ret == 0)
                start_change(node, index, done, arg);
        return ret;
}

int raft_node_promote(struct raft_node *node, raft_server_id id, raft_node_done_fn done, void *arg)
{
        struct raft_peer_status peers[RAFT_SERVER_MAX];
        const struct raft_server *old = configuration_find(raft_configuration(node->raft), id);
        unsigned count = raft_peers(node->raft, peers);
        struct raft_server server;
        raft_index index;
        int ret;

        if (node->failed || node->closing || count == 0)
                return -EPERM;
        if (old == NULL)
                return -ENOENT;
        if (node->change.active)
                return -EBUSY;
        for (unsigned i = 0; i < count; i++)
                if (peers[i].id == id && !peers[i].caught_up)
                        return -EAGAIN;
        server = *old;
        server.voter = true;
        ret = raft_propose_server(node->raft, &server, &index);
        if (ret == 0)
                start_change(node, index, done, arg);
        return ret;
}

int raft_node_remove(struct raft_node *node, raft_server_id id, raft_node_done_fn done, void *arg)
{
        raft_index index;
        int ret;

        if (node->failed || node->closing)
                return -EPERM;
        if (node->change.active)
                return -EBUSY;
        ret = raft_propose_removal(node->raft, id, &index);
        if (ret == 0)
                start_change(node, index, done, arg);
        return ret;
}

raft_server_id membership_best_successor(const struct raft_node *node)
{
        struct raft_peer_status peers[RAFT_SERVER_MAX];
        unsigned count = raft_peers(node->raft, peers);
        uint64_t now_ms = node_now_ms();
        raft_server_id best = RAFT_NO_SERVER;
        raft_index best_match = 0;

        for (unsigned i = 0; i < count; i++) {
                if (peers[i].id == node->id || !peers[i].voter ||
                    now_ms > peers[i].last_contact_ms + node->options.election_timeout_ms)
                        continue;
                if (best == RAFT_NO_SERVER || peers[i].match_index > best_match) {
                        best = peers[i].id;
                        best_match = peers[i].match_index;
                }
        }
        return best;
}

int raft_node_transfer(struct raft_node *node, raft_server_id to, raft_node_done_fn done, void *arg)
{
        uint64_t now_ms = node_now_ms();
        int ret;

        if (node->failed || node->closing)
                return -EPERM;
        if (node->transfer.active)
                return -EBUSY;
        if (to == RAFT_NO_SERVER)
                to = membership_best_successor(node);
        ret = raft_transfer(node->raft, to, now_ms);
        if (ret != 0)
                return ret;
        node->transfer =
            (struct waiting_call){.active = true,
                                  .deadline_ms = now_ms + 2u * node->options.election_timeout_ms,
                                  .done = done,
                                  .arg = arg};
        node_wake(node);
        return 0;
}

void membership_applied(struct raft_node *node, const struct raft_entry *entry)
{
        if (node->change.active && entry->index >= node->change.index)
                finish(&node->change,
                       entry->index == node->change.index && entry->term == node->change.term
                           ? 0
                           : -ECANCELED);
}

void membership_update(struct raft_node *node, const struct raft_status *status)
{
        bool leads = status->role == RAFT_LEADER;

        if (node->change.active && status->commit_index < node->change.index &&
            (!leads || status->hard_state.term != node->change.term))
                finish(&node->change, -ECANCELED);
        if (!node->transfer.active)
                return;
        if (!leads && status->leader != RAFT_NO_SERVER)
                finish(&node->transfer, 0);
        else if (node_now_ms() >= node->transfer.deadline_ms)
                finish(&node->transfer, -ETIMEDOUT);
}

void membership_fini(struct raft_node *node)
{
        finish(&node->change, -ECANCELED);
        finish(&node->transfer, -ETIMEDOUT);
}
