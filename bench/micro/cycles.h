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

#include "lictor/random.h"

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
 * Times of many short slices of one job. Being scheduled away takes whole slices, which the median
 * leaves out; a busy neighbour on the same core slows most of them, which only the fastest
 * twentieth leaves out. A quiet machine shows the two close together.
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

struct cycles {
        double median;
        double p05; /* 5th percentile */
};

/* Cycles of one of the @per_slice equal parts of a slice. Empties the slices. */
static inline struct cycles slices_result(struct slices *s, size_t per_slice)
{
        struct cycles result;

        qsort(s->cycles, s->count, sizeof(s->cycles[0]), compare_cycles);
        result.median = (double)s->cycles[s->count / 2] / (double)per_slice;
        result.p05 = (double)s->cycles[s->count / 20] / (double)per_slice;
        s->count = 0;
        return result;
}

#endif
