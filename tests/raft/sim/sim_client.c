#include <string.h>

#include "tests/raft/sim/sim.h"

// Clients talk to servers directly: what the network does to requests and answers shows up as
// operations whose outcome the client never learns.
#define CLIENT_PATIENCE_US 400000u

struct command {
        uint64_t operation;
        uint64_t value;
        uint32_t key;
};

struct raft_buffer *sim_command_create(uint64_t operation, unsigned key, uint64_t value)
{
        struct command command;

        memset(&command, 0, sizeof(command));
        command.operation = operation;
        command.value = value;
        command.key = key;
        return raft_buffer_create(&command, sizeof(command));
}

void sim_command_apply(struct sim_state *state, const struct raft_buffer *data, uint64_t *operation)
{
        struct command command;

        memcpy(&command, data->bytes, sizeof(command));
        state->value[command.key % SIM_KEY_COUNT] = command.value;
        *operation = command.operation;
}

static void wait_for(struct sim_server *server, const struct sim_waiting *waiting)
{
        server->waiting[server->waiting_count++] = *waiting;
}

static void start_write(struct sim *sim, unsigned client, struct sim_server *server, unsigned key)
{
        uint64_t value = ++sim->next_value;
        uint64_t operation = history_invoke(&sim->history, sim->now_us, key, true, value);
        struct raft_buffer *data = sim_command_create(operation, key, value);
        struct sim_waiting waiting = {.client = client, .operation = operation, .key = key};
        struct raft_status status;

        raft_status(server->raft, &status);
        if (raft_propose(server->raft, data, &waiting.index) != 0) {
                raft_buffer_unref(data);
                history_drop(&sim->history, operation);
                return;
        }
        waiting.term = status.hard_state.term;
        wait_for(server, &waiting);
        sim->clients[client].busy = true;
        sim->clients[client].operation = operation;
}

static void start_read(struct sim *sim, unsigned client, struct sim_server *server, unsigned key)
{
        uint64_t operation = history_invoke(&sim->history, sim->now_us, key, false, 0);
        struct sim_waiting waiting = {
            .client = client, .operation = operation, .key = key, .is_read = true};

        if (raft_read_index(server->raft, operation, sim_one_in(&sim->random, 2),
                            sim_server_now_ms(sim, server)) != 0) {
                history_drop(&sim->history, operation);
                return;
        }
        wait_for(server, &waiting);
        sim->clients[client].busy = true;
        sim->clients[client].operation = operation;
}

void sim_client_run(struct sim *sim, unsigned client)
{
        struct sim_client *c = &sim->clients[client];
        struct sim_server *server;
        unsigned key;

        sim_schedule(sim, 1 + sim_below(&sim->random, sim->client_pause_us), SIM_CLIENT, client,
                     NULL);
        if (c->busy && sim->now_us < c->give_up_us)
                return;
        // A write given up stays pending in the history; a read nobody saw the answer of says
        // nothing.
        if (c->busy && !sim->history.operations[c->operation].is_write)
                history_drop(&sim->history, c->operation);
        c->busy = false;
        if (sim_one_in(&sim->random, 2))
                c->preferred = (unsigned)sim_below(&sim->random, sim->server_count);
        server = &sim->servers[c->preferred];
        if (!server->up || server->waiting_count >= SIM_READ_MAX) {
                c->preferred = (unsigned)sim_below(&sim->random, sim->server_count);
                return;
        }
        key = (unsigned)sim_below(&sim->random, SIM_KEY_COUNT);
        c->give_up_us = sim->now_us + CLIENT_PATIENCE_US;
        if (sim_one_in(&sim->random, 2))
                start_write(sim, client, server, key);
        else
                start_read(sim, client, server, key);
        if (!c->busy) // not the leader
                c->preferred = (unsigned)sim_below(&sim->random, sim->server_count);
        sim_server_pump(sim, server);
}

void sim_client_answered(struct sim *sim, const struct sim_waiting *waiting, bool done,
                         uint64_t value)
{
        struct sim_client *c = &sim->clients[waiting->client];
        bool is_current = c->busy && c->operation == waiting->operation;

        if (!done) {
                history_drop(&sim->history, waiting->operation);
        } else if (waiting->is_read) {
                if (is_current) {
                        history_return(&sim->history, waiting->operation, sim->now_us, value);
                        sim->reads_done++;
                }
        } else if (is_current) {
                history_return(&sim->history, waiting->operation, sim->now_us,
                               sim->history.operations[waiting->operation].value);
                sim->writes_done++;
        }
        if (is_current)
                c->busy = false;
}
