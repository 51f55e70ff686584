#include "control/gossip/serf_internal.h"

#include <errno.h>

bool serf_seen_before(struct event_slot slots[], uint64_t clock, uint64_t lamport, uint64_t hash)
{
        struct event_slot *slot = &slots[lamport % EVENT_RING];

        // What is older than the ring remembers may have been seen.
        if (clock > EVENT_RING && lamport < clock - EVENT_RING)
                return true;
        if (slot->lamport != lamport) {
                if (slot->lamport > lamport && slot->count > 0)
                        return true;
                *slot = (struct event_slot){.lamport = lamport};
        }
        for (unsigned i = 0; i < slot->count; i++)
                if (slot->hashes[i] == hash)
                        return true;
        if (slot->count == AT_ONE_TIME)
                return true;
        slot->hashes[slot->count++] = hash;
        return false;
}

static uint64_t hash_of(const struct serf_user_event *event)
{
        return serf_hash(event->name) * 31 + serf_hash(event->payload);
}

static void keep(struct serf *s, const struct serf_user_event *event)
{
        struct kept_event *kept = &s->kept[s->kept_at];

        s->kept_at = (s->kept_at + 1) % EVENT_RING;
        kept->lamport = event->lamport;
        kept->name_length = event->name.length;
        kept->bytes.len = 0;
        byte_buffer_append(&kept->bytes, event->name.bytes, event->name.length);
        if (event->payload.length > 0)
                byte_buffer_append(&kept->bytes, event->payload.bytes, event->payload.length);
}

bool serf_apply_user_event(struct serf *s, const struct serf_user_event *event)
{
        if (!lamport_witness(&s->event_clock, event->lamport) ||
            event->lamport < s->event_min_time ||
            serf_seen_before(s->events, s->event_clock, event->lamport, hash_of(event)))
                return false;
        keep(s, event);
        if (s->hooks.user_event)
                s->hooks.user_event(s->hooks.arg, event);
        return true;
}

static void broadcast(struct serf *s, const struct serf_user_event *event)
{
        struct byte_buffer message = BYTE_BUFFER_INIT;

        serf_put_user_event(&message, event);
        broadcast_queue_add(&s->event_queue, (struct pack_slice){0}, serf_slice_of(&message));
        byte_buffer_fini(&message);
}

void serf_handle_user_event(struct serf *s, struct pack_slice body)
{
        struct serf_user_event event;

        if (serf_get_user_event(body, &event) == 0 && serf_apply_user_event(s, &event))
                broadcast(s, &event);
}

int serf_fire(struct serf *s, struct pack_slice name, struct pack_slice payload, bool coalesce,
              uint64_t now_us)
{
        struct serf_user_event event = {s->event_clock, name, payload, coalesce};

        if (name.length + payload.length > s->options.user_event_bytes_max)
                return -E2BIG;
        s->now_us = now_us;
        s->event_clock++;
        (void)serf_apply_user_event(s, &event);
        broadcast(s, &event);
        return 0;
}

void serf_ignore_old_events(struct serf *s)
{
        s->ignore_old_events = true;
}

void serf_events_fini(struct serf *s)
{
        for (unsigned i = 0; i < EVENT_RING; i++)
                byte_buffer_fini(&s->kept[i].bytes);
        broadcast_queue_fini(&s->event_queue);
}
