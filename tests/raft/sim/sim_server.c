#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/raft/sim/sim.h"

#define SNAPSHOT_CHUNK 16u

uint64_t sim_server_now_ms(const struct sim *sim, const struct sim_server *server)
{
        return server->clock_offset_ms +
               sim->now_us * (uint64_t)(1000 + server->clock_skew_permille) / 1000000;
}

static void batch_free(struct sim_batch *take_batch)
{
        for (unsigned i = 0; i < take_batch->entry_count; i++)
                raft_buffer_unref(take_batch->entries[i].data);
        for (unsigned i = 0; i < take_batch->message_count; i++)
                sim_message_free(take_batch->messages[i]);
        free(take_batch->entries);
        free(take_batch->messages);
        free(take_batch);
}

static void disk_append(struct sim_disk *disk, const struct raft_entry *entry)
{
        // A new entry replaces what the log holds from its index on.
        while (disk->entry_count > 0 && disk->entries[disk->entry_count - 1].index >= entry->index)
                raft_buffer_unref(disk->entries[--disk->entry_count].data);
        if (disk->entry_count == disk->entry_capacity) {
                disk->entry_capacity = disk->entry_capacity ? disk->entry_capacity * 2 : 64;
                disk->entries =
                    realloc(disk->entries, disk->entry_capacity * sizeof(*disk->entries));
                assert(disk->entries != NULL);
        }
        disk->entries[disk->entry_count] = *entry;
        raft_buffer_ref(disk->entries[disk->entry_count++].data);
}

static void disk_drop_before(struct sim_disk *disk, raft_index keep_from)
{
        size_t n = 0;

        while (n < disk->entry_count && disk->entries[n].index < keep_from)
                raft_buffer_unref(disk->entries[n++].data);
        disk->entry_count -= n;
        memmove(disk->entries, disk->entries + n, disk->entry_count * sizeof(*disk->entries));
}

static void disk_install(struct sim_disk *disk, const struct sim_snapshot *snapshot)
{
        bool keeps = false;

        if (snapshot->index <= disk->snapshot.index)
                return;
        for (size_t i = 0; i < disk->entry_count; i++)
                keeps |= disk->entries[i].index == snapshot->index &&
                         disk->entries[i].term == snapshot->term;
        disk->snapshot = *snapshot;
        disk_drop_before(disk, keeps ? snapshot->index + 1 : UINT64_MAX);
}

// Makes a batch durable; with some_entries fewer of them, as a torn write leaves it.
static void disk_write(struct sim_disk *disk, const struct sim_batch *batch, unsigned entry_count)
{
        if (batch->has_snapshot)
                disk_install(disk, &batch->snapshot);
        if (batch->has_hard_state)
                disk->hard_state = batch->hard_state;
        for (unsigned i = 0; i < entry_count; i++)
                disk_append(disk, &batch->entries[i]);
}

static void queue_batch(struct sim *sim, struct sim_server *server, const struct raft_effects *e)
{
        struct sim_batch *batch = calloc(1, sizeof(*batch));

        assert(batch != NULL);
        batch->number = e->batch;
        batch->has_hard_state = e->hard_state_changed;
        batch->hard_state = e->hard_state;
        batch->entries = calloc(e->entry_count + 1u, sizeof(*batch->entries));
        batch->messages = calloc(e->messages_durable_count + 1u, sizeof(*batch->messages));
        assert(batch->entries != NULL && batch->messages != NULL);
        for (unsigned i = 0; i < e->entry_count; i++) {
                batch->entries[batch->entry_count] = e->entries[i];
                raft_buffer_ref(batch->entries[batch->entry_count++].data);
        }
        for (unsigned i = 0; i < e->messages_durable_count; i++)
                batch->messages[batch->message_count++] = sim_message_copy(&e->messages_durable[i]);
        *server->disk.pending_end = batch;
        server->disk.pending_end = &batch->next;
        if (!server->disk.syncing) {
                server->disk.syncing = true;
                server->disk.syncing_since_us = sim->now_us;
                sim_schedule(sim, 1 + sim_below(&sim->random, server->sync_us), SIM_SYNC_DONE,
                             (unsigned)(server->id - 1), NULL);
        }
}

static void answer_waiting(struct sim *sim, struct sim_server *server,
                           const struct raft_entry *entry)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < server->waiting_count; i++) {
                struct sim_waiting *w = &server->waiting[i];

                if (entry != NULL && !w->is_read && w->index == entry->index) {
                        // Another entry in its place: ours can never be committed.
                        sim_client_answered(sim, w, w->term == entry->term, 0);
                        continue;
                }
                if (w->is_read && w->read_ready && w->index <= server->applied) {
                        sim_client_answered(sim, w, true, server->state.value[w->key]);
                        continue;
                }
                server->waiting[kept++] = *w;
        }
        server->waiting_count = kept;
}

