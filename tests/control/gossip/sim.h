#ifndef LICTOR_GOSSIP_SIM_H
#define LICTOR_GOSSIP_SIM_H

/**
 * A group of swim nodes on simulated time and a simulated network, from one seed.
 */

#include "control/gossip/swim.h"

struct sim;

struct sim_options {
        size_t node_count;
        uint64_t seed;
        unsigned loss_permille; /* of packets; streams lose nothing */
        uint32_t delay_min_us, delay_max_us;
        void (*tune)(struct swim_options *o); /* NULL: as for a local network */
        bool no_stream_pings;                 /* packets alone, as in the papers */
        const struct shared_table *table;     /* shared_table.h; NULL with the real table */
        /* A node declares another dead, or hears that it is. May be NULL. */
        void (*failed)(void *arg, size_t by, size_t about, uint64_t now_us);
        void *failed_arg;
};

/** Nodes 0 to node_count - 1, each knowing only itself. */
struct sim *sim_create(const struct sim_options *options);
void sim_destroy(struct sim *sim);

/** Let a node exchange states with another. */
void sim_join(struct sim *sim, size_t node, size_t with);
/** From now on it neither sends nor hears anything; and again. */
void sim_kill(struct sim *sim, size_t node);
void sim_revive(struct sim *sim, size_t node);
/** What a slow node hears, it hears this much later. */
void sim_slow(struct sim *sim, size_t node, uint32_t delay_us);
/** For a while its messages are held up, in and out; its timers run on (Lifeguard, section V). */
void sim_stall(struct sim *sim, size_t node, uint64_t duration_us);
/** Nothing passes between nodes of different groups; 0 is everybody's at first. */
void sim_set_group(struct sim *sim, size_t node, unsigned group);

/** Let simulated time pass. */
void sim_run(struct sim *sim, uint64_t duration_us);
uint64_t sim_now_us(const struct sim *sim);
struct swim *sim_node(struct sim *sim, size_t node);
/** The name of a node, "n" and its number. */
struct pack_slice sim_name(struct sim *sim, size_t node);

/** How many running nodes have another in this state (GOSSIP_STATE_DEAD: or left, or forgotten). */
size_t sim_count_seeing(struct sim *sim, size_t node, enum gossip_state state);
/** To every running node the running nodes, and no others, are members: alive or suspect. */
bool sim_has_converged(struct sim *sim);

struct sim_totals {
        uint64_t packets, bytes, streams, stream_bytes;
        uint64_t failed_events, false_failed_events; /* the failed node was running */
        uint64_t events_handled;
};

struct sim_totals sim_totals(const struct sim *sim);

#endif
