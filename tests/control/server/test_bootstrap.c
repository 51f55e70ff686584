#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/server/bootstrap.h"
#include "lictor/bytes.h"

// Server n of a cluster of equals.
static struct server_member member(unsigned n, uint32_t expect)
{
        struct server_member m = {.life = SERVER_ALIVE};

        snprintf(m.info.name, sizeof(m.info.name), "node%u", n);
        snprintf(m.info.node_id, sizeof(m.info.node_id), "%08u-0000-4000-8000-000000000000", n);
        snprintf(m.info.address, sizeof(m.info.address), "127.0.0.%u:8300", n);
        snprintf(m.info.datacenter, sizeof(m.info.datacenter), "%s", "dc1");
        m.info.expect = expect;
        m.info.empty = true;
        return m;
}

static void know(struct server_member out[3], uint32_t expect)
{
        for (unsigned i = 0; i < 3; i++)
                out[i] = member(i + 1, expect);
}

Test(bootstrap, too_few_servers_wait)
{
        struct server_member members[3];
        struct bootstrap_plan plan;

        know(members, 3);
        bootstrap_plan_make(members, 2, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_WAIT);
        cr_expect_eq(plan.digest, 0);
        members[2].life = SERVER_FAILED;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.digest, 0);
}

Test(bootstrap, enough_servers_wait_until_all_have_seen_the_same)
{
        struct server_member members[3];
        struct bootstrap_plan plan;

        know(members, 3);
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_WAIT);
        cr_assert_neq(plan.digest, 0);
        members[1].info.candidates = plan.digest;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_WAIT);
        members[2].info.candidates = plan.digest + 1;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_WAIT);
        members[2].info.candidates = plan.digest;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_GO);
        cr_expect_eq(plan.founder_count, 3);
}

Test(bootstrap, everybody_chooses_the_same_founders)
{
        struct server_member members[4];
        struct bootstrap_plan first, other;

        for (unsigned i = 0; i < 4; i++)
                members[i] = member(i + 1, 3);
        bootstrap_plan_make(members, 4, &first);
        for (unsigned i = 0; i < 4; i++)
                members[i] = member(4 - i, 3);
        bootstrap_plan_make(members, 4, &other);
        cr_expect_eq(first.digest, other.digest);
        // The fourth is none of them: it waits for being added.
        for (unsigned i = 0; i < 4; i++)
                members[i].info.candidates = other.digest;
        bootstrap_plan_make(members, 4, &other);
        cr_expect_eq(other.verdict, BOOTSTRAP_WAIT);
}

Test(bootstrap, a_cluster_that_exists_is_joined)
{
        struct server_member members[3];
        struct bootstrap_plan plan;

        know(members, 3);
        members[2].info.empty = false;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_JOIN);
}

Test(bootstrap, a_server_that_expects_nothing_waits)
{
        struct server_member members[3];
        struct bootstrap_plan plan;

        know(members, 3);
        members[0].info.expect = 0;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_WAIT);
        cr_expect_str_eq(plan.conflict, "");
}

Test(bootstrap, disagreement_is_told_and_stops_it)
{
        struct server_member members[3];
        struct bootstrap_plan plan;

        know(members, 3);
        members[1].info.expect = 5;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_eq(plan.verdict, BOOTSTRAP_WAIT);
        cr_expect_eq(plan.digest, 0);
        cr_expect_not_null(strstr(plan.conflict, "conflicting expect value"));
        know(members, 3);
        members[1].info.expect = 0;
        members[1].info.bootstrap = true;
        bootstrap_plan_make(members, 3, &plan);
        cr_expect_not_null(strstr(plan.conflict, "bootstrap mode"));
}

Test(bootstrap, strangers_are_told_why_they_stay_out)
{
        // What differs from node 9, and what the line says; NULL: welcome.
        static const struct {
                unsigned as; // whose identity is borrowed, 0: nobody's
                bool id, name, address, datacenter, cluster;
                const char *expected;
        } rows[] = {
            {0, .expected = NULL},
            {2, .id = true, .name = true, .address = true, .expected = NULL},
            {2, .id = true, .name = true, .expected = NULL},
            {0, .datacenter = true, .expected = "datacenter"},
            {0, .cluster = true, .expected = "another cluster"},
            {2, .id = true, .expected = "one node id"},
            {2, .name = true, .expected = "one node name"},
            {1, .id = true, .name = true, .expected = "one node id"},
            {1, .name = true, .expected = "one node name"},
            {2, .id = true, .address = true, .expected = NULL},
        };
        struct server_member members[3];

        know(members, 3);
        members[0].info.cluster_id = 5;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct server_info stranger = member(9, 3).info, as;
                char reason[512] = "";

                as = rows[i].as > 0 ? members[rows[i].as - 1].info : stranger;
                if (rows[i].id)
                        snprintf(stranger.node_id, sizeof(stranger.node_id), "%s", as.node_id);
                if (rows[i].name)
                        snprintf(stranger.name, sizeof(stranger.name), "%s", as.name);
                if (rows[i].address)
                        snprintf(stranger.address, sizeof(stranger.address), "%s", as.address);
                if (rows[i].datacenter)
                        snprintf(stranger.datacenter, sizeof(stranger.datacenter), "%s", "dc2");
                if (rows[i].cluster)
                        stranger.cluster_id = 6;
                cr_expect_eq(server_is_acceptable(members, 3, &stranger, reason, sizeof(reason)),
                             rows[i].expected == NULL, "row %zu: %s", i, reason);
                if (rows[i].expected != NULL)
                        cr_expect_not_null(strstr(reason, rows[i].expected), "row %zu: %s", i,
                                           reason);
        }
}

Test(bootstrap, a_dead_servers_name_is_free)
{
        struct server_member members[3];
        struct server_info stranger = member(9, 3).info;
        char reason[512];

        know(members, 3);
        snprintf(stranger.name, sizeof(stranger.name), "%s", "node2");
        members[1].life = SERVER_FAILED;
        cr_expect(server_is_acceptable(members, 3, &stranger, reason, sizeof(reason)));
}
