#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/raft/node/cluster.h"

static struct cluster_server *before;

static bool somebody_else_leads(struct cluster *c)
{
        struct cluster_server *leader = cluster_leader(c);

        return leader != NULL && leader != before;
}

static int last_status;
static unsigned done_count;

static void on_done(void *arg, int status)
{
        (void)arg;
        last_status = status;
        done_count++;
}

static unsigned done_wanted;

static bool is_done(struct cluster *c)
{
        (void)c;
        return done_count >= done_wanted;
}

// Run one membership call until it is answered.
static int finish(struct cluster *c, int ret)
{
        if (ret != 0)
                return ret;
        done_wanted = done_count + 1;
        return cluster_run(c, is_done, 10000) ? last_status : -ETIME;
}

Test(raft_cluster, three_and_five_servers_elect_and_replicate)
{
        for (unsigned count = 3; count <= 5; count += 2) {
                struct cluster c;

                cluster_init(&c, count, false);
                cluster_bootstrap(&c, count);
                cr_assert(cluster_run(&c, cluster_has_leader, 10000), "%u servers", count);
                cr_expect(cluster_write_many(&c, 2000));
                cr_expect(cluster_run(&c, cluster_agrees, 10000));
                cr_expect_eq(c.servers[0].state.count, 2000);
                cluster_fini(&c);
        }
}

Test(raft_cluster, everybody_knows_the_leader_and_the_servers)
{
        struct raft_node_peer peers[RAFT_SERVER_MAX];
        struct cluster_server *leader;
        struct cluster c;

        cluster_init(&c, 3, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 1));
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        leader = cluster_leader(&c);
        for (unsigned i = 0; i < 3; i++) {
                struct raft_node_status status;

                raft_node_status(c.servers[i].node, &status);
                cr_expect(status.has_leader);
                cr_expect_str_eq(status.leader.node_id, leader->node_id);
                cr_expect_str_eq(status.leader.address, leader->address);
                cr_expect_eq(raft_node_configuration(c.servers[i].node)->server_count, 3);
                cr_expect_eq(raft_node_peers(c.servers[i].node, peers),
                             &c.servers[i] == leader ? 3 : 0);
        }
        cluster_fini(&c);
}

Test(raft_cluster, a_dead_leader_is_replaced_and_nothing_acknowledged_is_lost)
{
        struct cluster c;

        cluster_init(&c, 3, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 100));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        before = cluster_leader(&c);
        cluster_stop(&c, before->number);
        cr_assert(cluster_run(&c, somebody_else_leads, 10000));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect_eq(cluster_leader(&c)->state.count, 100);
        cr_expect(cluster_write_many(&c, 100));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect_eq(cluster_leader(&c)->state.count, 200);
        cluster_fini(&c);
}

static bool nobody_leads(struct cluster *c)
{
        return !cluster_has_leader(c);
}

Test(raft_cluster, without_a_majority_the_leader_gives_up_and_says_what_is_lost)
{
        struct cluster_server *leader;
        struct cluster c;

        cluster_init(&c, 3, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        leader = cluster_leader(&c);
        for (unsigned i = 0; i < 3; i++)
                if (&c.servers[i] != leader)
                        cluster_stop(&c, i);
        cr_expect_eq(cluster_write(&c, 1, 1), 0, "it cannot know yet");
        done_wanted = ++done_count;
        cr_expect_eq(raft_node_read_index(leader->node, false, on_done, NULL), 0);
        done_wanted = done_count + 1;
        cr_expect(cluster_run(&c, nobody_leads, 10000));
        cr_expect(cluster_run(&c, is_done, 10000));
        cr_expect_eq(last_status, -EAGAIN, "the read");
        cr_expect_eq(c.abandoned, 1, "the write");
        cr_expect_eq(leader->lost, 1);
        cr_expect_eq(leader->known_leader, RAFT_NO_SERVER);
        cluster_fini(&c);
}

Test(raft_cluster, leadership_is_handed_over_on_request)
{
        struct cluster_server *leader;
        struct cluster c;

        cluster_init(&c, 3, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 10));
        before = leader = cluster_leader(&c);
        cr_expect_eq(raft_node_transfer(leader->node, 12345, on_done, NULL), -EINVAL);
        cr_expect_eq(finish(&c, raft_node_transfer(leader->node, RAFT_NO_SERVER, on_done, NULL)),
                     0);
        cr_expect(cluster_run(&c, somebody_else_leads, 10000));
        cr_expect_eq(raft_node_transfer(leader->node, RAFT_NO_SERVER, on_done, NULL), -EPERM);
        cr_expect(cluster_write_many(&c, 10));
        cluster_fini(&c);
}

static bool last_has_caught_up(struct cluster *c)
{
        struct raft_node_peer peers[RAFT_SERVER_MAX];
        struct cluster_server *leader = cluster_leader(c);
        unsigned n = leader != NULL ? raft_node_peers(leader->node, peers) : 0;

        for (unsigned i = 0; i < n; i++)
                if (strcmp(peers[i].server.node_id, c->servers[c->count - 1].node_id) == 0)
                        return peers[i].caught_up;
        return false;
}

