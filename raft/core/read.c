#include <errno.h>

#include "raft/core/raft_internal.h"

// The newest round a majority has answered proves that they had not left us when it began, and
// stickiness that they will not before the shortest election timeout is over, on whatever clock.
bool raft_has_lease(const struct raft *r, uint64_t now_ms)
{
        uint64_t round = raft_quorum_round(r), started_ms, lease_ms;

        if (r->role != RAFT_LEADER || r->lease_void || r->transfer_to != RAFT_NO_SERVER ||
            round == 0 || round + RAFT_ROUND_MAX <= r->round)
                return false;
        started_ms = r->round_started_ms[round % RAFT_ROUND_MAX];
        lease_ms = (uint64_t)r->options.election_timeout_ms * 1000 /
                   (1000 + r->options.clock_drift_permille);
        if (RAFT_MUTANT(5))
                lease_ms *= 8;
        return now_ms < started_ms + lease_ms;
}

static bool is_only_voter(const struct raft *r)
{
        return configuration_voter_count(&r->configuration) == 1 &&
               configuration_is_voter(&r->configuration, r->options.id);
}

static void make_ready(struct raft *r, uint64_t ticket, raft_index index)
{
        r->reads_ready[r->read_ready_count++] =
            (struct raft_read){.ticket = ticket, .index = index};
}

int raft_read_index(struct raft *r, uint64_t ticket, bool lease, uint64_t now_ms)
{
        int ret = raft_begin(r, now_ms);

        if (ret != 0)
                return ret;
        if (r->role != RAFT_LEADER)
                return -EPERM;
        // Until an entry of this term is committed the leader may not know the newest commits.
        if (!RAFT_MUTANT(6) && log_term(&r->log, r->commit) != r->hard_state.term)
                return -EAGAIN;
        if (r->read_pending_count + r->read_ready_count >= RAFT_READ_MAX)
                return -ENOSPC;
        if (is_only_voter(r) || (lease && raft_has_lease(r, r->now_ms))) {
                make_ready(r, ticket, r->commit);
                return 0;
        }
        r->reads_pending[r->read_pending_count++] =
            (struct pending_read){.ticket = ticket, .round = r->round + 1, .index = r->commit};
        return 0;
}

void read_resolve(struct raft *r)
{
        uint64_t acked = raft_quorum_round(r);
        unsigned kept = 0;

        for (unsigned i = 0; i < r->read_pending_count; i++) {
                if (r->reads_pending[i].round <= acked)
                        make_ready(r, r->reads_pending[i].ticket, r->reads_pending[i].index);
                else
                        r->reads_pending[kept++] = r->reads_pending[i];
        }
        r->read_pending_count = kept;
}

void read_fail_all(struct raft *r)
{
        for (unsigned i = 0; i < r->read_pending_count; i++)
                make_ready(r, r->reads_pending[i].ticket, 0);
        r->read_pending_count = 0;
}

void read_collect(struct raft *r)
{
        bool wanted = r->read_pending_count > 0 &&
                      r->reads_pending[r->read_pending_count - 1].round > r->round;

        if (!wanted && r->now_ms < r->heartbeat_due_ms)
                return;
        r->round++;
        r->round_started_ms[r->round % RAFT_ROUND_MAX] = r->now_ms;
        r->heartbeat_due_ms = r->now_ms + r->options.heartbeat_ms;
}
