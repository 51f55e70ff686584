#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raft/node/snapshot_internal.h"
#include "raft/wal/identity.h"
#include "tests/raft/node/cluster.h"

#define STALL_MS 2000u /* several election timeouts */

Test(raft_durable, one_server_has_what_it_acknowledged_after_a_restart)
{
        struct cluster c;

        cluster_init(&c, 1, true);
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        for (unsigned i = 1; i <= 5; i++) {
                cr_expect(cluster_write_many(&c, 300));
                cluster_stop(&c, 0);
                cluster_start(&c, 0);
                cr_assert(cluster_run(&c, cluster_has_leader, 10000));
                cr_expect_eq(c.servers[0].state.count, 300 * i);
        }
        cluster_fini(&c);
}

Test(raft_durable, three_servers_restarted_together_go_on)
{
        struct cluster c;

        cluster_init(&c, 3, true);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 1000));
        for (unsigned i = 0; i < 3; i++)
                cluster_stop(&c, i);
        for (unsigned i = 0; i < 3; i++)
                cluster_start(&c, i);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect_eq(cluster_leader(&c)->state.count, 1000);
        cr_expect(cluster_write_many(&c, 1000));
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cluster_fini(&c);
}

// Whoever may come to lead has forgotten what the missing one needs.
static bool all_have_snapshots(struct cluster *c)
{
        for (unsigned i = 0; i < c->count; i++) {
                struct raft_node_status status;

                if (c->servers[i].node == NULL)
                        continue;
                raft_node_status(c->servers[i].node, &status);
                if (status.snapshot_index < 500)
                        return false;
        }
        return cluster_has_leader(c);
}

// A follower misses more than the leader's log holds; its snapshot is of many chunks.
static void catch_up(bool on_disk)
{
        struct cluster_server *follower;
        struct raft_node_metrics metrics;
        struct cluster c;

        cluster_init(&c, 3, on_disk);
        c.snapshot_threshold = 20;
        c.trailing_logs = 10;
        for (unsigned i = 0; i < 3; i++)
                c.servers[i].padding = 3u << 20;
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        follower = &c.servers[cluster_leader(&c)->number == 0 ? 1 : 0];
        cluster_stop(&c, follower->number);
        cr_expect(cluster_write_many(&c, 1000));
        cr_assert(cluster_run(&c, all_have_snapshots, 10000));
        cluster_start(&c, follower->number);
        cr_expect(cluster_run(&c, cluster_agrees, 20000));
        cr_expect_eq(follower->state.count, 1000);
        cr_expect(follower->restores > 0);
        raft_node_metrics(follower->node, &metrics);
        cr_expect(metrics.snapshots_installed > 0);
        cr_expect(cluster_write_many(&c, 100));
        cr_expect(cluster_run(&c, cluster_agrees, 20000));
        if (on_disk) {
                cluster_stop(&c, follower->number);
                cluster_start(&c, follower->number);
                cr_expect(cluster_run(&c, cluster_agrees, 20000));
                cr_expect_eq(follower->state.count, 1100, "also after a restart");
        }
        cluster_fini(&c);
}

Test(raft_durable, a_follower_left_behind_is_sent_the_snapshot)
{
        catch_up(true);
}

// Which server is held up in the tests below.
static struct cluster_server *held;

static bool has_all_but_applied(struct cluster *c)
{
        struct raft_node_status own, leader;

        if (cluster_leader(c) == NULL)
                return false;
        raft_node_status(held->node, &own);
        raft_node_status(cluster_leader(c)->node, &leader);
        return own.commit_index == leader.commit_index;
}

static bool is_waiting(struct cluster *c)
{
        (void)c;
        return held->node->snapshots->install.waiting;
}

