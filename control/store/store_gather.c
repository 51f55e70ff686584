#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RETIRED_BLOCK 510

struct store_retired_block {
        struct store_retired_block *next;
        size_t count;
        void *items[RETIRED_BLOCK];
};

struct store_old_tables {
        struct store_old_tables *next;
        struct store_tables tables;
};

static void retire(struct store_retired *list, void *item)
{
        struct store_retired_block *block = list->last;

        if (block == NULL || block->count == RETIRED_BLOCK) {
                block = memory_get(sizeof(*block));
                block->next = NULL;
                block->count = 0;
                if (list->last)
                        list->last->next = block;
                else
                        list->first = block;
                list->last = block;
        }
        block->items[block->count++] = item;
}

static void move_retired(struct store_retired *from, struct store_retired *to)
{
        if (from->first == NULL)
                return;
        if (to->last)
                to->last->next = from->first;
        else
                to->first = from->first;
        to->last = from->last;
        *from = (struct store_retired){NULL, NULL};
}

// The next item of a list, or NULL; blocks go when they are empty.
static void *take_retired(struct store_retired *list)
{
        struct store_retired_block *block = list->first;
        void *item;

        if (block == NULL)
                return NULL;
        item = block->items[--block->count];
        if (block->count == 0) {
                list->first = block->next;
                if (list->first == NULL)
                        list->last = NULL;
                free(block);
        }
        return item;
}

// Rows and marks made since the newest state was gathered are known to nobody who holds one.
static bool is_held(const struct store *s, uint64_t index)
{
        return s->newest && index <= s->newest->applied_index;
}

void store_retire_record(struct store *s, const struct record *take_record)
{
        if (take_record && is_held(s, take_record->modify_index))
                retire(&s->newest->records, (void *)take_record);
        else
                record_release(take_record);
}

static void retire_mark(struct store *s, struct store_mark *take_mark)
{
        if (take_mark && is_held(s, take_mark->index))
                retire(&s->newest->marks, take_mark);
        else
                free(take_mark);
}

void store_retire_tables(struct store *s, const struct store_tables *tables)
{
        struct store_old_tables *old = memory_get(sizeof(*old));
        struct store_old_tables **list = s->newest ? &s->newest->old_tables : &s->garbage_tables;

        old->tables = *tables;
        old->next = *list;
        *list = old;
}

static void release_record(void *record)
{
        record_release(record);
}

// returns  what is left of the limit: above 0 when the tables are empty.
static size_t strip_tables(struct store_tables *t, size_t limit)
{
        for (int table = 0; table < STORE_TABLE_COUNT && limit > 0; table++)
                for (unsigned i = 0; i < store_table_index_count((enum store_table)table); i++)
                        limit = ordered_index_strip(
                            *store_table_index_at(t, (enum store_table)table, i),
                            i == 0 ? release_record : NULL, limit);
        limit = ordered_index_strip(t->node_marks, free, limit);
        return ordered_index_strip(t->service_marks, free, limit);
}

static size_t collect_tables(struct store *s, size_t limit)
{
        while (limit > 0 && s->garbage_tables) {
                struct store_old_tables *old = s->garbage_tables;

                limit = strip_tables(&old->tables, limit);
                if (limit == 0)
                        break;
                s->garbage_tables = old->next;
                store_tables_fini(&old->tables);
                free(old);
        }
        return limit;
}

size_t store_collect(struct store *s, size_t limit)
{
        void *item;

        while (limit > 0 && (item = take_retired(&s->garbage_records))) {
                record_release(item);
                limit--;
        }
        while (limit > 0 && (item = take_retired(&s->garbage_marks))) {
                free(item);
                limit--;
        }
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                limit = ordered_index_collect(
                    *store_table_index_at(&s->tables, (enum store_table)i, 0), limit);
        limit = ordered_index_collect(s->tables.node_marks, limit);
        limit = ordered_index_collect(s->tables.service_marks, limit);
        return collect_tables(s, limit);
}

struct store_snapshot *store_snapshot_gather(struct store *s)
{
        struct store_snapshot *h = memory_get_zeroed(1, sizeof(*h));

        assert(s->open_index == 0);
        h->store = s;
        h->older = s->newest;
        if (h->older)
                h->older->newer = h;
        s->newest = h;
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                h->rows[i] =
                    ordered_index_freeze(*store_table_index_at(&s->tables, (enum store_table)i, 0));
        h->node_marks = ordered_index_freeze(s->tables.node_marks);
        h->service_marks = ordered_index_freeze(s->tables.service_marks);
        memcpy(h->table_index, s->tables.table_index, sizeof(h->table_index));
        h->vanished_index = s->tables.vanished_index;
        h->applied_index = s->tables.applied_index;
        h->index_offset = s->tables.index_offset;
        return h;
}

uint64_t store_snapshot_index(const struct store_snapshot *h)
{
        return h->applied_index;
}

static void pass_old_tables(struct store_snapshot *h)
{
        struct store_old_tables **list =
            h->older ? &h->older->old_tables : &h->store->garbage_tables;

        while (h->old_tables) {
                struct store_old_tables *old = h->old_tables;

                h->old_tables = old->next;
                old->next = *list;
                *list = old;
        }
}

void store_snapshot_release(struct store_snapshot *h)
{
        struct store *s;

        if (h == NULL)
                return;
        s = h->store;
        if (h->newer)
                h->newer->older = h->older;
        else
                s->newest = h->older;
        if (h->older)
                h->older->newer = h->newer;
        // The old tables' indexes are needed until their leaves have been let go.
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                ordered_frozen_release(h->rows[i]);
        ordered_frozen_release(h->node_marks);
        ordered_frozen_release(h->service_marks);
        move_retired(&h->records, h->older ? &h->older->records : &s->garbage_records);
        move_retired(&h->marks, h->older ? &h->older->marks : &s->garbage_marks);
        pass_old_tables(h);
        free(h);
}

struct store_mark *store_mark_create(const uint8_t *key, size_t key_len, uint64_t index)
{
        struct store_mark *mark = memory_get(sizeof(*mark) + key_len);

        *mark = (struct store_mark){.index = index, .key_len = (uint32_t)key_len};
        memcpy(mark->key, key, key_len);
        return mark;
}

void store_mark_add(struct ordered_index *marks, const uint8_t *key, size_t key_len, uint64_t index)
{
        struct store_mark *mark;

        if (ordered_index_get(marks, key, key_len))
                return;
        mark = store_mark_create(key, key_len, index);
        ordered_index_set(marks, mark->key, key_len, mark);
}

struct store_mark *store_mark_change(struct store *s, struct ordered_index *marks,
                                     const uint8_t *key, size_t key_len, uint64_t index)
{
        struct store_mark *mark = ordered_index_get(marks, key, key_len);
        struct store_mark *copy;

        if (mark == NULL)
                return NULL;
        if (is_held(s, mark->index)) {
                copy = memory_get(sizeof(*copy) + key_len);
                memcpy(copy, mark, sizeof(*copy) + key_len);
                ordered_index_set(marks, copy->key, key_len, copy);
                retire_mark(s, mark);
                mark = copy;
        }
        mark->index = index;
        return mark;
}

void store_mark_drop(struct store *s, struct ordered_index *marks, const uint8_t *key,
                     size_t key_len)
{
        retire_mark(s, ordered_index_remove(marks, key, key_len));
}
