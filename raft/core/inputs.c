#include <errno.h>
#include <string.h>

#include "raft/core/raft_internal.h"

static bool is_response(enum raft_message_type type)
{
        return type == RAFT_PRE_VOTE_RESPONSE || type == RAFT_VOTE_RESPONSE ||
               type == RAFT_APPEND_RESPONSE || type == RAFT_SNAPSHOT_RESPONSE;
}

static void handle_timeout_now(struct raft *r, const struct raft_message *m)
{
        if (m->term == r->hard_state.term && r->role == RAFT_FOLLOWER && m->from == r->leader &&
            raft_may_stand(r))
                election_start(r, false, true);
}

static int dispatch(struct raft *r, const struct raft_message *m, struct raft_snapshot_chunk *chunk)
{
        switch (m->type) {
        case RAFT_PRE_VOTE_REQUEST:
        case RAFT_VOTE_REQUEST:
                election_handle_request(r, m);
                return 0;
        case RAFT_PRE_VOTE_RESPONSE:
        case RAFT_VOTE_RESPONSE:
                election_handle_response(r, m);
                return 0;
        case RAFT_APPEND_REQUEST:
                return append_handle_request(r, m);
        case RAFT_APPEND_RESPONSE:
                replicate_handle_response(r, m);
                return 0;
        case RAFT_SNAPSHOT_REQUEST:
                snapshot_handle_request(r, m, chunk);
                return 0;
        case RAFT_SNAPSHOT_RESPONSE:
                snapshot_handle_response(r, m);
                return 0;
        case RAFT_TIMEOUT_NOW:
                handle_timeout_now(r, m);
                return 0;
        case RAFT_MESSAGE_TYPE_COUNT:
                break;
        }
        return 0;
}

int raft_step(struct raft *r, const struct raft_message *message, uint64_t now_ms,
              struct raft_snapshot_chunk *chunk)
{
        int ret = raft_begin(r, now_ms);

        memset(chunk, 0, sizeof(*chunk));
        if (ret != 0)
                return ret;
        if (message->to != r->options.id || message->from == r->options.id ||
            message->from == RAFT_NO_SERVER || message->term == 0)
                return 0;
        if (is_response(message->type)) {
                bool granted_pre_vote = message->type == RAFT_PRE_VOTE_RESPONSE && message->granted;

                if (message->term > r->hard_state.term && !granted_pre_vote) {
                        raft_become_follower(r, message->term, RAFT_NO_SERVER);
                        return 0;
                }
                if (message->term < r->hard_state.term)
                        return 0;
        }
        return dispatch(r, message, chunk);
}

static void tick_leader(struct raft *r)
{
        uint32_t timeout_ms = r->options.election_timeout_ms;

        if (r->transfer_to != RAFT_NO_SERVER && r->now_ms >= r->transfer_deadline_ms)
                r->transfer_to = RAFT_NO_SERVER;
        // Check-quorum (thesis 6.2): a leader cut off from the majority makes way.
        if (r->now_ms >= r->elected_ms + timeout_ms &&
            r->now_ms >= raft_quorum_heard_ms(r) + timeout_ms &&
            configuration_voter_count(&r->configuration) > 0)
                raft_become_follower(r, r->hard_state.term, RAFT_NO_SERVER);
}

int raft_tick(struct raft *r, uint64_t now_ms)
{
        int ret = raft_begin(r, now_ms);

        if (ret != 0)
                return ret;
        if (r->role == RAFT_LEADER)
                tick_leader(r);
        else if (r->now_ms >= r->deadline_ms && raft_may_stand(r))
                election_start(r, true, false);
        return 0;
}

uint64_t raft_deadline_ms(const struct raft *r)
{
        return r->role == RAFT_LEADER ? r->heartbeat_due_ms : r->deadline_ms;
}

int raft_propose(struct raft *r, struct raft_buffer *take_data, raft_index *index)
{
        if (r->role != RAFT_LEADER)
                return -EPERM;
        if (r->transfer_to != RAFT_NO_SERVER)
                return -EBUSY;
        return replicate_append(r, RAFT_ENTRY_COMMAND, take_data, index);
}

static int propose_configuration(struct raft *r, const struct raft_configuration *next,
                                 raft_index *index)
{
        struct raft_buffer *data = raft_configuration_encode(next);
        int ret;

        if (data == NULL)
                return -ENOMEM;
        ret = replicate_append(r, RAFT_ENTRY_CONFIGURATION, data, index);
        if (ret != 0) {
                raft_buffer_unref(data);
                return ret;
        }
        r->was_voter = configuration_is_voter(&r->configuration, r->options.id);
        r->configuration = *next;
        r->configuration_index = *index;
        raft_update_peers(r);
        return 0;
}

// One change at a time, and none before this term has committed an entry: otherwise two leaders'
// changes may have majorities that do not meet (thesis 4.1 and its erratum).
static int may_reconfigure(const struct raft *r)
{
        if (r->role != RAFT_LEADER)
                return -EPERM;
        if (r->transfer_to != RAFT_NO_SERVER || r->configuration_index > r->commit)
                return -EBUSY;
        if (log_term(&r->log, r->commit) != r->hard_state.term)
                return -EBUSY;
        return 0;
}

int raft_propose_server(struct raft *r, const struct raft_server *server, raft_index *index)
{
        struct raft_configuration next = r->configuration;
        int ret = may_reconfigure(r);

        if (ret == 0)
                ret = configuration_put(&next, server);
        return ret != 0 ? ret : propose_configuration(r, &next, index);
}

int raft_propose_removal(struct raft *r, raft_server_id id, raft_index *index)
{
        struct raft_configuration next = r->configuration;
        int ret = may_reconfigure(r);

        if (ret == 0)
                ret = configuration_remove(&next, id);
        return ret != 0 ? ret : propose_configuration(r, &next, index);
}

void raft_step_down(struct raft *r, uint64_t now_ms)
{
        raft_end_effects(r);
        if (now_ms > r->now_ms)
                r->now_ms = now_ms;
        if (r->role == RAFT_LEADER)
                raft_become_follower(r, r->hard_state.term, RAFT_NO_SERVER);
}

void raft_applied(struct raft *r, raft_index index)
{
        if (index > r->applied && index <= r->handed)
                r->applied = index;
}
