#include <criterion/criterion.h>

#include "dataplane/table/slab.h"
#include "lictor/bytes.h"
#include "tests/dataplane/table/table_helpers.h"

static const size_t sizes[] = {1,      63,     64,     65,      128,      1000,          1024,
                               1025,   4096,   5000,   40000,   65000,    65537,         131007,
                               131008, 131009, 200000, 2097088, 2u << 20, (5u << 20) + 1};

Test(slab, blocks_of_every_size_are_aligned_and_apart)
{
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, UINT64_MAX);
        uint8_t *blocks[ARRAY_LEN(sizes)][3];
        struct slab s;

        slab_init(&s, &source);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                for (int copy = 0; copy < 3; copy++) {
                        blocks[i][copy] = slab_alloc(&s, sizes[i]);
                        cr_assert_not_null(blocks[i][copy], "%zu bytes", sizes[i]);
                        cr_expect_eq((uintptr_t)blocks[i][copy] % SLAB_LINE_BYTES, 0);
                        memset(blocks[i][copy], (int)(i * 3) + copy, sizes[i]);
                }
        }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                for (int copy = 0; copy < 3; copy++) {
                        const uint8_t want = (uint8_t)((int)(i * 3) + copy);
                        const uint8_t *block = blocks[i][copy];

                        cr_expect(block[0] == want && block[sizes[i] / 2] == want &&
                                      block[sizes[i] - 1] == want,
                                  "%zu bytes were overwritten", sizes[i]);
                        slab_free(&s, blocks[i][copy], sizes[i]);
                }
        }
        cr_expect_eq(s.block_bytes, 0);
        cr_expect_eq(slab_mapped_bytes(&s), pages.mapped_bytes);
        slab_fini(&s);
        cr_expect_eq(pages.mapped_bytes, 0);
}

Test(slab, memory_of_one_size_serves_another_once_it_is_free)
{
        enum { COUNT = 40000 };
        static void *blocks[COUNT];
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, UINT64_MAX);
        struct slab s;
        size_t high = 0;

        slab_init(&s, &source);
        for (size_t round = 0; round < 6; round++) {
                const size_t bytes = 64 << round;
                const size_t count = COUNT >> round;

                for (size_t i = 0; i < count; i++)
                        cr_assert_not_null(blocks[i] = slab_alloc(&s, bytes));
                if (round == 0)
                        high = slab_mapped_bytes(&s);
                cr_expect_leq(slab_mapped_bytes(&s), high + SLAB_CHUNK_BYTES, "blocks of %zu",
                              bytes);
                for (size_t i = 0; i < count; i++)
                        slab_free(&s, blocks[i], bytes);
        }
        slab_fini(&s);
}

Test(slab, chunks_that_empty_go_back_to_the_kernel_but_for_a_few)
{
        enum { COUNT = 20 * 16 };
        void *blocks[COUNT];
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, UINT64_MAX);
        struct slab s;

        slab_init(&s, &source);
        for (size_t i = 0; i < COUNT; i++)
                cr_assert_not_null(blocks[i] = slab_alloc(&s, SLAB_SPAN_BYTES));
        cr_expect_eq(pages.mapped_bytes, 20 * SLAB_CHUNK_BYTES);
        for (size_t i = 0; i < COUNT; i++)
                slab_free(&s, blocks[i], SLAB_SPAN_BYTES);
        cr_expect_eq(pages.mapped_bytes, 4 * SLAB_CHUNK_BYTES);
        slab_fini(&s);
}

Test(slab, a_refused_mapping_is_null_and_changes_nothing)
{
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, 1);
        void *small, *large;
        struct slab s;

        slab_init(&s, &source);
        small = slab_alloc(&s, 64);
        cr_assert_not_null(small);
        large = slab_alloc(&s, 4u << 20);
        cr_expect_null(large);
        for (int i = 0; i < 15; i++)
                cr_assert_not_null(slab_alloc(&s, SLAB_SPAN_BYTES));
        cr_expect_null(slab_alloc(&s, SLAB_SPAN_BYTES));
        cr_expect_not_null(slab_alloc(&s, 64), "the span that is there still serves");
        slab_fini(&s);
        cr_expect_eq(pages.mapped_bytes, 0);
}

