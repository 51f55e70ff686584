#ifndef CONTROL_GOSSIP_COORDINATE_H
#define CONTROL_GOSSIP_COORDINATE_H

/**
 * Network coordinates: Vivaldi (Dabek, Cox, Kaashoek, Morris, 2004) with height, the adjustment
 * term of Ledlie, Gardner and Seltzer ("Network coordinates in the wild", 2007) and gravity towards
 * the origin, with the constants and encoding Serf uses. Times are in seconds. Pure.
 */

#include "control/pack/pack.h"
#include "control/store/coordinate_record.h"

#define COORDINATE_WINDOW  20u /* samples the adjustment is averaged over */
#define COORDINATE_LATENCY 3u  /* samples per peer, of which the median counts */

/** At the origin, knowing nothing. */
void coordinate_init(struct coordinate *c);

/** Append as msgpack; read it back. returns 0, or -EBADMSG also for other dimensions. */
void coordinate_put(struct byte_buffer *b, const struct coordinate *c);
int coordinate_get(struct msgpack_reader *r, struct coordinate *out);

/* What a node knows of its own place. */
struct coordinate_client {
        struct coordinate own;
        double adjustments[COORDINATE_WINDOW];
        unsigned adjustment_at;
        uint64_t random;
        unsigned resets; /* how often the coordinate became impossible and began anew */
};

/* The last round trips to one peer. */
struct coordinate_samples {
        double round_trip_s[COORDINATE_LATENCY];
        unsigned count;
};

/** At the origin. @seed  for the direction in which two in one place part. */
void coordinate_client_init(struct coordinate_client *c, uint64_t seed);

/**
 * Learn from one round trip.
 * @samples  of this peer.
 * returns   0; -EINVAL for a round trip below 0 or above 10 s, or a coordinate that cannot be:
 * nothing is learned.
 */
int coordinate_client_update(struct coordinate_client *c, struct coordinate_samples *samples,
                             const struct coordinate *peer, double round_trip_s);

#endif
