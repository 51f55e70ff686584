#include <stdio.h>
#include <string.h>

#include "tests/raft/sim/sim.h"

#define STALL_US 1000000u

static unsigned any_server(struct sim *sim)
{
        return (unsigned)sim_below(&sim->random, sim->server_count);
}

static struct sim_server *find_leader(struct sim *sim)
{
        unsigned first = any_server(sim);

        for (unsigned i = 0; i < sim->server_count; i++) {
                struct sim_server *server = &sim->servers[(first + i) % sim->server_count];
                struct raft_status status;

                if (!server->up)
                        continue;
                raft_status(server->raft, &status);
                if (status.role == RAFT_LEADER)
                        return server;
        }
        return NULL;
}

void sim_crash(struct sim *sim, unsigned i)
{
        uint64_t pause_us = sim_one_in(&sim->random, 2) ? 10000 : 800000;

        if (!sim->servers[i].up)
                return;
        sim_server_crash(sim, &sim->servers[i]);
        sim_schedule(sim, sim_below(&sim->random, pause_us), SIM_RESTART, i, NULL);
}

static void crash_leader(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);

        if (leader != NULL)
                sim_crash(sim, (unsigned)(leader->id - 1));
}

static void crash_all(struct sim *sim)
{
        for (unsigned i = 0; i < sim->server_count; i++)
                sim_crash(sim, i);
}

// Two sides, cut in both directions or one.
static void partition(struct sim *sim)
{
        uint64_t side = sim_random(&sim->random), ways = 1 + sim_below(&sim->random, 3);

        for (unsigned a = 0; a < sim->server_count; a++)
                for (unsigned b = 0; b < sim->server_count; b++) {
                        bool left = side >> a & 1, right = side >> b & 1;

                        sim->cut[a][b] =
                            (left && !right && (ways & 1)) || (!left && right && (ways & 2));
                }
}

static void isolate_leader(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);

        memset(sim->cut, 0, sizeof(sim->cut));
        for (unsigned i = 0; leader != NULL && i < sim->server_count; i++)
                sim->cut[leader->id - 1][i] = sim->cut[i][leader->id - 1] = true;
}

static void bad_network(struct sim *sim)
{
        sim->loss_permille = (unsigned)sim_below(&sim->random, 200);
        sim->duplicate_permille = (unsigned)sim_below(&sim->random, 200);
        for (unsigned a = 0; a < sim->server_count; a++)
                for (unsigned b = 0; b < sim->server_count; b++)
                        sim->delay_us[a][b] =
                            1000u << sim_below(&sim->random, sim_one_in(&sim->random, 4) ? 10 : 6);
}

void sim_calm(struct sim *sim)
{
        memset(sim->cut, 0, sizeof(sim->cut));
        sim->loss_permille = 0;
        sim->duplicate_permille = 0;
        for (unsigned i = 0; i < sim->server_count; i++)
                if (sim->servers[i].sync_us == STALL_US)
                        sim->servers[i].sync_us = 2000;
        for (unsigned a = 0; a < sim->server_count; a++)
                for (unsigned b = 0; b < sim->server_count; b++)
                        sim->delay_us[a][b] = 5000;
}

// One link, and preferably the leader's: some follow it still while others look for a new one.
static void cut_link(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);
        unsigned a = leader != NULL ? (unsigned)(leader->id - 1) : any_server(sim);
        unsigned b = any_server(sim);

        sim->cut[a][b] = true;
        sim->cut[b][a] = !sim_one_in(&sim->random, 3);
}

// The leader hears and is heard late by those who follow it.
static void slow_leader(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);

        for (unsigned i = 0; leader != NULL && i < sim->server_count; i++)
                sim->delay_us[i][leader->id - 1] = 100000;
}

static void slow_disk(struct sim *sim)
{
        sim->servers[any_server(sim)].sync_us = 1000 + (uint32_t)sim_below(&sim->random, 300000);
}

// Far longer than an election timeout: a leader has to make way.
static void stall_disk(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);
        unsigned i = leader != NULL ? (unsigned)(leader->id - 1) : any_server(sim);

        sim->servers[i].sync_us = STALL_US;
}

static void fail_sync(struct sim *sim)
{
        sim->servers[any_server(sim)].disk.fails = true;
}

// One other server is all the leader reaches.
static void weaken_leader(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);
        unsigned friend = any_server(sim);

        memset(sim->cut, 0, sizeof(sim->cut));
        for (unsigned i = 0; leader != NULL && i < sim->server_count; i++)
                if (i != friend)
                        sim->cut[leader->id - 1][i] = sim->cut[i][leader->id - 1] = true;
}

static void take_snapshot(struct sim *sim)
{
        struct sim_server *server = &sim->servers[any_server(sim)];

        if (server->up)
                sim_server_snapshot(server, (raft_index)sim_below(&sim->random, 20));
}

static void change_membership(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);
        unsigned i = any_server(sim);
        struct raft_server server = {.id = i + 1, .voter = !sim_one_in(&sim->random, 3)};
        raft_index index;

        if (leader == NULL)
                return;
        snprintf(server.address, sizeof(server.address), "server-%u", i + 1);
        if (sim_one_in(&sim->random, 3))
                raft_propose_removal(leader->raft, i + 1, &index);
        else
                raft_propose_server(leader->raft, &server, &index);
        sim_server_pump(sim, leader);
}

static void transfer(struct sim *sim)
{
        struct sim_server *leader = find_leader(sim);

        if (leader == NULL)
                return;
        raft_transfer(leader->raft, 1 + any_server(sim), sim_server_now_ms(sim, leader));
        sim_server_pump(sim, leader);
}

void sim_chaos(struct sim *sim)
{
        static void (*const faults[])(struct sim *) = {
            crash_leader,  crash_all,     partition,     partition,         isolate_leader,
            bad_network,   bad_network,   cut_link,      cut_link,          cut_link,
            sim_calm,      sim_calm,      slow_leader,   slow_leader,       slow_disk,
            take_snapshot, take_snapshot, take_snapshot, change_membership, change_membership,
            transfer,      transfer,      stall_disk,    fail_sync};
        static void (*const adversary[])(struct sim *) = {weaken_leader, weaken_leader,
                                                          crash_leader, sim_calm, sim_calm};
        size_t fault = sim_below(&sim->random, sizeof(faults) / sizeof(faults[0]) + 1);

        if (sim->healed)
                return;
        if (sim->adversary)
                adversary[fault % (sizeof(adversary) / sizeof(adversary[0]))](sim);
        else if (fault == sizeof(faults) / sizeof(faults[0]))
                sim_crash(sim, any_server(sim));
        else
                faults[fault](sim);
        sim_schedule(sim, sim_below(&sim->random, sim->chaos_pause_us), SIM_CHAOS, 0, NULL);
}

void sim_heal(struct sim *sim)
{
        sim->healed = true;
        sim_calm(sim);
        for (unsigned i = 0; i < sim->server_count; i++) {
                sim->servers[i].sync_us = 2000;
                sim->servers[i].disk.fails = false;
                if (!sim->servers[i].up)
                        sim_schedule(sim, 1, SIM_RESTART, i, NULL);
        }
}