static void apply(struct sim *sim, struct sim_server *server, const struct raft_entry *entry)
{
        uint64_t operation;

        sim_check_commit(sim, server, entry);
        if (entry->type == RAFT_ENTRY_COMMAND)
                sim_command_apply(&server->state, entry->data, &operation);
        server->applied = entry->index;
        answer_waiting(sim, server, entry);
}

static void take_read(struct sim *sim, struct sim_server *server, const struct raft_read *read)
{
        for (unsigned i = 0; i < server->waiting_count; i++) {
                struct sim_waiting *w = &server->waiting[i];

                if (!w->is_read || w->operation != read->ticket)
                        continue;
                if (read->index == 0) {
                        sim_client_answered(sim, w, false, 0);
                        *w = server->waiting[--server->waiting_count];
                } else {
                        w->read_ready = true;
                        w->index = read->index;
                }
                return;
        }
}

// What the shell puts into a snapshot request: a piece of the file, here its state's bytes.
static void send_chunk(struct sim *sim, struct sim_server *server, const struct raft_message *m)
{
        const struct sim_snapshot *snapshot = &server->disk.snapshot;
        struct raft_message chunk = *m;
        uint64_t left;

        if (snapshot->index != m->log_index)
                return; // a newer one has taken its place; the transfer starts again by and by
        left = sizeof(snapshot->state) - m->offset;
        chunk.bytes = (const uint8_t *)&snapshot->state + m->offset;
        chunk.length = (uint32_t)(left < SNAPSHOT_CHUNK ? left : SNAPSHOT_CHUNK);
        chunk.last = chunk.length == left;
        sim_send(sim, &chunk);
}

static void send_now(struct sim *sim, struct sim_server *server, const struct raft_effects *e)
{
        for (unsigned i = 0; i < e->messages_now_count; i++) {
                if (e->messages_now[i].type == RAFT_SNAPSHOT_REQUEST)
                        send_chunk(sim, server, &e->messages_now[i]);
                else
                        sim_send(sim, &e->messages_now[i]);
        }
}

static bool has_work(const struct raft_effects *e)
{
        return e->messages_now_count + e->messages_durable_count + e->entry_count +
                       e->committed_count + e->read_count >
                   0 ||
               e->hard_state_changed;
}

// Everything said and queued, nothing durable yet: the moment a crash hurts most.
static void maybe_crash(struct sim *sim, struct sim_server *server)
{
        if (sim->healed || !sim_one_in(&sim->random, sim->crash_one_in))
                return;
        sim_crash(sim, (unsigned)(server->id - 1));
}

// A leader that has just been elected, or has just committed, dies before it says so.
static bool adversary_strikes(struct sim *sim, struct sim_server *server,
                              const struct raft_effects *e)
{
        struct raft_status status;
        bool elected;

        if (!sim->adversary || sim->healed)
                return false;
        raft_status(server->raft, &status);
        elected = status.role == RAFT_LEADER && !server->led;
        server->led = status.role == RAFT_LEADER;
        return (elected && sim_one_in(&sim->random, 3)) ||
               (server->led && e->committed_count > 0 && sim_one_in(&sim->random, 6));
}

void sim_server_pump(struct sim *sim, struct sim_server *server)
{
        struct raft_effects e;
        bool strikes;

        // Twice, because applying may let the core say more; the rest comes with the next event.
        for (unsigned round = 0; round < 2 && server->up; round++) {
                if (raft_collect(server->raft, sim_server_now_ms(sim, server), &e) != 0)
                        return;
                strikes = adversary_strikes(sim, server, &e);
                if (!strikes)
                        send_now(sim, server, &e);
                queue_batch(sim, server, &e);
                for (unsigned i = 0; i < e.committed_count; i++)
                        apply(sim, server, &e.committed[i]);
                for (unsigned i = 0; i < e.read_count; i++)
                        take_read(sim, server, &e.reads[i]);
                answer_waiting(sim, server, NULL);
                if (strikes) {
                        sim_crash(sim, (unsigned)(server->id - 1));
                        return;
                }
                if (!has_work(&e))
                        break;
                raft_applied(server->raft, server->applied);
        }
        sim_check_server(sim, server);
        maybe_crash(sim, server);
}

static void schedule_tick(struct sim *sim, struct sim_server *server)
{
        uint64_t now_ms = sim_server_now_ms(sim, server);
        uint64_t due_ms = raft_deadline_ms(server->raft);
        uint64_t delay_us = due_ms > now_ms ? (due_ms - now_ms) * 1000 : 1000;

        sim_schedule(sim, delay_us, SIM_TICK, (unsigned)(server->id - 1), NULL);
}

