#include <stdio.h>

#include "tests/raft/sim/sim.h"

// Election safety: one leader a term (the paper, figure 3). Leader completeness: a leader has every
// entry that was committed before.
static void check_leader(struct sim *sim, struct sim_server *server,
                         const struct raft_status *status)
{
        raft_index index = sim->truth->committed_count;
        raft_server_id *leader;

        if (status->hard_state.term >= SIM_TERM_MAX)
                return;
        leader = &sim->truth->leader_of_term[status->hard_state.term];
        if (*leader == server->id)
                return;
        if (*leader != RAFT_NO_SERVER) {
                sim_fail(sim, "two leaders in term %llu: %llu and %llu",
                         (unsigned long long)status->hard_state.term, (unsigned long long)*leader,
                         (unsigned long long)server->id);
                return;
        }
        *leader = server->id;
        sim->elections++;
        // Votes may arrive late: what later terms have committed meanwhile it need not have.
        while (index > 0 && sim->truth->committed_term[index] >= status->hard_state.term)
                index--;
        if (status->last_index < index)
                sim_fail(sim, "leader %llu of term %llu lacks committed entry %llu",
                         (unsigned long long)server->id,
                         (unsigned long long)status->hard_state.term, (unsigned long long)index);
}

void sim_check_server(struct sim *sim, struct sim_server *server)
{
        struct raft_status status;

        raft_status(server->raft, &status);
        if (status.role == RAFT_LEADER)
                check_leader(sim, server, &status);
        if (status.commit_index > status.last_index)
                sim_fail(sim, "server %llu committed past its log", (unsigned long long)server->id);
}

// A leader left behind must not answer reads from its lease once others have committed more.
static void check_leases(struct sim *sim, const struct sim_server *server)
{
        for (unsigned i = 0; i < sim->server_count; i++) {
                const struct sim_server *other = &sim->servers[i];
                struct raft_status status;

                if (other == server || !other->up ||
                    !raft_has_lease(other->raft, sim_server_now_ms(sim, other)))
                        continue;
                raft_status(other->raft, &status);
                if (status.hard_state.term <
                    sim->truth->committed_term[sim->truth->committed_count])
                        sim_fail(sim, "leader %llu of term %llu holds a lease over entry %llu",
                                 (unsigned long long)other->id,
                                 (unsigned long long)status.hard_state.term,
                                 (unsigned long long)sim->truth->committed_count);
        }
}

// State machine safety: whoever applies an index applies the same entry there.
void sim_check_commit(struct sim *sim, struct sim_server *server, const struct raft_entry *entry)
{
        struct sim_truth *truth = sim->truth;

        if (entry->index >= SIM_COMMIT_MAX) {
                sim_fail(sim, "a run of this length needs a larger SIM_COMMIT_MAX");
                return;
        }
        if (entry->index > truth->committed_count + 1) {
                sim_fail(sim, "server %llu applies %llu before %llu was applied anywhere",
                         (unsigned long long)server->id, (unsigned long long)entry->index,
                         (unsigned long long)truth->committed_count + 1);
                return;
        }
        if (entry->index == truth->committed_count + 1) {
                truth->committed_term[entry->index] = entry->term;
                truth->committed_count = entry->index;
                check_leases(sim, server);
        } else if (truth->committed_term[entry->index] != entry->term) {
                sim_fail(sim, "entry %llu was committed in term %llu and again, by %llu, in %llu",
                         (unsigned long long)entry->index,
                         (unsigned long long)truth->committed_term[entry->index],
                         (unsigned long long)server->id, (unsigned long long)entry->term);
        }
}

// One vote a term, across restarts: counted where it leaves the server.
void sim_check_vote(struct sim *sim, const struct raft_message *message)
{
        raft_server_id *vote;

        if (message->type != RAFT_VOTE_RESPONSE || !message->granted ||
            message->term >= SIM_TERM_MAX)
                return;
        vote = &sim->truth->vote[message->term][message->from - 1];
        if (*vote != RAFT_NO_SERVER && *vote != message->to)
                sim_fail(sim, "server %llu voted for %llu and %llu in term %llu",
                         (unsigned long long)message->from, (unsigned long long)*vote,
                         (unsigned long long)message->to, (unsigned long long)message->term);
        *vote = message->to;
}

void sim_check_end(struct sim *sim)
{
        unsigned key;

        for (unsigned i = 0; i < sim->server_count; i++) {
                const struct sim_server *a = &sim->servers[i];

                for (unsigned j = 0; j < i; j++) {
                        const struct sim_server *b = &sim->servers[j];

                        for (unsigned k = 0; k < SIM_KEY_COUNT; k++)
                                if (a->up && b->up && a->applied == b->applied &&
                                    a->state.value[k] != b->state.value[k])
                                        sim_fail(sim, "servers %u and %u differ after entry %llu",
                                                 i + 1, j + 1, (unsigned long long)a->applied);
                }
        }
        if (!history_is_linearizable(&sim->history, SIM_KEY_COUNT, &key))
                sim_fail(sim, "the history of register %u is not linearizable", key);
}
