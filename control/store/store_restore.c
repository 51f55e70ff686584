#include "control/store/memory.h"
#include "control/store/record_codec.h"
#include "control/store/store_internal.h"
#include "lictor/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Far from any overflow.
#define INDEX_MAX (UINT64_MAX / 4)

// The rows of one table as they are read, ascending by their main key.
struct rows {
        struct ordered_entry *entries;
        size_t count;
        size_t capacity;
        size_t at; // where the last look-up ended: the next is rarely far
};

struct source {
        struct msgpack_reader reader;
        struct arena arena;
        struct store_tables *tables;
        struct rows rows[STORE_TABLE_COUNT];
        bool in_tables; // the rows read last have passed to the tables
};

static void add_row(struct rows *rows, const struct ordered_entry *entry)
{
        if (rows->count == rows->capacity) {
                rows->capacity = rows->capacity ? 2 * rows->capacity : 64;
                rows->entries =
                    memory_resize(rows->entries, rows->capacity * sizeof(rows->entries[0]));
        }
        rows->entries[rows->count++] = *entry;
}

static int order_at(const struct rows *rows, size_t i, const struct ordered_entry *probe)
{
        return ordered_entry_compare(&rows->entries[i], probe);
}

// Whether there is a row of this key. Rows refer to others in nearly the same order, so the search
// goes out from the last place in growing steps.
static bool has_row(struct rows *rows, const uint8_t *key, size_t key_len)
{
        struct ordered_entry probe = {key, NULL, (uint32_t)key_len};
        size_t low = 0, high = rows->count, step = 1, at = rows->at;

        if (high == 0)
                return false;
        if (order_at(rows, at, &probe) <= 0) {
                low = at;
                for (; at + step < high; step *= 2) {
                        if (order_at(rows, at + step, &probe) > 0)
                                high = at + step;
                        else
                                low = at + step;
                }
        } else {
                high = at;
                for (; step <= at && low == 0; step *= 2) {
                        if (order_at(rows, at - step, &probe) <= 0)
                                low = at - step;
                        else
                                high = at - step;
                }
        }
        while (high - low > 1) {
                size_t mid = low + (high - low) / 2;

                if (order_at(rows, mid, &probe) <= 0)
                        low = mid;
                else
                        high = mid;
        }
        rows->at = low;
        return order_at(rows, low, &probe) == 0;
}

// A node's name is the first part of the keys of what is on it.
static bool has_node(struct source *src, const uint8_t *key, size_t key_len)
{
        const uint8_t *end = memchr(key, 0, key_len);

        return end && has_row(&src->rows[STORE_NODES], key, (size_t)(end - key));
}

static bool has_session(struct source *src, const char *id)
{
        struct record_key key;
        bool found;

        record_key_make(&key, &id, 1, RECORD_KEY_OPEN);
        found = has_row(&src->rows[STORE_SESSIONS], key.bytes, key.len);
        record_key_fini(&key);
        return found;
}

// What the row hangs on must have been read before it.
static bool has_owner(struct source *src, union store_row row)
{
        const struct check_record *check = row.check;

        switch ((enum record_kind)row.record->kind) {
        case RECORD_SERVICE:
                return has_node(src, row.service->instance_key, row.service->instance_key_len);
        case RECORD_CHECK:
                if (*check->check.service_id == 0)
                        return has_node(src, check->check_key, check->check_key_len);
                return has_row(&src->rows[STORE_SERVICES], check->instance_key,
                               check->instance_key_len - strlen(check->check.id) - 1);
        case RECORD_SESSION:
                return has_node(src, row.session->node_key, row.session->node_key_len);
        case RECORD_KV:
                return row.kv->session_len == 0 || has_session(src, kv_record_session(row.kv));
        case RECORD_COORDINATE:
                return has_node(src, row.coordinate->key, row.coordinate->key_len);
        case RECORD_NODE:
        case RECORD_QUERY:
        case RECORD_TOMBSTONE:
        case RECORD_SETTING:
                return true;
        }
        return false;
}

