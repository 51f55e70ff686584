#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/dns/dns_random.h"
#include "tests/dataplane/dns/dns_world.h"

static double chi_square(const unsigned counts[], unsigned n, double expected)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++) {
                double difference = counts[i] - expected;

                sum += difference * difference / expected;
        }
        return sum;
}

// A chi-square variable of n places lies within six standard deviations of n, but for one seed in
// many thousands.
static bool is_likely(double chi_square_value, unsigned n)
{
        double excess = chi_square_value - n;

        return excess < 0 || excess * excess < 36.0 * 2 * n;
}

Test(dns_random, choices_are_distinct_and_in_range)
{
        static const struct {
                uint32_t n, k;
        } cases[] = {{0, 0},
                     {1, 0},
                     {1, 1},
                     {2, 2},
                     {8, 8},
                     {9, 9},
                     {100, 3},
                     {100, 9},
                     {100, 100},
                     {4095, 4095},
                     {4096, 8},
                     {4096, 9},
                     {4096, 4096},
                     {4097, 4096},
                     {10000, 4096},
                     {10000, 8},
                     {1000000, 9},
                     {0xffffffff, 8},
                     {0xffffffff, 4096}};
        static uint32_t picks[DNS_CHOICE_WINDOW];
        static uint8_t seen[1000000 / 8 + 1];
        struct dns_random random = {42};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                dns_choose(&random, cases[i].n, cases[i].k, picks);
                memset(seen, 0, sizeof(seen));
                for (uint32_t p = 0; p < cases[i].k; p++) {
                        uint32_t bit = picks[p] % 1000000;

                        cr_expect_lt(picks[p], cases[i].n, "case %zu", i);
                        if (cases[i].n <= 1000000)
                                cr_expect_not(seen[bit / 8] >> bit % 8 & 1, "case %zu twice %u", i,
                                              picks[p]);
                        seen[bit / 8] |= (uint8_t)(1u << bit % 8);
                }
        }
}

Test(dns_random, every_index_is_as_likely_at_every_place)
{
        static const struct {
                uint32_t n, k;
        } cases[] = {{2, 1}, {3, 3}, {5, 3}, {8, 8}, {40, 3}, {40, 12}, {12, 12}};
        enum { ROUNDS = 40000 };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                uint32_t n = cases[i].n, k = cases[i].k, picks[40];
                unsigned counts[40][40] = {{0}};
                struct dns_random random = {i};

                for (unsigned round = 0; round < ROUNDS; round++) {
                        dns_choose(&random, n, k, picks);
                        for (uint32_t p = 0; p < k; p++)
                                counts[p][picks[p]]++;
                }
                for (uint32_t p = 0; p < k; p++) {
                        double got = chi_square(counts[p], n, (double)ROUNDS / n);

                        cr_expect(is_likely(got, n), "seed %zu: %u of %u at place %u: %f", i, k, n,
                                  p, got);
                }
        }
}

Test(dns_random, every_order_of_three_is_as_likely)
{
        enum { ROUNDS = 60000 };
        unsigned counts[27] = {0}, orders[6], order_count = 0;
        struct dns_random random = {7};

        for (unsigned round = 0; round < ROUNDS; round++) {
                uint32_t picks[3];

                dns_choose(&random, 3, 3, picks);
                counts[picks[0] * 9 + picks[1] * 3 + picks[2]]++;
        }
        for (unsigned i = 0; i < 27; i++)
                if (counts[i] > 0 && order_count < 6)
                        orders[order_count++] = counts[i];
        cr_assert_eq(order_count, 6);
        cr_expect(is_likely(chi_square(orders, 6, ROUNDS / 6.0), 6));
}

Test(dns_random, a_window_of_a_large_set_reaches_every_part_of_it)
{
        enum { N = 10000, ROUNDS = 4000, PARTS = 20 };
        unsigned counts[PARTS] = {0};
        struct dns_random random = {3};
        static uint32_t picks[60];

        for (unsigned round = 0; round < ROUNDS; round++) {
                dns_choose(&random, N, 60, picks);
                for (unsigned i = 0; i < 60; i++)
                        counts[picks[i] / (N / PARTS)]++;
        }
        for (unsigned i = 0; i < PARTS; i++)
                cr_expect(counts[i] > 60 * ROUNDS / PARTS * 0.9 &&
                              counts[i] < 60 * ROUNDS / PARTS * 1.1,
                          "part %u: %u", i, counts[i]);
}

Test(dns_random, answers_show_every_instance_equally_often)
{
        enum { N = 10, ROUNDS = 4000 };
        struct lictor_instance instances[N];
        struct lictor_zone zone = world_defaults();
        unsigned a[N] = {0}, srv[N] = {0};
        char names[N][8];
        struct world w;

        world_open(&w, &zone);
        for (unsigned i = 0; i < N; i++) {
                char address[16];

                snprintf(names[i], sizeof(names[i]), "n%u", i);
                snprintf(address, sizeof(address), "10.0.0.%u", i);
                instances[i] = world_instance(names[i], address, 1);
        }
        world_add_service(&w, "web", "", 0, instances, N);
        for (unsigned round = 0; round < ROUNDS; round++) {
                for (unsigned type = 0; type < 2; type++) {
                        unsigned *counts = type == 0 ? a : srv;

                        world_ask(&w, "web.service.consul", type == 0 ? "A" : "SRV");
                        for (unsigned i = 0; i < N; i++) {
                                char want[32];

                                snprintf(want, sizeof(want),
                                         type == 0 ? "A 10.0.0.%u\n" : " n%u.node.dc1.consul.\n",
                                         i);
                                counts[i] += strstr(w.text, want) != NULL;
                        }
                }
        }
        cr_expect(is_likely(chi_square(a, N, 3.0 * ROUNDS / N), N));
        cr_expect(is_likely(chi_square(srv, N, 3.0 * ROUNDS / N), N));
        world_close(&w);
}

Test(dns_random, the_same_seed_gives_the_same_choice)
{
        struct dns_random one = {9}, other = {9};
        uint32_t picks[2][20];

        dns_choose(&one, 1000, 20, picks[0]);
        dns_choose(&other, 1000, 20, picks[1]);
        cr_expect_arr_eq(picks[0], picks[1], sizeof(picks[0]));
}
