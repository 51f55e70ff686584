#include <errno.h>

#include "raft/core/raft_internal.h"

void snapshot_handle_request(struct raft *r, const struct raft_message *m,
                             struct raft_snapshot_chunk *chunk)
{
        struct raft_message *answer;

        if (m->term < r->hard_state.term) {
                raft_send(r, &r->durable_messages, RAFT_APPEND_RESPONSE, m->from)->refused = true;
                return;
        }
        if (r->role == RAFT_LEADER && m->term == r->hard_state.term)
                return; // there is one leader a term
        raft_become_follower(r, m->term, m->from);
        r->contact_ms = r->now_ms;
        raft_restart_election_timer(r);
        if (m->log_index <= r->commit) {
                answer = raft_send(r, &r->durable_messages, RAFT_APPEND_RESPONSE, m->from);
                answer->log_index = r->commit;
                return;
        }
        if (r->incoming_index != m->log_index || r->incoming_term != m->log_term) {
                r->incoming_index = m->log_index;
                r->incoming_term = m->log_term;
                r->incoming_offset = 0;
                r->incoming_complete = false;
        }
        if (r->incoming_complete)
                return; // being installed
        if (m->offset == r->incoming_offset) {
                chunk->index = m->log_index;
                chunk->term = m->log_term;
                chunk->offset = m->offset;
                chunk->bytes = m->bytes;
                chunk->length = m->length;
                chunk->last = m->last;
                r->incoming_offset += m->length;
                r->incoming_complete = m->last;
                if (m->last)
                        return; // raft_snapshot_installed answers
        }
        answer = raft_send(r, &r->durable_messages, RAFT_SNAPSHOT_RESPONSE, m->from);
        answer->log_index = m->log_index;
        answer->log_term = m->log_term;
        answer->offset = r->incoming_offset;
}

void snapshot_handle_response(struct raft *r, const struct raft_message *m)
{
        struct progress *p = raft_peer(r, m->from);

        if (r->role != RAFT_LEADER || p == NULL || m->term != r->hard_state.term)
                return;
        p->heard_ms = r->now_ms;
        if (p->state != PROGRESS_SNAPSHOT || m->log_index != p->snapshot_index)
                return;
        p->snapshot_offset = m->offset;
        p->chunk_sent = false;
        p->progress_ms = r->now_ms;
}

// A transfer goes on with the snapshot it began with, so that frequent snapshots cannot starve it.
void snapshot_collect(struct raft *r, struct progress *p)
{
        struct raft_message *m;

        if (p->snapshot_index == 0) {
                p->snapshot_index = r->snapshot_index;
                p->snapshot_term = r->snapshot_term;
                p->snapshot_configuration = r->snapshot_configuration;
                p->snapshot_offset = 0;
                p->chunk_sent = false;
        }
        if (p->chunk_sent && r->now_ms < p->progress_ms + r->options.election_timeout_ms)
                return;
        m = raft_send(r, &r->now, RAFT_SNAPSHOT_REQUEST, p->id);
        m->log_index = p->snapshot_index;
        m->log_term = p->snapshot_term;
        m->offset = p->snapshot_offset;
        m->configuration = &p->snapshot_configuration;
        p->chunk_sent = true;
        p->progress_ms = r->now_ms;
}

void raft_snapshot_unavailable(struct raft *r, raft_server_id to)
{
        struct progress *p = raft_peer(r, to);

        raft_end_effects(r);
        if (p != NULL && p->state == PROGRESS_SNAPSHOT)
                p->snapshot_index = 0;
}

void raft_snapshot_failed(struct raft *r)
{
        r->incoming_index = 0;
        r->incoming_term = 0;
        r->incoming_offset = 0;
        r->incoming_complete = false;
}

int raft_snapshot_installed(struct raft *r, raft_index index, raft_term term,
                            const struct raft_configuration *configuration, uint64_t now_ms)
{
        int ret = raft_begin(r, now_ms);
        struct raft_message *answer;

        if (ret != 0)
                return ret;
        raft_snapshot_failed(r); // nothing is coming in any more
        if (index > r->commit) {
                // What lies behind a matching entry agrees with the leader's log and stays: it may
                // have been acknowledged already. What is yet to be stored is still handed out.
                if (log_matches(&r->log, index, term)) {
                        log_forget(&r->log, index < r->durable ? index : r->durable);
                } else {
                        raft_forget_stored_from(r, 1);
                        log_reset(&r->log, index, term);
                        r->collected = r->durable = index;
                }
                r->snapshot_index = index;
                r->snapshot_term = term;
                r->snapshot_configuration = *configuration;
                r->commit = r->handed = r->applied = index;
                raft_reload_configuration(r);
        }
        if (r->role == RAFT_FOLLOWER && r->leader != RAFT_NO_SERVER) {
                answer = raft_send(r, &r->durable_messages, RAFT_APPEND_RESPONSE, r->leader);
                answer->log_index = r->commit;
        }
        return 0;
}

static void note_snapshot(struct raft *r, raft_index index)
{
        struct raft_configuration configuration = r->configuration;

        // Looking for an older configuration goes through the log; mostly the latest is in force.
        if (r->configuration_index > index)
                raft_configuration_at(r, index, &configuration);
        r->snapshot_configuration = configuration;
        r->snapshot_index = index;
        r->snapshot_term = log_term(&r->log, index);
}

int raft_compact(struct raft *r, raft_index index, raft_index keep_from)
{
        raft_index forget = keep_from > index ? index : keep_from > 0 ? keep_from - 1 : 0;

        if (index > r->applied)
                return -EINVAL;
        if (index > r->snapshot_index)
                note_snapshot(r, index);
        log_forget(&r->log, forget);
        return 0;
}