// The row must lie beyond all read so far.
static bool row_fits(struct source *src, const struct rows *rows, const struct ordered_entry *key)
{
        return key->key_len > 0 && (rows->count == 0 || order_at(rows, rows->count - 1, key) < 0) &&
               has_owner(src, (union store_row){.record = key->value});
}

static int decode_coordinate(struct source *src, uint64_t create_index, uint64_t modify_index,
                             union store_row *out)
{
        struct catalog_coordinate value;

        if (catalog_coordinate_decode(&src->reader, &src->arena, &value) < 0)
                return -EBADMSG;
        out->coordinate = coordinate_record_create(&value, create_index, modify_index);
        return 0;
}

static int decode_setting(struct source *src, uint64_t create_index, uint64_t modify_index,
                          union store_row *out)
{
        struct catalog_setting value;

        if (catalog_setting_decode(&src->reader, &src->arena, &value) < 0)
                return -EBADMSG;
        out->setting = setting_record_create(&value, create_index, modify_index);
        return 0;
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
                if (ret == 0 && create_index != modify_index)
                        ret = -EBADMSG;
                if (ret == 0)
                        out->tombstone = tombstone_record_create(value.key, modify_index);
                break;
        case STORE_COORDINATES:
                ret = decode_coordinate(src, create_index, modify_index, out);
                break;
        case STORE_SETTINGS:
                ret = decode_setting(src, create_index, modify_index, out);
                break;
        case STORE_TABLE_COUNT:
                break;
        }
        arena_reset(&src->arena);
        return ret;
}

static int read_rows(struct source *src, enum store_table table)
{
        struct ordered_entry keys[STORE_INDEX_MAX];
        struct rows *rows = &src->rows[table];
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
                store_row_keys(row, keys);
                if (!row_fits(src, rows, &keys[0])) {
                        record_release(row.record);
                        return -EBADMSG;
                }
                add_row(rows, &keys[0]);
        }
        return 0;
}

static void build(struct source *src, enum store_table table, unsigned i,
                  const struct ordered_entry entries[], size_t count)
{
        struct ordered_index **at = store_table_index_at(src->tables, table, i);

        ordered_index_destroy(*at);
        *at = ordered_index_build(entries, count);
}

// All indexes of a table's rows; the main one last, which owns them.
static int build_indexes(struct source *src, enum store_table table)
{
        const struct rows *rows = &src->rows[table];
        struct ordered_entry *entries = memory_get(rows->count * sizeof(entries[0]));
        int ret = 0;

        for (unsigned i = 1; i < store_table_index_count(table) && ret == 0; i++) {
                struct ordered_entry keys[STORE_INDEX_MAX];
                size_t count = 0;

                for (size_t n = 0; n < rows->count; n++) {
                        store_row_keys((union store_row){.record = rows->entries[n].value}, keys);
                        if (keys[i].key_len > 0)
                                entries[count++] = keys[i];
                }
                ordered_entries_sort(entries, count);
                for (size_t n = 1; n < count && ret == 0; n++)
                        if (ordered_entry_compare(&entries[n - 1], &entries[n]) == 0)
                                ret = -EBADMSG;
                if (ret == 0)
                        build(src, table, i, entries, count);
        }
        free(entries);
        if (ret == 0) {
                build(src, table, 0, rows->entries, rows->count);
                src->in_tables = true;
        }
        return ret;
}

static int read_table(struct source *src, enum store_table table)
{
        struct rows *rows = &src->rows[table];
        int ret;

        src->in_tables = false;
        ret = read_rows(src, table);
        if (ret == 0)
                ret = build_indexes(src, table);
        for (size_t i = 0; i < rows->count && !src->in_tables; i++)
                record_release(rows->entries[i].value);
        return ret;
}