Test(raft_durable, entries_wait_for_a_machine_that_is_busy)
{
        struct cluster c;

        cluster_init(&c, 3, true);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_assert(cluster_write_many(&c, 20));
        cr_assert(cluster_run(&c, cluster_agrees, 10000));
        held = &c.servers[cluster_leader(&c)->number == 0 ? 1 : 0];
        held->unready = true;
        cr_assert(cluster_write_many(&c, 50));
        cr_assert(cluster_run(&c, has_all_but_applied, 10000));
        cr_expect_eq(held->state.count, 20);
        held->unready = false;
        raft_node_resume(held->node);
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cr_expect_eq(held->state.count, 70);
        cluster_fini(&c);
}

// A follower has missed 600 entries and has their snapshot, but a machine that is busy.
static void start_with_snapshot_waiting(struct cluster *c, bool on_disk)
{
        cluster_init(c, 3, on_disk);
        c->snapshot_threshold = 20;
        c->trailing_logs = 10;
        cluster_bootstrap(c, 3);
        cr_assert(cluster_run(c, cluster_has_leader, 10000));
        held = &c->servers[cluster_leader(c)->number == 0 ? 1 : 0];
        cluster_stop(c, held->number);
        cr_assert(cluster_write_many(c, 600));
        cr_assert(cluster_run(c, all_have_snapshots, 10000));
        held->unready = true;
        cluster_start(c, held->number);
        cr_assert(cluster_run(c, is_waiting, 20000));
}

Test(raft_durable, a_snapshot_waits_for_a_machine_that_is_busy_and_the_entries_behind_it_too)
{
        struct cluster c;

        start_with_snapshot_waiting(&c, true);
        cr_assert(cluster_write_many(&c, 100));
        cr_expect_eq(held->restores, 0);
        cr_expect_eq(held->state.count, 0);
        // A crash now costs nothing: the snapshot is on the disk.
        cluster_stop(&c, held->number);
        cr_expect_eq(held->restores, 0);
        held->unready = false;
        cluster_start(&c, held->number);
        cr_expect_eq(held->restores, 1);
        cr_expect(cluster_run(&c, cluster_agrees, 20000));
        cr_expect_eq(held->state.count, 700);
        cluster_fini(&c);
}

Test(raft_durable, a_snapshot_that_waited_is_installed_when_the_machine_is_ready)
{
        struct cluster c;

        start_with_snapshot_waiting(&c, false);
        // Newer ones come to be, and are sent once this one is in.
        cr_assert(cluster_write_many(&c, 300));
        cr_expect_eq(held->restores, 0);
        held->unready = false;
        raft_node_resume(held->node);
        cr_expect_eq(held->restores, 1);
        cr_expect(cluster_run(&c, cluster_agrees, 20000));
        cr_expect_eq(held->state.count, 900);
        cluster_fini(&c);
}

static bool knows_its_cluster(struct cluster *c)
{
        struct raft_identity identity;
        struct raft_node_status status;
        char error[RAFT_IDENTITY_ERROR_MAX];

        for (unsigned i = 0; i < c->count; i++) {
                raft_node_status(c->servers[i].node, &status);
                if (raft_identity_load(&raft_posix_files, c->servers[i].dir, &identity, error) < 0)
                        return false;
                if (identity.cluster_id == 0 || identity.cluster_id != status.cluster_id)
                        return false;
        }
        return true;
}

Test(raft_durable, a_folder_says_whose_it_is_as_soon_as_its_cluster_is_known)
{
        struct cluster c;

        cluster_init(&c, 3, true);
        cluster_bootstrap(&c, 3);
        cr_expect(cluster_run(&c, knows_its_cluster, 10000));
        cluster_fini(&c);
}

