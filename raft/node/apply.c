#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/node_internal.h"

static struct proposal *proposal_at(struct proposal_queue *queue, size_t i)
{
        return &queue->items[(queue->start + i) & (queue->capacity - 1)];
}

static int proposal_reserve(struct proposal_queue *queue)
{
        size_t capacity = queue->capacity ? queue->capacity * 2 : 256;
        struct proposal *items;

        if (queue->count < queue->capacity)
                return 0;
        items = malloc(capacity * sizeof(*items));
        if (items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < queue->count; i++)
                items[i] = *proposal_at(queue, i);
        free(queue->items);
        queue->items = items;
        queue->start = 0;
        queue->capacity = capacity;
        return 0;
}

static struct proposal proposal_pop(struct proposal_queue *queue)
{
        struct proposal first = *proposal_at(queue, 0);

        queue->start = (queue->start + 1) & (queue->capacity - 1);
        queue->count--;
        return first;
}

static void abandon(struct raft_node *node, void *cookie)
{
        if (node->options.events.abandoned != NULL)
                node->options.events.abandoned(node->options.events.arg, cookie);
}

int raft_node_propose(struct raft_node *node, const void *bytes, size_t length, void *proposal,
                      raft_index *index, raft_term *term)
{
        struct raft_buffer *data;
        struct raft_status status;
        struct proposal p = {.cookie = proposal, .began_us = node_now_us()};
        int ret;

        if (node->failed || node->closing)
                return -EIO;
        if (length > RAFT_PROPOSAL_MAX)
                return -EMSGSIZE;
        ret = proposal_reserve(&node->proposals);
        if (ret != 0)
                return ret;
        data = raft_buffer_create(bytes, length);
        if (data == NULL)
                return -ENOMEM;
        ret = raft_propose(node->raft, data, &p.index);
        if (ret != 0) {
                raft_buffer_unref(data);
                return ret;
        }
        raft_status(node->raft, &status);
        p.term = status.hard_state.term;
        node->proposals.count++;
        *proposal_at(&node->proposals, node->proposals.count - 1) = p;
        node->metrics.proposals++;
        node->metrics.proposal_bytes += length;
        if (index != NULL)
                *index = p.index;
        if (term != NULL)
                *term = p.term;
        node_wake(node);
        return 0;
}

int apply_queue(struct raft_node *node, const struct raft_effects *effects)
{
        int ret = 0;

        for (unsigned i = 0; i < effects->committed_count && ret == 0; i++)
                ret = entry_list_push(&node->to_apply, &effects->committed[i]);
        return ret;
}

// Take out the proposal that became the entry at index of term. Those before it, and one of another
// term, have lost their place, whatever kind of entry has it.
static struct proposal settle_proposals(struct raft_node *node, raft_index index, raft_term term)
{
        struct proposal found = {0};

        while (node->proposals.count > 0 && proposal_at(&node->proposals, 0)->index <= index) {
                struct proposal p = proposal_pop(&node->proposals);

                if (p.index == index && p.term == term)
                        found = p;
                else
                        abandon(node, p.cookie);
        }
        return found;
}

static void apply_command(struct raft_node *node, const struct raft_entry *entry,
                          const struct proposal *proposal)
{
        struct raft_node_entry e = {.index = entry->index,
                                    .term = entry->term,
                                    .bytes = entry->data->bytes,
                                    .length = entry->data->length,
                                    .proposal = proposal->cookie};

        node->options.machine.apply(node->options.machine.arg, &e);
        if (proposal->index != 0)
                latency_add(&node->metrics.commit, node_now_us() - proposal->began_us);
}

static bool may_apply(const struct raft_node *node, const struct raft_entry *entry)
{
        const struct raft_state_machine *machine = &node->options.machine;
        struct raft_node_entry e;

        if (machine->ready == NULL || entry->type != RAFT_ENTRY_COMMAND || entry->data == NULL)
                return true;
        e = (struct raft_node_entry){.index = entry->index,
                                     .term = entry->term,
                                     .bytes = entry->data->bytes,
                                     .length = entry->data->length};
        return machine->ready(machine->arg, &e);
}

// A leader's first entry: what earlier leaders committed has been applied before it.
static void apply_noop(struct raft_node *node, const struct raft_entry *entry)
{
        struct raft_status status;

        raft_status(node->raft, &status);
        if (status.role != RAFT_LEADER || status.hard_state.term != entry->term || node->leading)
                return;
        node->leading = true;
        node->leading_term = entry->term;
        if (node->options.events.leadership != NULL)
                node->options.events.leadership(node->options.events.arg, true, entry->term);
}

