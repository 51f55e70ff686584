#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/control/gossip/sim.h"

#define SECOND_US UINT64_C(1000000)

static uint64_t seed_of_run(void)
{
        const char *text = getenv("LICTOR_GOSSIP_SEED");

        return text ? strtoull(text, NULL, 10) : 1;
}

static struct sim *group_of(size_t count, unsigned loss_permille, uint64_t seed)
{
        struct sim_options options = {
            .node_count = count,
            .seed = seed,
            .loss_permille = loss_permille,
            .delay_min_us = 100,
            .delay_max_us = 2000,
        };
        struct sim *sim = sim_create(&options);

        for (size_t i = 1; i < count; i++)
                sim_join(sim, i, 0);
        return sim;
}

static uint64_t run_until(struct sim *sim, bool (*condition)(struct sim *), uint64_t limit_us)
{
        uint64_t begin_us = sim_now_us(sim);

        while (!condition(sim) && sim_now_us(sim) - begin_us < limit_us)
                sim_run(sim, SECOND_US / 10);
        return sim_now_us(sim) - begin_us;
}

Test(swim, everybody_learns_of_everybody)
{
        static const size_t counts[] = {1, 2, 3, 10, 100};

        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
                struct sim *sim = group_of(counts[i], 0, seed_of_run() + i);
                uint64_t took_us = run_until(sim, sim_has_converged, 30 * SECOND_US);

                cr_expect_lt(took_us, 10 * SECOND_US, "%zu nodes", counts[i]);
                sim_destroy(sim);
        }
}

Test(swim, a_dead_node_is_found_and_nobody_else_is_accused)
{
        for (uint64_t seed = seed_of_run(); seed < seed_of_run() + 20; seed++) {
                struct sim *sim = group_of(20, 0, seed);

                run_until(sim, sim_has_converged, 30 * SECOND_US);
                sim_kill(sim, 7);
                cr_expect_lt(run_until(sim, sim_has_converged, 60 * SECOND_US), 25 * SECOND_US,
                             "seed %lu", seed);
                cr_expect_eq(sim_totals(sim).false_failed_events, 0, "seed %lu", seed);
                cr_expect_eq(sim_count_seeing(sim, 7, GOSSIP_STATE_DEAD), 19, "seed %lu", seed);
                sim_destroy(sim);
        }
}

Test(swim, a_dead_node_that_comes_back_is_alive_again)
{
        struct sim *sim = group_of(10, 0, seed_of_run());

        run_until(sim, sim_has_converged, 30 * SECOND_US);
        sim_kill(sim, 3);
        run_until(sim, sim_has_converged, 60 * SECOND_US);
        sim_revive(sim, 3);
        sim_join(sim, 3, 0);
        cr_expect_lt(run_until(sim, sim_has_converged, 60 * SECOND_US), 20 * SECOND_US);
        sim_destroy(sim);
}

Test(swim, loss_is_survived)
{
        static const unsigned losses[] = {10, 50, 100, 250};

        for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
                struct sim *sim = group_of(50, losses[i], seed_of_run() + i);

                run_until(sim, sim_has_converged, 60 * SECOND_US);
                sim_run(sim, 120 * SECOND_US);
                cr_expect_eq(sim_totals(sim).false_failed_events, 0, "%u permille", losses[i]);
                sim_kill(sim, 9);
                sim_run(sim, 90 * SECOND_US);
                cr_expect_eq(sim_count_seeing(sim, 9, GOSSIP_STATE_DEAD), 49, "%u permille",
                             losses[i]);
                sim_destroy(sim);
        }
}

Test(swim, a_slow_node_does_not_bring_others_down)
{
        struct sim *sim = group_of(50, 0, seed_of_run());

        run_until(sim, sim_has_converged, 30 * SECOND_US);
        sim_slow(sim, 4, 1100000);
        sim_run(sim, 180 * SECOND_US);
        cr_expect_eq(sim_totals(sim).false_failed_events, 0);
        cr_expect_gt(swim_awareness(sim_node(sim, 4)), 0);
        sim_destroy(sim);
}

Test(swim, halves_find_each_other_again)
{
        struct sim *sim = group_of(20, 0, seed_of_run());

        run_until(sim, sim_has_converged, 30 * SECOND_US);
        for (size_t i = 0; i < 10; i++)
                sim_set_group(sim, i, 1);
        sim_run(sim, 20 * SECOND_US);
        cr_expect_eq(sim_count_seeing(sim, 0, GOSSIP_STATE_DEAD), 10);
        for (size_t i = 0; i < 10; i++)
                sim_set_group(sim, i, 0);
        // One exchange of states, as the layer above makes it with the failed, is enough.
        sim_join(sim, 0, 10);
        cr_expect_lt(run_until(sim, sim_has_converged, 60 * SECOND_US), 40 * SECOND_US);
        sim_destroy(sim);
}

Test(swim, one_who_leaves_is_not_said_to_have_failed)
{
        struct sim *sim = group_of(10, 0, seed_of_run());
        const struct swim_node *seen;

        run_until(sim, sim_has_converged, 30 * SECOND_US);
        swim_leave(sim_node(sim, 2), sim_now_us(sim));
        sim_run(sim, 10 * SECOND_US);
        cr_expect(swim_has_left(sim_node(sim, 2)));
        seen = swim_find(sim_node(sim, 5), sim_name(sim, 2));
        cr_assert_not_null(seen);
        cr_expect_eq(seen->state, GOSSIP_STATE_LEFT);
        cr_expect_eq(sim_totals(sim).failed_events, 0);
        sim_destroy(sim);
}

Test(swim, a_new_meta_reaches_everybody)
{
        struct sim *sim = group_of(30, 20, seed_of_run());

        run_until(sim, sim_has_converged, 30 * SECOND_US);
        swim_update(sim_node(sim, 1), pack_slice_of("new"), sim_now_us(sim));
        sim_run(sim, 10 * SECOND_US);
        for (size_t i = 0; i < 30; i++)
                cr_expect(pack_slice_equal(swim_find(sim_node(sim, i), sim_name(sim, 1))->meta,
                                           pack_slice_of("new")),
                          "node %zu", i);
        sim_destroy(sim);
}

Test(swim, the_same_seed_gives_the_same_run)
{
        struct sim_totals totals[2];

        for (unsigned i = 0; i < 2; i++) {
                struct sim *sim = group_of(30, 100, 42);

                sim_run(sim, 30 * SECOND_US);
                sim_kill(sim, 3);
                sim_run(sim, 60 * SECOND_US);
                totals[i] = sim_totals(sim);
                sim_destroy(sim);
        }
        cr_expect_eq(totals[0].bytes, totals[1].bytes);
        cr_expect_eq(totals[0].events_handled, totals[1].events_handled);
}
