#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "control/store/memory.h"
#include "tests/control/gossip/shared_table.h"
#include "tests/control/gossip/sim.h"

/*
 * Groups of the program's own gossip state machine on simulated time: how fast a killed node is
 * found and known dead by all, what that costs while nothing happens, and who is declared dead
 * though it lives, under loss and with members whose messages stall. JSON lines; progress on
 * standard error.
 */

#define SECOND_US   UINT64_C(1000000)
#define STEP_US     (SECOND_US / 50)
#define FAULT_NODES 128u /* as in the Lifeguard paper's experiments */
#define NODES_MAX   10000u
#define SUSPECT_S   10u /* without anybody's suspicion within this time something is broken */
#define KNOWN_S     120u
#define QUIET_S     60u
#define LOSS_S      300u
#define STALLED_S   180u
#define STALL_US    (16 * SECOND_US)
#define BETWEEN_US  SECOND_US

static double elapsed_s(void)
{
        static struct timespec begin;
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        if (begin.tv_sec == 0)
                begin = now;
        return (double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec);
}

static size_t resident_mib(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (size_t)usage.ru_maxrss / 1024;
}

/* What happened to whom; a watch is a simulation's failed_arg. */
struct watch {
        size_t victim;
        size_t count; /* of nodes that know the victim dead */
        uint64_t first_us, last_us;
        bool *disturbed; /* those killed or stalled */
        bool *accused;   /* declared dead by anybody since the last look */
        uint64_t false_events, blameless_events;
};

static void on_failed(void *arg, size_t by, size_t about, uint64_t now_us)
{
        struct watch *w = arg;

        (void)by;
        if (about == w->victim) {
                if (w->count++ == 0)
                        w->first_us = now_us;
                w->last_us = now_us;
                return;
        }
        w->false_events++;
        w->blameless_events += !w->disturbed[about];
        w->accused[about] = true;
}

struct group {
        size_t count, running;
        struct shared_table *table;
        struct watch watch;
        struct sim *sim;
};

static void group_init(struct group *g, size_t count, unsigned loss_permille, bool streams,
                       void (*tune)(struct swim_options *))
{
        *g = (struct group){.count = count, .running = count, .table = shared_table_create(count)};
        g->watch.victim = SIZE_MAX;
        g->watch.disturbed = memory_get_zeroed(count, sizeof(bool));
        g->watch.accused = memory_get_zeroed(count, sizeof(bool));
        g->sim = sim_create(&(struct sim_options){
            .node_count = count,
            .seed = count + loss_permille,
            .loss_permille = loss_permille,
            .delay_min_us = 100,
            .delay_max_us = 2000,
            .tune = tune,
            .no_stream_pings = !streams,
            .table = g->table,
            .failed = on_failed,
            .failed_arg = &g->watch,
        });
        for (size_t i = 0; i < count; i++)
                shared_table_acquaint(sim_node(g->sim, i));
}

static void group_fini(struct group *g)
{
        sim_destroy(g->sim);
        shared_table_destroy(g->table);
        free(g->watch.disturbed);
        free(g->watch.accused);
}

struct kill_times {
        double suspected_s, declared_s, known_s;
};

/* Kills a node and waits until all others know. returns whether they did within the limits. */
static bool kill_one(struct group *g, size_t victim, struct kill_times *out)
{
        uint64_t begin_us = sim_now_us(g->sim);

        g->watch.victim = victim;
        g->watch.count = 0;
        g->watch.disturbed[victim] = true;
        sim_kill(g->sim, victim);
        while (sim_count_seeing(g->sim, victim, GOSSIP_STATE_SUSPECT) == 0) {
                if (sim_now_us(g->sim) - begin_us > SUSPECT_S * SECOND_US)
                        return false;
                sim_run(g->sim, STEP_US);
        }
        out->suspected_s = (double)(sim_now_us(g->sim) - begin_us) / 1e6;
        g->running--;
        while (g->watch.count < g->running && sim_now_us(g->sim) - begin_us < KNOWN_S * SECOND_US)
                sim_run(g->sim, 5 * STEP_US);
        out->declared_s = (double)(g->watch.first_us - begin_us) / 1e6;
        out->known_s = (double)(g->watch.last_us - begin_us) / 1e6;
        return g->watch.count == g->running;
}

