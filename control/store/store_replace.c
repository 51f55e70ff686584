#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include <errno.h>
#include <stdlib.h>

int store_state_decode(const uint8_t *bytes, size_t len, struct store_state **out)
{
        struct store_state *state = memory_get(sizeof(*state));
        int ret;

        store_tables_init(&state->tables);
        ret = store_tables_read(&state->tables, bytes, len);
        if (ret < 0)
                store_state_discard(state);
        else
                *out = state;
        return ret;
}

void store_state_discard(struct store_state *take_state)
{
        if (take_state == NULL)
                return;
        store_tables_fini(&take_state->tables);
        free(take_state);
}

uint64_t store_state_index(const struct store_state *state)
{
        return state->tables.applied_index;
}

void store_restore_state(struct store *s, uint64_t index, struct store_state *take_state)
{
        struct store_tables *t = &take_state->tables;
        uint64_t ahead = t->applied_index >= index ? t->applied_index + 1 - index : 0;

        t->applied_index = index + ahead;
        t->index_offset = s->tables.index_offset + ahead;
        store_adopt(s, take_state);
}

static void settle_all(struct store *s)
{
        while (store_is_settling(s))
                store_settle(s);
}

int store_snapshot_read(struct store *s, const uint8_t *bytes, size_t len)
{
        struct store_state *state;
        int ret = store_state_decode(bytes, len, &state);

        if (ret < 0)
                return ret;
        store_adopt(s, state);
        settle_all(s);
        return 0;
}

int store_restore(struct store *s, uint64_t index, const uint8_t *bytes, size_t len)
{
        struct store_state *state;
        int ret = store_state_decode(bytes, len, &state);

        if (ret < 0)
                return ret;
        store_restore_state(s, index, state);
        settle_all(s);
        return 0;
}

int store_snapshot_check(const uint8_t *bytes, size_t len, uint64_t *index)
{
        struct store_state *state;
        int ret = store_state_decode(bytes, len, &state);

        if (ret < 0)
                return ret;
        *index = store_state_index(state);
        store_state_discard(state);
        return 0;
}

uint64_t store_index_offset(const struct store *s)
{
        return s->tables.index_offset;
}

static bool has_owner(const struct store *s, union store_row row)
{
        const struct check_record *check = row.check;

        switch ((enum record_kind)row.record->kind) {
        case RECORD_SERVICE:
                return store_node_get(s, row.service->service.node) != NULL;
        case RECORD_CHECK:
                return *check->check.service_id ? store_service_get(s, check->check.node,
                                                                    check->check.service_id) != NULL
                                                : store_node_get(s, check->check.node) != NULL;
        case RECORD_SESSION:
                return store_node_get(s, row.session->session.node) != NULL;
        case RECORD_KV:
                return row.kv->session_len == 0 ||
                       store_session_get(s, kv_record_session(row.kv)) != NULL;
        case RECORD_COORDINATE:
                return store_node_get(s, row.coordinate->coordinate.node) != NULL;
        case RECORD_NODE:
        case RECORD_QUERY:
        case RECORD_TOMBSTONE:
        case RECORD_SETTING:
                return true;
        }
        return false;
}

int store_load(struct store *s, const struct record *take_record)
{
        static const enum store_table tables[] = {
            [RECORD_NODE] = STORE_NODES,
            [RECORD_SERVICE] = STORE_SERVICES,
            [RECORD_CHECK] = STORE_CHECKS,
            [RECORD_QUERY] = STORE_QUERIES,
            [RECORD_KV] = STORE_KV,
            [RECORD_TOMBSTONE] = STORE_TOMBSTONES,
            [RECORD_SESSION] = STORE_SESSIONS,
            [RECORD_COORDINATE] = STORE_COORDINATES,
            [RECORD_SETTING] = STORE_SETTINGS,
        };
        enum store_table table = tables[take_record->kind];
        union store_row after = {.record = take_record}, before;
        struct ordered_entry keys[STORE_INDEX_MAX];

        store_row_keys(after, keys);
        if (keys[0].key_len == 0 || !has_owner(s, after)) {
                record_release(take_record);
                return -ENOENT;
        }
        before.record = ordered_index_get(*store_table_index_at(&s->tables, table, 0), keys[0].key,
                                          keys[0].key_len);
        store_put(s, table, before, after);
        return 0;
}

void store_load_index(struct store *s, enum store_table table, uint64_t index)
{
        if (index <= s->tables.applied_index)
                s->tables.table_index[table] = index;
}
