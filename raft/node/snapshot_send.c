#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/snapshot_internal.h"

static void sender_free(struct node_sender *sender)
{
        storage_sender_close(sender->sender);
        free(sender);
}

static struct node_sender **find(struct raft_node *node, raft_server_id to)
{
        struct node_sender **unused = NULL;

        for (unsigned i = 0; i < RAFT_SERVER_MAX; i++) {
                struct node_sender **at = &node->snapshots->senders[i];

                if (*at != NULL && (*at)->request.to == to)
                        return at;
                if (*at == NULL && unused == NULL)
                        unused = at;
        }
        return unused;
}

static void read_in_pool(uv_work_t *work)
{
        struct node_sender *s = work->data;
        char error[STORAGE_ERROR_MAX] = "";
        int ret = 0;

        if (s->sender != NULL &&
            (s->index != s->request.log_index || s->term != s->request.log_term)) {
                storage_sender_close(s->sender);
                s->sender = NULL;
        }
        if (s->sender == NULL) {
                s->index = s->request.log_index;
                s->term = s->request.log_term;
                ret = storage_sender_open(s->node->storage, s->index, s->term, &s->sender, error);
        }
        s->result = ret;
        if (ret == 0)
                s->result = storage_sender_read(s->sender, s->request.offset, s->buffer,
                                                sizeof(s->buffer), &s->total);
}

// An offset past the end is of a file of the same name that another leader had sent: ending it
// there lets the follower find out and begin again.
static void send_chunk(struct raft_node *node, struct node_sender *s)
{
        struct raft_message chunk = s->request;

        chunk.bytes = s->buffer;
        chunk.length = (uint32_t)s->result;
        chunk.last = chunk.offset + chunk.length >= s->total;
        chunk.configuration = NULL; // the file names it
        raft_transport_send(node->transport, &chunk);
        raft_transport_flush(node->transport);
}

static void read_back(uv_work_t *work, int status)
{
        struct node_sender *s = work->data;
        struct raft_node *node = s->node;
        struct raft_status now;

        (void)status;
        s->running = false;
        s->used_ms = node_now_ms();
        if (s->ended) {
                *find(node, s->request.to) = NULL;
                sender_free(s);
                node_job_ended(node);
                return;
        }
        if (node_job_ended(node) || node->failed)
                return;
        raft_status(node->raft, &now);
        if (now.role != RAFT_LEADER || now.hard_state.term != s->request.term)
                return;
        if (s->result >= 0) {
                send_chunk(node, s);
                return;
        }
        storage_sender_close(s->sender);
        s->sender = NULL;
        raft_snapshot_unavailable(node->raft, s->request.to);
        node_wake(node);
}

void snapshots_send(struct raft_node *node, const struct raft_message *request)
{
        struct node_sender **at = find(node, request->to), *s;

        if (at == NULL || (*at != NULL && (*at)->running))
                return; // the core asks again after a while
        if (*at == NULL)
                *at = calloc(1, sizeof(**at));
        s = *at;
        if (s == NULL)
                return;
        s->node = node;
        s->request = *request;
        s->request.configuration = NULL;
        s->work.data = s;
        s->used_ms = node_now_ms();
        if (uv_queue_work(node->options.loop, &s->work, read_in_pool, read_back) != 0)
                return;
        s->running = true;
        node->jobs_running++;
}

void senders_close(struct raft_node *node, bool all)
{
        for (unsigned i = 0; i < RAFT_SERVER_MAX; i++) {
                struct node_sender *s = node->snapshots->senders[i];

                if (s == NULL || (!all && node_now_ms() < s->used_ms + SENDER_IDLE_MS))
                        continue;
                if (s->running) {
                        s->ended = true;
                        continue;
                }
                sender_free(s);
                node->snapshots->senders[i] = NULL;
        }
}

void snapshots_end_transfers(struct raft_node *node)
{
        senders_close(node, true);
}
