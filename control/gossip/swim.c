#include "control/gossip/swim_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/memory.h"
#include "lictor/random.h"

#define PACKET_BYTES         1400u
#define PUSH_PULL_SCALE_FROM 32.0
#define MEMBERS_MAX          65536u

uint64_t swim_random_below(struct swim *s, uint64_t bound)
{
        return bound == 0 ? 0 : random_next(&s->random) % bound;
}

void swim_options_lan(struct swim_options *o)
{
        *o = (struct swim_options){
            .probe_interval_ms = 1000,
            .probe_timeout_ms = 500,
            .gossip_interval_ms = 200,
            .push_pull_interval_ms = 30000,
            .gossip_to_dead_ms = 30000,
            .gossip_nodes = 3,
            .indirect_checks = 3,
            .suspicion_mult = 4,
            .suspicion_max_mult = 6,
            .retransmit_mult = 4,
            .awareness_max = 8,
            .packet_bytes = PACKET_BYTES,
            .members_max = MEMBERS_MAX,
            .buddy = true,
        };
}

void swim_options_wan(struct swim_options *o)
{
        swim_options_lan(o);
        o->probe_interval_ms = 5000;
        o->probe_timeout_ms = 3000;
        o->gossip_interval_ms = 500;
        o->gossip_nodes = 4;
        o->push_pull_interval_ms = 60000;
        o->gossip_to_dead_ms = 60000;
        o->suspicion_mult = 6;
}

static bool can_be(const struct swim_options *o)
{
        return o->name.length > 0 && o->name.length <= GOSSIP_NAME_MAX &&
               (o->address.length == 4 || o->address.length == 16) &&
               o->meta.length <= GOSSIP_META_MAX && o->probe_interval_ms > 0 &&
               o->gossip_interval_ms > 0 && o->awareness_max > 0 && o->members_max > 0 &&
               o->packet_bytes >= 256;
}

struct swim *swim_create(const struct swim_options *options, const struct swim_hooks *hooks,
                         uint64_t now_us)
{
        struct swim *s;

        if (!can_be(options))
                return NULL;
        s = memory_get_zeroed(1, sizeof(*s));
        s->options = *options;
        s->hooks = *hooks;
        s->random = options->seed;
        s->hash_seed = random_next(&s->random);
        s->broadcasts.seed = random_next(&s->random);
        // Answers to an earlier life of this node, and guesses, should not fit.
        s->sequence = (uint32_t)random_next(&s->random);
        swim_introduce_self(s, now_us);
        // Nodes started together spread their rounds over the interval.
        s->next_probe_us =
            now_us + swim_random_below(s, options->probe_interval_ms * USEC_PER_MSEC);
        s->next_gossip_us =
            now_us + swim_random_below(s, options->gossip_interval_ms * USEC_PER_MSEC);
        s->next_push_pull_us =
            options->push_pull_interval_ms == 0
                ? UINT64_MAX
                : now_us + swim_random_below(s, options->push_pull_interval_ms * USEC_PER_MSEC);
        s->options.name = s->self->node.name;
        s->options.meta = (struct pack_slice){0};
        return s;
}

void swim_destroy(struct swim *s)
{
        if (s == NULL)
                return;
        swim_members_fini(s);
        broadcast_queue_fini(&s->broadcasts);
        byte_buffer_fini(&s->scratch);
        byte_buffer_fini(&s->packet);
        byte_buffer_fini(&s->piggyback);
        free(s);
}

static bool is_alive_other(const struct swim *s, const struct member *m, uint64_t now_us)
{
        (void)now_us;
        return m != s->self && m->node.state == GOSSIP_STATE_ALIVE;
}

uint64_t swim_push_pull_interval_us(const struct swim *s)
{
        double nodes = (double)s->alive_count;
        uint64_t base_us = s->options.push_pull_interval_ms * USEC_PER_MSEC;

        if (nodes <= PUSH_PULL_SCALE_FROM)
                return base_us;
        return base_us * (uint64_t)(ceil(log2(nodes) - log2(PUSH_PULL_SCALE_FROM)) + 1);
}

static void push_pull(struct swim *s, uint64_t now_us)
{
        struct member *with;

        s->next_push_pull_us = now_us + swim_push_pull_interval_us(s);
        if (swim_members_pick(s, is_alive_other, now_us, &with, 1) == 1)
                s->hooks.push_pull(s->hooks.arg, &with->node.address);
}

void swim_tick(struct swim *s, uint64_t now_us)
{
        swim_suspicion_tick(s, now_us);
        if (!s->leaving) {
                swim_probe_tick(s, now_us);
                if (now_us >= s->next_push_pull_us)
                        push_pull(s, now_us);
        }
        if (now_us >= s->next_gossip_us) {
                s->next_gossip_us = now_us + s->options.gossip_interval_ms * USEC_PER_MSEC;
                swim_gossip(s, now_us);
        }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

uint64_t swim_deadline_us(const struct swim *s)
{
        uint64_t deadline_us = earlier(s->next_gossip_us, swim_suspicion_deadline_us(s));

        if (!s->leaving)
                deadline_us =
                    earlier(deadline_us, earlier(s->next_push_pull_us, swim_probe_deadline_us(s)));
        return deadline_us;
}

static void receive_state(struct swim *s, uint8_t type, struct pack_slice body, uint64_t now_us)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct gossip_accusation accusation;
        struct gossip_alive alive;

        if (type == GOSSIP_ALIVE) {
                if (gossip_get_alive(&r, &alive) == 0)
                        swim_alive(s, &alive, now_us);
        } else if (gossip_get_accusation(&r, &accusation) == 0 &&
                   swim_can_be_denied(accusation.incarnation)) {
                if (type == GOSSIP_SUSPECT)
                        swim_suspect(s, &accusation, now_us);
                else
                        swim_dead(s, &accusation, now_us);
        }
}

void swim_receive(struct swim *s, const struct swim_address *from, uint8_t type,
                  struct pack_slice body, uint64_t now_us)
{
        switch (type) {
        case GOSSIP_PING:
                swim_handle_ping(s, from, body);
                break;
        case GOSSIP_INDIRECT_PING:
                swim_handle_indirect_ping(s, from, body, now_us);
                break;
        case GOSSIP_ACK:
                swim_handle_ack(s, body, now_us);
                break;
        case GOSSIP_NACK:
                swim_handle_nack(s, body);
                break;
        case GOSSIP_SUSPECT:
        case GOSSIP_ALIVE:
        case GOSSIP_DEAD:
                receive_state(s, type, body, now_us);
                break;
        case GOSSIP_USER:
                if (s->hooks.user_message)
                        s->hooks.user_message(s->hooks.arg, body);
                break;
        default:
                break;
        }
}

const struct swim_node *swim_find(const struct swim *s, struct pack_slice name)
{
        const struct member *m = swim_member_find(s, name);

        return m ? &m->node : NULL;
}

const struct swim_node *swim_self(const struct swim *s)
{
        return &s->self->node;
}

size_t swim_count(const struct swim *s)
{
        return s->member_count;
}

size_t swim_alive_count(const struct swim *s)
{
        return s->alive_count;
}

uint64_t swim_refused_count(const struct swim *s)
{
        return s->refused_count;
}
