#include "control/store/memory.h"
#include "control/store/record_codec.h"
#include "control/store/store_internal.h"
#include "lictor/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source {
        struct msgpack_reader reader;
        struct arena arena;
        struct store_tables *tables;
};

static bool in_order(const struct ordered_index *ix, const uint8_t *key, size_t key_len)
{
        struct ordered_cursor c;

        ordered_index_seek(ix, key, key_len, &c);
        return ordered_cursor_next(&c, NULL, NULL) == NULL;
}

static bool key_in_order(const struct ordered_index *ix, const char *key)
{
        return *key != 0 && in_order(ix, (const uint8_t *)key, strlen(key));
}

// The row must lie beyond all read so far, and hang on what was read before it.
static bool row_fits(const struct store_tables *t, union store_row row)
{
        const char *parts[2];

        switch ((enum record_kind)row.record->kind) {
        case RECORD_NODE:
                return row.node->name_key_len > 0 &&
                       in_order(t->nodes, row.node->name_key, row.node->name_key_len) &&
                       ordered_index_get(t->nodes_by_id, (const uint8_t *)row.node->node.id,
                                         strlen(row.node->node.id)) == NULL;
        case RECORD_SERVICE:
                parts[0] = row.service->service.node;
                return in_order(t->services, row.service->instance_key,
                                row.service->instance_key_len) &&
                       store_find(t->nodes, parts, 1);
        case RECORD_CHECK:
                parts[0] = row.check->check.node;
                parts[1] = row.check->check.service_id;
                return in_order(t->checks, row.check->check_key, row.check->check_key_len) &&
                       store_find(*parts[1] ? t->services : t->nodes, parts, *parts[1] ? 2 : 1);
        case RECORD_QUERY:
                return row.query->id_key_len > 0 &&
                       in_order(t->queries, row.query->id_key, row.query->id_key_len) &&
                       (row.query->name_key_len == 0 ||
                        ordered_index_get(t->queries_by_name, row.query->name_key,
                                          row.query->name_key_len) == NULL);
        case RECORD_SESSION:
                parts[0] = row.session->session.node;
                return row.session->id_key_len > 0 &&
                       in_order(t->sessions, row.session->id_key, row.session->id_key_len) &&
                       store_find(t->nodes, parts, 1);
        case RECORD_KV:
                parts[0] = kv_record_session(row.kv);
                return key_in_order(t->kv, kv_record_key(row.kv)) &&
                       (*parts[0] == 0 || store_find(t->sessions, parts, 1));
        case RECORD_TOMBSTONE:
                return key_in_order(t->tombstones, tombstone_record_key(row.tombstone));
        }
        return false;
}

static int decode_row(struct source *src, enum store_table table, uint64_t create_index,
                      uint64_t modify_index, union store_row *out)
{
        union {
                struct catalog_node node;
                struct catalog_service service;
                struct catalog_check check;
                struct catalog_query query;
                struct catalog_session session;
                struct kv_entry kv;
                const char *key;
        } value;
        int ret = -EBADMSG;

        out->record = NULL;
        switch (table) {
        case STORE_NODES:
                ret = catalog_node_decode(&src->reader, &src->arena, &value.node);
                if (ret == 0)
                        out->node = node_record_create(&value.node, create_index, modify_index);
                break;
        case STORE_SERVICES:
                ret = catalog_service_decode(&src->reader, &src->arena, &value.service);
                if (ret == 0)
                        out->service =
                            service_record_create(&value.service, create_index, modify_index);
                break;
        case STORE_CHECKS:
                ret = catalog_check_decode(&src->reader, &src->arena, &value.check);
                if (ret == 0)
                        out->check = check_record_create(&value.check, create_index, modify_index);
                break;
        case STORE_QUERIES:
                ret = catalog_query_decode(&src->reader, &src->arena, &value.query);
                if (ret == 0)
                        out->query = query_record_create(&value.query, create_index, modify_index);
                break;
        case STORE_SESSIONS:
                ret = catalog_session_decode(&src->reader, &src->arena, &value.session);
                if (ret == 0)
                        out->session =
                            session_record_create(&value.session, create_index, modify_index);
                break;
        case STORE_KV:
                ret = kv_entry_decode(&src->reader, &src->arena, &value.kv);
                if (ret == 0)
                        out->kv = kv_record_create(&value.kv, create_index, modify_index);
                break;
        case STORE_TOMBSTONES:
                ret = arena_decode_text(&src->reader, &src->arena, &value.key);
                if (create_index != modify_index)
                        ret = -EBADMSG;
                if (ret == 0)
                        out->tombstone = tombstone_record_create(value.key, modify_index);
                break;
        case STORE_TABLE_COUNT:
                break;
        }
        arena_reset(&src->arena);
        return ret;
}

static void count_instance(struct ordered_index *marks, const struct service_record *service)
{
        size_t len = service->name_key_len - service->instance_key_len - 1;

        struct store_mark *mark;

        store_mark_add(marks, service->name_key, len, 0);
        mark = ordered_index_get(marks, service->name_key, len);
        mark->instance_count++;
}

static int read_rows(struct source *src, enum store_table table)
{
        uint64_t count, create_index, modify_index;
        union store_row row;

        if (msgpack_get_uint(&src->reader, &count) < 0)
                return -EBADMSG;
        for (uint64_t i = 0; i < count; i++) {
                if (msgpack_get_uint(&src->reader, &create_index) < 0 ||
                    msgpack_get_uint(&src->reader, &modify_index) < 0 ||
                    modify_index > src->tables->applied_index ||
                    decode_row(src, table, create_index, modify_index, &row) < 0)
                        return -EBADMSG;
                if (!row_fits(src->tables, row)) {
                        record_release(row.record);
                        return -EBADMSG;
                }
                store_tables_put(src->tables, table, (union store_row){NULL}, row);
                if (table == STORE_NODES)
                        store_mark_add(src->tables->node_marks, row.node->name_key,
                                       row.node->name_key_len, 0);
                else if (table == STORE_SERVICES)
                        count_instance(src->tables->service_marks, row.service);
        }
        return 0;
}

