#include <errno.h>

#include "raft/core/raft_internal.h"

static struct raft_message *respond(struct raft *r, const struct raft_message *m)
{
        struct raft_message *answer = raft_send(r, RAFT_MUTANT(4) ? &r->now : &r->durable_messages,
                                                RAFT_APPEND_RESPONSE, m->from);

        answer->round = m->round;
        return answer;
}

// Only the newer term matters. The round is of the older one: whoever leads by now, perhaps the
// same server, must not take this for an answer to a round of its own.
static void refuse_term(struct raft *r, const struct raft_message *m)
{
        struct raft_message *answer = respond(r, m);

        answer->refused = true;
        answer->round = 0;
}

// Where the leader should look next: our last entry not newer than the one it named.
static void refuse(struct raft *r, const struct raft_message *m)
{
        struct raft_message *answer = respond(r, m);
        raft_index hint = m->log_index;

        if (hint > log_last_index(&r->log))
                hint = log_last_index(&r->log);
        hint = log_last_with_term_at_most(&r->log, hint, m->log_term);
        answer->refused = true;
        answer->refused_index = m->log_index;
        answer->log_index = hint;
        answer->log_term = log_term(&r->log, hint);
}

static bool is_well_formed(const struct raft_message *m)
{
        raft_term term = m->log_term;

        for (unsigned i = 0; i < m->entry_count; i++) {
                const struct raft_entry *entry = &m->entries[i];
                struct raft_configuration ignored;

                if (entry->index != m->log_index + 1 + i || entry->term < term ||
                    entry->term > m->term)
                        return false;
                if (entry->type == RAFT_ENTRY_CONFIGURATION &&
                    (entry->data == NULL ||
                     raft_configuration_decode(entry->data->bytes, entry->data->length, &ignored) !=
                         0))
                        return false;
                term = entry->term;
        }
        return true;
}

static void take_entries(struct raft *r, const struct raft_message *m, unsigned from)
{
        bool reload = false;

        if (from == m->entry_count)
                return;
        if (m->entries[from].index <= log_last_index(&r->log)) {
                raft_index first = m->entries[from].index;

                log_truncate(&r->log, first);
                reload = r->configuration_index >= first;
                raft_forget_stored_from(r, first);
        }
        for (unsigned i = from; i < m->entry_count; i++) {
                struct raft_entry entry = m->entries[i];

                raft_buffer_ref(entry.data);
                reload |= entry.type == RAFT_ENTRY_CONFIGURATION;
                log_append(&r->log, &entry);
        }
        if (reload)
                raft_reload_configuration(r);
}

int append_handle_request(struct raft *r, const struct raft_message *m)
{
        raft_index last_new = m->log_index + m->entry_count;
        unsigned known;

        if (m->term < r->hard_state.term) {
                refuse_term(r, m);
                return 0;
        }
        if ((r->role == RAFT_LEADER && m->term == r->hard_state.term) || !is_well_formed(m))
                return 0; // not from a peer of ours: there is one leader a term
        if (log_reserve(&r->log, m->entry_count) != 0)
                return -ENOMEM;
        raft_become_follower(r, m->term, m->from);
        r->contact_ms = r->now_ms;
        raft_restart_election_timer(r);
        if (m->log_index < r->commit && last_new <= r->commit) {
                respond(r, m)->log_index = r->commit; // all of it is committed already
                return 0;
        }
        if (m->log_index >= r->commit && !log_matches(&r->log, m->log_index, m->log_term)) {
                refuse(r, m);
                return 0;
        }
        known = m->log_index < r->commit ? (unsigned)(r->commit - m->log_index) : 0;
        while (known < m->entry_count &&
               log_matches(&r->log, m->entries[known].index, m->entries[known].term))
                known++;
        take_entries(r, m, known);
        raft_commit_to(r, m->commit_index < last_new ? m->commit_index : last_new);
        respond(r, m)->log_index = last_new;
        return 0;
}
