#include "tests/control/gossip/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/memory.h"
#include "lictor/random.h"

#define NAME_MAX_BYTES 16
#define PORT           7946

enum event_kind { EVENT_TICK, EVENT_PACKET, EVENT_PUSH_PULL, EVENT_STREAM_PING };

struct event {
        uint64_t at_us;
        uint64_t order; /* ties by the order they were made, so that runs repeat */
        enum event_kind kind;
        uint32_t node, from;
        uint32_t sequence;
        uint32_t length;
        uint8_t *bytes;
};

struct node {
        const struct shared_table *table; /* the first: shared_table.c looks for it here */
        struct sim *sim;
        struct swim *swim;
        uint32_t number;
        bool dead;
        unsigned group;
        uint32_t slow_us;
        uint64_t stalled_until_us;
        uint64_t tick_us; /* of the tick in the heap; others are stale */
        char name[NAME_MAX_BYTES];
};

struct sim {
        struct sim_options options;
        struct node *nodes;
        struct event *heap;
        size_t heap_count, heap_capacity;
        uint64_t now_us, order, random;
        struct sim_totals totals;
        struct byte_buffer scratch;
};

static uint64_t chance(struct sim *sim, uint64_t bound)
{
        return bound == 0 ? 0 : random_next(&sim->random) % bound;
}

