#include <errno.h>
#include <stdlib.h>

#include "raft/node/node_internal.h"

int snapshots_init(struct raft_node *node)
{
        (void)node;
        return 0;
}
void snapshots_fini(struct raft_node *node)
{
        (void)node;
}
// One server with its log in memory: what is applied need not be kept.
void snapshots_poll(struct raft_node *node)
{
        if (node->applied > node->options.trailing_logs)
                raft_compact(node->raft, node->applied,
                             node->applied - node->options.trailing_logs + 1);
}
void snapshots_take_chunk(struct raft_node *node, const struct raft_snapshot_chunk *chunk)
{
        (void)node, (void)chunk;
}
void snapshots_chunk_written(struct raft_node *node, const struct node_chunk *chunk)
{
        (void)node, (void)chunk;
}
void snapshots_end_transfers(struct raft_node *node)
{
        (void)node;
}
int raft_node_snapshot(struct raft_node *node)
{
        (void)node;
        return -EAGAIN;
}
void snapshots_send(struct raft_node *node, const struct raft_message *request)
{
        (void)node, (void)request;
}
