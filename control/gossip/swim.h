#ifndef CONTROL_GOSSIP_SWIM_H
#define CONTROL_GOSSIP_SWIM_H

/**
 * Membership: SWIM (Das, Gupta, Motivala, 2002) with Lifeguard (Dadgar, Phillips, Currey, 2018), as
 * memberlist's protocol versions 1 to 5 have it.
 *
 * Pure: no clock (every input carries now_us, which never goes back), no I/O, no threads;
 * randomness comes from a seed. What has to be done is told through struct swim_hooks,
 * synchronously; hooks must not call back into the same swim unless said so. One thread. Memory
 * that cannot be had ends the process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/gossip/message.h"

struct swim;

struct swim_address {
        uint8_t length; /* 4 or 16; 0: none */
        uint8_t bytes[16];
        uint16_t port; /* host byte order */
};

/**
 * Make an address of a message's bytes and port.
 * returns  false, with *out as it was, for other lengths than 4 and 16 or port 0.
 */
bool swim_address_make(struct pack_slice bytes, uint16_t port, struct swim_address *out);

/* A member as others see it. Slices live until the node changes. */
struct swim_node {
        struct pack_slice name;
        struct swim_address address;
        struct pack_slice meta;
        uint8_t versions[GOSSIP_VERSION_COUNT];
        enum gossip_state state;
        uint32_t incarnation;
        uint64_t state_since_us;
};

enum swim_event { SWIM_JOINED, SWIM_UPDATED, SWIM_FAILED, SWIM_LEFT };

struct swim_hooks {
        void *arg;
        /* Send one packet's content; the shell compresses, checksums and encrypts it.
         * @checksum  the receiver understands a checksum (protocol 5 and up). */
        void (*send)(void *arg, const struct swim_address *to, struct pack_slice packet,
                     bool checksum);
        /* Exchange states with a member over a stream: swim_state_put, swim_state_merge. */
        void (*push_pull)(void *arg, const struct swim_address *with);
        /* Ping over a stream, when packets got no answer; swim_stream_acked with the sequence. */
        void (*stream_ping)(void *arg, const struct swim_address *to, struct pack_slice ping,
                            uint32_t sequence);
        /* A member came, changed its meta, or went. */
        void (*event)(void *arg, enum swim_event event, const struct swim_node *node);
        /* Somebody else uses a member's name. */
        void (*conflict)(void *arg, const struct swim_node *node, const struct swim_address *other);
        /* Whether a node may be a member at all. May be NULL. */
        bool (*admits)(void *arg, const struct gossip_alive *alive);

        /* For the layer above; each may be NULL. */
        void (*user_message)(void *arg, struct pack_slice message);
        /* Take user messages for one packet, as broadcast_queue_take. */
        unsigned (*user_broadcasts)(void *arg, unsigned transmit_limit, size_t *room,
                                    size_t overhead, struct byte_buffer *out, uint32_t lengths[],
                                    unsigned count_max);
        /* What goes with an ack, and what came with one. */
        void (*ack_payload)(void *arg, struct byte_buffer *out);
        void (*ping_done)(void *arg, const struct swim_node *node, uint64_t round_trip_us,
                          struct pack_slice payload);
};

struct swim_options {
        struct pack_slice name;
        struct swim_address address; /* as others reach us */
        struct pack_slice meta;
        uint8_t versions[GOSSIP_VERSION_COUNT];
        uint64_t seed;

        uint32_t probe_interval_ms;
        uint32_t probe_timeout_ms;
        uint32_t gossip_interval_ms;
        uint32_t push_pull_interval_ms; /* 0: never */
        uint32_t gossip_to_dead_ms;     /* how long the dead are still told */
        uint32_t dead_reclaim_ms; /* when another address may take a dead node's name; 0 never */
        unsigned gossip_nodes;
        unsigned indirect_checks;
        unsigned suspicion_mult;
        unsigned suspicion_max_mult;
        unsigned retransmit_mult;
        unsigned awareness_max;
        unsigned packet_bytes; /* of content; leave room for encryption */
        size_t members_max;    /* the dead not yet forgotten included; more are not taken in */
        bool buddy;            /* a suspect is told with the ping that it is one (Lifeguard) */
};

/** Timings and bounds as memberlist's for a local network, or between datacenters. */
void swim_options_lan(struct swim_options *o);
void swim_options_wan(struct swim_options *o);

/** A node alone. returns NULL for options that cannot be. */
struct swim *swim_create(const struct swim_options *options, const struct swim_hooks *hooks,
                         uint64_t now_us);
void swim_destroy(struct swim *take_swim);

/** Let time pass; and when it is due again. */
void swim_tick(struct swim *s, uint64_t now_us);
uint64_t swim_deadline_us(const struct swim *s);

/** One message of a packet (gossip_unpack). @from  where it came from. Nonsense is ignored. */
void swim_receive(struct swim *s, const struct swim_address *from, uint8_t type,
                  struct pack_slice body, uint64_t now_us);

/** A stream ping was answered. */
void swim_stream_acked(struct swim *s, uint32_t sequence, uint64_t now_us);

/**
 * Append every node's row for a push/pull. returns how many.
 */
uint32_t swim_state_put(const struct swim *s, struct byte_buffer *out);
/** Merge one row of a push/pull. */
void swim_state_merge(struct swim *s, const struct gossip_node_state *row, uint64_t now_us);

/** Announce a new meta. @meta  at most GOSSIP_META_MAX, copied. */
void swim_update(struct swim *s, struct pack_slice meta, uint64_t now_us);

/** Tell everybody we leave. Done when swim_has_left; keep ticking until then, or a time limit. */
void swim_leave(struct swim *s, uint64_t now_us);
bool swim_has_left(const struct swim *s);

/** Send user bytes to one node in a packet of their own. */
void swim_send_user(struct swim *s, const struct swim_address *to, struct pack_slice message);

/** A member by name, dead ones included until they are forgotten; or NULL. */
const struct swim_node *swim_find(const struct swim *s, struct pack_slice name);
/** Ourselves. */
const struct swim_node *swim_self(const struct swim *s);
/** Nodes known, and those of them alive or suspect. */
size_t swim_count(const struct swim *s);
size_t swim_alive_count(const struct swim *s);
/** Lifeguard's local health: 0 is well. */
unsigned swim_awareness(const struct swim *s);
/** How often a node was not taken in because there were members_max. */
uint64_t swim_refused_count(const struct swim *s);
/** How often a broadcast is sent in a group of this size. */
unsigned swim_transmit_limit(const struct swim *s);

#endif
