#include <errno.h>

#include "raft/core/raft_internal.h"

#define ENTRY_OVERHEAD 24u // index, term, type and length on the wire

int replicate_append(struct raft *r, enum raft_entry_type type, struct raft_buffer *take_data,
                     raft_index *index)
{
        struct raft_entry entry = {.index = log_last_index(&r->log) + 1,
                                   .term = r->hard_state.term,
                                   .type = type,
                                   .data = take_data};

        if (log_reserve(&r->log, 1) != 0)
                return -ENOMEM;
        log_append(&r->log, &entry);
        *index = entry.index;
        return 0;
}

void replicate_reset(struct progress *p, raft_index next, uint64_t now_ms)
{
        p->state = PROGRESS_PROBE;
        p->next = next;
        p->inflight_start = 0;
        p->inflight_count = 0;
        p->probe_sent = false;
        p->progress_ms = now_ms;
}

static void inflight_push(struct progress *p, raft_index last)
{
        p->inflight[(p->inflight_start + p->inflight_count++) % RAFT_INFLIGHT_MAX] = last;
}

static void inflight_free_to(struct progress *p, raft_index match)
{
        while (p->inflight_count > 0 && p->inflight[p->inflight_start] <= match) {
                p->inflight_start = (p->inflight_start + 1) % RAFT_INFLIGHT_MAX;
                p->inflight_count--;
        }
}

void replicate_advance_commit(struct raft *r)
{
        raft_index index = raft_quorum_match(r);

        // Only entries of the own term are committed by counting (the paper, 5.4.2).
        if (index <= r->commit ||
            (log_term(&r->log, index) != r->hard_state.term && !RAFT_MUTANT(7)))
                return;
        raft_commit_to(r, index);
        // Whoever is no longer a voter leads on only until that is committed (thesis 4.2.2).
        if (r->commit >= r->configuration_index &&
            !configuration_is_voter(&r->configuration, r->options.id))
                raft_become_follower(r, r->hard_state.term, RAFT_NO_SERVER);
}

static void forget_match(struct progress *p)
{
        p->match = 0;
        p->catch_up_target = 0;
        p->caught_up = false;
        p->state = PROGRESS_REPLICATE;
}

static void handle_refusal(struct raft *r, struct progress *p, const struct raft_message *m)
{
        raft_index next;

        if (m->refused_index <= p->match) {
                if (p->match == 0 || m->round < p->match_round)
                        return; // overtaken by a success
                // Asked after that success, it denies what it had: its disk was emptied.
                forget_match(p);
        }
        if (p->state == PROGRESS_PROBE && m->refused_index != p->next - 1)
                return; // not the probe that is out
        if (p->state == PROGRESS_SNAPSHOT)
                return;
        next = log_last_with_term_at_most(&r->log, m->log_index, m->log_term) + 1;
        if (next <= p->match)
                next = p->match + 1;
        replicate_reset(p, next, r->now_ms);
}

// A follower has caught up when all there was at some moment reached it within an election timeout;
// each round begins where the one before ended (thesis 4.2.1).
static void advance_catch_up(struct raft *r, struct progress *p)
{
        if (p->match < p->catch_up_target)
                return;
        if (p->catch_up_target > 0)
                p->caught_up = r->now_ms < p->catch_up_began_ms + r->options.election_timeout_ms;
        p->catch_up_target = log_last_index(&r->log);
        p->catch_up_began_ms = r->now_ms;
}

static void handle_success(struct raft *r, struct progress *p, const struct raft_message *m)
{
        if (m->log_index > log_last_index(&r->log))
                return; // no follower of this term can have more than its leader
        if (m->log_index > p->match) {
                p->match = m->log_index;
                p->match_round = r->round + 1;
                p->progress_ms = r->now_ms;
        }
        inflight_free_to(p, p->match);
        advance_catch_up(r, p);
        if (p->state == PROGRESS_SNAPSHOT && p->match < r->log.base_index) {
                // It has this one, but the log has moved on meanwhile: the latest follows.
                if (p->match >= p->snapshot_index)
                        p->snapshot_index = 0;
                return;
        }
        if (p->next <= p->match || p->state == PROGRESS_SNAPSHOT)
                p->next = p->match + 1;
        if (p->state != PROGRESS_REPLICATE && p->match >= p->next - 1)
                p->state = PROGRESS_REPLICATE;
        p->probe_sent = p->probe_sent && p->state == PROGRESS_PROBE;
        replicate_advance_commit(r);
}