static void answer_reads(struct raft_node *node)
{
        uint64_t first = node->read_oldest;

        for (uint64_t ticket = first; ticket <= node->read_ticket; ticket++) {
                struct waiting_read *slot = &node->reads[ticket % NODE_READ_SLOTS];
                struct waiting_read read = *slot;

                if (read.ticket == ticket && (read.index == 0 || read.index > node->applied))
                        continue;
                if (ticket == node->read_oldest)
                        node->read_oldest++;
                if (read.ticket != ticket)
                        continue;
                slot->ticket = 0;
                read.done(read.arg, 0);
        }
}

bool apply_run(struct raft_node *node)
{
        struct entry_list *list = &node->to_apply;
        size_t n = 0, count = list->count;
        uint64_t began_us = count > 0 ? node_now_us() : 0;
        bool held = false;

        for (; n < count; n++) {
                struct raft_entry entry = list->items[list->start];
                struct proposal proposal;

                // Transactions are as large as a hundred other entries.
                if (n % NODE_APPLY_STEP == NODE_APPLY_STEP - 1 &&
                    node_now_us() >= began_us + NODE_APPLY_US)
                        break;
                held = !may_apply(node, &entry);
                if (held)
                        break;
                raft_buffer_ref(entry.data);
                entry_list_pop(list, 1);
                node->applied = entry.index;
                node->applied_term = entry.term;
                proposal = settle_proposals(node, entry.index, entry.term);
                if (entry.type == RAFT_ENTRY_COMMAND && entry.data != NULL)
                        apply_command(node, &entry, &proposal);
                else if (entry.type == RAFT_ENTRY_NOOP)
                        apply_noop(node, &entry);
                else
                        membership_applied(node, &entry);
                raft_buffer_unref(entry.data);
        }
        if (n > 0) {
                latency_add(&node->metrics.apply, node_now_us() - began_us);
                raft_applied(node->raft, node->applied);
        }
        if (node->read_oldest <= node->read_ticket)
                answer_reads(node);
        return list->count > 0 && !held;
}

void raft_node_resume(struct raft_node *node)
{
        if (node->failed || node->closing)
                return;
        snapshots_resume(node);
        node_wake(node);
}

void apply_restored(struct raft_node *node, raft_index index, raft_term term)
{
        while (node->to_apply.count > 0 &&
               node->to_apply.items[node->to_apply.start].index <= index)
                entry_list_pop(&node->to_apply, 1);
        node->applied = index;
        node->applied_term = term;
        // What became of these is in the state, but no longer which of them it was.
        settle_proposals(node, index, 0);
}

int raft_node_read_index(struct raft_node *node, bool lease, raft_node_done_fn done, void *arg)
{
        struct waiting_read *slot = &node->reads[(node->read_ticket + 1) % NODE_READ_SLOTS];
        int ret;

        if (node->failed || node->closing)
                return -EPERM;
        if (slot->ticket != 0)
                return -ENOSPC;
        ret = raft_read_index(node->raft, node->read_ticket + 1, lease, node_now_ms());
        if (ret != 0)
                return ret;
        node->read_ticket++;
        *slot = (struct waiting_read){.ticket = node->read_ticket, .done = done, .arg = arg};
        node_wake(node);
        return 0;
}

int apply_take_reads(struct raft_node *node, const struct raft_effects *effects)
{
        size_t lost_count = 0;
        struct waiting_read *lost = NULL;

        // Callbacks may give the core new inputs, which end the effects: note all of them first.
        for (unsigned i = 0; i < effects->read_count; i++) {
                const struct raft_read *read = &effects->reads[i];
                struct waiting_read *slot = &node->reads[read->ticket % NODE_READ_SLOTS];

                if (slot->ticket != read->ticket)
                        continue;
                if (read->index != 0) {
                        slot->index = read->index;
                        continue;
                }
                if (lost == NULL)
                        lost = malloc(effects->read_count * sizeof(*lost));
                if (lost == NULL)
                        return -ENOMEM;
                lost[lost_count++] = *slot;
                slot->ticket = 0;
        }
        for (size_t i = 0; i < lost_count; i++)
                lost[i].done(lost[i].arg, -EAGAIN);
        free(lost);
        return 0;
}

void apply_abandon(struct raft_node *node, raft_index behind)
{
        struct proposal_queue *queue = &node->proposals;
        size_t kept = 0, count = queue->count;

        while (kept < count && proposal_at(queue, kept)->index <= behind)
                kept++;
        // The callbacks may not propose: this server does not lead.
        for (size_t i = kept; i < count; i++)
                abandon(node, proposal_at(queue, i)->cookie);
        queue->count = kept;
}

void apply_fini(struct raft_node *node)
{
        entry_list_fini(&node->to_apply);
        apply_abandon(node, 0);
        free(node->proposals.items);
        for (uint64_t t = node->read_oldest; t <= node->read_ticket; t++) {
                struct waiting_read read = node->reads[t % NODE_READ_SLOTS];

                if (read.ticket != t)
                        continue;
                node->reads[t % NODE_READ_SLOTS].ticket = 0;
                read.done(read.arg, -ECANCELED);
        }
        free(node->reads);
}
