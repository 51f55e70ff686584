#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/snapshot_internal.h"

int snapshots_init(struct raft_node *node)
{
        node->snapshots = calloc(1, sizeof(*node->snapshots));
        return node->snapshots != NULL ? 0 : -ENOMEM;
}

void snapshots_fini(struct raft_node *node)
{
        if (node->snapshots == NULL)
                return;
        senders_close(node, true);
        install_fini(node);
        free(node->snapshots);
}

static void take_in_pool(uv_work_t *work)
{
        struct raft_node *node = work->data;
        struct take_job *job = &node->snapshots->take;

        job->result = storage_write_snapshot(node->storage, &job->snapshot,
                                             node->options.machine.snapshot_encode, job->gather,
                                             &job->older_index, job->error);
}

// Entries a slow follower may want stay in memory; on the disk also those that the older snapshot
// needs, should the newer one be damaged.
static void trim(struct raft_node *node, const struct take_job *job)
{
        raft_index index = job->snapshot.index, trailing = node->options.trailing_logs;
        raft_index keep_from = index > trailing ? index - trailing + 1 : 1;
        raft_index tail = raft_tail(node->raft, node->options.log_bytes_max / 2);

        // Few entries may be large: what is kept is bounded in bytes, too.
        if (tail > keep_from)
                keep_from = tail <= index ? tail : index + 1;

        // None is forgotten yet: that is done turn by turn.
        if (raft_compact(node->raft, index, 0) != 0)
                return;
        node->snapshots->compact_index = index;
        node->snapshots->compact_to = keep_from;
        disk_queue_trim(node, job->older_index + 1 < keep_from ? job->older_index + 1 : keep_from);
        node_wake(node);
}

bool snapshots_compacting(const struct raft_node *node)
{
        return node->snapshots->compact_to != 0;
}

bool snapshots_compact(struct raft_node *node)
{
        struct node_snapshots *snapshots = node->snapshots;
        struct raft_status status;
        uint64_t began_us = node_now_us();
        raft_index to;

        if (snapshots->compact_to == 0)
                return false;
        raft_status(node->raft, &status);
        to = status.last_index - status.log_entries + 1;
        while (to < snapshots->compact_to && node_now_us() < began_us + COMPACT_US) {
                to += COMPACT_STEP;
                if (to > snapshots->compact_to)
                        to = snapshots->compact_to;
                raft_compact(node->raft, snapshots->compact_index, to);
        }
        if (to >= snapshots->compact_to)
                snapshots->compact_to = 0;
        return snapshots->compact_to != 0;
}

static void take_back(uv_work_t *work, int status)
{
        struct raft_node *node = work->data;
        struct take_job *job = &node->snapshots->take;

        (void)status;
        job->running = false;
        node->options.machine.snapshot_end(node->options.machine.arg, job->gather);
        if (node_job_ended(node))
                return;
        if (job->result != 0) {
                node_log(node, RAFT_LOG_WARN, "no snapshot taken: %s", job->error);
                return;
        }
        node->metrics.snapshots_taken++;
        node->metrics.snapshot_ms = node_now_ms() - job->began_ms;
        node_log(node, RAFT_LOG_INFO, "took a snapshot: index=%llu ms=%llu",
                 (unsigned long long)job->snapshot.index,
                 (unsigned long long)node->metrics.snapshot_ms);
        if (!node->failed)
                trim(node, job);
}

int raft_node_snapshot(struct raft_node *node)
{
        struct take_job *job = &node->snapshots->take;
        struct raft_status status;

        if (node->failed || node->closing)
                return -EAGAIN;
        if (job->running)
                return -EBUSY;
        raft_status(node->raft, &status);
        if (node->applied <= status.snapshot_index)
                return -ENODATA;
        memset(job, 0, sizeof(*job));
        job->gather = node->options.machine.snapshot_begin(node->options.machine.arg);
        if (job->gather == NULL)
                return -EAGAIN;
        job->snapshot.index = node->applied;
        job->snapshot.term = node->applied_term;
        raft_configuration_applied(node->raft, &job->snapshot.configuration);
        job->began_ms = node_now_ms();
        job->work.data = node;
        if (uv_queue_work(node->options.loop, &job->work, take_in_pool, take_back) != 0) {
                node->options.machine.snapshot_end(node->options.machine.arg, job->gather);
                return -EAGAIN;
        }
        job->running = true;
        node->jobs_running++;
        return 0;
}

void snapshots_poll(struct raft_node *node)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        // Amid a log that is being replayed it would cost much and soon be superseded.
        if (node->to_apply.count < NODE_BACKLOG &&
            (node->applied >= status.snapshot_index + node->options.snapshot_threshold ||
             status.log_bytes > node->options.log_bytes_max))
                raft_node_snapshot(node);
        senders_close(node, false);
}