Test(raft_durable, the_last_server_left_is_recovered_with_all_there_was)
{
        struct raft_configuration alone = {.server_count = 1};
        struct raft_node_status status;
        char error[1024];
        struct cluster c;

        cluster_init(&c, 3, true);
        c.snapshot_threshold = 150;
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_assert(cluster_write_many(&c, 200));
        cr_assert(cluster_run(&c, cluster_agrees, 10000));
        for (unsigned i = 0; i < 3; i++)
                cluster_stop(&c, i);
        alone.servers[0].voter = true;
        snprintf(alone.servers[0].address, RAFT_ADDRESS_MAX, "127.0.0.1:1");
        c.recover = &alone;
        cr_expect_eq(cluster_try_start(&c, 0, error), -EINVAL, "nobody had that address");
        cr_expect(strstr(error, "127.0.0.1:1") != NULL, "%s", error);
        snprintf(alone.servers[0].node_id, RAFT_NODE_ID_MAX, "%s", c.servers[0].node_id);
        // Twice, as when it crashed before the file was deleted.
        for (unsigned i = 0; i < 2; i++) {
                cluster_start(&c, 0);
                cr_assert(cluster_run(&c, cluster_has_leader, 10000));
                cr_expect_eq(c.servers[0].state.count, 200);
                cluster_stop(&c, 0);
        }
        c.recover = NULL;
        cluster_start(&c, 0);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 50));
        cr_expect_eq(c.servers[0].state.count, 250);
        raft_node_status(c.servers[0].node, &status);
        cr_expect_eq(raft_node_configuration(c.servers[0].node)->server_count, 1);
        cr_expect_neq(status.cluster_id, 0);
        cluster_fini(&c);
}

Test(raft_durable, a_server_that_has_nothing_is_not_recovered)
{
        struct raft_configuration alone = {.server_count = 1};
        char error[1024];
        struct cluster c;

        cluster_init(&c, 1, true);
        alone.servers[0].voter = true;
        snprintf(alone.servers[0].address, RAFT_ADDRESS_MAX, "127.0.0.1:1");
        snprintf(alone.servers[0].node_id, RAFT_NODE_ID_MAX, "%s", c.servers[0].node_id);
        c.recover = &alone;
        cr_expect_eq(cluster_try_start(&c, 0, error), -ENODATA);
        c.recover = NULL;
        cluster_start(&c, 0);
        cluster_fini(&c);
}

static bool log_is_short(struct cluster *c)
{
        struct raft_node_metrics metrics;

        raft_node_metrics(c->servers[0].node, &metrics);
        return metrics.snapshots_taken > 0 && metrics.log_bytes <= c->log_bytes_max;
}

Test(raft_durable, a_log_of_many_bytes_makes_a_snapshot_due_and_is_cut)
{
        struct raft_node_metrics metrics;
        struct cluster c;

        cluster_init(&c, 1, false);
        c.log_bytes_max = 4000;
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 2000));
        cr_expect(cluster_run(&c, log_is_short, 10000));
        raft_node_metrics(c.servers[0].node, &metrics);
        cr_expect_gt(metrics.log_entries, 0, "something is kept for who is behind");
        cluster_fini(&c);
}

Test(raft_durable, in_memory_too)
{
        catch_up(false);
}

static raft_index wanted_snapshot;

static bool has_snapshot(struct cluster *c)
{
        struct raft_node_status status;

        raft_node_status(c->servers[0].node, &status);
        return status.snapshot_index >= wanted_snapshot;
}

static void write_and_snapshot(struct cluster *c, unsigned n)
{
        struct raft_node_status status;

        cr_assert(cluster_run(c, cluster_has_leader, 10000));
        cr_assert(cluster_write_many(c, n));
        raft_node_status(c->servers[0].node, &status);
        wanted_snapshot = status.applied_index;
        cr_assert_eq(raft_node_snapshot(c->servers[0].node), 0);
        cr_assert(cluster_run(c, has_snapshot, 10000));
}

// Flip a byte in the middle of the newest snapshot, which sorts last.
static void damage_newest(const char *dir)
{
        struct dirent **names;
        char path[600], folder[300];
        int n, fd;
        uint8_t byte;
        off_t middle;

        snprintf(folder, sizeof(folder), "%s/snapshots", dir);
        n = scandir(folder, &names, NULL, alphasort);
        cr_assert(n > 2);
        snprintf(path, sizeof(path), "%s/%s", folder, names[n - 1]->d_name);
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
        fd = open(path, O_RDWR);
        cr_assert(fd >= 0, "%s", path);
        middle = lseek(fd, 0, SEEK_END) / 2;
        cr_assert_eq(pread(fd, &byte, 1, middle), 1);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, middle), 1);
        close(fd);
}

