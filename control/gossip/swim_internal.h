#ifndef CONTROL_GOSSIP_SWIM_INTERNAL_H
#define CONTROL_GOSSIP_SWIM_INTERNAL_H

#include "control/gossip/broadcast.h"
#include "control/gossip/swim.h"

#define RELAY_MAX         256u /* indirect pings under way; more are not relayed */
#define CONFIRMATION_MAX  8u   /* suspicion_mult - 2 is what is needed, 2 by default */
#define MESSAGE_OVERHEAD  2u   /* a compound's length of it */
#define COMPOUND_OVERHEAD 2u   /* type and count */
#define USEC_PER_MSEC     UINT64_C(1000)

/* Lifeguard's dynamic suspicion: the more accuse independently, the shorter. */
struct suspicion {
        uint64_t since_us;
        uint64_t min_us, max_us;
        uint64_t deadline_us;
        unsigned confirmations_wanted, confirmation_count;
        uint64_t accusers[CONFIRMATION_MAX + 1]; /* hashes of names, the first accuser's too */
        unsigned accuser_count;
};

struct member {
        struct swim_node node;
        struct member *next_in_bucket;
        uint64_t hash;
        uint8_t *meta;
        struct suspicion *suspicion; /* while suspect */
        uint8_t name[];
};

struct probe {
        struct member *target; /* NULL: none under way */
        uint32_t sequence;
        uint32_t incarnation; /* of the target when the probe began */
        uint64_t sent_us;
        uint64_t indirect_us; /* when others are asked to ping it too; UINT64_MAX once done */
        uint64_t end_us;
        unsigned nacks_expected, nacks;
};

struct relay {
        uint32_t sequence, source_sequence;
        struct swim_address source;
        uint64_t deadline_us;
        bool nack;
};

struct swim {
        struct swim_options options;
        struct swim_hooks hooks;
        uint64_t random, hash_seed;
        struct member **members; /* in the order of probing */
        size_t member_count, member_capacity;
        struct member **buckets;
        size_t bucket_count; /* a power of two */
        size_t alive_count;  /* alive or suspect */
        struct member *self;
        struct broadcast_queue broadcasts;
        uint64_t refused_count;
        uint32_t incarnation;
        uint32_t sequence;
        unsigned awareness;
        bool leaving;
        struct probe probe;
        size_t probe_at;
        uint64_t next_probe_us, next_gossip_us, next_push_pull_us;
        struct relay relays[RELAY_MAX];
        unsigned relay_count;
        struct member **suspects;
        size_t suspect_count, suspect_capacity;
        struct byte_buffer scratch, packet, piggyback;
};

/* swim_table.c: who is known. */
struct member *swim_member_find(const struct swim *s, struct pack_slice name);
struct member *swim_member_add(struct swim *s, struct pack_slice name);
/* The member, to be changed; the simulation's table shares what nobody has changed yet. */
struct member *swim_member_edit(struct swim *s, struct member *m);
void swim_member_forget(struct swim *s, size_t at);
void swim_members_fini(struct swim *s);

/* swim_members.c */
void swim_member_set_meta(struct member *m, struct pack_slice meta);
void swim_member_set_state(struct swim *s, struct member *m, enum gossip_state state,
                           uint64_t now_us);
/* Forgets who died longer ago than the dead are told, and shuffles. */
void swim_members_reset(struct swim *s, uint64_t now_us);

typedef bool (*member_fits_fn)(const struct swim *s, const struct member *m, uint64_t now_us);
/* Up to count different members that fit, by chance. */
unsigned swim_members_pick(struct swim *s, member_fits_fn fits, uint64_t now_us,
                           struct member *picked[], unsigned count);

/* swim.c */
uint64_t swim_random_below(struct swim *s, uint64_t bound);
/* Whole states are exchanged less often in large groups. */
uint64_t swim_push_pull_interval_us(const struct swim *s);

/* swim_state.c: what is said of nodes. */
void swim_alive(struct swim *s, const struct gossip_alive *alive, uint64_t now_us);
void swim_suspect(struct swim *s, const struct gossip_accusation *a, uint64_t now_us);
void swim_dead(struct swim *s, const struct gossip_accusation *a, uint64_t now_us);
/*
 * Whether an incarnation can be outbid. Nobody's word makes a node dead in one that cannot: else a
 * single forged message would bar it for good. Such a node is found dead by each on its own.
 */
bool swim_can_be_denied(uint32_t accused_incarnation);
void swim_introduce_self(struct swim *s, uint64_t now_us);

/* swim_suspicion.c */
void swim_suspicion_start(struct swim *s, struct member *m, struct pack_slice from,
                          uint64_t now_us);
/* returns whether this accuser was new and counts. */
bool swim_suspicion_confirm(struct swim *s, struct member *m, struct pack_slice from);
void swim_suspicion_end(struct swim *s, struct member *m);
/* Declares dead who stayed suspect too long. */
void swim_suspicion_tick(struct swim *s, uint64_t now_us);
uint64_t swim_suspicion_deadline_us(const struct swim *s);

/* swim_probe.c */
void swim_probe_tick(struct swim *s, uint64_t now_us);
uint64_t swim_probe_deadline_us(const struct swim *s);
void swim_handle_ping(struct swim *s, const struct swim_address *from, struct pack_slice body);
void swim_handle_indirect_ping(struct swim *s, const struct swim_address *from,
                               struct pack_slice body, uint64_t now_us);
void swim_handle_ack(struct swim *s, struct pack_slice body, uint64_t now_us);
void swim_handle_nack(struct swim *s, struct pack_slice body);
void swim_awareness_add(struct swim *s, int delta);

/* swim_gossip.c: what goes out. */
void swim_broadcast(struct swim *s, struct pack_slice node_name, const struct byte_buffer *message);
/* Sends a message, and as many broadcasts as fit in the same packet. */
void swim_send(struct swim *s, const struct swim_address *to, bool checksum,
               const struct byte_buffer *message);
/* Two messages in one packet. */
void swim_send_pair(struct swim *s, const struct member *to, const struct byte_buffer *first,
                    const struct byte_buffer *second);
void swim_gossip(struct swim *s, uint64_t now_us);
bool swim_takes_checksum(const struct member *m);

static inline struct pack_slice slice_of_buffer(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

static inline struct pack_slice slice_of_address(const struct swim_address *a)
{
        return (struct pack_slice){a->bytes, a->length};
}

#endif
