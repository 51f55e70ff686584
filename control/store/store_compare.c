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

static void step(struct store_side *side)
{
        side->row.record = ordered_cursor_next(&side->cursor, &side->key, &side->key_len);
}

static int order_sides(const struct store_side *a, const struct store_side *b)
{
        size_t shared = a->key_len < b->key_len ? a->key_len : b->key_len;
        int order;

        if (a->row.record == NULL || b->row.record == NULL)
                return a->row.record ? -1 : 1;
        order = memcmp(a->key, b->key, shared);
        return order != 0 ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

void store_sides_begin(struct store *s, enum store_table table, const struct ordered_index *old,
                       const struct ordered_index *new)
{
        struct store_settling *t = &s->settling;

        t->table = table;
        t->walking = true;
        ordered_index_seek(old, NULL, 0, &t->old.cursor);
        ordered_index_seek(new, NULL, 0, &t->new.cursor);
        step(&t->old);
        step(&t->new);
}

size_t store_sides_note(struct store *s, enum store_table table, size_t limit)
{
        struct store_side *a = &s->settling.old, *b = &s->settling.new;

        for (; limit > 0 && (a->row.record || b->row.record); limit--) {
                int order = order_sides(a, b);
                union store_row before = order <= 0 ? a->row : (union store_row){NULL};
                union store_row after = order >= 0 ? b->row : (union store_row){NULL};

                if (order != 0 || !row_equal(before, after)) {
                        record_take(before.record);
                        record_take(after.record);
                        store_note(s, table, before, after);
                }
                if (order <= 0)
                        step(a);
                if (order >= 0)
                        step(b);
        }
        return limit;
}
