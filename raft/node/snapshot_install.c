#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/snapshot_internal.h"

void snapshots_take_chunk(struct raft_node *node, const struct raft_snapshot_chunk *chunk)
{
        struct node_chunk *copy;

        // The one before is still being stored and verified: this one's turn comes when it is sent
        // again.
        if (node->snapshots->install.busy)
                return;
        copy = malloc(sizeof(*copy) + chunk->length);
        if (copy == NULL) {
                raft_snapshot_failed(node->raft);
                return;
        }
        copy->index = chunk->index;
        copy->term = chunk->term;
        copy->offset = chunk->offset;
        copy->last = chunk->last;
        copy->length = chunk->length;
        if (chunk->length > 0)
                memcpy(copy->bytes, chunk->bytes, chunk->length);
        node->snapshots->install.busy = chunk->last;
        disk_queue_chunk(node, copy);
}

static void finish_in_pool(uv_work_t *work)
{
        struct raft_node *node = work->data;
        struct install_job *job = &node->snapshots->install;

        job->result = storage_receive_finish(node->storage, job->cluster_id, &job->snapshot,
                                             &job->body, &job->body_length, job->error);
}

// The log holds nothing that fits behind the snapshot: the disk's copy goes as the core's has gone.
static void fit_log(struct raft_node *node, const struct storage_snapshot *snapshot)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        if (status.log_entries == 0)
                disk_queue_reset(node, snapshot->index, snapshot->term);
}

static void install(struct raft_node *node, const struct install_job *job)
{
        const struct raft_state_machine *machine = &node->options.machine;
        const struct storage_snapshot *snapshot = &job->snapshot;
        struct raft_status status;
        bool newer;
        int ret;

        raft_status(node->raft, &status);
        newer = snapshot->index > status.commit_index;
        if (newer) {
                ret = machine->restore(machine->arg, snapshot->index, job->body, job->body_length);
                if (ret != 0) {
                        node_fail(node,
                                  "the leader's snapshot at entry %llu cannot be restored: %s",
                                  (unsigned long long)snapshot->index, strerror(-ret));
                        return;
                }
                apply_restored(node, snapshot->index, snapshot->term);
        }
        ret = raft_snapshot_installed(node->raft, snapshot->index, snapshot->term,
                                      &snapshot->configuration, node_now_ms());
        if (ret != 0) {
                node_fail(node, "no memory for the leader's snapshot: stopping");
                return;
        }
        if (!newer)
                return;
        fit_log(node, snapshot);
        node->metrics.snapshots_installed++;
        node_log(node, RAFT_LOG_INFO, "installed the leader's snapshot: index=%llu bytes=%zu",
                 (unsigned long long)snapshot->index, job->body_length);
}

static void finish_back(uv_work_t *work, int status)
{
        struct raft_node *node = work->data;
        struct install_job *job = &node->snapshots->install;
        uint8_t *body = job->body;

        (void)status;
        job->busy = false;
        if (node->closing || node->failed) {
                node_job_ended(node);
                free(body);
                return;
        }
        if (job->result != 0) {
                node_log(node, RAFT_LOG_WARN, "the leader's snapshot is asked for again: %s",
                         job->error);
                raft_snapshot_failed(node->raft);
        } else {
                install(node, job);
        }
        free(body);
        job->body = NULL;
        node_job_ended(node);
        node_wake(node);
}

void snapshots_chunk_written(struct raft_node *node, const struct node_chunk *chunk)
{
        struct install_job *job = &node->snapshots->install;

        if (!chunk->last)
                return;
        memset(job, 0, sizeof(*job));
        job->cluster_id = raft_configuration(node->raft)->cluster_id;
        job->work.data = node;
        if (uv_queue_work(node->options.loop, &job->work, finish_in_pool, finish_back) != 0) {
                raft_snapshot_failed(node->raft);
                return;
        }
        job->busy = true;
        node->jobs_running++;
}
