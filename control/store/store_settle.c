#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include <assert.h>
#include <stdlib.h>

// Each well below a millisecond.
#define ROWS_STEP    512
#define GARBAGE_STEP 512

bool store_is_settling(const struct store *s)
{
        return s->former != NULL;
}

void store_set_heir(struct store *s, const struct store_heir *heir)
{
        s->heir = heir ? *heir : (struct store_heir){NULL, NULL, NULL};
}

void store_adopt(struct store *s, struct store_state *take_state)
{
        while (store_is_settling(s))
                store_settle(s);
        assert(s->open_index == 0 && !s->telling);
        s->former = memory_get_zeroed(1, sizeof(*s->former));
        s->former->tables = s->tables;
        s->tables = take_state->tables;
        free(take_state);
        s->settling = (struct store_settling){.taken_over = s->heir.begin == NULL};
        s->restore_count++;
        if (s->heir.begin)
                s->heir.begin(s->heir.arg, s->former);
        watch_notify_all(s->watches);
}

static void tell_differences(struct store *s)
{
        struct store_settling *t = &s->settling;
        size_t limit = ROWS_STEP;

        while (limit > 0 && t->table < STORE_TABLE_COUNT) {
                if (!t->walking)
                        store_sides_begin(s, t->table,
                                          *store_table_index_at(&s->former->tables, t->table, 0),
                                          *store_table_index_at(&s->tables, t->table, 0));
                limit = store_sides_note(s, t->table, limit);
                if (limit > 0) {
                        t->table++;
                        t->walking = false;
                }
        }
        if (s->journal_len > 0)
                store_tell(s, s->tables.applied_index);
}

bool store_settle(struct store *s)
{
        struct store_settling *t = &s->settling;

        if (s->former == NULL)
                return store_collect(s, GARBAGE_STEP) == 0;
        if (!t->taken_over) {
                t->taken_over = s->heir.step == NULL || !s->heir.step(s->heir.arg);
        } else if (t->table < STORE_TABLE_COUNT) {
                tell_differences(s);
        } else {
                store_retire_tables(s, &s->former->tables);
                free(s->former);
                s->former = NULL;
        }
        return true;
}
