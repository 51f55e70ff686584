#ifndef LICTOR_DNS_RANDOM_H
#define LICTOR_DNS_RANDOM_H

/* Which instances an answer holds, and in which order: uniform, cheap, and repeatable by seed. */

#include <stdint.h>

#include "dataplane/dns/dns_burst.h"
#include "lictor/random.h"

/* Small choices draw from all records; large ones from a window of this many neighbours. */
#define DNS_CHOICE_WINDOW 4096u

/* 0 <= result < n; the bias of n in 2^32 is not worth a division. */
static inline uint32_t dns_random_below(struct dns_random *random, uint32_t n)
{
        return (uint32_t)((random_next(&random->state) >> 32) * n >> 32);
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