// The next mark, as the rows name it; NULL when its index is no good.
static struct store_mark *read_mark(struct source *src, struct rows *marks, const uint8_t *key,
                                    size_t key_len)
{
        struct ordered_entry entry;
        struct store_mark *mark;
        uint64_t index;

        if (msgpack_get_uint(&src->reader, &index) < 0 || index > src->tables->applied_index)
                return NULL;
        mark = store_mark_create(key, key_len, index);
        entry = (struct ordered_entry){mark->key, mark, mark->key_len};
        add_row(marks, &entry);
        return mark;
}

static int read_node_marks(struct source *src, struct rows *marks)
{
        const struct rows *nodes = &src->rows[STORE_NODES];

        for (size_t i = 0; i < nodes->count; i++)
                if (!read_mark(src, marks, nodes->entries[i].key, nodes->entries[i].key_len))
                        return -EBADMSG;
        return 0;
}

static int read_service_marks(struct source *src, struct rows *marks)
{
        const struct service_record *service;
        struct store_mark *mark = NULL;
        struct ordered_cursor c;

        ordered_index_seek(src->tables->services_by_name, NULL, 0, &c);
        while ((service = ordered_cursor_next(&c, NULL, NULL))) {
                size_t len = service->name_key_len - service->instance_key_len - 1;

                if (mark == NULL || mark->key_len != len ||
                    memcmp(mark->key, service->name_key, len) != 0)
                        mark = read_mark(src, marks, service->name_key, len);
                if (mark == NULL)
                        return -EBADMSG;
                mark->instance_count++;
        }
        return 0;
}

static int read_marks(struct source *src, struct ordered_index **out,
                      int (*read)(struct source *src, struct rows *marks))
{
        struct rows marks = {0};
        int ret = read(src, &marks);

        // Also after a failure: with the index they are freed.
        ordered_index_destroy(*out);
        *out = ordered_index_build(marks.entries, marks.count);
        free(marks.entries);
        return ret;
}

static int read_tables(struct source *src, uint8_t version)
{
        struct store_tables *t = src->tables;
        int ret = msgpack_get_uint(&src->reader, &t->applied_index);

        if (ret == 0 && version > SNAPSHOT_VERSION_OLDEST)
                ret = msgpack_get_uint(&src->reader, &t->index_offset);
        if (ret == 0 && (t->applied_index > INDEX_MAX || t->index_offset > t->applied_index))
                ret = -EBADMSG;
        for (int i = 0; i < STORE_TABLE_COUNT && ret == 0; i++)
                ret = msgpack_get_uint(&src->reader, &t->table_index[i]);
        if (ret == 0)
                ret = msgpack_get_uint(&src->reader, &t->vanished_index);
        for (int i = 0; i < STORE_TABLE_COUNT && ret == 0; i++)
                ret = read_table(src, (enum store_table)i);
        if (ret == 0)
                ret = read_marks(src, &t->node_marks, read_node_marks);
        if (ret == 0)
                ret = read_marks(src, &t->service_marks, read_service_marks);
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                free(src->rows[i].entries);
        return ret == 0 && !msgpack_at_end(&src->reader) ? -EBADMSG : ret;
}

int store_tables_read(struct store_tables *t, const uint8_t *bytes, size_t len)
{
        struct source src = {.arena = ARENA_INIT, .tables = t};
        uint8_t version;
        int ret;

        if (len <= sizeof(store_snapshot_magic) ||
            memcmp(bytes, store_snapshot_magic, sizeof(store_snapshot_magic)) != 0)
                return -EBADMSG;
        version = bytes[sizeof(store_snapshot_magic)];
        if (version < SNAPSHOT_VERSION_OLDEST || version > SNAPSHOT_VERSION)
                return version > SNAPSHOT_VERSION ? -ENOTSUP : -EBADMSG;
        src.reader = (struct msgpack_reader){bytes + sizeof(store_snapshot_magic) + 1, bytes + len};
        ret = read_tables(&src, version);
        arena_fini(&src.arena);
        return ret;
}