static double mean(const double values[], size_t count)
{
        double sum = 0;

        for (size_t i = 0; i < count; i++)
                sum += values[i];
        return sum / (double)count;
}

static double most(const double values[], size_t count)
{
        double found = values[0];

        for (size_t i = 1; i < count; i++)
                found = values[i] > found ? values[i] : found;
        return found;
}

#define KILLS_MAX 30u

/* One size: what it costs while nothing happens, then kills, one after the other. */
static int measure_size(size_t count)
{
        size_t kills = count <= 30 ? count / 4 + 1 : count <= 1000 ? 20 : count <= 3000 ? 8 : 3;
        double suspected[KILLS_MAX], declared[KILLS_MAX], known[KILLS_MAX], node_s;
        struct sim_totals before, after;
        struct kill_times times;
        struct group g;
        int ret = 0;

        group_init(&g, count, 0, true, NULL);
        sim_run(g.sim, 2 * SECOND_US);
        before = sim_totals(g.sim);
        sim_run(g.sim, QUIET_S * SECOND_US);
        after = sim_totals(g.sim);
        node_s = (double)count * QUIET_S;
        for (size_t i = 0; i < kills && ret == 0; i++) {
                if (!kill_one(&g, 1 + i * (count - 1) / kills, &times))
                        ret = -1;
                suspected[i] = times.suspected_s;
                declared[i] = times.declared_s;
                known[i] = times.known_s;
                sim_run(g.sim, SECOND_US / 3 * (i % 3 + 1));
        }
        if (ret < 0)
                fprintf(stderr, "%zu nodes: a killed node was not found\n", count);
        else
                printf(
                    "{\"bench\": \"size\", \"nodes\": %zu, \"kills\": %zu, \"suspected_s\": %.2f, "
                    "\"declared_s\": %.2f, \"known_s\": %.2f, \"known_max_s\": %.2f, "
                    "\"false\": %" PRIu64 ", \"packet_bytes_s\": %.1f, \"packets_s\": %.2f, "
                    "\"stream_bytes_s\": %.1f}\n",
                    count, kills, mean(suspected, kills), mean(declared, kills), mean(known, kills),
                    most(known, kills), g.watch.false_events,
                    (double)(after.bytes - before.bytes) / node_s,
                    (double)(after.packets - before.packets) / node_s,
                    (double)(after.stream_bytes - before.stream_bytes) / node_s);
        fflush(stdout);
        group_fini(&g);
        return ret;
}

/* ---- Lifeguard, its parts, and SWIM without it ---- */

static void tune_swim(struct swim_options *o)
{
        o->suspicion_max_mult = 1;
        o->awareness_max = 1;
        o->buddy = false;
}

static void tune_awareness(struct swim_options *o)
{
        o->suspicion_max_mult = 1;
        o->buddy = false;
}

static void tune_suspicion(struct swim_options *o)
{
        o->awareness_max = 1;
        o->buddy = false;
}

static void tune_buddy(struct swim_options *o)
{
        o->suspicion_max_mult = 1;
        o->awareness_max = 1;
}

static const struct variant {
        const char *name;
        void (*tune)(struct swim_options *o);
} variants[] = {
    {"SWIM", tune_swim},   {"awareness", tune_awareness}, {"suspicion", tune_suspicion},
    {"buddy", tune_buddy}, {"Lifeguard", NULL},
};

#define VARIANT_COUNT (sizeof(variants) / sizeof(variants[0]))