Test(raft_durable, a_server_starts_from_its_snapshot_and_the_log_behind_it)
{
        struct cluster c;

        cluster_init(&c, 1, true);
        c.trailing_logs = 0;
        cluster_bootstrap(&c, 1);
        write_and_snapshot(&c, 100);
        cr_assert(cluster_write_many(&c, 50));
        cluster_stop(&c, 0);
        cluster_start(&c, 0);
        cr_expect_eq(c.servers[0].restores, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect_eq(c.servers[0].state.count, 150);
        cluster_fini(&c);
}

Test(raft_durable, a_damaged_newest_snapshot_falls_back_to_the_one_before)
{
        struct cluster c;

        cluster_init(&c, 1, true);
        c.trailing_logs = 0;
        cluster_bootstrap(&c, 1);
        write_and_snapshot(&c, 100);
        write_and_snapshot(&c, 100);
        cr_assert(cluster_write_many(&c, 50));
        cluster_stop(&c, 0);
        damage_newest(c.servers[0].dir);
        cluster_start(&c, 0);
        cr_expect_eq(c.servers[0].state.count, 100, "the older one");
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect_eq(c.servers[0].state.count, 250, "and the log since then");
        cluster_fini(&c);
}

Test(raft_durable, a_folder_of_another_server_is_refused)
{
        struct cluster c;
        char error[1024];

        cluster_init(&c, 1, true);
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cluster_stop(&c, 0);
        c.servers[0].node_id[0] ^= 1;
        cr_expect_neq(cluster_try_start(&c, 0, error), 0);
        cr_expect_neq(strstr(error, c.servers[0].dir), NULL, "%s", error);
        c.servers[0].node_id[0] ^= 1;
        cluster_start(&c, 0);
        cr_expect_neq(cluster_try_start(&c, 0, error), 0, "in use already");
        cluster_fini(&c);
}

static unsigned lost_before;

static bool took_snapshots(struct cluster *c)
{
        struct raft_node_metrics metrics;

        raft_node_metrics(cluster_leader(c)->node, &metrics);
        return metrics.snapshots_taken >= 2;
}

Test(raft_durable, the_leader_keeps_leading_while_a_snapshot_is_made)
{
        struct cluster_server *leader;
        struct cluster c;

        cluster_init(&c, 3, true);
        c.snapshot_threshold = 1;
        for (unsigned i = 0; i < 3; i++)
                c.servers[i].encode_slowly = true;
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        leader = cluster_leader(&c);
        lost_before = leader->lost;
        cr_expect(cluster_write_many(&c, 10));
        cr_expect(cluster_write_many(&c, 10));
        cr_expect(cluster_run(&c, took_snapshots, 10000));
        cr_expect_eq(leader->lost, lost_before);
        cluster_fini(&c);
}

/* The kernel's files, with syncs that fail or wait when told to. */
struct faulty {
        struct raft_files files;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool stalled;
        bool failing;
        bool reached; // a sync came meanwhile
};

static int faulty_sync(void *context, int file)
{
        struct faulty *f = context;
        bool fails;

        pthread_mutex_lock(&f->mutex);
        f->reached = f->stalled || f->failing;
        while (f->stalled)
                pthread_cond_wait(&f->changed, &f->mutex);
        fails = f->failing;
        pthread_mutex_unlock(&f->mutex);
        return fails ? -EIO : raft_posix_files.sync(raft_posix_files.context, file);
}

static void faulty_set(struct faulty *f, bool stalled, bool failing)
{
        pthread_mutex_lock(&f->mutex);
        f->stalled = stalled;
        f->failing = failing;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->mutex);
}

static void faulty_init(struct faulty *f)
{
        memset(f, 0, sizeof(*f));
        f->files = raft_posix_files;
        f->files.context = f;
        f->files.sync = faulty_sync;
        pthread_mutex_init(&f->mutex, NULL);
        pthread_cond_init(&f->changed, NULL);
}

