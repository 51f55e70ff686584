// The node's side of the transport: whom to let in, what to pass on.

#include "raft/node/node_internal.h"

static uint64_t cluster_id(void *arg)
{
        const struct raft_node *node = arg;

        return raft_configuration(node->raft)->cluster_id;
}

// Membership is not asked for here: a server may be led by one its own log does not name yet. That
// it is of the same cluster must be certain, or learnt from it while this server belongs to none.
static const char *admit(void *arg, const struct codec_hello *hello)
{
        const struct raft_node *node = arg;
        const struct raft_configuration *ours = raft_configuration(node->raft);

        if (hello->from == node->id)
                return "claims to be this server";
        if (hello->cluster_id == ours->cluster_id && ours->cluster_id != 0)
                return NULL;
        if (hello->cluster_id == 0 && configuration_find(ours, hello->from) != NULL)
                return NULL;
        if (ours->cluster_id == 0 && hello->cluster_id != 0)
                return NULL;
        return "belongs to another cluster";
}

// The leader knows every server there is.
static bool is_stranger(const struct raft_node *node, raft_server_id from)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        return status.role == RAFT_LEADER &&
               configuration_find(raft_configuration(node->raft), from) == NULL;
}

// Without a log this server may be one whose disk was emptied: it does not know how it voted, nor
// what it helped to commit. It takes part in elections again once a leader has told it.
static bool may_vote(struct raft_node *node, const struct raft_message *message)
{
        if ((message->type != RAFT_PRE_VOTE_REQUEST && message->type != RAFT_VOTE_REQUEST) ||
            raft_configuration(node->raft)->server_count > 0)
                return true;
        if (!node->vote_withheld)
                node_log(node, RAFT_LOG_WARN,
                         "not voting: there is no log here, and a leader has to bring it first; "
                         "if none can be elected, restore the data_dir this server had");
        node->vote_withheld = true;
        return false;
}

static bool receive(void *arg, const struct raft_message *message)
{
        struct raft_node *node = arg;
        struct raft_snapshot_chunk chunk;

        if (node->failed || node->closing)
                return true;
        if (is_stranger(node, message->from))
                return false;
        if (!may_vote(node, message))
                return true;
        if (raft_step(node->raft, message, node_now_ms(), &chunk) != 0)
                return true; // without memory it is as if the message had been lost
        if (message->type == RAFT_APPEND_REQUEST || message->type == RAFT_SNAPSHOT_REQUEST)
                node->heard_leader = true;
        if (chunk.index != 0)
                snapshots_take_chunk(node, &chunk);
        node_wake(node);
        return true;
}

static void warn(void *arg, const char *text)
{
        node_log(arg, RAFT_LOG_WARN, "%s", text);
}

int peers_open(struct raft_node *node)
{
        uint32_t dead_after_ms = 2 * node->options.election_timeout_ms;
        struct raft_transport_options options = {
            .loop = node->options.loop,
            .id = node->id,
            .address = node->address,
            .first_byte = RAFT_CONNECTION_BYTE,
            .dead_after_ms = dead_after_ms > 1000 ? dead_after_ms : 1000,
            .seed = node->options.seed,
            .arg = node,
            .admit = admit,
            .receive = receive,
            .cluster_id = cluster_id,
            .warn = warn,
        };
        int ret = raft_transport_create(&options, &node->transport);

        node->transport_open = ret == 0;
        return ret;
}

void node_send(struct raft_node *node, const struct raft_message *message)
{
        if (node->closing || node->failed)
                return;
        if (message->type == RAFT_SNAPSHOT_REQUEST)
                snapshots_send(node, message);
        else
                raft_transport_send(node->transport, message);
}

void raft_node_accept(struct raft_node *node, uv_tcp_t *take_connection)
{
        raft_transport_accept(node->transport, take_connection);
}
