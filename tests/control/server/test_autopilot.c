#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/server/autopilot.h"

#define NS_PER_S INT64_C(1000000000)

static const struct autopilot_config settings = {
    .cleanup_dead_servers = true,
    .last_contact_threshold_ns = NS_PER_S / 5,
    .server_stabilization_time_ns = 10 * NS_PER_S,
    .max_trailing_logs = 250,
};

static struct autopilot_sight sights[AUTOPILOT_SERVER_MAX];

// A leader and healthy voters.
static void see(unsigned count)
{
        for (unsigned i = 0; i < count; i++) {
                sights[i] = (struct autopilot_sight){.life = SERVER_ALIVE,
                                                     .known = true,
                                                     .voter = true,
                                                     .leader = i == 0,
                                                     .caught_up = true,
                                                     .last_contact_ms = i == 0 ? 0 : 50,
                                                     .last_index = 1000};
                snprintf(sights[i].node_id, sizeof(sights[i].node_id), "%08u", i);
        }
}

static void judge(struct autopilot *autopilot, unsigned count, int64_t now_ms)
{
        autopilot_judge(autopilot, &settings, sights, count, 1000, 10, now_ms);
}

Test(autopilot, healthy_servers_give_tolerance)
{
        static const unsigned tolerance[] = {0, 0, 0, 1, 1, 2, 2, 3};

        for (unsigned count = 1; count < 8; count++) {
                struct autopilot autopilot = {0};

                see(count);
                judge(&autopilot, count, 1000);
                cr_expect(autopilot.healthy);
                cr_expect_eq(autopilot.failure_tolerance, tolerance[count], "%u servers", count);
        }
}

Test(autopilot, silence_lag_and_failure_are_illness)
{
        struct autopilot autopilot = {0};

        see(5);
        sights[1].last_contact_ms = 201;
        sights[2].last_index = 749;
        sights[3].life = SERVER_FAILED;
        judge(&autopilot, 5, 1000);
        cr_expect(autopilot.servers[0].healthy);
        cr_expect_not(autopilot.servers[1].healthy);
        cr_expect_not(autopilot.servers[2].healthy);
        cr_expect_not(autopilot.servers[3].healthy);
        cr_expect(autopilot.servers[4].healthy);
        cr_expect_not(autopilot.healthy);
        cr_expect_eq(autopilot.failure_tolerance, 0);
        sights[1].last_contact_ms = 200;
        sights[2].last_index = 750;
        judge(&autopilot, 5, 2000);
        cr_expect(autopilot.servers[1].healthy);
        cr_expect(autopilot.servers[2].healthy);
        cr_expect_eq(autopilot.servers[1].stable_since_ms, 2000);
        cr_expect_eq(autopilot.servers[4].stable_since_ms, 1000);
}

Test(autopilot, a_slow_heartbeat_is_no_illness)
{
        struct autopilot autopilot = {0};

        see(2);
        sights[1].last_contact_ms = 900;
        autopilot_judge(&autopilot, &settings, sights, 2, 1000, 300, 1000);
        cr_expect(autopilot.servers[1].healthy);
}

Test(autopilot, a_new_server_is_promoted_when_stable_for_long_enough)
{
        struct autopilot autopilot = {0};
        const struct autopilot_server *server;

        see(3);
        judge(&autopilot, 3, 1000);
        see(4);
        sights[3].voter = false;
        judge(&autopilot, 4, 100000);
        cr_expect_null(autopilot_promotion(&autopilot, &settings, 100000));
        judge(&autopilot, 4, 109999);
        cr_expect_null(autopilot_promotion(&autopilot, &settings, 109999));
        judge(&autopilot, 4, 110000);
        server = autopilot_promotion(&autopilot, &settings, 110000);
        cr_assert_not_null(server);
        cr_expect_str_eq(server->sight.node_id, "00000003");
        sights[3].caught_up = false;
        judge(&autopilot, 4, 110001);
        cr_expect_null(autopilot_promotion(&autopilot, &settings, 110001));
}

Test(autopilot, a_young_cluster_promotes_at_once)
{
        struct autopilot autopilot = {0};

        see(2);
        sights[1].voter = false;
        judge(&autopilot, 2, 1000);
        cr_expect_not_null(autopilot_promotion(&autopilot, &settings, 1000));
}

Test(autopilot, failed_servers_go_unless_a_majority_would)
{
        for (unsigned count = 1; count < 8; count++) {
                for (unsigned failed = 0; failed < count; failed++) {
                        struct autopilot autopilot = {0};
                        bool expected = failed > 0 && failed <= (count - 1) / 2;

                        see(count);
                        for (unsigned i = 0; i < failed; i++)
                                sights[count - 1 - i].life = SERVER_FAILED;
                        judge(&autopilot, count, 1000);
                        cr_expect_eq(autopilot_removal(&autopilot, &settings, 20000) != NULL,
                                     expected, "%u of %u failed", failed, count);
                }
        }
}

Test(autopilot, what_is_not_wanted_is_not_removed)
{
        struct autopilot_config keep = settings;
        struct autopilot autopilot = {0};

        see(3);
        sights[2].life = SERVER_FAILED;
        judge(&autopilot, 3, 1000);
        keep.cleanup_dead_servers = false;
        cr_expect_null(autopilot_removal(&autopilot, &keep, 20000));
        keep = settings;
        keep.min_quorum = 3;
        cr_expect_null(autopilot_removal(&autopilot, &keep, 20000));
        keep.min_quorum = 2;
        cr_expect_not_null(autopilot_removal(&autopilot, &keep, 20000));
        cr_expect_null(autopilot_removal(&autopilot, &keep, 1000 + AUTOPILOT_REMOVE_MS - 1));
        cr_expect_not_null(autopilot_removal(&autopilot, &keep, 1000 + AUTOPILOT_REMOVE_MS));
        // Nobody has met it: it may be on its way.
        sights[2].known = false;
        judge(&autopilot, 3, 2000);
        cr_expect_null(autopilot_removal(&autopilot, &settings, 20000));
        // A server that left is removed by its leaving; one without a vote always may go.
        see(2);
        sights[1].voter = false;
        sights[1].life = SERVER_FAILED;
        judge(&autopilot, 2, 3000);
        cr_expect_not_null(autopilot_removal(&autopilot, &settings, 20000));
}
