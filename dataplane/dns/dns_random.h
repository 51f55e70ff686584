#ifndef LICTOR_DNS_RANDOM_H
#define LICTOR_DNS_RANDOM_H

/* Which instances an answer holds, and in which order: uniform, cheap, and repeatable by seed. */

#include <stdint.h>

#include "dataplane/dns/dns_burst.h"

/* Small choices draw from all records; large ones from a window of this many neighbours. */
#define DNS_CHOICE_WINDOW 4096u

/* splitmix64: any state will do, zero included. */
static inline uint64_t dns_random_next(struct dns_random *random)
{
        uint64_t z = random->state += 0x9E3779B97F4A7C15u;

        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        return z ^ z >> 31;
}

/* 0 <= result < n; the bias of n in 2^32 is not worth a division. */
static inline uint32_t dns_random_below(struct dns_random *random, uint32_t n)
{
        return (uint32_t)((dns_random_next(random) >> 32) * n >> 32);
}

/**
 * Draw k distinct indexes below n, in random order.
 *
 * Every sequence is equally likely up to k = 8 or n = DNS_CHOICE_WINDOW. Beyond both, the k come
 * from a window of DNS_CHOICE_WINDOW consecutive indexes that starts anywhere and wraps around:
 * each index is as likely as any other, but neighbours come together more often.
 *
 * @k      0..min(n, DNS_CHOICE_WINDOW), asserted.
 * @picks  room for k.
 */
void dns_choose(struct dns_random *random, uint32_t n, uint32_t k, uint32_t picks[]);

#endif