static void measure_loss(const struct variant *v, unsigned loss_permille, bool streams)
{
        struct kill_times times = {0, 0, 0};
        uint64_t false_events;
        struct sim_totals totals;
        struct group g;
        bool found;

        group_init(&g, FAULT_NODES, loss_permille, streams, v->tune);
        sim_run(g.sim, LOSS_S * SECOND_US);
        totals = sim_totals(g.sim);
        false_events = g.watch.false_events;
        found = kill_one(&g, FAULT_NODES / 2, &times);
        printf("{\"bench\": \"loss\", \"variant\": \"%s\", \"loss\": %.3f, \"streams\": %s, "
               "\"false\": %" PRIu64 ", \"packet_bytes_s\": %.1f, \"found\": %s, "
               "\"declared_s\": %.2f, \"known_s\": %.2f}\n",
               v->name, loss_permille / 1000.0, streams ? "true" : "false", false_events,
               (double)totals.bytes / (FAULT_NODES * (double)LOSS_S), found ? "true" : "false",
               times.declared_s, times.known_s);
        fflush(stdout);
        group_fini(&g);
}

/* Some members' messages are held up for 16 s, then pass for one, and so on, all together. */
static void measure_stalled(const struct variant *v, unsigned stalled)
{
        struct group g;

        group_init(&g, FAULT_NODES, 0, true, v->tune);
        sim_run(g.sim, 5 * SECOND_US);
        for (unsigned i = 0; i < stalled; i++)
                g.watch.disturbed[i * FAULT_NODES / stalled] = true;
        while (sim_now_us(g.sim) < STALLED_S * SECOND_US) {
                for (unsigned i = 0; i < stalled; i++)
                        sim_stall(g.sim, i * FAULT_NODES / stalled, STALL_US);
                sim_run(g.sim, STALL_US + BETWEEN_US);
        }
        printf("{\"bench\": \"stalled\", \"variant\": \"%s\", \"stalled\": %u, \"false\": %" PRIu64
               ", \"blameless\": %" PRIu64 "}\n",
               v->name, stalled, g.watch.false_events, g.watch.blameless_events);
        fflush(stdout);
        group_fini(&g);
}

static int measure_sizes(size_t most_nodes)
{
        static const size_t counts[] = {10, 30, 100, 300, 1000, 3000, NODES_MAX};

        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && counts[i] <= most_nodes; i++) {
                fprintf(stderr, "[%4.0f s] %zu nodes\n", elapsed_s(), counts[i]);
                if (measure_size(counts[i]) < 0)
                        return -1;
        }
        return 0;
}

static void measure_faults(void)
{
        static const unsigned losses[] = {0, 10, 50, 100, 250}, stalled[] = {1, 4, 8, 16, 32};

        for (size_t i = 0; i < VARIANT_COUNT; i += VARIANT_COUNT - 1) {
                for (size_t j = 0; j < sizeof(losses) / sizeof(losses[0]); j++) {
                        fprintf(stderr, "[%4.0f s] %s, %.1f %% loss\n", elapsed_s(),
                                variants[i].name, losses[j] / 10.0);
                        measure_loss(&variants[i], losses[j], false);
                        measure_loss(&variants[i], losses[j], true);
                }
        }
        for (size_t i = 0; i < VARIANT_COUNT; i++) {
                fprintf(stderr, "[%4.0f s] %s, members whose messages stall\n", elapsed_s(),
                        variants[i].name);
                for (size_t j = 0; j < sizeof(stalled) / sizeof(stalled[0]); j++)
                        measure_stalled(&variants[i], stalled[j]);
        }
}

int main(int argc, char **argv)
{
        bool sizes = argc < 2 || strcmp(argv[1], "sizes") == 0;
        bool faults = argc < 2 || strcmp(argv[1], "faults") == 0;
        size_t most_nodes = argc > 2 ? strtoul(argv[2], NULL, 10) : NODES_MAX;

        if ((!sizes && !faults) || argc > 3 || most_nodes == 0 || most_nodes > NODES_MAX) {
                fprintf(stderr, "usage: gossip [sizes|faults [NODES]]  the largest group: %u\n",
                        NODES_MAX);
                return 2;
        }
        if (sizes && measure_sizes(most_nodes) < 0)
                return 1;
        if (faults)
                measure_faults();
        printf("{\"bench\": \"run\", \"seconds\": %.0f, \"resident_mib\": %zu}\n", elapsed_s(),
               resident_mib());
        return 0;
}