static bool is_before(const struct event *a, const struct event *b)
{
        return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void push(struct sim *sim, struct event event)
{
        size_t at = sim->heap_count++;

        if (sim->heap_count > sim->heap_capacity) {
                sim->heap_capacity = sim->heap_capacity ? 2 * sim->heap_capacity : 1024;
                sim->heap = memory_resize(sim->heap, sim->heap_capacity * sizeof(*sim->heap));
        }
        event.order = sim->order++;
        for (; at > 0 && is_before(&event, &sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
                sim->heap[at] = sim->heap[(at - 1) / 2];
        sim->heap[at] = event;
}

static struct event pop(struct sim *sim)
{
        struct event first = sim->heap[0], last = sim->heap[--sim->heap_count];
        size_t at = 0;

        for (;;) {
                size_t child = 2 * at + 1;

                if (child >= sim->heap_count)
                        break;
                if (child + 1 < sim->heap_count &&
                    is_before(&sim->heap[child + 1], &sim->heap[child]))
                        child++;
                if (!is_before(&sim->heap[child], &last))
                        break;
                sim->heap[at] = sim->heap[child];
                at = child;
        }
        if (sim->heap_count > 0)
                sim->heap[at] = last;
        return first;
}

static struct swim_address address_of(uint32_t number)
{
        return (struct swim_address){
            .length = 4,
            .bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
            .port = PORT,
        };
}

static uint32_t number_of(const struct swim_address *a)
{
        return (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 | a->bytes[3];
}

static uint64_t delay_us(struct sim *sim, const struct node *to)
{
        return sim->options.delay_min_us + to->slow_us +
               chance(sim, sim->options.delay_max_us - sim->options.delay_min_us + 1);
}

static bool can_reach(const struct node *from, const struct node *to)
{
        return !from->dead && !to->dead && from->group == to->group;
}

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet,
                    bool checksum)
{
        struct node *from = arg;
        struct sim *sim = from->sim;
        struct node *node = &sim->nodes[number_of(to)];
        struct event event = {.kind = EVENT_PACKET,
                              .node = node->number,
                              .from = from->number,
                              .length = packet.length};

        (void)checksum;
        sim->totals.packets++;
        sim->totals.bytes += packet.length;
        if (!can_reach(from, node) || chance(sim, 1000) < sim->options.loss_permille)
                return;
        event.at_us = sim->now_us + delay_us(sim, node);
        event.bytes = memory_get(packet.length);
        memcpy(event.bytes, packet.bytes, packet.length);
        push(sim, event);
}

static void on_stream(struct node *from, const struct swim_address *to, enum event_kind kind,
                      uint32_t sequence)
{
        struct sim *sim = from->sim;
        struct node *node = &sim->nodes[number_of(to)];

        sim->totals.streams++;
        if (can_reach(from, node))
                push(sim, (struct event){.at_us = sim->now_us + delay_us(sim, node) +
                                                  delay_us(sim, from),
                                         .kind = kind,
                                         .node = node->number,
                                         .from = from->number,
                                         .sequence = sequence});
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        on_stream(arg, with, EVENT_PUSH_PULL, 0);
}

static void on_stream_ping(void *arg, const struct swim_address *to, struct pack_slice ping,
                           uint32_t sequence)
{
        (void)ping;
        on_stream(arg, to, EVENT_STREAM_PING, sequence);
}

static void on_event(void *arg, enum swim_event event, const struct swim_node *about)
{
        const struct node *by = arg;
        struct sim *sim = by->sim;

        if (event != SWIM_FAILED)
                return;
        if (sim->options.failed)
                sim->options.failed(sim->options.failed_arg, by->number, number_of(&about->address),
                                    sim->now_us);
        sim->totals.failed_events++;
        sim->totals.false_failed_events += !sim->nodes[number_of(&about->address)].dead;
}

static void start_node(struct sim *sim, uint32_t number)
{
        struct node *node = &sim->nodes[number];
        struct swim_hooks hooks = {
            .arg = node,
            .send = on_send,
            .push_pull = on_push_pull,
            .stream_ping = sim->options.no_stream_pings ? NULL : on_stream_ping,
            .event = on_event,
        };
        struct swim_options options;

        swim_options_lan(&options);
        if (sim->options.tune)
                sim->options.tune(&options);
        snprintf(node->name, sizeof(node->name), "n%u", number);
        options.name = pack_slice_of(node->name);
        options.address = address_of(number);
        memcpy(options.versions, "\1\5\2\2\5\4", GOSSIP_VERSION_COUNT);
        options.seed = sim->options.seed * 1000003 + number;
        node->table = sim->options.table;
        node->sim = sim;
        node->number = number;
        node->swim = swim_create(&options, &hooks, sim->now_us);
        node->tick_us = UINT64_MAX;
}

static void schedule(struct sim *sim, struct node *node)
{
        uint64_t at_us = swim_deadline_us(node->swim);

        if (at_us < sim->now_us)
                at_us = sim->now_us;
        if (at_us >= node->tick_us || node->dead)
                return;
        node->tick_us = at_us;
        push(sim, (struct event){.at_us = at_us, .kind = EVENT_TICK, .node = node->number});
}

struct sim *sim_create(const struct sim_options *options)
{
        struct sim *sim = memory_get_zeroed(1, sizeof(*sim));

        sim->options = *options;
        sim->random = options->seed;
        sim->nodes = memory_get_zeroed(options->node_count, sizeof(*sim->nodes));
        for (size_t i = 0; i < options->node_count; i++)
                start_node(sim, (uint32_t)i);
        for (size_t i = 0; i < options->node_count; i++)
                schedule(sim, &sim->nodes[i]);
        return sim;
}

void sim_destroy(struct sim *sim)
{
        for (size_t i = 0; i < sim->options.node_count; i++)
                swim_destroy(sim->nodes[i].swim);
        for (size_t i = 0; i < sim->heap_count; i++)
                free(sim->heap[i].bytes);
        free(sim->heap);
        free(sim->nodes);
        byte_buffer_fini(&sim->scratch);
        free(sim);
}

struct delivery {
        struct node *node;
        struct swim_address from;
};

static void deliver(void *arg, uint8_t type, struct pack_slice body)
{
        struct delivery *d = arg;

        swim_receive(d->node->swim, &d->from, type, body, d->node->sim->now_us);
}

static void receive_packet(struct sim *sim, const struct event *event)
{
        struct delivery d = {&sim->nodes[event->node], address_of(event->from)};
        struct byte_buffer scratch = BYTE_BUFFER_INIT;

        (void)gossip_unpack((struct pack_slice){event->bytes, event->length}, &scratch, deliver,
                            &d);
        byte_buffer_fini(&scratch);
}

static void merge(struct sim *sim, struct node *into, const struct byte_buffer *rows,
                  uint32_t count)
{
        struct msgpack_reader r = {rows->bytes, rows->bytes + rows->len};
        struct gossip_node_state row;

        for (uint32_t i = 0; i < count && gossip_get_node_state(&r, &row) == 0; i++)
                swim_state_merge(into->swim, &row, sim->now_us);
}

static void push_pull(struct sim *sim, struct node *a, struct node *b)
{
        struct byte_buffer of_a = BYTE_BUFFER_INIT, of_b = BYTE_BUFFER_INIT;
        uint32_t count_a = swim_state_put(a->swim, &of_a);
        uint32_t count_b = swim_state_put(b->swim, &of_b);

        sim->totals.stream_bytes += of_a.len + of_b.len;
        merge(sim, b, &of_a, count_a);
        merge(sim, a, &of_b, count_b);
        byte_buffer_fini(&of_a);
        byte_buffer_fini(&of_b);
}

static uint64_t latest(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

static bool is_stalled(const struct node *node)
{
        return node->stalled_until_us > node->sim->now_us;
}

static void handle(struct sim *sim, struct event *event)
{
        struct node *node = &sim->nodes[event->node], *from = &sim->nodes[event->from];

        if (event->kind != EVENT_TICK && (is_stalled(node) || is_stalled(from))) {
                struct event later = *event;

                later.at_us = latest(node->stalled_until_us, from->stalled_until_us);
                event->bytes = NULL;
                push(sim, later);
                return;
        }
        sim->totals.events_handled++;
        switch (event->kind) {
        case EVENT_TICK:
                if (event->at_us != node->tick_us)
                        return;
                node->tick_us = UINT64_MAX;
                if (!node->dead)
                        swim_tick(node->swim, sim->now_us);
                break;
        case EVENT_PACKET:
                if (!node->dead)
                        receive_packet(sim, event);
                break;
        case EVENT_PUSH_PULL:
                if (!can_reach(from, node))
                        return;
                push_pull(sim, from, node);
                schedule(sim, from);
                break;
        case EVENT_STREAM_PING:
                if (!can_reach(from, node))
                        return;
                swim_stream_acked(from->swim, event->sequence, sim->now_us);
                schedule(sim, from);
                break;
        }
        schedule(sim, node);
}

void sim_run(struct sim *sim, uint64_t duration_us)
{
        uint64_t end_us = sim->now_us + duration_us;

        while (sim->heap_count > 0 && sim->heap[0].at_us <= end_us) {
                struct event event = pop(sim);

                sim->now_us = event.at_us;
                handle(sim, &event);
                free(event.bytes);
        }
        sim->now_us = end_us;
}

void sim_join(struct sim *sim, size_t node, size_t with)
{
        push_pull(sim, &sim->nodes[node], &sim->nodes[with]);
        schedule(sim, &sim->nodes[node]);
        schedule(sim, &sim->nodes[with]);
}

void sim_kill(struct sim *sim, size_t node)
{
        sim->nodes[node].dead = true;
}

void sim_revive(struct sim *sim, size_t node)
{
        sim->nodes[node].dead = false;
        sim->nodes[node].tick_us = UINT64_MAX;
        schedule(sim, &sim->nodes[node]);
}

void sim_slow(struct sim *sim, size_t node, uint32_t slow_us)
{
        sim->nodes[node].slow_us = slow_us;
}

void sim_stall(struct sim *sim, size_t node, uint64_t duration_us)
{
        sim->nodes[node].stalled_until_us = sim->now_us + duration_us;
}

void sim_set_group(struct sim *sim, size_t node, unsigned group)
{
        sim->nodes[node].group = group;
}

uint64_t sim_now_us(const struct sim *sim)
{
        return sim->now_us;
}

struct swim *sim_node(struct sim *sim, size_t node)
{
        return sim->nodes[node].swim;
}

struct pack_slice sim_name(struct sim *sim, size_t node)
{
        return pack_slice_of(sim->nodes[node].name);
}

static enum gossip_state state_seen(const struct node *by, const struct node *of)
{
        const struct swim_node *found = swim_find(by->swim, pack_slice_of(of->name));

        if (found == NULL || found->state == GOSSIP_STATE_LEFT)
                return GOSSIP_STATE_DEAD;
        return found->state;
}

size_t sim_count_seeing(struct sim *sim, size_t node, enum gossip_state state)
{
        size_t count = 0;

        for (size_t i = 0; i < sim->options.node_count; i++)
                count += i != node && !sim->nodes[i].dead &&
                         state_seen(&sim->nodes[i], &sim->nodes[node]) == state;
        return count;
}

bool sim_has_converged(struct sim *sim)
{
        for (size_t i = 0; i < sim->options.node_count; i++) {
                for (size_t j = 0; j < sim->options.node_count && !sim->nodes[i].dead; j++) {
                        bool seen = state_seen(&sim->nodes[i], &sim->nodes[j]) != GOSSIP_STATE_DEAD;

                        if (seen == sim->nodes[j].dead)
                                return false;
                }
        }
        return true;
}

struct sim_totals sim_totals(const struct sim *sim)
{
        return sim->totals;
}
