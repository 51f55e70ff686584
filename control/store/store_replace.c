#include "control/store/store_internal.h"

// The rows that differ are told as if one command had changed them.
static void replace(struct store *s, const struct store_tables *tables)
{
        struct store_tables *t = &s->tables;

        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                store_note_differences(
                    s, (enum store_table)i, *store_table_index_at(t, (enum store_table)i, 0),
                    *store_table_index_at((struct store_tables *)tables, (enum store_table)i, 0));
        store_retire_tables(s, t);
        *t = *tables;
        s->restore_count++;
        store_tell(s, t->applied_index);
        watch_notify_all(s->watches);
}

static int read(struct store_tables *tables, const uint8_t *bytes, size_t len)
{
        int ret;

        store_tables_init(tables);
        ret = store_tables_read(tables, bytes, len);
        if (ret < 0)
                store_tables_fini(tables);
        return ret;
}

int store_snapshot_read(struct store *s, const uint8_t *bytes, size_t len)
{
        struct store_tables tables;
        int ret = read(&tables, bytes, len);

        if (ret == 0)
                replace(s, &tables);
        return ret;
}

int store_snapshot_check(const uint8_t *bytes, size_t len, uint64_t *index)
{
        struct store_tables tables;
        int ret = read(&tables, bytes, len);

        if (ret < 0)
                return ret;
        *index = tables.applied_index;
        store_tables_fini(&tables);
        return 0;
}

int store_restore(struct store *s, uint64_t index, const uint8_t *bytes, size_t len)
{
        struct store_tables tables;
        int ret = read(&tables, bytes, len);
        uint64_t ahead;

        if (ret < 0)
                return ret;
        ahead = tables.applied_index >= index ? tables.applied_index + 1 - index : 0;
        tables.applied_index = index + ahead;
        tables.index_offset = s->tables.index_offset + ahead;
        replace(s, &tables);
        return 0;
}

uint64_t store_index_offset(const struct store *s)
{
        return s->tables.index_offset;
}
