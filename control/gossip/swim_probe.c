#include "control/gossip/swim_internal.h"

#include <string.h>

#define INDIRECT_MAX       16u
#define INDIRECT_NACK_FROM 4u /* protocol version whose relays answer with a nack */

void swim_awareness_add(struct swim *s, int delta)
{
        int score = (int)s->awareness + delta, most = (int)s->options.awareness_max - 1;

        s->awareness = (unsigned)(score < 0 ? 0 : score > most ? most : score);
}

unsigned swim_awareness(const struct swim *s)
{
        return s->awareness;
}

static struct gossip_ping ping_of(struct swim *s, const struct member *to, uint32_t sequence)
{
        return (struct gossip_ping){
            .sequence = sequence,
            .node = to->node.name,
            .source_address = slice_of_address(&s->self->node.address),
            .source_port = s->self->node.address.port,
            .source_node = s->self->node.name,
        };
}

/* A suspect is told so with the ping, and can deny it at once (Lifeguard's buddy system). */
static void send_ping(struct swim *s, const struct member *to)
{
        struct gossip_ping ping = ping_of(s, to, s->probe.sequence);
        struct byte_buffer suspicion = BYTE_BUFFER_INIT;

        s->scratch.len = 0;
        gossip_put_ping(&s->scratch, &ping);
        if (to->node.state == GOSSIP_STATE_ALIVE || !s->options.buddy) {
                swim_send(s, &to->node.address, swim_takes_checksum(to), &s->scratch);
                return;
        }
        gossip_put_accusation(&suspicion, GOSSIP_SUSPECT,
                              &(struct gossip_accusation){.incarnation = to->node.incarnation,
                                                          .node = to->node.name,
                                                          .from = s->self->node.name});
        swim_send_pair(s, to, &s->scratch, &suspicion);
        byte_buffer_fini(&suspicion);
}

static bool is_probed(const struct swim *s, const struct member *m)
{
        return m != s->self &&
               (m->node.state == GOSSIP_STATE_ALIVE || m->node.state == GOSSIP_STATE_SUSPECT);
}

/* Round robin over a list that is shuffled after each turn (SWIM paper, 4.3). */
static struct member *next_target(struct swim *s, uint64_t now_us)
{
        for (size_t checked = 0; checked <= s->member_count; checked++) {
                if (s->probe_at >= s->member_count) {
                        swim_members_reset(s, now_us);
                        s->probe_at = 0;
                }
                if (is_probed(s, s->members[s->probe_at]))
                        return s->members[s->probe_at++];
                s->probe_at++;
        }
        return NULL;
}

static void start_probe(struct swim *s, uint64_t now_us)
{
        const struct swim_options *o = &s->options;
        struct member *target = next_target(s, now_us);

        s->next_probe_us = now_us + o->probe_interval_ms * USEC_PER_MSEC;
        if (target == NULL)
                return;
        s->probe = (struct probe){
            .target = target,
            .sequence = ++s->sequence,
            .incarnation = target->node.incarnation,
            .sent_us = now_us,
            .indirect_us = now_us + o->probe_timeout_ms * USEC_PER_MSEC,
            .end_us = now_us + o->probe_interval_ms * USEC_PER_MSEC * (1 + s->awareness),
        };
        send_ping(s, target);
}

static bool can_relay(const struct swim *s, const struct member *m, uint64_t now_us)
{
        (void)now_us;
        return m != s->self && m != s->probe.target && m->node.state == GOSSIP_STATE_ALIVE;
}

static void ask_others(struct swim *s, uint64_t now_us)
{
        struct probe *p = &s->probe;
        const struct swim_node *target = &p->target->node;
        struct member *relays[INDIRECT_MAX];
        unsigned wanted =
            s->options.indirect_checks < INDIRECT_MAX ? s->options.indirect_checks : INDIRECT_MAX;
        unsigned found = swim_members_pick(s, can_relay, now_us, relays, wanted);
        struct gossip_ping ping = ping_of(s, p->target, p->sequence);

        for (unsigned i = 0; i < found; i++) {
                s->scratch.len = 0;
                gossip_put_indirect_ping(
                    &s->scratch, &(struct gossip_indirect_ping){
                                     .sequence = p->sequence,
                                     .target = slice_of_address(&target->address),
                                     .port = target->address.port,
                                     .node = target->name,
                                     .nack = relays[i]->node.versions[1] >= INDIRECT_NACK_FROM,
                                     .source_address = ping.source_address,
                                     .source_port = ping.source_port,
                                     .source_node = ping.source_node,
                                 });
                p->nacks_expected += relays[i]->node.versions[1] >= INDIRECT_NACK_FROM;
                swim_send(s, &relays[i]->node.address, swim_takes_checksum(relays[i]), &s->scratch);
        }
        if (s->hooks.stream_ping) {
                s->scratch.len = 0;
                gossip_put_ping(&s->scratch, &ping);
                s->hooks.stream_ping(s->hooks.arg, &target->address, slice_of_buffer(&s->scratch),
                                     p->sequence);
        }
        p->indirect_us = UINT64_MAX;
}

static void fail_probe(struct swim *s, uint64_t now_us)
{
        struct probe p = s->probe;

        s->probe.target = NULL;
        // Missing nacks mean that our own network is at fault as likely as the target's.
        if (p.nacks_expected == 0)
                swim_awareness_add(s, 1);
        else if (p.nacks < p.nacks_expected)
                swim_awareness_add(s, (int)(p.nacks_expected - p.nacks));
        // One who has denied a suspicion meanwhile was heard of later than this probe began.
        swim_suspect(s,
                     &(struct gossip_accusation){.incarnation = p.incarnation,
                                                 .node = p.target->node.name,
                                                 .from = s->self->node.name},
                     now_us);
}

