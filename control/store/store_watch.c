#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include <assert.h>
#include <string.h>

struct watch_hub *store_watches(const struct store *s)
{
        return s->watches;
}

void store_seed_watches(struct store *s, uint64_t seed)
{
        assert(watch_count(s->watches) == 0);
        watch_hub_destroy(s->watches);
        s->watches = watch_hub_create(seed);
}

uint64_t store_restore_count(const struct store *s)
{
        return s->restore_count;
}

void store_watch_table(const struct store *s, struct watch *watch, enum store_table table)
{
        const uint8_t key = (uint8_t)table;

        watch_add(s->watches, watch, STORE_WATCH_TABLE, WATCH_EXACT, &key, sizeof(key));
}

void store_watch_name(const struct store *s, struct watch *watch, enum store_watch_kind kind,
                      const char *name)
{
        struct record_key key;

        record_key_make(&key, &name, 1, RECORD_KEY_OPEN);
        watch_add(s->watches, watch, kind, WATCH_EXACT, key.bytes, key.len);
        record_key_fini(&key);
}

void store_touch(struct store *s, enum store_watch_kind kind, const uint8_t *key, size_t key_len)
{
        if (watch_count(s->watches) == 0)
                return;
        if (s->touched_len == s->touched_capacity) {
                s->touched_capacity = s->touched_capacity ? 2 * s->touched_capacity : 16;
                s->touched = memory_resize(s->touched, s->touched_capacity * sizeof(*s->touched));
        }
        s->touched[s->touched_len++] = (struct store_touch){kind, (uint32_t)key_len, key};
}
