#include <criterion/criterion.h>
#include <stdlib.h>

#include "control/agent/deadlines.h"
#include "lictor/random.h"

#define ENTRY_COUNT 200
#define STEP_COUNT  20000

// The soonest of a plain array.
static const struct deadline *soonest(const struct deadline *all)
{
        const struct deadline *first = NULL;

        for (size_t i = 0; i < ENTRY_COUNT; i++) {
                if (all[i].slot != 0 && (first == NULL || all[i].at_ms < first->at_ms))
                        first = &all[i];
        }
        return first;
}

Test(deadlines, the_heap_agrees_with_a_plain_array)
{
        const char *given = getenv("LICTOR_SEED");
        uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 0x5eed, state = seed;
        static struct deadline all[ENTRY_COUNT];
        struct deadlines heap = {0};

        for (size_t step = 0; step < STEP_COUNT; step++) {
                struct deadline *entry = &all[random_next(&state) % ENTRY_COUNT];
                const struct deadline *want;

                if (random_next(&state) % 3 == 0)
                        deadlines_clear(&heap, entry);
                else
                        cr_assert_eq(deadlines_set(&heap, entry, random_next(&state) % 1000), 0);
                want = soonest(all);
                cr_assert_eq(want == NULL, deadlines_first(&heap) == NULL,
                             "LICTOR_SEED=%#llx step %zu", (unsigned long long)seed, step);
                if (want != NULL)
                        cr_assert_eq(deadlines_first(&heap)->at_ms, want->at_ms,
                                     "LICTOR_SEED=%#llx step %zu", (unsigned long long)seed, step);
        }
        deadlines_fini(&heap);
}
