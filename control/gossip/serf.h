#ifndef CONTROL_GOSSIP_SERF_H
#define CONTROL_GOSSIP_SERF_H

/**
 * Serf's layer over swim: members that leave or fail and are remembered, tags, Lamport-ordered user
 * events and queries, coordinates, and key rotation by queries. Byte-compatible with Serf protocol
 * versions 2 to 5.
 *
 * Pure, as swim.h: time and randomness come from outside, effects leave through hooks,
 * synchronously; hooks must not call back into the same serf unless said so. One thread. Slices
 * handed out are borrowed for the call.
 */

#include "control/gossip/coordinate.h"
#include "control/gossip/keyring.h"
#include "control/gossip/serf_message.h"
#include "control/gossip/swim.h"

struct serf;

enum serf_status { SERF_ALIVE, SERF_LEAVING, SERF_LEFT, SERF_FAILED };

struct serf_member {
        struct pack_slice name;
        struct swim_address address;
        struct pack_slice meta; /* tags.h */
        uint8_t versions[GOSSIP_VERSION_COUNT];
        enum serf_status status;
        uint64_t status_lamport;
        uint64_t gone_since_us; /* of those left or failed */
};

enum serf_member_event {
        SERF_MEMBER_JOINED,
        SERF_MEMBER_UPDATED,
        SERF_MEMBER_FAILED,
        SERF_MEMBER_LEFT,
        SERF_MEMBER_REAPED, /* forgotten; the member is gone after the call */
};

/* A query somebody asked; serf_respond takes it. */
struct serf_query {
        uint64_t lamport;
        uint32_t id;
        struct swim_address source;
        struct pack_slice source_node;
        uint8_t relay_factor;
        uint64_t deadline_us;
        struct pack_slice name, payload;
};

enum serf_answer { SERF_ANSWER_ACK, SERF_ANSWER_RESPONSE, SERF_ANSWER_END };

struct serf_hooks {
        void *arg;
        /* As swim.h; the last three may call nothing here. */
        void (*send)(void *arg, const struct swim_address *to, struct pack_slice packet,
                     bool checksum);
        void (*push_pull)(void *arg, const struct swim_address *with);
        void (*stream_ping)(void *arg, const struct swim_address *to, struct pack_slice ping,
                            uint32_t sequence);
        void (*conflict)(void *arg, const struct swim_node *node, const struct swim_address *other);
        bool (*admits)(void *arg, const struct gossip_alive *alive);
        /* What is against joining a group, by the rows of its push/pull; NULL: nothing. Borrowed
           until the next call. */
        const char *(*group_fault)(void *arg, const struct gossip_node_state rows[],
                                   uint32_t count);

        void (*member_event)(void *arg, enum serf_member_event event,
                             const struct serf_member *member);
        void (*user_event)(void *arg, const struct serf_user_event *event);
        /* May call serf_respond. */
        void (*query)(void *arg, const struct serf_query *query);
        /* An answer to serf_ask's query; SERF_ANSWER_END once its time is up. */
        void (*answer)(void *arg, uint32_t query_id, enum serf_answer kind, struct pack_slice from,
                       struct pack_slice payload);
        /* The keys changed on another's request: keep them. returns 0 or why it cannot be. */
        int (*keys_changed)(void *arg, const struct keyring *ring);
        /* How long a member is kept after it failed or left; @kept_ms unless it says otherwise. */
        uint64_t (*kept_ms)(void *arg, const struct serf_member *member, uint64_t kept_ms);
};

struct serf_options {
        struct swim_options swim;
        struct keyring *keyring; /* borrowed; changed by key queries; NULL: no encryption */
        uint32_t reconnect_interval_ms;
        uint32_t reap_interval_ms;
        uint64_t reconnect_timeout_ms; /* the failed are tried again for this long */
        uint64_t tombstone_timeout_ms; /* the left are remembered for this long */
        uint32_t leave_propagate_ms;
        uint32_t user_event_bytes_max; /* name and payload */
        uint32_t query_bytes_max, response_bytes_max;
        unsigned query_timeout_mult;
};

