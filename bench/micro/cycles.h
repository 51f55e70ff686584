#ifndef LICTOR_BENCH_CYCLES_H
#define LICTOR_BENCH_CYCLES_H

/**
 * Time for micro-benchmarks. Cycles are those of the time stamp counter, which ticks at one rate
 * whatever the core's clock does.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

static inline uint64_t cycles_now(void)
{
        return __rdtsc();
}

static inline uint64_t clock_now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Ticks of the counter in a nanosecond, over 50 ms. */
static inline double cycles_per_ns(void)
{
        const uint64_t start_ns = clock_now_ns(), start = cycles_now();
        uint64_t end_ns;

        do
                end_ns = clock_now_ns();
        while (end_ns - start_ns < 50000000u);
        return (double)(cycles_now() - start) / (double)(end_ns - start_ns);
}

/*
 * Times of many short slices of one job. The median slice is the job undisturbed: whatever else the
 * machine does takes whole slices away, and those are the outliers.
 */
enum { SLICES_MAX = 1 << 16 };

struct slices {
        uint64_t cycles[SLICES_MAX];
        size_t count;
};

static inline void slices_add(struct slices *s, uint64_t cycles)
{
        if (s->count < SLICES_MAX)
                s->cycles[s->count++] = cycles;
}

static inline int compare_cycles(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

/* Empties the slices. */
static inline double slices_median(struct slices *s)
{
        const size_t middle = s->count / 2;

        qsort(s->cycles, s->count, sizeof(s->cycles[0]), compare_cycles);
        s->count = 0;
        return (double)s->cycles[middle];
}

/* xorshift64*: cheap, and the same questions in every run. */
static inline uint64_t draw(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * 0x2545f4914f6cdd1du;
}

#endif