Test(slab, zeroed_blocks_are_zero_whatever_was_there)
{
        static const size_t bytes[] = {64, 200, 4000, SLAB_SPAN_BYTES, SLAB_SPAN_BYTES + 1};
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, UINT64_MAX);
        struct slab s;

        slab_init(&s, &source);
        for (int round = 0; round < 3; round++) {
                // The sizes take turns in the spans.
                for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
                        uint8_t *blocks[20];

                        for (size_t n = 0; n < ARRAY_LEN(blocks); n++) {
                                blocks[n] = slab_alloc_zeroed(&s, bytes[i]);
                                cr_assert_not_null(blocks[n]);
                                cr_expect(blocks[n][0] == 0 &&
                                              memcmp(blocks[n], blocks[n] + 1, bytes[i] - 1) == 0,
                                          "%zu bytes in round %d", bytes[i], round);
                                memset(blocks[n], 0xa5, bytes[i]);
                        }
                        for (size_t n = 0; n < ARRAY_LEN(blocks); n++)
                                slab_free(&s, blocks[n], bytes[i]);
                }
        }
        slab_fini(&s);
}

/* What was said about huge pages, in order. */
struct advice {
        struct scarce_pages pages;
        unsigned count;
        const void *memory[4];
        bool huge[4];
};

static void note_advice(void *context, void *memory, size_t bytes, bool huge)
{
        struct advice *advice = (struct advice *)context;

        cr_assert(advice->count < 4 && bytes == SLAB_CHUNK_BYTES);
        advice->memory[advice->count] = memory;
        advice->huge[advice->count++] = huge;
}

Test(slab, a_chunk_alone_is_worth_a_huge_page_once_it_holds_something)
{
        struct advice advice = {0};
        struct page_source source = scarce_source(&advice.pages, UINT64_MAX);
        struct slab s;

        source.prefer_huge = note_advice;
        slab_init(&s, &source);
        for (size_t bytes = 0; bytes < SLAB_SMALL_BYTES; bytes += 64)
                cr_assert_not_null(slab_alloc(&s, 64));
        cr_assert_eq(advice.count, 1);
        cr_expect_not(advice.huge[0]);
        cr_assert_not_null(slab_alloc(&s, 64));
        cr_assert_eq(advice.count, 2);
        cr_expect(advice.huge[1] && advice.memory[1] == advice.memory[0]);
        for (int i = 0; i < 40; i++)
                cr_assert_not_null(slab_alloc(&s, SLAB_SPAN_BYTES));
        cr_expect_eq(advice.count, 2, "the others are from the first");
        slab_fini(&s);
}

Test(slab, a_second_chunk_makes_the_first_worth_a_huge_page)
{
        struct advice advice = {0};
        struct page_source source = scarce_source(&advice.pages, UINT64_MAX);
        struct slab s;

        source.prefer_huge = note_advice;
        slab_init(&s, &source);
        // A block of each class takes a span of its own.
        for (size_t lines = 1; lines <= 32; lines = lines < 16 ? lines + 1 : 2 * lines)
                cr_assert_not_null(slab_alloc(&s, 64 * lines));
        cr_expect_lt(s.block_bytes, SLAB_SMALL_BYTES);
        cr_expect_eq(s.chunk_count, 2);
        cr_expect_eq(advice.count, 2);
        cr_expect(!advice.huge[0] && advice.huge[1] && advice.memory[1] == advice.memory[0]);
        slab_fini(&s);
}

Test(slab, random_allocations_never_overlap)
{
        enum { LIVE = 512, STEPS = 200000 };
        static struct {
                uint8_t *block;
                size_t bytes;
                uint8_t fill;
        } live[LIVE];
        const uint64_t seed = 20240607;
        uint64_t random = seed;
        struct scarce_pages pages;
        const struct page_source source = scarce_source(&pages, UINT64_MAX);
        struct slab s;

        slab_init(&s, &source);
        for (size_t step = 0; step < STEPS; step++) {
                const size_t i = random_next(&random) % LIVE;

                if (live[i].block != NULL) {
                        cr_assert(live[i].block[0] == live[i].fill &&
                                      live[i].block[live[i].bytes - 1] == live[i].fill,
                                  "seed %llu step %zu", (unsigned long long)seed, step);
                        slab_free(&s, live[i].block, live[i].bytes);
                        live[i].block = NULL;
                        continue;
                }
                live[i].bytes = 1 + (random_next(&random) >> (44 + random_next(&random) % 16));
                live[i].fill = (uint8_t)random_next(&random);
                live[i].block = slab_alloc(&s, live[i].bytes);
                cr_assert_not_null(live[i].block);
                live[i].block[0] = live[i].fill;
                live[i].block[live[i].bytes - 1] = live[i].fill;
        }
        slab_fini(&s);
        cr_expect_eq(pages.mapped_bytes, 0);
}
