#include "control/gossip/serf_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "control/store/memory.h"
#include "lictor/random.h"

#define BROADCAST_TIMEOUT_US (UINT64_C(5000) * USEC_PER_MSEC)
#define ACK_PAYLOAD_VERSION  1u

void serf_options_lan(struct serf_options *o)
{
        *o = (struct serf_options){
            .reconnect_interval_ms = 30000,
            .reap_interval_ms = 15000,
            .reconnect_timeout_ms = UINT64_C(24) * 3600 * 1000,
            .tombstone_timeout_ms = UINT64_C(24) * 3600 * 1000,
            .leave_propagate_ms = 1000,
            .user_event_bytes_max = 512,
            .query_bytes_max = 1024,
            .response_bytes_max = 1024,
            .query_timeout_mult = 16,
        };
        swim_options_lan(&o->swim);
}

void serf_options_wan(struct serf_options *o)
{
        serf_options_lan(o);
        swim_options_wan(&o->swim);
}

/* ---- Hooks that swim calls ---- */

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet,
                    bool checksum)
{
        const struct serf *s = arg;

        s->hooks.send(s->hooks.arg, to, packet, checksum);
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        const struct serf *s = arg;

        s->hooks.push_pull(s->hooks.arg, with);
}

static void on_stream_ping(void *arg, const struct swim_address *to, struct pack_slice ping,
                           uint32_t sequence)
{
        const struct serf *s = arg;

        if (s->hooks.stream_ping)
                s->hooks.stream_ping(s->hooks.arg, to, ping, sequence);
}

static void on_event(void *arg, enum swim_event event, const struct swim_node *node)
{
        serf_on_swim_event(arg, event, node);
}

static void on_conflict(void *arg, const struct swim_node *node, const struct swim_address *other)
{
        const struct serf *s = arg;

        if (s->hooks.conflict)
                s->hooks.conflict(s->hooks.arg, node, other);
}

static bool on_admits(void *arg, const struct gossip_alive *alive)
{
        const struct serf *s = arg;

        // Those who are gone are remembered for days: they have to be counted too.
        if (s->entry_count >= s->options.swim.members_max &&
            serf_entry_find(s, alive->node) == NULL)
                return false;
        return s->hooks.admits == NULL || s->hooks.admits(s->hooks.arg, alive);
}

static void on_user_message(void *arg, struct pack_slice message)
{
        struct serf *s = arg;
        struct pack_slice body;

        if (message.length < 1 || s->leaving == LEAVE_DONE)
                return;
        body = (struct pack_slice){message.bytes + 1, message.length - 1};
        switch (message.bytes[0]) {
        case SERF_LEAVE:
        case SERF_JOIN:
                serf_handle_intent(s, (enum serf_type)message.bytes[0], body);
                break;
        case SERF_USER_EVENT:
                serf_handle_user_event(s, body);
                break;
        case SERF_QUERY:
                serf_handle_query(s, body);
                break;
        case SERF_QUERY_RESPONSE:
                serf_handle_query_response(s, body);
                break;
        case SERF_RELAY:
                serf_handle_relay(s, body);
                break;
        default:
                break;
        }
}

/* Takes from one queue, each message with memberlist's type byte before it. */
static unsigned take(struct broadcast_queue *q, unsigned limit, size_t *room, size_t overhead,
                     struct byte_buffer *out, uint32_t lengths[], unsigned count_max)
{
        struct byte_buffer taken = BYTE_BUFFER_INIT;
        uint8_t type = GOSSIP_USER;
        unsigned count =
            broadcast_queue_take(q, limit, room, overhead + 1, &taken, lengths, count_max);
        size_t at = 0;

        for (unsigned i = 0; i < count; i++) {
                byte_buffer_append(out, &type, 1);
                byte_buffer_append(out, taken.bytes + at, lengths[i]);
                at += lengths[i]++;
        }
        byte_buffer_fini(&taken);
        return count;
}

static unsigned on_user_broadcasts(void *arg, unsigned limit, size_t *room, size_t overhead,
                                   struct byte_buffer *out, uint32_t lengths[], unsigned count_max)
{
        struct serf *s = arg;
        struct broadcast_queue *queues[] = {&s->intent_queue, &s->query_queue, &s->event_queue};
        unsigned count = 0;

        for (unsigned i = 0; i < 3; i++)
                count +=
                    take(queues[i], limit, room, overhead, out, lengths + count, count_max - count);
        return count;
}

static void on_ack_payload(void *arg, struct byte_buffer *out)
{
        const struct serf *s = arg;
        uint8_t version = ACK_PAYLOAD_VERSION;

        byte_buffer_append(out, &version, 1);
        coordinate_put(out, &s->coordinates.own);
}

static void on_ping_done(void *arg, const struct swim_node *node, uint64_t round_trip_us,
                         struct pack_slice payload)
{
        struct serf *s = arg;
        struct msgpack_reader r = {payload.bytes + 1, payload.bytes + payload.length};
        struct entry *e = serf_entry_find(s, node->name);
        struct coordinate peer;

        if (e == NULL || payload.length < 1 || payload.bytes[0] != ACK_PAYLOAD_VERSION ||
            coordinate_get(&r, &peer) < 0 ||
            coordinate_client_update(&s->coordinates, &e->samples, &peer,
                                     (double)round_trip_us / 1e6) < 0)
                return;
        e->coordinate = peer;
        e->has_coordinate = true;
}

/* ---- Life ---- */