static int read_marks(struct source *src, const struct ordered_index *marks)
{
        struct ordered_cursor c;
        struct store_mark *mark;

        ordered_index_seek(marks, NULL, 0, &c);
        while ((mark = ordered_cursor_next(&c, NULL, NULL)))
                if (msgpack_get_uint(&src->reader, &mark->index) < 0 ||
                    mark->index > src->tables->applied_index)
                        return -EBADMSG;
        return 0;
}

static int read_tables(struct source *src)
{
        struct store_tables *t = src->tables;
        int ret = msgpack_get_uint(&src->reader, &t->applied_index);

        for (int i = 0; i < STORE_TABLE_COUNT && ret == 0; i++)
                ret = msgpack_get_uint(&src->reader, &t->table_index[i]);
        if (ret == 0)
                ret = msgpack_get_uint(&src->reader, &t->vanished_index);
        for (int i = 0; i < STORE_TABLE_COUNT && ret == 0; i++)
                ret = read_rows(src, (enum store_table)i);
        if (ret == 0)
                ret = read_marks(src, t->node_marks);
        if (ret == 0)
                ret = read_marks(src, t->service_marks);
        return ret == 0 && !msgpack_at_end(&src->reader) ? -EBADMSG : ret;
}

static bool row_equal(union store_row a, union store_row b)
{
        struct kv_entry entry;

        if (a.record->create_index != b.record->create_index ||
            a.record->modify_index != b.record->modify_index)
                return false;
        switch ((enum record_kind)a.record->kind) {
        case RECORD_NODE:
                return catalog_node_equal(&a.node->node, &b.node->node);
        case RECORD_SERVICE:
                return catalog_service_equal(&a.service->service, &b.service->service);
        case RECORD_CHECK:
                return catalog_check_equal(&a.check->check, &b.check->check);
        case RECORD_QUERY:
                return catalog_query_equal(&a.query->query, &b.query->query);
        case RECORD_SESSION:
                return catalog_session_equal(&a.session->session, &b.session->session);
        case RECORD_KV:
                entry = kv_record_entry(b.kv);
                return kv_record_equals(a.kv, &entry);
        case RECORD_TOMBSTONE:
                return true;
        }
        return false;
}

struct side {
        struct ordered_cursor cursor;
        union store_row row;
        const uint8_t *key;
        size_t key_len;
};

static void step(struct side *side)
{
        side->row.record = ordered_cursor_next(&side->cursor, &side->key, &side->key_len);
}

static int order_sides(const struct side *a, const struct side *b)
{
        size_t shared = a->key_len < b->key_len ? a->key_len : b->key_len;
        int order;

        if (a->row.record == NULL || b->row.record == NULL)
                return a->row.record ? -1 : 1;
        order = memcmp(a->key, b->key, shared);
        return order != 0 ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

// Note the rows in which two versions of a table differ, walking both in key order.
static void note_differences(struct store *s, enum store_table table,
                             const struct ordered_index *old, const struct ordered_index *new)
{
        struct side a, b;

        ordered_index_seek(old, NULL, 0, &a.cursor);
        ordered_index_seek(new, NULL, 0, &b.cursor);
        step(&a);
        step(&b);
        while (a.row.record || b.row.record) {
                int order = order_sides(&a, &b);
                union store_row before = order <= 0 ? a.row : (union store_row){NULL};
                union store_row after = order >= 0 ? b.row : (union store_row){NULL};

                if (order != 0 || !row_equal(before, after)) {
                        record_take(before.record);
                        record_take(after.record);
                        store_note(s, table, before, after);
                }
                if (order <= 0)
                        step(&a);
                if (order >= 0)
                        step(&b);
        }
}

int store_snapshot_read(struct store *s, const uint8_t *bytes, size_t len)
{
        struct store_tables tables;
        struct source src = {.arena = ARENA_INIT, .tables = &tables};
        struct store_tables *t = &s->tables;
        int ret;

        if (len <= sizeof(store_snapshot_magic) ||
            memcmp(bytes, store_snapshot_magic, sizeof(store_snapshot_magic)) != 0)
                return -EBADMSG;
        if (bytes[sizeof(store_snapshot_magic)] != SNAPSHOT_VERSION)
                return bytes[sizeof(store_snapshot_magic)] > SNAPSHOT_VERSION ? -ENOTSUP : -EBADMSG;
        src.reader = (struct msgpack_reader){bytes + sizeof(store_snapshot_magic) + 1, bytes + len};
        store_tables_init(&tables);
        ret = read_tables(&src);
        arena_fini(&src.arena);
        if (ret < 0) {
                store_tables_fini(&tables);
                return ret;
        }
        note_differences(s, STORE_NODES, t->nodes, tables.nodes);
        note_differences(s, STORE_SERVICES, t->services, tables.services);
        note_differences(s, STORE_CHECKS, t->checks, tables.checks);
        note_differences(s, STORE_QUERIES, t->queries, tables.queries);
        note_differences(s, STORE_SESSIONS, t->sessions, tables.sessions);
        note_differences(s, STORE_KV, t->kv, tables.kv);
        note_differences(s, STORE_TOMBSTONES, t->tombstones, tables.tombstones);
        store_retire_tables(s, t);
        *t = tables;
        s->restore_count++;
        store_tell(s, t->applied_index);
        watch_notify_all(s->watches);
        return 0;
}
