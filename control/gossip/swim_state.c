#include "control/gossip/swim_internal.h"

#include <string.h>

static void tell(struct swim *s, enum swim_event event, const struct member *m)
{
        if (s->hooks.event)
                s->hooks.event(s->hooks.arg, event, &m->node);
}

static struct gossip_alive alive_of(const struct member *m)
{
        return (struct gossip_alive){
            .incarnation = m->node.incarnation,
            .node = m->node.name,
            .address = slice_of_address(&m->node.address),
            .port = m->node.address.port,
            .meta = m->node.meta,
            .versions = {m->node.versions, GOSSIP_VERSION_COUNT},
        };
}

static void broadcast_alive(struct swim *s, const struct member *m)
{
        struct gossip_alive alive = alive_of(m);

        s->scratch.len = 0;
        gossip_put_alive(&s->scratch, &alive);
        swim_broadcast(s, m->node.name, &s->scratch);
}

static void broadcast_accusation(struct swim *s, enum gossip_type type,
                                 const struct gossip_accusation *a)
{
        s->scratch.len = 0;
        gossip_put_accusation(&s->scratch, type, a);
        swim_broadcast(s, a->node, &s->scratch);
}

bool swim_can_be_denied(uint32_t accused_incarnation)
{
        return accused_incarnation < UINT32_MAX;
}

static void raise_incarnation(struct swim *s, uint32_t above)
{
        uint32_t most = above > s->incarnation ? above : s->incarnation;

        s->incarnation = most < UINT32_MAX ? most + 1 : UINT32_MAX;
        s->self->node.incarnation = s->incarnation;
}

/* Outbids whatever incarnation we were accused in. */
static void refute(struct swim *s, uint32_t accused_incarnation)
{
        raise_incarnation(s, accused_incarnation);
        swim_awareness_add(s, 1);
        broadcast_alive(s, s->self);
}

static bool has_wrong_versions(struct pack_slice versions)
{
        if (versions.length == 0)
                return false;
        return versions.length < GOSSIP_VERSION_COUNT || versions.bytes[0] == 0 ||
               versions.bytes[0] > versions.bytes[1];
}

static bool has_wrong_shape(const struct gossip_alive *a)
{
        return a->node.length == 0 || a->node.length > GOSSIP_NAME_MAX ||
               a->meta.length > GOSSIP_META_MAX || has_wrong_versions(a->versions);
}

bool swim_address_make(struct pack_slice bytes, uint16_t port, struct swim_address *out)
{
        if ((bytes.length != 4 && bytes.length != 16) || port == 0)
                return false;
        *out = (struct swim_address){.length = (uint8_t)bytes.length, .port = port};
        memcpy(out->bytes, bytes.bytes, bytes.length);
        return true;
}

static bool same_address(const struct swim_address *a, const struct swim_address *b)
{
        return a->length == b->length && a->port == b->port &&
               memcmp(a->bytes, b->bytes, a->length) == 0;
}

static bool may_be_reclaimed(const struct swim *s, const struct member *m, uint64_t now_us)
{
        uint64_t reclaim_us = s->options.dead_reclaim_ms * USEC_PER_MSEC;

        return m->node.state == GOSSIP_STATE_LEFT ||
               (m->node.state == GOSSIP_STATE_DEAD && reclaim_us > 0 &&
                now_us - m->node.state_since_us > reclaim_us);
}

/* Takes over what an alive message says. */
static void accept_alive(struct swim *s, struct member *m, const struct gossip_alive *a,
                         uint64_t now_us)
{
        enum gossip_state before = m->node.state;
        bool meta_changed = !pack_slice_equal(m->node.meta, a->meta);

        m->node.incarnation = a->incarnation;
        (void)swim_address_make(a->address, a->port, &m->node.address);
        swim_member_set_meta(m, a->meta);
        if (a->versions.length >= GOSSIP_VERSION_COUNT)
                memcpy(m->node.versions, a->versions.bytes, GOSSIP_VERSION_COUNT);
        if (before != GOSSIP_STATE_ALIVE)
                swim_member_set_state(s, m, GOSSIP_STATE_ALIVE, now_us);
        broadcast_alive(s, m);
        if (before == GOSSIP_STATE_DEAD || before == GOSSIP_STATE_LEFT)
                tell(s, SWIM_JOINED, m);
        else if (meta_changed)
                tell(s, SWIM_UPDATED, m);
}

/* What others say of ourselves: either what we said, or it has to be outbid. */
static void alive_self(struct swim *s, const struct gossip_alive *a)
{
        if (a->incarnation < s->self->node.incarnation ||
            (a->incarnation == s->self->node.incarnation &&
             pack_slice_equal(a->meta, s->self->node.meta) &&
             (a->versions.length == 0 ||
              memcmp(a->versions.bytes, s->self->node.versions, GOSSIP_VERSION_COUNT) == 0)))
                return;
        refute(s, a->incarnation);
}

void swim_alive(struct swim *s, const struct gossip_alive *a, uint64_t now_us)
{
        struct member *m = swim_member_find(s, a->node);
        struct swim_address address;
        bool moved;

        if (has_wrong_shape(a) || !swim_address_make(a->address, a->port, &address) ||
            (s->leaving && m == s->self) || (s->hooks.admits && !s->hooks.admits(s->hooks.arg, a)))
                return;
        moved = m != NULL && !same_address(&m->node.address, &address);
        if (moved && (m == s->self || !may_be_reclaimed(s, m, now_us))) {
                if (s->hooks.conflict)
                        s->hooks.conflict(s->hooks.arg, &m->node, &address);
                return;
        }
        if (m == s->self) {
                alive_self(s, a);
                return;
        }
        if (m != NULL && !moved && a->incarnation <= m->node.incarnation)
                return;
        if (m == NULL && s->member_count >= s->options.members_max) {
                s->refused_count++;
                return;
        }
        m = m == NULL ? swim_member_add(s, a->node) : swim_member_edit(s, m);
        swim_suspicion_end(s, m);
        accept_alive(s, m, a, now_us);
}

