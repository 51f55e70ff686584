#ifndef CONTROL_GOSSIP_SERF_INTERNAL_H
#define CONTROL_GOSSIP_SERF_INTERNAL_H

#include "control/gossip/broadcast.h"
#include "control/gossip/serf.h"

#define EVENT_RING     512u  /* Lamport times of events and queries remembered against repetition */
#define AT_ONE_TIME    64u   /* events or queries remembered of one Lamport time */
#define INTENT_MAX     1024u /* joins and leaves of nodes we do not know yet */
#define QUESTION_MAX   64u
#define QUEUE_MAX      4096u /* messages waiting in each queue */
#define USEC_PER_MSEC  UINT64_C(1000)
#define INTENT_KEPT_US (UINT64_C(300) * 1000 * USEC_PER_MSEC)

/* A member and what only we know of it. */
struct entry {
        struct serf_member member;
        struct entry *next_in_bucket;
        uint64_t hash;
        size_t at;
        uint8_t *meta;
        bool has_coordinate;
        struct coordinate coordinate;
        struct coordinate_samples samples;
        uint8_t name[];
};

/* What was said of a node before it was known. */
struct early_intent {
        enum serf_type type;
        uint64_t lamport;
        uint64_t heard_us;
        uint64_t node_hash;
};

/* The events or queries of one Lamport time. */
struct event_slot {
        uint64_t lamport;
        unsigned count;
        uint64_t hashes[AT_ONE_TIME]; /* of an event's name and payload; a query's id */
};

/* A user event as push/pulls tell it again. */
struct kept_event {
        uint64_t lamport;
        struct byte_buffer bytes; /* name, then payload */
        uint32_t name_length;
};

/* A query of ours. */
struct question {
        uint32_t id; /* 0: free */
        uint64_t lamport;
        uint64_t deadline_us;
        uint64_t *answered; /* hashes of who, acknowledgements with their lowest bit set */
        size_t answered_count, answered_capacity;
};

enum leave_phase { LEAVE_NO, LEAVE_TELL_INTENT, LEAVE_TELL_DEATH, LEAVE_PROPAGATE, LEAVE_DONE };

struct serf {
        struct serf_options options;
        struct serf_hooks hooks;
        struct swim *swim;
        uint64_t now_us; /* of the input being handled: swim's hooks have no clock */
        uint64_t random;

        struct entry **entries;
        size_t entry_count, entry_capacity;
        struct entry **buckets;
        size_t bucket_count;
        struct entry *self;

        uint64_t clock, event_clock, query_clock;
        uint64_t event_min_time, query_min_time;
        bool ignore_old_events;
        struct early_intent intents[INTENT_MAX];
        unsigned intent_count;
        struct event_slot events[EVENT_RING], queries[EVENT_RING];
        struct kept_event kept[EVENT_RING];
        unsigned kept_at;
        struct question questions[QUESTION_MAX];

        struct broadcast_queue intent_queue, event_queue, query_queue;
        struct coordinate_client coordinates;
        uint64_t next_reap_us, next_reconnect_us;
        enum leave_phase leaving;
        uint64_t leave_deadline_us;
};

/* serf_members.c */
struct entry *serf_entry_find(const struct serf *s, struct pack_slice name);
void serf_members_fini(struct serf *s);
void serf_on_swim_event(struct serf *s, enum swim_event event, const struct swim_node *node);
void serf_handle_intent(struct serf *s, enum serf_type type, struct pack_slice body);
/* returns whether it was news. */
bool serf_apply_intent(struct serf *s, enum serf_type type, const struct serf_intent *intent);
void serf_broadcast_intent(struct serf *s, enum serf_type type, const struct serf_intent *intent);
void serf_members_tick(struct serf *s);

/* serf_events.c */
void serf_handle_user_event(struct serf *s, struct pack_slice body);
bool serf_apply_user_event(struct serf *s, const struct serf_user_event *event);
void serf_events_fini(struct serf *s);
/* returns whether the slot of this time saw the hash before, or the time is over. */
bool serf_seen_before(struct event_slot slots[], uint64_t clock, uint64_t lamport, uint64_t hash);

/* serf_queries.c */
void serf_handle_query(struct serf *s, struct pack_slice body);
void serf_handle_query_response(struct serf *s, struct pack_slice body);
void serf_handle_relay(struct serf *s, struct pack_slice body);
void serf_queries_tick(struct serf *s);
uint64_t serf_queries_deadline_us(const struct serf *s);
void serf_queries_fini(struct serf *s);
/* Sends an answer to who asked, and copies of it over others. */
void serf_send_answer(struct serf *s, const struct serf_query *query,
                      const struct byte_buffer *message);

/* serf_keys.c: queries Serf answers itself. returns whether this was one. */
bool serf_answer_internal(struct serf *s, const struct serf_query *query);

/* serf_filter.c: whether we are among those a query is for. */
bool serf_is_meant(const struct serf *s, struct pack_slice filters);

#define LAMPORT_LEAP_MAX (UINT64_C(1) << 32)

/*
 * Moves a clock on to what was heard. returns whether it can be true: no honest clock is that far
 * ahead, and one that came to the end of its range could say nothing new any more.
 */
static inline bool lamport_witness(uint64_t *clock, uint64_t lamport)
{
        if (lamport < *clock)
                return true;
        if (lamport - *clock > LAMPORT_LEAP_MAX)
                return false;
        *clock = lamport + 1;
        return true;
}

static inline struct pack_slice serf_slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

uint64_t serf_hash(struct pack_slice bytes);

#endif
