#include "control/gossip/serf_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/memory.h"
#include "lictor/random.h"

#define ANSWERS_MAX   65536u /* of one query; nobody has more members than that */
#define RELAYS_MAX    8u
#define NSEC_PER_USEC 1000

static uint64_t default_timeout_us(const struct serf *s)
{
        double nodes = (double)swim_alive_count(s->swim);

        return s->options.swim.gossip_interval_ms * USEC_PER_MSEC * s->options.query_timeout_mult *
               (uint64_t)ceil(log10(nodes + 1));
}

/* ---- Being asked ---- */

static void relay_answer(struct serf *s, const struct serf_query *query,
                         const struct byte_buffer *message)
{
        struct byte_buffer relayed = BYTE_BUFFER_INIT;
        unsigned wanted = query->relay_factor < RELAYS_MAX ? query->relay_factor : RELAYS_MAX;
        size_t count = s->entry_count;

        serf_put_relay(&relayed, &(struct serf_relay){
                                     .address = {query->source.bytes, query->source.length},
                                     .port = query->source.port,
                                     .node = query->source_node,
                                     .message = serf_slice_of(message),
                                 });
        for (size_t tries = 0; tries < 3 * count && wanted > 0; tries++) {
                const struct entry *e = s->entries[random_next(&s->random) % count];

                if (e == s->self || e->member.status != SERF_ALIVE)
                        continue;
                swim_send_user(s->swim, &e->member.address, serf_slice_of(&relayed));
                wanted--;
        }
        byte_buffer_fini(&relayed);
}

void serf_send_answer(struct serf *s, const struct serf_query *query,
                      const struct byte_buffer *message)
{
        swim_send_user(s->swim, &query->source, serf_slice_of(message));
        if (query->relay_factor > 0)
                relay_answer(s, query, message);
}

static void acknowledge(struct serf *s, const struct serf_query *query)
{
        struct byte_buffer message = BYTE_BUFFER_INIT;

        serf_put_query_response(&message, &(struct serf_query_response){
                                              .lamport = query->lamport,
                                              .id = query->id,
                                              .from = s->self->member.name,
                                              .flags = SERF_QUERY_ACK,
                                          });
        serf_send_answer(s, query, &message);
        byte_buffer_fini(&message);
}

int serf_respond(struct serf *s, const struct serf_query *query, struct pack_slice payload,
                 uint64_t now_us)
{
        struct byte_buffer message = BYTE_BUFFER_INIT;
        int ret = 0;

        if (now_us > query->deadline_us)
                return -ETIMEDOUT;
        serf_put_query_response(&message, &(struct serf_query_response){
                                              .lamport = query->lamport,
                                              .id = query->id,
                                              .from = s->self->member.name,
                                              .payload = payload,
                                          });
        if (message.len > s->options.response_bytes_max)
                ret = -E2BIG;
        else
                serf_send_answer(s, query, &message);
        byte_buffer_fini(&message);
        return ret;
}

static void be_asked(struct serf *s, const struct serf_query_message *m)
{
        uint64_t timeout_us = m->timeout_ns > 0 ? (uint64_t)m->timeout_ns / NSEC_PER_USEC : 0;
        struct serf_query query = {
            .lamport = m->lamport,
            .id = m->id,
            .source_node = m->source_node,
            .relay_factor = m->relay_factor,
            .deadline_us = s->now_us + timeout_us,
            .name = m->name,
            .payload = m->payload,
        };

        if (!swim_address_make(m->address, m->port, &query.source))
                return;
        if (m->flags & SERF_QUERY_ACK)
                acknowledge(s, &query);
        if (!serf_answer_internal(s, &query) && s->hooks.query)
                s->hooks.query(s->hooks.arg, &query);
}

static bool apply_query(struct serf *s, const struct serf_query_message *m)
{
        if (!lamport_witness(&s->query_clock, m->lamport) || m->lamport < s->query_min_time ||
            serf_seen_before(s->queries, s->query_clock, m->lamport, m->id))
                return false;
        if (serf_is_meant(s, m->filters))
                be_asked(s, m);
        return !(m->flags & SERF_QUERY_NO_BROADCAST);
}

static void broadcast(struct serf *s, const struct serf_query_message *m)
{
        struct byte_buffer message = BYTE_BUFFER_INIT;

        serf_put_query(&message, m);
        broadcast_queue_add(&s->query_queue, (struct pack_slice){0}, serf_slice_of(&message));
        byte_buffer_fini(&message);
}

void serf_handle_query(struct serf *s, struct pack_slice body)
{
        struct serf_query_message m;

        if (serf_get_query(body, &m) == 0 && apply_query(s, &m))
                broadcast(s, &m);
}