static struct cluster_server *stalled_one;

static bool another_leads(struct cluster *c)
{
        struct cluster_server *leader = cluster_leader(c);

        return leader != NULL && leader != stalled_one;
}

Test(raft_durable, a_leader_whose_disk_stalls_hands_over)
{
        struct faulty faulty[3];
        struct cluster c;

        cluster_init(&c, 3, true);
        for (unsigned i = 0; i < 3; i++) {
                faulty_init(&faulty[i]);
                c.servers[i].files = &faulty[i].files;
        }
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 10));
        stalled_one = cluster_leader(&c);
        faulty_set(&faulty[stalled_one->number], true, false);
        cr_expect_eq(cluster_write(&c, 1, 1), 0);
        cr_expect(cluster_run(&c, another_leads, 10000));
        cr_expect_eq(c.applied, 11, "the others had it");
        cr_expect(cluster_write_many(&c, 10));
        faulty_set(&faulty[stalled_one->number], false, false);
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cr_expect_eq(stalled_one->state.count, 21);
        cluster_fini(&c);
}

static bool has_stepped_down(struct cluster *c)
{
        return c->servers[0].lost > 0;
}

static bool has_applied(struct cluster *c)
{
        return c->applied == 1;
}

Test(raft_durable, a_server_alone_waits_for_its_disk)
{
        struct faulty faulty;
        struct cluster c;

        cluster_init(&c, 1, true);
        faulty_init(&faulty);
        c.servers[0].files = &faulty.files;
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        faulty_set(&faulty, true, false);
        cr_expect_eq(cluster_write(&c, 1, 1), 0);
        cr_expect_not(cluster_run(&c, has_stepped_down, STALL_MS), "nobody else could lead");
        faulty_set(&faulty, false, false);
        cr_expect(cluster_run(&c, has_applied, 10000));
        cr_expect_eq(c.abandoned, 0);
        cluster_fini(&c);
}

static bool has_failed(struct cluster *c)
{
        return c->servers[0].failed;
}

Test(raft_durable, a_failed_sync_stops_the_server_and_acknowledges_nothing)
{
        struct faulty faulty;
        struct cluster c;

        cluster_init(&c, 1, true);
        faulty_init(&faulty);
        c.servers[0].files = &faulty.files;
        cluster_bootstrap(&c, 1);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 10));
        faulty_set(&faulty, false, true);
        cr_expect_eq(cluster_write(&c, 1, 1), 0);
        cr_expect(cluster_run(&c, has_failed, 10000));
        cr_expect_eq(c.applied, 10);
        cr_expect_eq(cluster_write(&c, 1, 1), -EIO);
        cluster_stop(&c, 0);
        cr_expect_eq(c.abandoned, 1);
        cluster_fini(&c);
}

// One of the two that acknowledged something loses its disk. Its vote must not help the third, who
// never had it, to lead.
Test(raft_durable, an_emptied_server_does_not_vote_away_what_it_acknowledged)
{
        unsigned emptied, behind, leader;
        struct cluster c;

        cluster_init(&c, 3, true);
        cluster_bootstrap(&c, 3);
        cr_assert(cluster_run(&c, cluster_has_leader, 10000));
        cr_expect(cluster_write_many(&c, 10));
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        leader = cluster_leader(&c)->number;
        emptied = (leader + 1) % 3;
        behind = (leader + 2) % 3;
        cluster_stop(&c, behind);
        cr_expect(cluster_write_many(&c, 90));
        cluster_stop(&c, leader);
        cluster_stop(&c, emptied);
        cluster_wipe(&c, emptied);
        cluster_start(&c, emptied);
        cluster_start(&c, behind);
        cr_expect_not(cluster_run(&c, cluster_has_leader, 2000));
        cluster_start(&c, leader);
        cr_expect(cluster_run(&c, cluster_agrees, 10000));
        cr_expect_eq(c.servers[emptied].state.count, 100);
        cr_expect_eq(c.servers[behind].state.count, 100);
        cluster_fini(&c);
}