static void expire_relays(struct swim *s, uint64_t now_us)
{
        for (unsigned i = 0; i < s->relay_count;) {
                struct relay relay = s->relays[i];

                if (relay.deadline_us > now_us) {
                        i++;
                        continue;
                }
                s->relays[i] = s->relays[--s->relay_count];
                if (!relay.nack)
                        continue;
                s->scratch.len = 0;
                gossip_put_nack(&s->scratch, &(struct gossip_nack){relay.source_sequence});
                swim_send(s, &relay.source, false, &s->scratch);
        }
}

void swim_probe_tick(struct swim *s, uint64_t now_us)
{
        struct probe *p = &s->probe;

        expire_relays(s, now_us);
        if (p->target && !is_probed(s, p->target))
                p->target = NULL;
        if (p->target && now_us >= p->indirect_us)
                ask_others(s, now_us);
        if (p->target && now_us >= p->end_us)
                fail_probe(s, now_us);
        if (p->target == NULL && now_us >= s->next_probe_us)
                start_probe(s, now_us);
}

uint64_t swim_probe_deadline_us(const struct swim *s)
{
        const struct probe *p = &s->probe;
        uint64_t deadline_us = s->next_probe_us;

        if (p->target)
                deadline_us = p->indirect_us < p->end_us ? p->indirect_us : p->end_us;
        for (unsigned i = 0; i < s->relay_count; i++)
                if (s->relays[i].deadline_us < deadline_us)
                        deadline_us = s->relays[i].deadline_us;
        return deadline_us;
}

void swim_handle_ping(struct swim *s, const struct swim_address *from, struct pack_slice body)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct byte_buffer payload = BYTE_BUFFER_INIT;
        struct swim_address to = *from;
        struct gossip_ping ping;

        // A ping for somebody else that lives here no more must not be answered in its place.
        if (gossip_get_ping(&r, &ping) < 0 ||
            (ping.node.length > 0 && !pack_slice_equal(ping.node, s->self->node.name)))
                return;
        (void)swim_address_make(ping.source_address, ping.source_port, &to);
        if (s->hooks.ack_payload)
                s->hooks.ack_payload(s->hooks.arg, &payload);
        s->scratch.len = 0;
        gossip_put_ack(&s->scratch, &(struct gossip_ack){ping.sequence, slice_of_buffer(&payload)});
        swim_send(s, &to, false, &s->scratch);
        byte_buffer_fini(&payload);
}

void swim_handle_indirect_ping(struct swim *s, const struct swim_address *from,
                               struct pack_slice body, uint64_t now_us)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct gossip_indirect_ping asked;
        struct swim_address target;
        struct relay relay;

        if (gossip_get_indirect_ping(&r, &asked) < 0 ||
            !swim_address_make(asked.target, asked.port, &target) || s->relay_count == RELAY_MAX)
                return;
        relay = (struct relay){
            .sequence = ++s->sequence,
            .source_sequence = asked.sequence,
            .source = *from,
            .deadline_us = now_us + s->options.probe_timeout_ms * USEC_PER_MSEC,
            .nack = asked.nack,
        };
        (void)swim_address_make(asked.source_address, asked.source_port, &relay.source);
        s->relays[s->relay_count++] = relay;
        s->scratch.len = 0;
        gossip_put_ping(&s->scratch, &(struct gossip_ping){
                                         .sequence = relay.sequence,
                                         .node = asked.node,
                                         .source_address = slice_of_address(&s->self->node.address),
                                         .source_port = s->self->node.address.port,
                                         .source_node = s->self->node.name,
                                     });
        swim_send(s, &target, false, &s->scratch);
}

static void relay_ack(struct swim *s, unsigned at)
{
        struct relay relay = s->relays[at];

        s->relays[at] = s->relays[--s->relay_count];
        s->scratch.len = 0;
        gossip_put_ack(&s->scratch, &(struct gossip_ack){.sequence = relay.source_sequence});
        swim_send(s, &relay.source, false, &s->scratch);
}

static bool answers_probe(const struct swim *s, uint32_t sequence)
{
        return s->probe.target != NULL && s->probe.sequence == sequence;
}

void swim_handle_ack(struct swim *s, struct pack_slice body, uint64_t now_us)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct probe p = s->probe;
        struct gossip_ack ack;

        if (gossip_get_ack(&r, &ack) < 0)
                return;
        if (answers_probe(s, ack.sequence)) {
                s->probe.target = NULL;
                swim_awareness_add(s, -1);
                // An answer that took a detour says nothing about the distance.
                if (s->hooks.ping_done && p.indirect_us != UINT64_MAX)
                        s->hooks.ping_done(s->hooks.arg, &p.target->node, now_us - p.sent_us,
                                           ack.payload);
                return;
        }
        for (unsigned i = 0; i < s->relay_count; i++) {
                if (s->relays[i].sequence != ack.sequence)
                        continue;
                relay_ack(s, i);
                return;
        }
}

void swim_stream_acked(struct swim *s, uint32_t sequence, uint64_t now_us)
{
        (void)now_us;
        if (!answers_probe(s, sequence))
                return;
        s->probe.target = NULL;
        swim_awareness_add(s, -1);
}

void swim_handle_nack(struct swim *s, struct pack_slice body)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct gossip_nack nack;

        if (gossip_get_nack(&r, &nack) == 0 && answers_probe(s, nack.sequence))
                s->probe.nacks++;
}
