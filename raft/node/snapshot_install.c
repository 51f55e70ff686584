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

// All that takes long: the loop only puts the result in place.
static void finish_in_pool(uv_work_t *work)
{
        struct raft_node *node = work->data;
        const struct raft_state_machine *machine = &node->options.machine;
        struct install_job *job = &node->snapshots->install;
        uint8_t *body = NULL;

        job->result = storage_receive_finish(node->storage, job->cluster_id, &job->snapshot, &body,
                                             &job->body_length, job->error);
        if (job->result == 0)
                job->decoded =
                    machine->restore_decode(machine->arg, body, job->body_length, &job->state);
        free(body);
}

struct discard_job {
        uv_work_t work;
        struct raft_node *node;
        void *state;
};

static void discard_in_pool(uv_work_t *work)
{
        struct discard_job *job = work->data;
        const struct raft_state_machine *machine = &job->node->options.machine;

        machine->restore_discard(machine->arg, job->state);
}

static void discard_back(uv_work_t *work, int status)
{
        struct discard_job *job = work->data;

        (void)status;
        node_job_ended(job->node);
        free(job);
}

static void discard(struct raft_node *node, void *take_state)
{
        const struct raft_state_machine *machine = &node->options.machine;
        struct discard_job *job = calloc(1, sizeof(*job));

        if (job != NULL) {
                job->work.data = job;
                job->node = node;
                job->state = take_state;
                if (uv_queue_work(node->options.loop, &job->work, discard_in_pool, discard_back) ==
                    0) {
                        node->jobs_running++;
                        return;
                }
        }
        free(job);
        machine->restore_discard(machine->arg, take_state);
}

static void *take_state(struct install_job *job)
{
        void *state = job->state;

        job->state = NULL;
        return state;
}

void install_fini(struct raft_node *node)
{
        const struct raft_state_machine *machine = &node->options.machine;
        void *state = take_state(&node->snapshots->install);

        if (state != NULL)
                machine->restore_discard(machine->arg, state);
}

// The log holds nothing that fits behind the snapshot: the disk's copy goes as the core's has gone.
static void fit_log(struct raft_node *node, const struct storage_snapshot *snapshot)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        if (status.log_entries == 0)
                disk_queue_reset(node, snapshot->index, snapshot->term);
}

static void install(struct raft_node *node, struct install_job *job)
{
        const struct raft_state_machine *machine = &node->options.machine;
        const struct storage_snapshot *snapshot = &job->snapshot;
        struct raft_status status;
        bool newer;
        int ret;

        raft_status(node->raft, &status);
        newer = snapshot->index > status.commit_index;
        if (newer) {
                machine->restore_swap(machine->arg, snapshot->index, take_state(job));
                apply_restored(node, snapshot->index, snapshot->term);
        } else {
                discard(node, take_state(job));
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

// As long as it is busy with an earlier state, or with what an entry wants, this one waits; chunks
// of a newer one are sent again later.
void snapshots_resume(struct raft_node *node)
{
        const struct raft_state_machine *machine = &node->options.machine;
        struct install_job *job = &node->snapshots->install;

        if (!job->waiting || (machine->ready != NULL && !machine->ready(machine->arg, NULL)))
                return;
        job->waiting = false;
        job->busy = false;
        install(node, job);
        node_wake(node);
}

static void finish_back(uv_work_t *work, int status)
{
        struct raft_node *node = work->data;
        struct install_job *job = &node->snapshots->install;

        (void)status;
        if (node_job_ended(node))
                return;
        if (job->result == 0 && job->decoded == 0 && !node->failed) {
                job->waiting = true;
                snapshots_resume(node);
                return;
        }
        job->busy = false;
        if (node->failed)
                return;
        if (job->result == 0) {
                node_fail(node, "the leader's snapshot at entry %llu cannot be restored: %s",
                          (unsigned long long)job->snapshot.index, strerror(-job->decoded));
                return;
        }
        node_log(node, RAFT_LOG_WARN, "the leader's snapshot is asked for again: %s", job->error);
        raft_snapshot_failed(node->raft);
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
