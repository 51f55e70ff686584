#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/disk_thread.h"
#include "raft/node/node_internal.h"

static struct disk_job *filling(struct raft_node *node)
{
        return &node->disk_jobs[node->disk_filling];
}

void disk_init(struct raft_node *node)
{
        for (unsigned i = 0; i < 2; i++)
                node->disk_jobs[i].chunks_end = &node->disk_jobs[i].chunks;
}

static void free_chunks(struct disk_job *job)
{
        while (job->chunks != NULL) {
                struct node_chunk *next = job->chunks->next;

                free(job->chunks);
                job->chunks = next;
        }
        job->chunks_end = &job->chunks;
}

// Empties it but keeps its memory for the next one.
static void clear(struct disk_job *job)
{
        entry_list_pop(&job->entries, job->entries.count);
        free_chunks(job);
        job->message_count = 0;
        job->batch = 0;
        job->has_hard_state = false;
        job->has_reset = false;
        job->trim_to = 0;
        job->cluster_id = 0;
        job->make_room = false;
        job->wants_room = false;
        job->result = 0;
}

void disk_fini(struct raft_node *node)
{
        for (unsigned i = 0; i < 2; i++) {
                clear(&node->disk_jobs[i]);
                entry_list_fini(&node->disk_jobs[i].entries);
                free(node->disk_jobs[i].messages);
        }
}

static int push_message(struct disk_job *job, const struct raft_message *message)
{
        if (job->message_count == job->message_capacity) {
                size_t capacity = job->message_capacity ? job->message_capacity * 2 : 32;
                struct raft_message *messages =
                    realloc(job->messages, capacity * sizeof(*messages));

                if (messages == NULL)
                        return -ENOMEM;
                job->messages = messages;
                job->message_capacity = capacity;
        }
        job->messages[job->message_count++] = *message;
        return 0;
}

int disk_queue(struct raft_node *node, const struct raft_effects *effects)
{
        struct disk_job *job = filling(node);
        int ret = 0;

        job->batch = effects->batch;
        if (effects->hard_state_changed) {
                job->has_hard_state = true;
                job->hard_state = effects->hard_state;
        }
        // What is replaced before it was written need not be written.
        if (effects->entry_count > 0)
                entry_list_cut(&job->entries, effects->entries[0].index);
        for (unsigned i = 0; i < effects->entry_count && ret == 0; i++)
                ret = entry_list_push(&job->entries, &effects->entries[i]);
        for (unsigned i = 0; i < effects->messages_durable_count && ret == 0; i++)
                ret = push_message(job, &effects->messages_durable[i]);
        return ret;
}

void disk_queue_reset(struct raft_node *node, raft_index index, raft_term term)
{
        struct disk_job *job = filling(node);

        entry_list_pop(&job->entries, job->entries.count);
        job->has_reset = true;
        job->reset_index = index;
        job->reset_term = term;
        job->trim_to = 0;
}

void disk_queue_trim(struct raft_node *node, raft_index keep_from)
{
        struct disk_job *job = filling(node);

        if (keep_from > job->trim_to)
                job->trim_to = keep_from;
}

void disk_queue_join(struct raft_node *node, uint64_t cluster_id)
{
        filling(node)->cluster_id = cluster_id;
}

void disk_queue_chunk(struct raft_node *node, struct node_chunk *take_chunk)
{
        struct disk_job *job = filling(node);

        take_chunk->next = NULL;
        *job->chunks_end = take_chunk;
        job->chunks_end = &take_chunk->next;
}

static bool needs_disk(const struct disk_job *job)
{
        return job->has_hard_state || job->entries.count > 0 || job->has_reset ||
               job->trim_to > 0 || job->chunks != NULL || job->cluster_id != 0 || job->make_room;
}

// A chunk that cannot be written shows when the snapshot is verified; the log goes on.
static void write_chunks(struct storage *storage, const struct disk_job *job)
{
        char error[STORAGE_ERROR_MAX] = "";

        for (const struct node_chunk *c = job->chunks; c != NULL; c = c->next)
                storage_receive(storage, c->index, c->term, c->offset, c->bytes, c->length, error);
}

