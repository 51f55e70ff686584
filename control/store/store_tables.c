#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include "lictor/bytes.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct store_tables, member)

// A table's indexes: the main one, which orders snapshots, and the others.
static const struct {
        unsigned count;
        size_t offsets[STORE_INDEX_MAX];
} layout[STORE_TABLE_COUNT] = {
    [STORE_NODES] = {3, {AT(nodes), AT(nodes_by_id), AT(nodes_by_address)}},
    [STORE_SERVICES] = {3, {AT(services), AT(services_by_name), AT(services_by_address)}},
    [STORE_CHECKS] = {3, {AT(checks), AT(checks_by_instance), AT(checks_by_service)}},
    [STORE_QUERIES] = {3, {AT(queries), AT(queries_by_name), AT(queries_by_service)}},
    [STORE_SESSIONS] = {2, {AT(sessions), AT(sessions_by_node)}},
    [STORE_KV] = {2, {AT(kv), AT(kv_by_session)}},
    [STORE_TOMBSTONES] = {2, {AT(tombstones), AT(tombstones_by_index)}},
    [STORE_COORDINATES] = {1, {AT(coordinates)}},
    [STORE_SETTINGS] = {1, {AT(settings)}},
};

unsigned store_table_index_count(enum store_table table)
{
        return layout[table].count;
}

struct ordered_index **store_table_index_at(struct store_tables *t, enum store_table table,
                                            unsigned i)
{
        return (struct ordered_index **)((char *)t + layout[table].offsets[i]);
}

void store_tables_init(struct store_tables *t)
{
        memset(t, 0, sizeof(*t));
        for (int table = 0; table < STORE_TABLE_COUNT; table++)
                for (unsigned i = 0; i < layout[table].count; i++)
                        *store_table_index_at(t, (enum store_table)table, i) =
                            ordered_index_create();
        t->node_marks = ordered_index_create();
        t->service_marks = ordered_index_create();
}

static void release_all(const struct ordered_index *ix)
{
        struct ordered_cursor c;
        const struct record *r;

        ordered_index_seek(ix, NULL, 0, &c);
        while ((r = ordered_cursor_next(&c, NULL, NULL)))
                record_release(r);
}

static void free_all(const struct ordered_index *ix)
{
        struct ordered_cursor c;
        void *mark;

        ordered_index_seek(ix, NULL, 0, &c);
        while ((mark = ordered_cursor_next(&c, NULL, NULL)))
                free(mark);
}

void store_tables_fini(struct store_tables *t)
{
        // Destroying an index reads no key, so the records that hold the keys may go first.
        for (int table = 0; table < STORE_TABLE_COUNT; table++) {
                release_all(*store_table_index_at(t, (enum store_table)table, 0));
                for (unsigned i = 0; i < layout[table].count; i++)
                        ordered_index_destroy(*store_table_index_at(t, (enum store_table)table, i));
        }
        free_all(t->node_marks);
        free_all(t->service_marks);
        ordered_index_destroy(t->node_marks);
        ordered_index_destroy(t->service_marks);
}

static struct ordered_entry key_of(const void *key, size_t key_len, const struct record *row)
{
        return (struct ordered_entry){key, (void *)row, (uint32_t)key_len};
}

#define KEY(row, field) key_of((row)->field, (row)->field##_len, &(row)->head)

static void lock_row_keys(union store_row row, struct ordered_entry keys[STORE_INDEX_MAX])
{
        const struct tombstone_record *tombstone = row.tombstone;
        const struct kv_record *kv = row.kv;

        if (row.record->kind == RECORD_SESSION) {
                keys[0] = KEY(row.session, id_key);
                keys[1] = KEY(row.session, node_key);
        } else if (row.record->kind == RECORD_KV) {
                keys[0] = key_of(kv_record_key(kv), kv->key_len, row.record);
                if (kv->session_len > 0)
                        keys[1] = key_of(kv->bytes, (size_t)kv->session_len + 1 + kv->key_len,
                                         row.record);
        } else {
                keys[0] = key_of(tombstone_record_key(tombstone), tombstone->key_len, row.record);
                keys[1] = key_of(tombstone->bytes, TOMBSTONE_INDEX_LEN + (size_t)tombstone->key_len,
                                 row.record);
        }
}

void store_row_keys(union store_row row, struct ordered_entry keys[STORE_INDEX_MAX])
{
        memset(keys, 0, STORE_INDEX_MAX * sizeof(keys[0]));
        if (row.record == NULL)
                return;
        switch ((enum record_kind)row.record->kind) {
        case RECORD_NODE:
                keys[0] = KEY(row.node, name_key);
                keys[1] = key_of(row.node->node.id, strlen(row.node->node.id), row.record);
                keys[2] = KEY(row.node, address_key);
                break;
        case RECORD_SERVICE:
                keys[0] = KEY(row.service, instance_key);
                keys[1] = KEY(row.service, name_key);
                keys[2] = KEY(row.service, address_key);
                break;
        case RECORD_CHECK:
                keys[0] = KEY(row.check, check_key);
                keys[1] = KEY(row.check, instance_key);
                keys[2] = KEY(row.check, service_key);
                break;
        case RECORD_QUERY:
                keys[0] = KEY(row.query, id_key);
                keys[1] = KEY(row.query, name_key);
                keys[2] = KEY(row.query, service_key);
                break;
        case RECORD_COORDINATE:
                keys[0] = KEY(row.coordinate, key);
                break;
        case RECORD_SETTING:
                keys[0] = KEY(row.setting, key);
                break;
        case RECORD_SESSION:
        case RECORD_KV:
        case RECORD_TOMBSTONE:
                lock_row_keys(row, keys);
                break;
        }
}

void store_tables_put(struct store_tables *t, enum store_table table, union store_row before,
                      union store_row after)
{
        struct ordered_entry old[STORE_INDEX_MAX], new[STORE_INDEX_MAX];

        store_row_keys(before, old);
        store_row_keys(after, new);
        for (unsigned i = 0; i < layout[table].count; i++) {
                struct ordered_index *ix = *store_table_index_at(t, table, i);

                // A key of no bytes: the row is not in that index.
                if (old[i].key_len > 0 && ordered_entry_compare(&old[i], &new[i]) != 0)
                        ordered_index_remove(ix, old[i].key, old[i].key_len);
                if (new[i].key_len > 0)
                        ordered_index_set(ix, new[i].key, new[i].key_len, new[i].value);
        }
}
