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

static inline int compare_doubles(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* Sorts values. */
static inline double median(double values[], unsigned n)
{
        qsort(values, n, sizeof(values[0]), compare_doubles);
        return values[n / 2];
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