void swim_introduce_self(struct swim *s, uint64_t now_us)
{
        s->self = swim_member_add(s, s->options.name);
        s->self->node.address = s->options.address;
        s->self->node.incarnation = ++s->incarnation;
        memcpy(s->self->node.versions, s->options.versions, GOSSIP_VERSION_COUNT);
        swim_member_set_meta(s->self, s->options.meta);
        swim_member_set_state(s, s->self, GOSSIP_STATE_ALIVE, now_us);
        broadcast_alive(s, s->self);
        tell(s, SWIM_JOINED, s->self);
}

void swim_update(struct swim *s, struct pack_slice meta, uint64_t now_us)
{
        (void)now_us;
        swim_member_set_meta(s->self, meta);
        raise_incarnation(s, 0);
        broadcast_alive(s, s->self);
        tell(s, SWIM_UPDATED, s->self);
}

void swim_suspect(struct swim *s, const struct gossip_accusation *a, uint64_t now_us)
{
        struct member *m = swim_member_find(s, a->node);

        if (m == NULL || a->incarnation < m->node.incarnation)
                return;
        if (m->suspicion) {
                if (swim_suspicion_confirm(s, m, a->from))
                        broadcast_accusation(s, GOSSIP_SUSPECT, a);
                return;
        }
        if (m->node.state != GOSSIP_STATE_ALIVE)
                return;
        if (m == s->self) {
                refute(s, a->incarnation);
                return;
        }
        m = swim_member_edit(s, m);
        m->node.incarnation = a->incarnation;
        swim_member_set_state(s, m, GOSSIP_STATE_SUSPECT, now_us);
        swim_suspicion_start(s, m, a->from, now_us);
        broadcast_accusation(s, GOSSIP_SUSPECT, a);
}

void swim_dead(struct swim *s, const struct gossip_accusation *a, uint64_t now_us)
{
        struct member *m = swim_member_find(s, a->node);
        bool left;

        if (m == NULL || a->incarnation < m->node.incarnation)
                return;
        if (m == s->self && !s->leaving) {
                refute(s, a->incarnation);
                return;
        }
        swim_suspicion_end(s, m);
        if (m->node.state == GOSSIP_STATE_DEAD || m->node.state == GOSSIP_STATE_LEFT)
                return;
        left = pack_slice_equal(a->node, a->from);
        m = swim_member_edit(s, m);
        m->node.incarnation = a->incarnation;
        swim_member_set_state(s, m, left ? GOSSIP_STATE_LEFT : GOSSIP_STATE_DEAD, now_us);
        broadcast_accusation(s, GOSSIP_DEAD, a);
        tell(s, left ? SWIM_LEFT : SWIM_FAILED, m);
}

void swim_leave(struct swim *s, uint64_t now_us)
{
        struct gossip_accusation a = {.incarnation = s->self->node.incarnation,
                                      .node = s->self->node.name,
                                      .from = s->self->node.name};

        if (s->leaving)
                return;
        s->leaving = true;
        swim_dead(s, &a, now_us);
}

bool swim_has_left(const struct swim *s)
{
        return s->leaving &&
               (s->alive_count == 0 || !broadcast_queue_has(&s->broadcasts, s->self->node.name));
}

uint32_t swim_state_put(const struct swim *s, struct byte_buffer *out)
{
        for (size_t i = 0; i < s->member_count; i++) {
                const struct swim_node *node = &s->members[i]->node;

                gossip_put_node_state(out, &(struct gossip_node_state){
                                               .name = node->name,
                                               .address = slice_of_address(&node->address),
                                               .port = node->address.port,
                                               .meta = node->meta,
                                               .incarnation = node->incarnation,
                                               .state = (uint8_t)node->state,
                                               .versions = {node->versions, GOSSIP_VERSION_COUNT},
                                           });
        }
        return (uint32_t)s->member_count;
}

void swim_state_merge(struct swim *s, const struct gossip_node_state *row, uint64_t now_us)
{
        struct gossip_accusation accusation = {.incarnation = row->incarnation, .node = row->name};
        struct gossip_alive alive = {
            .incarnation = row->incarnation,
            .node = row->name,
            .address = row->address,
            .port = row->port,
            .meta = row->meta,
            .versions = row->versions,
        };

        if (row->state != GOSSIP_STATE_ALIVE && !swim_can_be_denied(row->incarnation))
                return;
        switch (row->state) {
        case GOSSIP_STATE_ALIVE:
                swim_alive(s, &alive, now_us);
                break;
        case GOSSIP_STATE_LEFT:
                accusation.from = row->name;
                swim_dead(s, &accusation, now_us);
                break;
        case GOSSIP_STATE_SUSPECT:
        case GOSSIP_STATE_DEAD:
                // Hearsay of a death only makes suspect, so that the node may deny it.
                accusation.from = s->self->node.name;
                swim_suspect(s, &accusation, now_us);
                break;
        default:
                break;
        }
}
