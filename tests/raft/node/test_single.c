#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "raft/node/node_internal.h"
#include "tests/raft/node/cluster.h"

Test(raft_node, a_uuid_names_a_server_by_its_first_eight_bytes_that_say_something)
{
        static const struct {
                const char *text;
                raft_server_id id;
        } cases[] = {
            {"01234567-89ab-cdef-0000-000000000000", 0x0123456789abcdef},
            {"01234567-89AB-CDEF-ffff-ffffffffffff", 0x0123456789abcdef},
            {"00000000-0000-0000-0000-000000000001", 1},
            {"00000000-0000-0000-0000-000000000000", RAFT_NO_SERVER},
            {"", RAFT_NO_SERVER},
            {"0123456789ab-cdef-0000-000000000000-", RAFT_NO_SERVER},
            {"g1234567-89ab-cdef-0000-000000000000", RAFT_NO_SERVER},
            {"01234567-89ab-cdef-0000-0000000000000", RAFT_NO_SERVER},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_expect_eq(raft_server_id_of(cases[i].text), cases[i].id, "%s", cases[i].text);
}

Test(raft_node, an_empty_server_leads_nobody_until_it_is_bootstrapped)
{
        struct raft_configuration configuration = {.server_count = 1};
        struct raft_node_status status;
        struct cluster c;

        cluster_init(&c, 1, false);
        cluster_start(&c, 0);
        raft_node_status(c.servers[0].node, &status);
        cr_expect(status.empty);
        cr_expect_eq(cluster_write(&c, 1, 1), -EPERM);
        cr_expect_eq(raft_node_bootstrap(c.servers[0].node, &configuration), -EINVAL,
                     "not without itself");
        cluster_stop(&c, 0);
        cluster_bootstrap(&c, 1);
        cr_expect(cluster_run(&c, cluster_has_leader, 5000));
        raft_node_status(c.servers[0].node, &status);
        cr_expect(!status.empty && status.has_leader && status.has_lease);
        cr_expect_eq(status.leader.id, status.id);
        cr_expect_str_eq(status.leader.address, c.servers[0].address);
        cr_expect_neq(status.cluster_id, 0);
        configuration.servers[0].voter = true;
        memcpy(configuration.servers[0].node_id, c.servers[0].node_id, RAFT_NODE_ID_MAX);
        cr_expect_eq(raft_node_bootstrap(c.servers[0].node, &configuration), -EEXIST);
        cluster_fini(&c);
}

Test(raft_node, what_one_server_is_told_it_applies_in_order)
{
        struct cluster c;

        cluster_init(&c, 1, false);
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 5000));
        cr_expect(cluster_write_many(&c, 5000));
        cr_expect_eq(c.servers[0].state.count, 5000);
        cr_expect_eq(c.abandoned, 0);
        cluster_fini(&c);
}

Test(raft_node, proposals_still_waiting_at_the_end_are_abandoned)
{
        struct cluster c;

        cluster_init(&c, 1, false);
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 5000));
        cr_expect_eq(cluster_write(&c, 1, 1), 0);
        cluster_stop(&c, 0);
        cr_expect_eq(c.applied + c.abandoned, 1, "answered exactly once");
        cluster_fini(&c);
}

static void count_done(void *arg, int status)
{
        int *counts = arg;

        counts[status == 0 ? 0 : 1]++;
}

static int *done_counts;

static bool both_done(struct cluster *c)
{
        (void)c;
        return done_counts[0] + done_counts[1] >= 2;
}

Test(raft_node, reads_are_answered_once_what_they_must_show_is_applied)
{
        struct cluster c;
        int counts[2] = {0, 0};

        done_counts = counts;
        cluster_init(&c, 1, false);
        cluster_bootstrap(&c, 1);
        cr_expect_eq(raft_node_read_index(c.servers[0].node, true, count_done, counts), -EPERM);
        cr_assert(cluster_run(&c, cluster_has_leader, 5000));
        cr_expect_eq(raft_node_read_index(c.servers[0].node, true, count_done, counts), 0);
        cr_expect_eq(raft_node_read_index(c.servers[0].node, false, count_done, counts), 0);
        cr_expect_eq(counts[0], 0, "never before return");
        cr_expect(cluster_run(&c, both_done, 5000));
        cr_expect_eq(counts[0], 2);
        cr_expect_eq(raft_node_read_index(c.servers[0].node, false, count_done, counts), 0);
        cluster_fini(&c);
        cr_expect_eq(counts[0] + counts[1], 3, "closing ends them too");
}

// As when a leader that was held up hears of its successor and of that one's commits at once.
Test(raft_node, a_proposal_whose_place_went_to_another_leaders_first_entry_is_abandoned)
{
        struct raft_entry first = {.term = 99, .type = RAFT_ENTRY_NOOP};
        struct raft_node_status status;
        struct raft_node *node;
        struct cluster c;

        cluster_init(&c, 1, false);
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 5000));
        node = c.servers[0].node;
        cr_expect_eq(cluster_write(&c, 1, 1), 0);
        cr_expect_eq(cluster_write(&c, 2, 2), 0);
        raft_node_status(node, &status);
        first.index = status.last_index - 1;
        cr_assert_eq(entry_list_push(&node->to_apply, &first), 0);
        apply_run(node);
        cr_expect_eq(c.abandoned, 1, "the first of the two");
        apply_restored(node, status.last_index, 99);
        cr_expect_eq(c.abandoned, 2, "what a snapshot holds has no answer either");
        cluster_fini(&c);
}
