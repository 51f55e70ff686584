#include "control/store/store_internal.h"
#include <string.h>

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
        case RECORD_SETTING:
                return catalog_setting_equal(&a.setting->setting, &b.setting->setting);
        case RECORD_COORDINATE:
                return catalog_coordinate_equal(&a.coordinate->coordinate,
                                                &b.coordinate->coordinate);
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

void store_note_differences(struct store *s, enum store_table table,
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
