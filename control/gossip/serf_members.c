#include "control/gossip/serf_internal.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/store/memory.h"
#include "lictor/random.h"

#define BUCKETS_MIN 64u

uint64_t serf_hash(struct pack_slice bytes)
{
        return XXH3_64bits(bytes.length > 0 ? (const void *)bytes.bytes : "", bytes.length);
}

struct entry *serf_entry_find(const struct serf *s, struct pack_slice name)
{
        if (s->bucket_count == 0)
                return NULL;
        for (struct entry *e = s->buckets[serf_hash(name) & (s->bucket_count - 1)]; e;
             e = e->next_in_bucket)
                if (pack_slice_equal(e->member.name, name))
                        return e;
        return NULL;
}

static void link_entry(struct serf *s, struct entry *e)
{
        struct entry **bucket = &s->buckets[e->hash & (s->bucket_count - 1)];

        e->next_in_bucket = *bucket;
        *bucket = e;
}

static void grow(struct serf *s)
{
        if (s->entry_count == s->entry_capacity) {
                s->entry_capacity = s->entry_capacity ? 2 * s->entry_capacity : BUCKETS_MIN;
                s->entries = memory_resize(s->entries, s->entry_capacity * sizeof(*s->entries));
        }
        if (s->entry_count < s->bucket_count)
                return;
        free(s->buckets);
        s->bucket_count = s->bucket_count ? 2 * s->bucket_count : BUCKETS_MIN;
        s->buckets = memory_get_zeroed(s->bucket_count, sizeof(*s->buckets));
        for (size_t i = 0; i < s->entry_count; i++)
                link_entry(s, s->entries[i]);
}

static struct entry *add_entry(struct serf *s, struct pack_slice name)
{
        struct entry *e = memory_get(sizeof(*e) + name.length);

        *e = (struct entry){.hash = serf_hash(name), .at = s->entry_count};
        if (name.length > 0)
                memcpy(e->name, name.bytes, name.length);
        e->member.name = (struct pack_slice){e->name, name.length};
        grow(s);
        link_entry(s, e);
        s->entries[s->entry_count++] = e;
        return e;
}

static void free_entry(struct entry *e)
{
        free(e->meta);
        free(e);
}

static void remove_entry(struct serf *s, struct entry *e)
{
        struct entry **link = &s->buckets[e->hash & (s->bucket_count - 1)];

        while (*link != e)
                link = &(*link)->next_in_bucket;
        *link = e->next_in_bucket;
        s->entries[e->at] = s->entries[--s->entry_count];
        s->entries[e->at]->at = e->at;
        free_entry(e);
}

void serf_members_fini(struct serf *s)
{
        for (size_t i = 0; i < s->entry_count; i++)
                free_entry(s->entries[i]);
        free(s->entries);
        free(s->buckets);
}

static void tell(struct serf *s, enum serf_member_event event, const struct entry *e)
{
        if (s->hooks.member_event)
                s->hooks.member_event(s->hooks.arg, event, &e->member);
}

static void take_over(struct entry *e, const struct swim_node *node)
{
        e->member.address = node->address;
        memcpy(e->member.versions, node->versions, sizeof(e->member.versions));
        if (pack_slice_equal(e->member.meta, node->meta))
                return;
        e->meta = memory_resize(e->meta, node->meta.length);
        if (node->meta.length > 0)
                memcpy(e->meta, node->meta.bytes, node->meta.length);
        e->member.meta = (struct pack_slice){e->meta, node->meta.length};
}

/* ---- Intents ---- */

static struct early_intent *find_early(struct serf *s, uint64_t node_hash, enum serf_type type)
{
        for (unsigned i = 0; i < s->intent_count; i++)
                if (s->intents[i].node_hash == node_hash && s->intents[i].type == type)
                        return &s->intents[i];
        return NULL;
}

/* Of each node the latest intent counts. returns whether this is it. */
static bool keep_early(struct serf *s, enum serf_type type, const struct serf_intent *intent)
{
        uint64_t hash = serf_hash(intent->node);
        struct early_intent fresh = {type, intent->lamport, s->now_us, hash};
        struct early_intent *known = find_early(s, hash, SERF_JOIN);

        if (known == NULL)
                known = find_early(s, hash, SERF_LEAVE);
        if (known) {
                if (intent->lamport <= known->lamport)
                        return false;
                *known = fresh;
                return true;
        }
        if (s->intent_count == INTENT_MAX)
                return false;
        s->intents[s->intent_count++] = fresh;
        return true;
}