/** Serf's defaults over swim_options_lan's. */
void serf_options_lan(struct serf_options *o);
void serf_options_wan(struct serf_options *o);

/** returns NULL for options that cannot be. */
struct serf *serf_create(const struct serf_options *options, const struct serf_hooks *hooks,
                         uint64_t now_us);
void serf_destroy(struct serf *take_serf);

/** As of swim.h: let time pass, when that is due again, and what arrived. */
void serf_tick(struct serf *s, uint64_t now_us);
uint64_t serf_deadline_us(const struct serf *s);
void serf_receive(struct serf *s, const struct swim_address *from, uint8_t type,
                  struct pack_slice body, uint64_t now_us);
void serf_stream_acked(struct serf *s, uint32_t sequence, uint64_t now_us);

/**
 * A push/pull's whole message: head, rows and user state; and the other side's, its type byte
 * behind.
 * @join  whether this exchange joins two groups.
 * returns  0; -EBADMSG: what was read before the damage is merged; -EPERM: groups that may not be
 *          joined, nothing is merged.
 */
void serf_put_state(const struct serf *s, bool join, struct byte_buffer *out);
int serf_merge_state(struct serf *s, struct pack_slice body, uint64_t now_us);

/**
 * Events fired before we joined are not ours to handle again: ignore what the next joining exchange
 * brings of them.
 */
void serf_ignore_old_events(struct serf *s);

/** Announce that we are here, after an exchange of states that joined us to others. */
void serf_announce_join(struct serf *s, uint64_t now_us);

/** New tags (encoded). returns 0, or -E2BIG beyond GOSSIP_META_MAX. */
int serf_set_tags(struct serf *s, struct pack_slice meta, uint64_t now_us);

/** Begin to leave; done when serf_has_left. Keep ticking, receiving and sending until then. */
void serf_leave(struct serf *s, uint64_t now_us);
bool serf_has_left(const struct serf *s);

/**
 * Declare a failed member to have left, everywhere.
 * @prune   forget it at once.
 * returns  0, also for a name that is not known here.
 */
int serf_force_leave(struct serf *s, struct pack_slice name, bool prune, uint64_t now_us);

/** Fire an event. returns 0, or -E2BIG. */
int serf_fire(struct serf *s, struct pack_slice name, struct pack_slice payload, bool coalesce,
              uint64_t now_us);

struct serf_question {
        struct pack_slice name, payload;
        struct pack_slice filters; /* serf_put_filters..., or empty */
        bool ack;
        uint8_t relay_factor;
        uint32_t timeout_ms; /* 0: by the size of the group */
};

/** Ask everybody. @id  names the answers. returns 0, -E2BIG, or -EBUSY with too many open. */
int serf_ask(struct serf *s, const struct serf_question *question, uint64_t now_us, uint32_t *id);

/** Answer a query while its time lasts. returns 0, -E2BIG, or -ETIMEDOUT. */
int serf_respond(struct serf *s, const struct serf_query *query, struct pack_slice payload,
                 uint64_t now_us);

/** Members, those left and failed included. */
size_t serf_member_count(const struct serf *s);
const struct serf_member *serf_member_at(const struct serf *s, size_t at);
const struct serf_member *serf_member_find(const struct serf *s, struct pack_slice name);
const struct serf_member *serf_self(const struct serf *s);

/** Our place, and a member's as it last told us; NULL when it has not. */
const struct coordinate *serf_coordinate(const struct serf *s);
const struct coordinate *serf_coordinate_of(const struct serf *s, struct pack_slice name);

struct serf_statistics {
        uint64_t member_clock, event_clock, query_clock;
        size_t failed, left;
        size_t intent_queue, event_queue, query_queue;
        unsigned health_score;
        unsigned coordinate_resets;
};

/** Sizes and clocks, for the metrics. */
void serf_statistics(const struct serf *s, struct serf_statistics *out);

/** The clocks, to be kept across restarts; and put back before anything else happens. */
void serf_clocks_set(struct serf *s, uint64_t member, uint64_t event, uint64_t query);

#endif
