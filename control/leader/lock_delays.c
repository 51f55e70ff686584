#include "control/leader/lock_delays.h"
#include "control/agent/deadlines.h"
#include "control/store/memory.h"
#include "control/store/ordered_index.h"
#include <stdlib.h>
#include <string.h>

struct delay {
        struct deadline deadline;
        uint32_t key_len;
        uint8_t key[];
};

struct lock_delays {
        struct ordered_index *by_key;
        struct deadlines heap;
};

struct lock_delays *lock_delays_create(void)
{
        struct lock_delays *delays = memory_get_zeroed(1, sizeof(*delays));

        delays->by_key = ordered_index_create();
        return delays;
}

void lock_delays_destroy(struct lock_delays *take_delays)
{
        struct ordered_cursor c;
        struct delay *delay;

        if (take_delays == NULL)
                return;
        ordered_index_seek(take_delays->by_key, NULL, 0, &c);
        while ((delay = ordered_cursor_next(&c, NULL, NULL)) != NULL)
                free(delay);
        ordered_index_destroy(take_delays->by_key);
        deadlines_fini(&take_delays->heap);
        free(take_delays);
}

void lock_delays_add(struct lock_delays *delays, const char *key, uint64_t until_ms)
{
        size_t len = strlen(key);
        struct delay *delay = ordered_index_get(delays->by_key, (const uint8_t *)key, len);

        if (delay == NULL) {
                delay = memory_get_zeroed(1, sizeof(*delay) + len);
                delay->deadline.owner = delay;
                delay->key_len = (uint32_t)len;
                memcpy(delay->key, key, len);
                ordered_index_set(delays->by_key, delay->key, len, delay);
        }
        // Without room in the heap the key would be delayed for ever.
        if (deadlines_set(&delays->heap, &delay->deadline, until_ms) < 0)
                free(ordered_index_remove(delays->by_key, delay->key, len));
}

static void forget_past(struct lock_delays *delays, uint64_t now_ms)
{
        struct deadline *first;

        while ((first = deadlines_first(&delays->heap)) != NULL && first->at_ms <= now_ms) {
                struct delay *delay = first->owner;

                deadlines_clear(&delays->heap, first);
                free(ordered_index_remove(delays->by_key, delay->key, delay->key_len));
        }
}

bool lock_delays_has(struct lock_delays *delays, const char *key, uint64_t now_ms)
{
        forget_past(delays, now_ms);
        return ordered_index_get(delays->by_key, (const uint8_t *)key, strlen(key)) != NULL;
}
