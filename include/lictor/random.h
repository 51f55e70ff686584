#ifndef LICTOR_RANDOM_H
#define LICTOR_RANDOM_H

/* The one generator of the tree. Not for secrets: who sees a few numbers knows the next. */

#include <stdint.h>

/* splitmix64 (Steele, Lea and Flood, 2014): any state is a good seed, zero included. */
static inline uint64_t random_next(uint64_t *state)
{
        uint64_t z = *state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

#endif
