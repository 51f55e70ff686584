#include <errno.h>
#include <string.h>

#include "raft/core/raft_internal.h"

static void collect_log(struct raft *r, struct raft_effects *out)
{
        raft_index last = log_last_index(&r->log);

        if (last > r->collected) {
                out->entries = log_at(&r->log, r->collected + 1);
                out->entry_count = (unsigned)(last - r->collected);
                r->collected = last;
        }
        if (r->commit > r->handed) {
                out->committed = log_at(&r->log, r->handed + 1);
                out->committed_count = (unsigned)(r->commit - r->handed);
                r->handed = r->commit;
        }
}

// With more in flight than are told apart, the youngest two become one, known as the later: that
// only makes the earlier one's entries count as stored a little later.
static void mark_batch(struct raft *r)
{
        if (r->mark_count < RAFT_BATCH_MAX)
                r->mark_count++;
        r->marks[(r->mark_start + r->mark_count - 1) % RAFT_BATCH_MAX] =
            (struct batch_mark){.batch = r->batch, .last = r->collected};
}

int raft_collect(struct raft *r, uint64_t now_ms, struct raft_effects *out)
{
        int ret = raft_begin(r, now_ms);

        memset(out, 0, sizeof(*out));
        if (ret != 0)
                return ret;
        if (r->role == RAFT_LEADER) {
                read_collect(r);
                replicate_collect(r);
        }
        collect_log(r, out);
        out->batch = ++r->batch;
        if (out->entry_count > 0)
                mark_batch(r);
        out->hard_state_changed = r->hard_state_changed;
        out->hard_state = r->hard_state;
        if (r->hard_state_changed)
                r->batch_hard_state = r->batch;
        r->hard_state_changed = false;
        out->messages_now = r->now.items;
        out->messages_now_count = r->now.count;
        out->messages_durable = r->durable_messages.items;
        out->messages_durable_count = r->durable_messages.count;
        out->reads = r->reads_ready;
        out->read_count = r->read_ready_count;
        r->handed_out = true;
        return 0;
}

void raft_durable(struct raft *r, uint64_t batch)
{
        raft_end_effects(r);
        if (batch <= r->batch_durable || batch > r->batch)
                return;
        r->batch_durable = batch;
        while (r->mark_count > 0 && r->marks[r->mark_start].batch <= batch) {
                if (r->marks[r->mark_start].last > r->durable)
                        r->durable = r->marks[r->mark_start].last;
                r->mark_start = (r->mark_start + 1) % RAFT_BATCH_MAX;
                r->mark_count--;
        }
        if (r->role == RAFT_LEADER)
                replicate_advance_commit(r);
        else if (batch >= r->batch_hard_state && !r->hard_state_changed)
                election_vote_stored(r);
}

void raft_status(const struct raft *r, struct raft_status *out)
{
        *out = (struct raft_status){
            .role = r->role,
            .leader = r->leader,
            .hard_state = r->hard_state,
            .commit_index = r->commit,
            .applied_index = r->applied,
            .last_index = log_last_index(&r->log),
            .last_term = log_term(&r->log, log_last_index(&r->log)),
            .snapshot_index = r->snapshot_index,
            .log_entries = r->log.count,
            .log_bytes = r->log.bytes,
            .leader_contact_ms = r->role == RAFT_LEADER ? r->now_ms : r->contact_ms,
        };
}

raft_index raft_tail(const struct raft *r, uint64_t bytes_max)
{
        raft_index index = log_last_index(&r->log) + 1;
        uint64_t bytes = 0;

        while (index - 1 > r->log.base_index) {
                const struct raft_buffer *data = log_at(&r->log, index - 1)->data;

                bytes += data != NULL ? data->length : 0;
                if (bytes > bytes_max)
                        break;
                index--;
        }
        return index;
}

const struct raft_configuration *raft_configuration(const struct raft *r)
{
        return &r->configuration;
}

void raft_configuration_applied(const struct raft *r, struct raft_configuration *out)
{
        raft_configuration_at(r, r->applied, out);
}

unsigned raft_peers(const struct raft *r, struct raft_peer_status out[])
{
        if (r->role != RAFT_LEADER)
                return 0;
        for (unsigned i = 0; i < r->peer_count; i++) {
                const struct progress *p = &r->peers[i];
                bool self = p->id == r->options.id;

                out[i] = (struct raft_peer_status){
                    .id = p->id,
                    .voter = p->voter,
                    .caught_up = self || p->caught_up,
                    .match_index = self ? r->durable : p->match,
                    .last_contact_ms = self ? r->now_ms : p->heard_ms,
                };
        }
        return r->peer_count;
}