void replicate_handle_response(struct raft *r, const struct raft_message *m)
{
        struct progress *p = raft_peer(r, m->from);

        if (r->role != RAFT_LEADER || p == NULL || m->term != r->hard_state.term)
                return;
        p->heard_ms = r->now_ms;
        if (m->round > p->round_acked && m->round <= r->round)
                p->round_acked = m->round;
        if (m->refused)
                handle_refusal(r, p, m);
        else
                handle_success(r, p, m);
        if (r->role != RAFT_LEADER)
                return;
        read_resolve(r);
        transfer_progress(r);
}

static struct raft_message *send_append(struct raft *r, struct progress *p, raft_index previous)
{
        struct raft_message *m = raft_send(r, &r->now, RAFT_APPEND_REQUEST, p->id);

        m->log_index = previous;
        m->log_term = log_term(&r->log, previous);
        m->commit_index = r->commit;
        m->round = r->round;
        p->round_sent = r->round;
        return m;
}

// As many entries from next on as fit in one message; at least one where there is one.
static void fill_entries(struct raft *r, struct progress *p, struct raft_message *m)
{
        raft_index index = m->log_index + 1, last = log_last_index(&r->log);
        uint64_t bytes = 0;

        if (index > last)
                return;
        m->entries = log_at(&r->log, index);
        for (; index <= last; index++) {
                const struct raft_entry *entry = log_at(&r->log, index);

                bytes += ENTRY_OVERHEAD + (entry->data ? entry->data->length : 0);
                if (m->entry_count > 0 && bytes > r->options.message_bytes_max)
                        break;
                m->entry_count++;
        }
        if (p->inflight_count == 0)
                p->progress_ms = r->now_ms;
}

// A heartbeat names an entry the follower is known to have, so it may overtake requests with
// entries without being refused. Where that entry has been forgotten it names none.
static void send_heartbeat(struct raft *r, struct progress *p)
{
        raft_index known = p->match >= r->log.base_index ? p->match : 0;
        struct raft_message *m = send_append(r, p, known);

        if (m->commit_index > known)
                m->commit_index = known;
}

// A request or its answer was lost: nothing has moved for an election timeout.
static bool is_stalled(const struct raft *r, const struct progress *p)
{
        return r->now_ms >= p->progress_ms + r->options.election_timeout_ms;
}

static void feed(struct raft *r, struct progress *p)
{
        if (p->state == PROGRESS_REPLICATE && p->inflight_count > 0 && is_stalled(r, p))
                replicate_reset(p, p->match + 1, r->now_ms);
        if (p->state != PROGRESS_SNAPSHOT && p->next <= r->log.base_index) {
                p->state = PROGRESS_SNAPSHOT;
                p->snapshot_index = 0;
                p->chunk_sent = false;
        }
        if (p->state == PROGRESS_SNAPSHOT) {
                snapshot_collect(r, p);
        } else if (p->state == PROGRESS_PROBE) {
                if (p->probe_sent && is_stalled(r, p))
                        p->probe_sent = false;
                if (!p->probe_sent) {
                        fill_entries(r, p, send_append(r, p, p->next - 1));
                        p->progress_ms = r->now_ms;
                        p->probe_sent = true;
                }
        } else {
                while (p->next <= log_last_index(&r->log) &&
                       p->inflight_count < r->options.inflight_max &&
                       r->now.count < r->now.capacity) {
                        struct raft_message *m = send_append(r, p, p->next - 1);

                        fill_entries(r, p, m);
                        p->next += m->entry_count;
                        inflight_push(p, p->next - 1);
                }
        }
        if (p->round_sent < r->round && r->now.count < r->now.capacity)
                send_heartbeat(r, p);
}

void replicate_collect(struct raft *r)
{
        for (unsigned i = 0; i < r->peer_count && r->now.count < r->now.capacity; i++)
                if (r->peers[i].id != r->options.id)
                        feed(r, &r->peers[i]);
}