Test(raft_cluster, a_server_is_added_promoted_and_removed)
{
        struct raft_node_status status;
        struct cluster_server *leader, *fourth;
        raft_server_id id;
        struct cluster c;

        cluster_init(&c, 4, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 500));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        leader = cluster_leader(&c);
        fourth = &c.servers[3];
        id = raft_server_id_of(fourth->node_id);
        cr_expect_eq(raft_node_promote(leader->node, id, on_done, NULL), -ENOENT);
        cr_expect_eq(finish(&c, raft_node_put_server(leader->node, fourth->node_id, fourth->address,
                                                     false, on_done, NULL)),
                     0);
        cr_expect_eq(raft_node_put_server(leader->node, fourth->node_id, fourth->address, false,
                                          on_done, NULL),
                     -EEXIST);
        cr_assert(cluster_run(&c, last_has_caught_up, 10000));
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cr_expect_eq(fourth->state.count, 500, "it has all there was before it came");
        cr_expect_eq(finish(&c, raft_node_promote(leader->node, id, on_done, NULL)), 0);
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        raft_node_status(fourth->node, &status);
        cr_expect(status.is_voter);
        cr_expect_eq(finish(&c, raft_node_remove(leader->node, id, on_done, NULL)), 0);
        cr_expect_eq(raft_node_remove(leader->node, id, on_done, NULL), -ENOENT);
        cr_expect_eq(raft_node_configuration(leader->node)->server_count, 3);
        cr_expect(cluster_write_many(&c, 10));
        cluster_fini(&c);
}

Test(raft_cluster, a_leader_removes_itself_and_another_takes_over)
{
        struct cluster_server *leader;
        struct cluster c;

        cluster_init(&c, 3, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        before = leader = cluster_leader(&c);
        cr_expect_eq(finish(&c, raft_node_remove(leader->node, raft_server_id_of(leader->node_id),
                                                 on_done, NULL)),
                     0);
        cr_assert(cluster_run(&c, somebody_else_leads, 10000));
        cr_expect_eq(raft_node_configuration(cluster_leader(&c)->node)->server_count, 2);
        cr_expect(cluster_write_many(&c, 10));
        cluster_fini(&c);
}

static int connect_to(const struct cluster_server *s)
{
        struct sockaddr_in address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        unsigned port = (unsigned)strtoul(strchr(s->address, ':') + 1, NULL, 10);

        uv_ip4_addr("127.0.0.1", (int)port, &address);
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static uint64_t refused_wanted;

static bool was_refused(struct cluster *c)
{
        struct raft_node_metrics metrics;

        raft_node_metrics(c->servers[0].node, &metrics);
        return metrics.connections_refused >= refused_wanted;
}

Test(raft_cluster, garbage_on_the_port_ends_that_connection_and_nothing_else)
{
        static const struct {
                const char *name, *bytes;
                size_t length;
        } cases[] = {
            {"text", "LGET / HTTP/1.1\r\nHost: a\r\n\r\n", 28},
            {"a length past all", "L\xff\xff\xff\xff\0\0\0\0\0\0\0\0", 13},
            {"a length of nothing", "L\0\0\0\0\0\0\0\0\0\0\0\0", 13},
            {"a wrong checksum", "L\0\0\0\4\0\0\0\0\0\0\0\0\1\200\0\0", 17},
        };
        struct cluster c;

        cluster_init(&c, 1, false);
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        refused_wanted = 0;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int fd = connect_to(&c.servers[0]);
                char byte;

                refused_wanted++;
                cr_assert_eq(send(fd, cases[i].bytes, cases[i].length, 0),
                             (ssize_t)cases[i].length);
                cr_expect(cluster_run(&c, was_refused, 10000), "%s", cases[i].name);
                cr_expect(recv(fd, &byte, 1, 0) <= 0, "%s: closed", cases[i].name);
                close(fd);
        }
        cr_expect(cluster_write_many(&c, 10));
        cluster_fini(&c);
}

Test(raft_cluster, a_server_of_another_cluster_is_turned_away)
{
        struct raft_configuration other = {.server_count = 2};
        struct raft_node_status status;
        struct cluster c;

        // Server 1 believes to be in a cluster with server 0, which has one of its own.
        cluster_init(&c, 2, false);
        cluster_bootstrap(&c, 1);
        for (unsigned i = 0; i < 2; i++) {
                other.servers[i].voter = true;
                memcpy(other.servers[i].node_id, c.servers[i].node_id, RAFT_NODE_ID_MAX);
                memcpy(other.servers[i].address, c.servers[i].address, RAFT_ADDRESS_MAX);
        }
        cr_expect_eq(raft_node_bootstrap(c.servers[1].node, &other), 0);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        refused_wanted = 1;
        cr_expect(cluster_run(&c, was_refused, 10000));
        raft_node_status(c.servers[1].node, &status);
        cr_expect(!status.has_leader);
        cr_expect(cluster_write_many(&c, 10));
        cr_expect_eq(c.servers[1].state.count, 0);
        cluster_fini(&c);
}

Test(raft_cluster, a_server_whose_memory_was_lost_is_told_everything_again)
{
        struct cluster_server *follower;
        struct cluster c;

        cluster_init(&c, 3, false);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        before = cluster_leader(&c);
        follower = &c.servers[before->number == 0 ? 1 : 0];
        cr_expect(cluster_write_many(&c, 100));
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cluster_stop(&c, follower->number);
        cluster_start(&c, follower->number);
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cr_expect_eq(follower->state.count, 100);
        cr_expect_eq(cluster_leader(&c), before, "by the same leader");
        cluster_fini(&c);
}