// On the disk's thread. Only job and storage are touched; the loop leaves both alone meanwhile.
static void write_job(struct storage *storage, struct disk_job *job)
{
        uint64_t began_us = node_now_us();
        const struct raft_hard_state *hard_state = job->has_hard_state ? &job->hard_state : NULL;
        int ret = 0;

        write_chunks(storage, job);
        if (job->has_reset)
                ret = storage_reset(storage, job->reset_index, job->reset_term);
        if (ret == 0 && (job->has_hard_state || job->entries.count > 0)) {
                ret = storage_append(storage, hard_state, job->entries.items + job->entries.start,
                                     job->entries.count);
                if (ret == 0)
                        ret = storage_sync(storage);
        }
        job->duration_us = node_now_us() - began_us;
        if (ret == 0 && job->trim_to > 0)
                ret = storage_trim(storage, job->trim_to);
        if (ret == 0 && job->cluster_id != 0)
                ret = storage_join(storage, job->cluster_id);
        if (ret == 0 && job->make_room)
                storage_make_room(storage);
        job->wants_room = !job->make_room && storage_wants_room(storage);
        job->bytes_written = storage_bytes_written(storage);
        job->result = ret;
}

static void job_in_thread(void *arg)
{
        struct raft_node *node = arg;

        write_job(node->storage, &node->disk_jobs[1 - node->disk_filling]);
}

static void job_done(struct raft_node *node, struct disk_job *job)
{
        if (job->result != 0) {
                const char *text = storage_error_text(node->storage);

                node_fail(node, "cannot write the Raft log: %s",
                          text[0] != 0 ? text : uv_strerror(job->result));
                clear(job);
                return;
        }
        if (needs_disk(job)) {
                node->metrics.write_jobs++;
                node->metrics.disk_bytes_written = job->bytes_written;
        }
        if (job->has_hard_state || job->entries.count > 0)
                latency_add(&node->metrics.sync, job->duration_us);
        for (size_t i = 0; i < job->message_count; i++)
                node_send(node, &job->messages[i]);
        if (job->batch != 0)
                raft_durable(node->raft, job->batch);
        for (const struct node_chunk *c = job->chunks; c != NULL; c = c->next)
                snapshots_chunk_written(node, c);
        if (job->wants_room && !needs_disk(filling(node)))
                filling(node)->make_room = true;
        clear(job);
        node_wake(node);
}

static void job_back(void *arg)
{
        struct raft_node *node = arg;
        struct disk_job *job = &node->disk_jobs[1 - node->disk_filling];

        node->disk_busy = false;
        node->handing_over = false;
        if (node_job_ended(node))
                disk_close(node);
        else
                job_done(node, job);
}

static void on_thread_closed(void *arg)
{
        node_handle_closed(arg);
}

void disk_close(struct raft_node *node)
{
        struct disk_thread *thread = node->disk_thread;

        if (thread == NULL || node->disk_busy)
                return;
        node->disk_thread = NULL;
        disk_thread_close(thread, on_thread_closed);
}

static int make_thread(struct raft_node *node)
{
        int ret = 0;

        if (node->disk_thread == NULL) {
                ret = disk_thread_create(&node->disk_thread, node->options.loop, job_in_thread,
                                         job_back, node);
                node->handles_open += ret == 0;
        }
        return ret;
}

void disk_start(struct raft_node *node)
{
        struct disk_job *job = filling(node);

        if (node->disk_busy || node->failed || (job->batch == 0 && !needs_disk(job)))
                return;
        if (!needs_disk(job) || !storage_blocks(node->storage)) {
                if (needs_disk(job))
                        write_job(node->storage, job);
                job_done(node, job);
                return;
        }
        if (make_thread(node) != 0) {
                node_fail(node, "cannot write the Raft log: no thread to do it");
                return;
        }
        node->disk_filling = 1 - node->disk_filling;
        disk_thread_submit(node->disk_thread);
        node->disk_busy = true;
        node->disk_began_ms = node_now_ms();
        node->jobs_running++;
}

void disk_watch(struct raft_node *node)
{
        uint64_t now_ms = node_now_ms();
        uint32_t timeout_ms = node->options.election_timeout_ms;
        struct raft_status status;
        raft_server_id to;

        if (!node->disk_busy || now_ms < node->disk_began_ms + timeout_ms)
                return;
        raft_status(node->raft, &status);
        // Alone it is still the only one who could lead.
        if (status.role != RAFT_LEADER ||
            configuration_voter_count(raft_configuration(node->raft)) <= 1)
                return;
        if (node->handing_over) {
                if (now_ms >= node->handing_over_until_ms)
                        raft_step_down(node->raft, now_ms);
                node_wake(node);
                return;
        }
        node->handing_over = true;
        node->handing_over_until_ms = now_ms + timeout_ms;
        to = membership_best_successor(node);
        if (to == RAFT_NO_SERVER) {
                raft_step_down(node->raft, now_ms);
                node_wake(node);
                return;
        }
        node_log(node, RAFT_LOG_WARN,
                 "the disk has not answered for %u ms: handing leadership over", timeout_ms);
        raft_transfer(node->raft, to, now_ms);
        node_wake(node);
}
