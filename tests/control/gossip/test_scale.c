#include <criterion/criterion.h>

#include "tests/control/gossip/shared_table.h"
#include "tests/control/gossip/sim.h"

/* The short form of bench/gossip: a large group, and what Lifeguard is there for. */

#define SECOND_US UINT64_C(1000000)

static bool stalled[128];

static void on_failed(void *arg, size_t by, size_t about, uint64_t now_us)
{
        uint64_t *blameless = arg;

        (void)by, (void)now_us;
        *blameless += !stalled[about];
}

static struct sim *group_of(size_t count, const struct shared_table *table,
                            void (*tune)(struct swim_options *), uint64_t *blameless)
{
        struct sim *sim = sim_create(&(struct sim_options){
            .node_count = count,
            .seed = 3,
            .delay_min_us = 100,
            .delay_max_us = 2000,
            .tune = tune,
            .table = table,
            .failed = blameless ? on_failed : NULL,
            .failed_arg = blameless,
        });

        for (size_t i = 0; i < count; i++)
                shared_table_acquaint(sim_node(sim, i));
        return sim;
}

Test(scale, a_thousand_nodes_know_of_a_death_within_the_lan_timing)
{
        struct shared_table *table = shared_table_create(1000);
        struct sim *sim = group_of(1000, table, NULL, NULL);

        sim_run(sim, 2 * SECOND_US);
        sim_kill(sim, 500);
        // Until probed and suspected about 2 s, suspect 12 s with others' word, half a second to
        // tell.
        sim_run(sim, 20 * SECOND_US);
        cr_expect_eq(sim_count_seeing(sim, 500, GOSSIP_STATE_DEAD), 999);
        cr_expect_eq(sim_totals(sim).false_failed_events, 0);
        sim_destroy(sim);
        shared_table_destroy(table);
}

Test(scale, the_cost_of_probing_does_not_grow_with_the_group)
{
        static const size_t counts[] = {50, 800};
        double packets[2];

        for (size_t i = 0; i < 2; i++) {
                struct shared_table *table = shared_table_create(counts[i]);
                struct sim *sim = group_of(counts[i], table, NULL, NULL);

                sim_run(sim, 20 * SECOND_US);
                packets[i] = (double)sim_totals(sim).packets / (20.0 * (double)counts[i]);
                sim_destroy(sim);
                shared_table_destroy(table);
        }
        cr_expect_float_eq(packets[0], packets[1], 0.1);
}

static void tune_swim(struct swim_options *o)
{
        o->suspicion_max_mult = 1;
        o->awareness_max = 1;
        o->buddy = false;
}

/* How often members that do well are declared dead while messages of others stall. */
static uint64_t blamed(void (*tune)(struct swim_options *))
{
        struct shared_table *table = shared_table_create(128);
        uint64_t blameless = 0;
        struct sim *sim = group_of(128, table, tune, &blameless);

        for (unsigned i = 0; i < 128; i++)
                stalled[i] = i % 8 == 0;
        for (unsigned round = 0; round < 5; round++) {
                for (unsigned i = 0; i < 128; i += 8)
                        sim_stall(sim, i, 16 * SECOND_US);
                sim_run(sim, 17 * SECOND_US);
        }
        sim_destroy(sim);
        shared_table_destroy(table);
        return blameless;
}

Test(scale, lifeguard_spares_those_who_do_well)
{
        uint64_t without = blamed(tune_swim), with = blamed(NULL);

        cr_expect_gt(without, 0, "the load is too light to show anything");
        cr_expect_lt(5 * with, without, "%lu with, %lu without", with, without);
}