static void apply_early(struct serf *s, struct entry *e)
{
        struct early_intent *known = find_early(s, e->hash, SERF_LEAVE);

        if (known)
                e->member.status = SERF_LEAVING;
        else
                known = find_early(s, e->hash, SERF_JOIN);
        if (known == NULL)
                return;
        e->member.status_lamport = known->lamport;
        *known = s->intents[--s->intent_count];
}

static void expire_early(struct serf *s)
{
        for (unsigned i = 0; i < s->intent_count;) {
                if (s->now_us - s->intents[i].heard_us > INTENT_KEPT_US)
                        s->intents[i] = s->intents[--s->intent_count];
                else
                        i++;
        }
}

void serf_broadcast_intent(struct serf *s, enum serf_type type, const struct serf_intent *intent)
{
        struct byte_buffer message = BYTE_BUFFER_INIT;

        serf_put_intent(&message, type, intent);
        broadcast_queue_add(&s->intent_queue, (struct pack_slice){0}, serf_slice_of(&message));
        byte_buffer_fini(&message);
}

static void forget(struct serf *s, struct entry *e)
{
        if (e == s->self)
                return;
        tell(s, SERF_MEMBER_REAPED, e);
        remove_entry(s, e);
}

static bool apply_leave(struct serf *s, struct entry *e, const struct serf_intent *intent)
{
        if (e == s->self && s->leaving == LEAVE_NO) {
                // Somebody thinks we leave: outbid that.
                serf_announce_join(s, s->now_us);
                return false;
        }
        e->member.status_lamport = intent->lamport;
        switch (e->member.status) {
        case SERF_ALIVE:
                e->member.status = SERF_LEAVING;
                break;
        case SERF_FAILED:
                e->member.status = SERF_LEFT;
                tell(s, SERF_MEMBER_LEFT, e);
                break;
        case SERF_LEAVING:
        case SERF_LEFT:
                break;
        }
        if (intent->prune && e->member.status == SERF_LEFT)
                forget(s, e);
        return true;
}

bool serf_apply_intent(struct serf *s, enum serf_type type, const struct serf_intent *intent)
{
        struct entry *e = serf_entry_find(s, intent->node);

        if (!lamport_witness(&s->clock, intent->lamport))
                return false;
        if (e == NULL)
                return keep_early(s, type, intent);
        if (intent->lamport <= e->member.status_lamport)
                return false;
        if (type == SERF_LEAVE)
                return apply_leave(s, e, intent);
        e->member.status_lamport = intent->lamport;
        if (e->member.status == SERF_LEAVING)
                e->member.status = SERF_ALIVE;
        return true;
}

void serf_handle_intent(struct serf *s, enum serf_type type, struct pack_slice body)
{
        struct serf_intent intent;

        if (serf_get_intent(body, &intent) < 0 || intent.node.length > GOSSIP_NAME_MAX)
                return;
        if (serf_apply_intent(s, type, &intent))
                serf_broadcast_intent(s, type, &intent);
}

void serf_announce_join(struct serf *s, uint64_t now_us)
{
        struct serf_intent intent = {.lamport = ++s->clock, .node = s->self->member.name};

        s->now_us = now_us;
        (void)serf_apply_intent(s, SERF_JOIN, &intent);
        serf_broadcast_intent(s, SERF_JOIN, &intent);
}

int serf_force_leave(struct serf *s, struct pack_slice name, bool prune, uint64_t now_us)
{
        struct serf_intent intent = {.lamport = s->clock++, .node = name, .prune = prune};
        struct byte_buffer copy = BYTE_BUFFER_INIT;

        s->now_us = now_us;
        byte_buffer_append(&copy, name.bytes, name.length);
        intent.node = serf_slice_of(&copy);
        (void)serf_apply_intent(s, SERF_LEAVE, &intent);
        serf_broadcast_intent(s, SERF_LEAVE, &intent);
        byte_buffer_fini(&copy);
        return 0;
}

/* ---- What swim says ---- */