int sim_server_start(struct sim *sim, struct sim_server *server,
                     const struct raft_configuration *bootstrap)
{
        struct raft_options options = {.id = server->id,
                                       .seed = sim_random(&sim->random),
                                       .election_timeout_ms = SIM_ELECTION_MS,
                                       .heartbeat_ms = SIM_HEARTBEAT_MS,
                                       .clock_drift_permille = 110,
                                       .message_bytes_max = sim->adversary ? 1 : 256,
                                       .inflight_max = 4};
        struct sim_disk *disk = &server->disk;
        struct raft_restored restored = {.hard_state = disk->hard_state,
                                         .snapshot_index = disk->snapshot.index,
                                         .snapshot_term = disk->snapshot.term,
                                         .configuration = disk->snapshot.configuration,
                                         .entries = disk->entries,
                                         .entry_count = disk->entry_count};
        int ret;

        if (!server->ever_started && bootstrap != NULL)
                disk->snapshot.configuration = restored.configuration = *bootstrap;
        server->ever_started = true;
        server->state = disk->snapshot.state;
        server->applied = disk->snapshot.index;
        for (size_t i = 0; i < disk->entry_count; i++)
                raft_buffer_ref(disk->entries[i].data);
        ret = raft_create(&options, &restored, sim_server_now_ms(sim, server), &server->raft);
        if (ret != 0)
                return ret;
        server->up = true;
        schedule_tick(sim, server);
        return 0;
}

void sim_server_fini(struct sim_server *server)
{
        struct sim_disk *disk = &server->disk;

        if (server->up)
                raft_destroy(server->raft);
        while (disk->pending != NULL) {
                struct sim_batch *next = disk->pending->next;

                batch_free(disk->pending);
                disk->pending = next;
        }
        disk->pending_end = &disk->pending;
        disk->syncing = false;
        disk->fails = false;
        server->handing_over_until_us = 0;
        server->led = false;
        server->installing = false;
        server->up = false;
        server->waiting_count = 0;
}

// Of what was being written any prefix may have reached the disk, the last piece torn.
void sim_server_crash(struct sim *sim, struct sim_server *server)
{
        struct sim_disk *disk = &server->disk;

        if (!server->up)
                return;
        for (struct sim_batch *batch = disk->pending; batch != NULL; batch = batch->next) {
                if (sim_one_in(&sim->random, 2)) {
                        unsigned n = (unsigned)sim_below(&sim->random, batch->entry_count + 1u);

                        if (!sim_one_in(&sim->random, 3))
                                disk_write(disk, batch, n);
                        break;
                }
                disk_write(disk, batch, batch->entry_count);
        }
        // Reads it was to answer are known to be lost; writes may or may not take effect.
        for (unsigned i = 0; i < server->waiting_count; i++)
                if (server->waiting[i].is_read)
                        sim_client_answered(sim, &server->waiting[i], false, 0);
        sim_server_fini(server);
        server->incarnation++;
}

static void take_chunk(struct sim *sim, struct sim_server *server, const struct raft_message *m,
                       const struct raft_snapshot_chunk *chunk)
{
        uint8_t *state = (uint8_t *)&server->incoming.state;

        if (server->installing)
                return; // as the shell does: it is sent again
        memcpy(state + chunk->offset, chunk->bytes, chunk->length);
        if (!chunk->last)
                return;
        server->incoming.index = chunk->index;
        server->incoming.term = chunk->term;
        server->incoming.configuration = *m->configuration;
        // It is verified beside everything else.
        server->installing = true;
        sim_schedule(sim, 1 + sim_below(&sim->random, SIM_INSTALL_US), SIM_INSTALL,
                     (unsigned)(server->id - 1), NULL);
}

void sim_server_install(struct sim *sim, struct sim_server *server)
{
        const struct sim_snapshot *snapshot = &server->incoming;
        struct raft_effects e;
        struct sim_batch *last;

        server->installing = false;
        if (raft_snapshot_installed(server->raft, snapshot->index, snapshot->term,
                                    &snapshot->configuration, sim_server_now_ms(sim, server)) != 0)
                return;
        if (snapshot->index > server->applied) {
                server->state = snapshot->state;
                server->applied = snapshot->index;
        }
        // The answer leaves once the snapshot is on the disk: it travels in this batch.
        if (raft_collect(server->raft, sim_server_now_ms(sim, server), &e) != 0)
                return;
        send_now(sim, server, &e);
        queue_batch(sim, server, &e);
        for (last = server->disk.pending; last->next != NULL;)
                last = last->next;
        last->has_snapshot = true;
        last->snapshot = server->incoming;
        for (unsigned i = 0; i < e.committed_count; i++)
                apply(sim, server, &e.committed[i]);
        for (unsigned i = 0; i < e.read_count; i++)
                take_read(sim, server, &e.reads[i]);
        sim_server_pump(sim, server);
}

