#include "raft/core/raft_internal.h"

// The candidate's log is at least as up to date as ours (the paper, 5.4.1).
static bool is_up_to_date(const struct raft *r, const struct raft_message *m)
{
        raft_index last;
        raft_term last_term;

        if (RAFT_MUTANT(1))
                return true;
        last = log_last_index(&r->log);
        last_term = log_term(&r->log, last);
        return m->log_term > last_term || (m->log_term == last_term && m->log_index >= last);
}

// Having heard from a leader within the minimum election timeout, a server takes no part in
// elections unless that leader asked for one (thesis 4.2.3); leases rest on it (6.4.1).
static bool is_sticky(const struct raft *r)
{
        if (RAFT_MUTANT(2))
                return false;
        if (r->role == RAFT_LEADER)
                return true; // check-quorum ends leaderships that have lost their majority
        return r->now_ms < r->contact_ms + r->options.election_timeout_ms;
}

static void broadcast_request(struct raft *r, enum raft_message_type type, raft_term term,
                              bool transfer)
{
        raft_index last = log_last_index(&r->log);

        for (unsigned i = 0; i < r->peer_count; i++) {
                struct raft_message *m;

                r->peers[i].vote_answered = false;
                r->peers[i].vote_granted = false;
                if (r->peers[i].id == r->options.id) {
                        r->peers[i].vote_answered = true;
                        r->peers[i].vote_granted = true;
                        continue;
                }
                if (!r->peers[i].voter)
                        continue;
                m = raft_send(r, &r->durable_messages, type, r->peers[i].id);
                m->term = term;
                m->log_index = last;
                m->log_term = log_term(&r->log, last);
                m->transfer = transfer;
        }
}

// Counts votes; returns 1 when won, -1 when lost, 0 while open.
static int tally(const struct raft *r)
{
        unsigned granted = 0, refused = 0, voters = 0;

        for (unsigned i = 0; i < r->peer_count; i++) {
                if (!r->peers[i].voter)
                        continue;
                voters++;
                granted += r->peers[i].vote_granted;
                refused += r->peers[i].vote_answered && !r->peers[i].vote_granted;
        }
        if (granted > voters / 2)
                return 1;
        return refused >= voters - voters / 2 ? -1 : 0;
}

static void stand(struct raft *r, bool pre_vote, bool transfer)
{
        raft_restart_election_timer(r);
        r->leader = RAFT_NO_SERVER;
        if (pre_vote) {
                r->role = RAFT_PRE_CANDIDATE;
                broadcast_request(r, RAFT_PRE_VOTE_REQUEST, r->hard_state.term + 1, false);
        } else {
                r->role = RAFT_CANDIDATE;
                raft_set_hard_state(r, r->hard_state.term + 1, r->options.id);
                broadcast_request(r, RAFT_VOTE_REQUEST, r->hard_state.term, transfer);
        }
}

void election_start(struct raft *r, bool pre_vote, bool transfer)
{
        stand(r, pre_vote, transfer);
        // The only voter there is asks nobody, but like any other has to know that its vote is
        // kept: election_vote_stored.
        if (pre_vote && tally(r) > 0)
                stand(r, false, transfer);
}

void election_vote_stored(struct raft *r)
{
        if (r->role == RAFT_CANDIDATE && tally(r) > 0)
                election_become_leader(r);
}

static bool may_vote_for(const struct raft *r, raft_server_id candidate)
{
        return r->hard_state.vote == candidate ||
               (r->hard_state.vote == RAFT_NO_SERVER && r->leader == RAFT_NO_SERVER);
}

void election_handle_request(struct raft *r, const struct raft_message *m)
{
        bool pre_vote = m->type == RAFT_PRE_VOTE_REQUEST;
        struct raft_message *answer;
        bool granted;

        if (m->term >= r->hard_state.term && !m->transfer && is_sticky(r))
                return;
        if (!pre_vote && m->term > r->hard_state.term)
                raft_become_follower(r, m->term, RAFT_NO_SERVER);
        if (pre_vote)
                granted = m->term > r->hard_state.term && is_up_to_date(r, m);
        else
                granted = m->term == r->hard_state.term && r->role == RAFT_FOLLOWER &&
                          may_vote_for(r, m->from) && is_up_to_date(r, m);
        if (granted && !pre_vote) {
                raft_set_hard_state(r, r->hard_state.term, m->from);
                raft_restart_election_timer(r);
        }
        answer = raft_send(r, RAFT_MUTANT(3) ? &r->now : &r->durable_messages,
                           pre_vote ? RAFT_PRE_VOTE_RESPONSE : RAFT_VOTE_RESPONSE, m->from);
        answer->granted = granted;
        // A granted pre-vote names the term it is for; a refusal our own, for the candidate to
        // catch up with.
        if (pre_vote && granted)
                answer->term = m->term;
}

void election_handle_response(struct raft *r, const struct raft_message *m)
{
        bool pre_vote = m->type == RAFT_PRE_VOTE_RESPONSE;
        struct progress *p = raft_peer(r, m->from);
        int outcome;

        if (p == NULL || r->role != (pre_vote ? RAFT_PRE_CANDIDATE : RAFT_CANDIDATE))
                return;
        if (m->granted && m->term != r->hard_state.term + (pre_vote ? 1 : 0))
                return; // for an earlier election
        p->vote_answered = true;
        p->vote_granted = m->granted;
        outcome = tally(r);
        if (outcome < 0)
                raft_become_follower(r, r->hard_state.term, RAFT_NO_SERVER);
        else if (outcome > 0 && pre_vote)
                election_start(r, false, false);
        else if (outcome > 0)
                election_become_leader(r);
}

int election_become_leader(struct raft *r)
{
        raft_index index;
        int ret;

        // Its entry first: without memory for that it stays a candidate, and stands again later.
        r->role = RAFT_LEADER;
        ret = replicate_append(r, RAFT_ENTRY_NOOP, NULL, &index);
        if (ret != 0) {
                r->role = RAFT_CANDIDATE;
                return ret;
        }
        r->leader = r->options.id;
        r->elected_ms = r->now_ms;
        r->heartbeat_due_ms = r->now_ms;
        r->lease_void = false;
        r->transfer_to = RAFT_NO_SERVER;
        r->round = 0;
        r->read_pending_count = 0;
        for (unsigned i = 0; i < r->peer_count; i++) {
                struct progress *p = &r->peers[i];

                p->match = 0;
                p->match_round = 0;
                p->catch_up_target = 0;
                p->caught_up = false;
                p->round_sent = 0;
                p->round_acked = 0;
                p->heard_ms = r->now_ms;
                replicate_reset(p, index, r->now_ms);
        }
        return 0;
}