/* ---- Asking ---- */

static struct question *find_question(struct serf *s, uint32_t id)
{
        for (unsigned i = 0; i < QUESTION_MAX; i++)
                if (s->questions[i].id == id)
                        return &s->questions[i];
        return NULL;
}

int serf_ask(struct serf *s, const struct serf_question *question, uint64_t now_us, uint32_t *id)
{
        struct question *q = find_question(s, 0);
        const struct swim_address *own = &s->self->member.address;
        uint64_t timeout_us =
            question->timeout_ms ? question->timeout_ms * USEC_PER_MSEC : default_timeout_us(s);
        struct serf_query_message m = {
            .lamport = s->query_clock,
            .address = {own->bytes, own->length},
            .port = own->port,
            .source_node = s->self->member.name,
            .filters = question->filters,
            .flags = question->ack ? SERF_QUERY_ACK : 0,
            .relay_factor = question->relay_factor,
            .timeout_ns = (int64_t)(timeout_us * NSEC_PER_USEC),
            .name = question->name,
            .payload = question->payload,
        };

        if (question->name.length + question->payload.length > s->options.query_bytes_max)
                return -E2BIG;
        if (q == NULL)
                return -EBUSY;
        s->now_us = now_us;
        do {
                m.id = (uint32_t)random_next(&s->random);
        } while (m.id == 0 || find_question(s, m.id));
        *q =
            (struct question){.id = m.id, .lamport = m.lamport, .deadline_us = now_us + timeout_us};
        *id = m.id;
        s->query_clock++;
        (void)apply_query(s, &m);
        broadcast(s, &m);
        return 0;
}

/* returns whether this one answered for the first time. */
static bool note_answer(struct question *q, struct pack_slice from, bool ack)
{
        uint64_t mark = (serf_hash(from) & ~UINT64_C(1)) | ack;

        for (size_t i = 0; i < q->answered_count; i++)
                if (q->answered[i] == mark)
                        return false;
        if (q->answered_count == ANSWERS_MAX)
                return false;
        if (q->answered_count == q->answered_capacity) {
                q->answered_capacity = q->answered_capacity ? 2 * q->answered_capacity : 16;
                q->answered =
                    memory_resize(q->answered, q->answered_capacity * sizeof(*q->answered));
        }
        q->answered[q->answered_count++] = mark;
        return true;
}

void serf_handle_query_response(struct serf *s, struct pack_slice body)
{
        struct serf_query_response m;
        struct question *q;
        bool ack;

        if (serf_get_query_response(body, &m) < 0 || m.id == 0)
                return;
        q = find_question(s, m.id);
        ack = m.flags & SERF_QUERY_ACK;
        if (q == NULL || q->lamport != m.lamport || s->now_us > q->deadline_us ||
            !note_answer(q, m.from, ack) || s->hooks.answer == NULL)
                return;
        s->hooks.answer(s->hooks.arg, m.id, ack ? SERF_ANSWER_ACK : SERF_ANSWER_RESPONSE, m.from,
                        m.payload);
}

void serf_handle_relay(struct serf *s, struct pack_slice body)
{
        struct swim_address to;
        struct serf_relay relay;

        // Only answers are relayed, so that relays cannot be chained.
        if (serf_get_relay(body, &relay) < 0 ||
            !swim_address_make(relay.address, relay.port, &to) ||
            relay.message.bytes[0] != SERF_QUERY_RESPONSE)
                return;
        swim_send_user(s->swim, &to, relay.message);
}

static void end_question(struct serf *s, struct question *q)
{
        uint32_t id = q->id;

        free(q->answered);
        *q = (struct question){0};
        if (s->hooks.answer)
                s->hooks.answer(s->hooks.arg, id, SERF_ANSWER_END, (struct pack_slice){0},
                                (struct pack_slice){0});
}

void serf_queries_tick(struct serf *s)
{
        for (unsigned i = 0; i < QUESTION_MAX; i++)
                if (s->questions[i].id != 0 && s->now_us >= s->questions[i].deadline_us)
                        end_question(s, &s->questions[i]);
}

uint64_t serf_queries_deadline_us(const struct serf *s)
{
        uint64_t deadline_us = UINT64_MAX;

        for (unsigned i = 0; i < QUESTION_MAX; i++)
                if (s->questions[i].id != 0 && s->questions[i].deadline_us < deadline_us)
                        deadline_us = s->questions[i].deadline_us;
        return deadline_us;
}

void serf_queries_fini(struct serf *s)
{
        for (unsigned i = 0; i < QUESTION_MAX; i++)
                free(s->questions[i].answered);
        broadcast_queue_fini(&s->query_queue);
}