static void on_joined(struct serf *s, const struct swim_node *node)
{
        struct entry *e = serf_entry_find(s, node->name);

        if (e == NULL) {
                e = add_entry(s, node->name);
                if (s->self == NULL)
                        s->self = e;
                apply_early(s, e);
        } else {
                e->member.status = SERF_ALIVE;
                e->member.gone_since_us = 0;
        }
        take_over(e, node);
        tell(s, SERF_MEMBER_JOINED, e);
}

static void on_gone(struct serf *s, struct entry *e)
{
        bool left = e->member.status == SERF_LEAVING;

        if (e->member.status != SERF_ALIVE && !left)
                return;
        e->member.status = left ? SERF_LEFT : SERF_FAILED;
        e->member.gone_since_us = s->now_us;
        tell(s, left ? SERF_MEMBER_LEFT : SERF_MEMBER_FAILED, e);
}

void serf_on_swim_event(struct serf *s, enum swim_event event, const struct swim_node *node)
{
        struct entry *e = serf_entry_find(s, node->name);

        if (event == SWIM_JOINED) {
                on_joined(s, node);
        } else if (e && event == SWIM_UPDATED) {
                take_over(e, node);
                tell(s, SERF_MEMBER_UPDATED, e);
        } else if (e) {
                on_gone(s, e);
        }
}

/* ---- Reaping and reconnecting ---- */

static void reap(struct serf *s)
{
        for (size_t i = s->entry_count; i-- > 0;) {
                struct entry *e = s->entries[i];
                uint64_t kept_ms = e->member.status == SERF_FAILED
                                       ? s->options.reconnect_timeout_ms
                                       : s->options.tombstone_timeout_ms;

                if (e->member.status != SERF_FAILED && e->member.status != SERF_LEFT)
                        continue;
                if (s->hooks.kept_ms)
                        kept_ms = s->hooks.kept_ms(s->hooks.arg, &e->member, kept_ms);
                if (s->now_us - e->member.gone_since_us > kept_ms * USEC_PER_MSEC)
                        forget(s, e);
        }
        expire_early(s);
}

static size_t count_status(const struct serf *s, enum serf_status status)
{
        size_t count = 0;

        for (size_t i = 0; i < s->entry_count; i++)
                count += s->entries[i]->member.status == status;
        return count;
}

/* One failed member by chance; in a large group only one of us tries at a time, about. */
static void reconnect(struct serf *s)
{
        size_t failed = count_status(s, SERF_FAILED);
        size_t present = s->entry_count - failed - count_status(s, SERF_LEFT);
        size_t pick;

        if (failed == 0 || random_next(&s->random) % (present > 0 ? present : 1) >= failed)
                return;
        pick = (size_t)(random_next(&s->random) % failed);
        for (size_t i = 0; i < s->entry_count; i++) {
                if (s->entries[i]->member.status != SERF_FAILED || pick-- > 0)
                        continue;
                s->hooks.push_pull(s->hooks.arg, &s->entries[i]->member.address);
                return;
        }
}

void serf_members_tick(struct serf *s)
{
        if (s->now_us >= s->next_reap_us) {
                s->next_reap_us = s->now_us + s->options.reap_interval_ms * USEC_PER_MSEC;
                reap(s);
        }
        if (s->now_us >= s->next_reconnect_us) {
                s->next_reconnect_us = s->now_us + s->options.reconnect_interval_ms * USEC_PER_MSEC;
                if (s->leaving == LEAVE_NO)
                        reconnect(s);
        }
}

size_t serf_member_count(const struct serf *s)
{
        return s->entry_count;
}

const struct serf_member *serf_member_at(const struct serf *s, size_t at)
{
        return &s->entries[at]->member;
}

const struct serf_member *serf_member_find(const struct serf *s, struct pack_slice name)
{
        const struct entry *e = serf_entry_find(s, name);

        return e ? &e->member : NULL;
}

const struct serf_member *serf_self(const struct serf *s)
{
        return &s->self->member;
}

void serf_statistics(const struct serf *s, struct serf_statistics *out)
{
        *out = (struct serf_statistics){
            .member_clock = s->clock,
            .event_clock = s->event_clock,
            .query_clock = s->query_clock,
            .failed = count_status(s, SERF_FAILED),
            .left = count_status(s, SERF_LEFT),
            .intent_queue = s->intent_queue.count,
            .event_queue = s->event_queue.count,
            .query_queue = s->query_queue.count,
            .health_score = swim_awareness(s->swim),
            .coordinate_resets = s->coordinates.resets,
        };
}