struct serf *serf_create(const struct serf_options *options, const struct serf_hooks *hooks,
                         uint64_t now_us)
{
        struct serf *s = memory_get_zeroed(1, sizeof(*s));
        struct swim_hooks swim_hooks = {
            .arg = s,
            .send = on_send,
            .push_pull = on_push_pull,
            .stream_ping = on_stream_ping,
            .event = on_event,
            .conflict = on_conflict,
            .admits = on_admits,
            .user_message = on_user_message,
            .user_broadcasts = on_user_broadcasts,
            .ack_payload = on_ack_payload,
            .ping_done = on_ping_done,
        };

        s->options = *options;
        s->hooks = *hooks;
        s->now_us = now_us;
        s->random = options->swim.seed | 1;
        s->clock = s->event_clock = s->query_clock = 1;
        s->intent_queue.count_max = s->event_queue.count_max = s->query_queue.count_max = QUEUE_MAX;
        coordinate_client_init(&s->coordinates, random_next(&s->random));
        s->next_reap_us = now_us + options->reap_interval_ms * USEC_PER_MSEC;
        s->next_reconnect_us = now_us + options->reconnect_interval_ms * USEC_PER_MSEC;
        s->swim = swim_create(&options->swim, &swim_hooks, now_us);
        if (s->swim == NULL) {
                free(s);
                return NULL;
        }
        return s;
}

void serf_destroy(struct serf *s)
{
        if (s == NULL)
                return;
        swim_destroy(s->swim);
        serf_members_fini(s);
        serf_events_fini(s);
        serf_queries_fini(s);
        broadcast_queue_fini(&s->intent_queue);
        free(s);
}

/* Each phase ends when its message has gone round, or after a time. */
static void leave_tick(struct serf *s)
{
        bool late = s->now_us >= s->leave_deadline_us;

        if (s->leaving == LEAVE_TELL_INTENT && (late || s->intent_queue.count == 0)) {
                s->leaving = LEAVE_TELL_DEATH;
                s->leave_deadline_us = s->now_us + BROADCAST_TIMEOUT_US;
                swim_leave(s->swim, s->now_us);
        } else if (s->leaving == LEAVE_TELL_DEATH && (late || swim_has_left(s->swim))) {
                s->leaving = LEAVE_PROPAGATE;
                s->leave_deadline_us = s->now_us + s->options.leave_propagate_ms * USEC_PER_MSEC;
                if (swim_alive_count(s->swim) == 0)
                        s->leaving = LEAVE_DONE;
        } else if (s->leaving == LEAVE_PROPAGATE && late) {
                s->leaving = LEAVE_DONE;
        }
}

void serf_leave(struct serf *s, uint64_t now_us)
{
        struct serf_intent intent = {.lamport = ++s->clock, .node = s->self->member.name};

        if (s->leaving != LEAVE_NO)
                return;
        s->now_us = now_us;
        s->leaving = LEAVE_TELL_INTENT;
        s->leave_deadline_us = now_us + BROADCAST_TIMEOUT_US;
        (void)serf_apply_intent(s, SERF_LEAVE, &intent);
        if (swim_alive_count(s->swim) > 1)
                serf_broadcast_intent(s, SERF_LEAVE, &intent);
        leave_tick(s);
}

bool serf_has_left(const struct serf *s)
{
        return s->leaving == LEAVE_DONE;
}

void serf_tick(struct serf *s, uint64_t now_us)
{
        s->now_us = now_us;
        swim_tick(s->swim, now_us);
        serf_members_tick(s);
        serf_queries_tick(s);
        if (s->leaving != LEAVE_NO && s->leaving != LEAVE_DONE)
                leave_tick(s);
}

uint64_t serf_deadline_us(const struct serf *s)
{
        uint64_t candidates[] = {
            swim_deadline_us(s->swim), s->next_reap_us, s->next_reconnect_us,
            serf_queries_deadline_us(s),
            s->leaving != LEAVE_NO && s->leaving != LEAVE_DONE ? s->leave_deadline_us : UINT64_MAX};
        uint64_t deadline_us = UINT64_MAX;

        for (unsigned i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
                if (candidates[i] < deadline_us)
                        deadline_us = candidates[i];
        return deadline_us;
}

void serf_receive(struct serf *s, const struct swim_address *from, uint8_t type,
                  struct pack_slice body, uint64_t now_us)
{
        s->now_us = now_us;
        swim_receive(s->swim, from, type, body, now_us);
}

void serf_stream_acked(struct serf *s, uint32_t sequence, uint64_t now_us)
{
        s->now_us = now_us;
        swim_stream_acked(s->swim, sequence, now_us);
}

int serf_set_tags(struct serf *s, struct pack_slice meta, uint64_t now_us)
{
        if (meta.length > GOSSIP_META_MAX)
                return -E2BIG;
        s->now_us = now_us;
        swim_update(s->swim, meta, now_us);
        return 0;
}

const struct coordinate *serf_coordinate(const struct serf *s)
{
        return &s->coordinates.own;
}

const struct coordinate *serf_coordinate_of(const struct serf *s, struct pack_slice name)
{
        const struct entry *e = serf_entry_find(s, name);

        if (e == s->self && e != NULL)
                return &s->coordinates.own;
        return e && e->has_coordinate ? &e->coordinate : NULL;
}

void serf_clocks_set(struct serf *s, uint64_t member, uint64_t event, uint64_t query)
{
        (void)lamport_witness(&s->clock, member);
        (void)lamport_witness(&s->event_clock, event);
        (void)lamport_witness(&s->query_clock, query);
        // What was seen before the restart is not news now.
        s->event_min_time = event + 1;
        s->query_min_time = query + 1;
}
