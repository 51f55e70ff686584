#ifndef CONTROL_RELAY_ROTATION_H
#define CONTROL_RELAY_ROTATION_H

/**
 * In which order servers are asked: shuffled, one after the other when they fail, and those that
 * failed lately not before the others. Pure: time and randomness are told.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROTATION_MAX         64u
#define ROTATION_ADDRESS_MAX 64u
#define ROTATION_BACKOFF_MS  100u
#define ROTATION_REST_MAX_MS 5000u

struct rotation_server {
        char address[ROTATION_ADDRESS_MAX]; /* "ip:port" */
        unsigned failures;                  /* in a row */
        uint64_t rest_until_ms;
};

struct rotation {
        struct rotation_server servers[ROTATION_MAX]; /* the first is in use */
        size_t count;
        uint64_t random;
};

/** Begin empty. @seed  any number. */
void rotation_init(struct rotation *rotation, uint64_t seed);

/**
 * Take over the servers there are now. Those known keep their place, new ones come in anywhere.
 * @addresses  beyond ROTATION_MAX they are passed over.
 */
void rotation_set(struct rotation *rotation, const char *const addresses[], size_t count);

/** Put them in a new order, so that load spreads over servers that came later. */
void rotation_shuffle(struct rotation *rotation);

/**
 * The server to be asked: the first one that need not rest; of those that must, the one whose rest
 * ends first.
 * returns  its place, or -1 when there is none.
 */
int rotation_pick(const struct rotation *rotation, uint64_t now_ms);

/** Its place, or -1. */
int rotation_find(const struct rotation *rotation, const char *address);

/** It did not answer: it rests for a while, twice as long each time, and goes to the end. */
void rotation_fail(struct rotation *rotation, const char *address, uint64_t now_ms);

/** It answered. */
void rotation_succeed(struct rotation *rotation, const char *address);

/* So many a second, and some at once. */
struct rate_limit {
        double per_s; /* 0 or less: no limit */
        double burst;
        double tokens;
        uint64_t at_ms;
};

/** Start with a full burst. */
void rate_limit_init(struct rate_limit *limit, double per_s, double burst, uint64_t now_ms);

/** Take one. returns  false when there is none. */
bool rate_limit_take(struct rate_limit *limit, uint64_t now_ms);

#endif
