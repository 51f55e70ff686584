#include "dataplane/dns/dns_random.h"

#include <assert.h>

#define FEW 8u

// Floyd's permutation of a random subset (Bentley, "A Sample of Brilliance"): an index drawn twice
// is replaced by the newest one, put right behind its double.
static void choose_few(struct dns_random *random, uint32_t n, uint32_t k, uint32_t picks[])
{
        for (uint32_t count = 0; count < k; count++) {
                uint32_t newest = n - k + count;
                uint32_t drawn = dns_random_below(random, newest + 1);
                uint32_t place = 0;

                for (uint32_t i = 0; i < count; i++) {
                        if (picks[i] == drawn) {
                                place = i + 1;
                                drawn = newest;
                                break;
                        }
                }
                for (uint32_t i = count; i > place; i--)
                        picks[i] = picks[i - 1];
                picks[place] = drawn;
        }
}

void dns_choose(struct dns_random *random, uint32_t n, uint32_t k, uint32_t picks[])
{
        uint16_t deck[DNS_CHOICE_WINDOW];
        uint32_t window = n < DNS_CHOICE_WINDOW ? n : DNS_CHOICE_WINDOW;
        uint32_t start = 0;

        assert(k <= window);
        if (k <= FEW) {
                choose_few(random, n, k, picks);
                return;
        }
        if (n > window)
                start = dns_random_below(random, n);
        for (uint32_t i = 0; i < window; i++)
                deck[i] = (uint16_t)i;
        for (uint32_t i = 0; i < k; i++) {
                uint32_t other = i + dns_random_below(random, window - i);
                uint64_t pick = (uint64_t)start + deck[other];

                deck[other] = deck[i];
                picks[i] = (uint32_t)(pick < n ? pick : pick - n);
        }
}