void sim_server_deliver(struct sim *sim, struct sim_server *server, const struct raft_message *m)
{
        struct raft_snapshot_chunk chunk;

        if (raft_step(server->raft, m, sim_server_now_ms(sim, server), &chunk) != 0)
                return;
        if (chunk.index != 0)
                take_chunk(sim, server, m, &chunk);
        sim_server_pump(sim, server);
}

static raft_server_id best_successor(const struct sim_server *server)
{
        struct raft_peer_status peers[RAFT_SERVER_MAX];
        unsigned count = raft_peers(server->raft, peers);
        raft_server_id best = RAFT_NO_SERVER;
        raft_index match = 0;

        for (unsigned i = 0; i < count; i++)
                if (peers[i].id != server->id && peers[i].voter &&
                    (best == RAFT_NO_SERVER || peers[i].match_index > match)) {
                        best = peers[i].id;
                        match = peers[i].match_index;
                }
        return best;
}

// A leader whose disk has not answered for an election timeout makes way: to the voter that has
// most, and if that comes to nothing, to anybody.
static void watch_disk(struct sim *sim, struct sim_server *server)
{
        uint64_t now_ms = sim_server_now_ms(sim, server);
        struct raft_status status;
        raft_server_id to;

        raft_status(server->raft, &status);
        if (status.role != RAFT_LEADER || !server->disk.syncing ||
            sim->now_us < server->disk.syncing_since_us + 1000u * SIM_ELECTION_MS) {
                server->handing_over_until_us = 0;
                return;
        }
        to = best_successor(server);
        if (server->handing_over_until_us != 0 || to == RAFT_NO_SERVER) {
                if (to != RAFT_NO_SERVER && sim->now_us >= server->handing_over_until_us)
                        raft_step_down(server->raft, now_ms);
                return;
        }
        server->handing_over_until_us = sim->now_us + 1000u * SIM_ELECTION_MS;
        sim->handovers++;
        raft_transfer(server->raft, to, now_ms);
}

void sim_server_tick(struct sim *sim, struct sim_server *server)
{
        if (raft_tick(server->raft, sim_server_now_ms(sim, server)) == 0) {
                watch_disk(sim, server);
                sim_server_pump(sim, server);
        }
        if (server->up)
                schedule_tick(sim, server);
}

void sim_server_sync_done(struct sim *sim, struct sim_server *server)
{
        struct sim_disk *disk = &server->disk;
        struct sim_batch *batch;
        uint64_t number = 0;

        // What was not synced may or may not be there; the server must not guess, and stops.
        if (disk->fails) {
                sim_crash(sim, (unsigned)(server->id - 1));
                return;
        }
        // Group commit: one sync covers all that had queued up.
        disk->syncing = false;
        while ((batch = disk->pending) != NULL) {
                disk_write(disk, batch, batch->entry_count);
                number = batch->number;
                for (unsigned i = 0; i < batch->message_count; i++)
                        sim_send(sim, batch->messages[i]);
                disk->pending = batch->next;
                batch_free(batch);
        }
        disk->pending_end = &disk->pending;
        if (number == 0)
                return;
        raft_durable(server->raft, number);
        sim_server_pump(sim, server);
}

void sim_server_snapshot(struct sim_server *server, raft_index keep)
{
        struct sim_disk *disk = &server->disk;
        raft_index keep_from = server->applied > keep ? server->applied - keep : 1;

        // Only with nothing in flight, so that the disk's entries reach past the snapshot.
        if (disk->pending != NULL || server->applied <= disk->snapshot.index)
                return;
        raft_applied(server->raft, server->applied);
        if (raft_compact(server->raft, server->applied, keep_from) != 0)
                return;
        disk->snapshot.index = server->applied;
        disk->snapshot.state = server->state;
        for (size_t i = 0; i < disk->entry_count; i++) {
                const struct raft_entry *entry = &disk->entries[i];

                if (entry->index > server->applied)
                        break;
                if (entry->index == server->applied)
                        disk->snapshot.term = entry->term;
                if (entry->type == RAFT_ENTRY_CONFIGURATION)
                        raft_configuration_decode(entry->data->bytes, entry->data->length,
                                                  &disk->snapshot.configuration);
        }
        disk_drop_before(disk, keep_from);
}
