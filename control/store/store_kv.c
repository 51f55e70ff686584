#include "control/store/store_internal.h"
#include "control/store/text.h"
#include <string.h>

#define NO_ROW ((union store_row){NULL})

const struct kv_record *store_kv_get(const struct store *s, const char *key)
{
        return ordered_index_get(s->tables.kv, (const uint8_t *)key, strlen(key));
}

void store_kv(const struct store *s, const char *prefix, struct store_iter *it)
{
        ordered_index_seek_prefix(s->tables.kv, (const uint8_t *)prefix, strlen(prefix),
                                  &it->cursor);
}

void store_kv_of_session(const struct store *s, const char *id, struct store_iter *it)
{
        // With the NUL, which parts the session from the key.
        ordered_index_seek_prefix(s->tables.kv_by_session, (const uint8_t *)id, strlen(id) + 1,
                                  &it->cursor);
}

const struct kv_record *store_next_kv(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

static uint64_t largest_index(const struct ordered_index *ix, const char *prefix)
{
        const struct record *row;
        struct ordered_cursor c;
        uint64_t largest = 0;

        ordered_index_seek_prefix(ix, (const uint8_t *)prefix, strlen(prefix), &c);
        while ((row = ordered_cursor_next(&c, NULL, NULL)))
                if (row->modify_index > largest)
                        largest = row->modify_index;
        return largest;
}

uint64_t store_kv_prefix_index(const struct store *s, const char *prefix)
{
        uint64_t kept, gone;

        if (*prefix == 0)
                return store_table_index(s, STORE_KV);
        kept = largest_index(s->tables.kv, prefix);
        gone = largest_index(s->tables.tombstones, prefix);
        if (kept == 0 && gone == 0)
                return store_table_index(s, STORE_KV);
        return kept > gone ? kept : gone;
}

uint64_t store_oldest_tombstone(const struct store *s)
{
        const struct record *row;
        struct ordered_cursor c;

        ordered_index_seek(s->tables.tombstones_by_index, NULL, 0, &c);
        row = ordered_cursor_next(&c, NULL, NULL);
        return row ? row->modify_index : UINT64_MAX;
}

// Writes that change nothing leave the key and its index alone.
static void put(struct store *s, const struct kv_record *old, const struct kv_entry *entry)
{
        union store_row before = {.kv = old};
        union store_row after;

        if (old && kv_record_equals(old, entry))
                return;
        after.kv =
            kv_record_create(entry, old ? old->head.create_index : s->open_index, s->open_index);
        store_put(s, STORE_KV, before, after);
}

void store_kv_set(struct store *s, const struct kv_entry *entry)
{
        const struct kv_record *old = store_kv_get(s, entry->key);
        struct kv_entry value = *entry;

        value.session = old ? kv_record_session(old) : "";
        value.lock_index = 0;
        put(s, old, &value);
}

enum store_kv_outcome store_kv_cas(struct store *s, const struct kv_entry *entry, uint64_t index)
{
        const struct kv_record *old = store_kv_get(s, entry->key);

        if ((old ? old->head.modify_index : 0) != index)
                return STORE_KV_REFUSED;
        store_kv_set(s, entry);
        return STORE_KV_DONE;
}

enum store_kv_outcome store_kv_lock(struct store *s, const struct kv_entry *entry,
                                    struct store_error *error)
{
        const struct kv_record *old = store_kv_get(s, entry->key);
        const struct session_record *session;
        struct kv_entry value = *entry;

        if (*entry->session == 0) {
                store_error_set(error, "missing session");
                return STORE_KV_FAILED;
        }
        if (store_session_check_id(entry->session, error) < 0)
                return STORE_KV_FAILED;
        session = store_session_get(s, entry->session);
        if (session == NULL) {
                store_error_set(error, "invalid session \"%.100s\"", entry->session);
                return STORE_KV_FAILED;
        }
        // As the session spells itself: its locks are found by that when it ends.
        value.session = session->session.id;
        value.lock_index = 1;
        if (old && old->session_len > 0) {
                if (strcmp(kv_record_session(old), value.session) != 0)
                        return STORE_KV_REFUSED;
                value.lock_index = old->lock_index;
        } else if (old) {
                value.lock_index = old->lock_index + 1;
        }
        put(s, old, &value);
        return STORE_KV_DONE;
}

enum store_kv_outcome store_kv_unlock(struct store *s, const struct kv_entry *entry,
                                      struct store_error *error)
{
        const struct kv_record *old = store_kv_get(s, entry->key);
        struct kv_entry value = *entry;

        if (*entry->session == 0) {
                store_error_set(error, "missing session");
                return STORE_KV_FAILED;
        }
        if (old == NULL || !text_equal_fold(kv_record_session(old), entry->session))
                return STORE_KV_REFUSED;
        value.session = "";
        value.lock_index = old->lock_index;
        put(s, old, &value);
        return STORE_KV_DONE;
}

// The tombstone of an earlier deletion makes way for the new one.
static void delete_row(struct store *s, const struct kv_record *row)
{
        union store_row before = {.kv = row};
        union store_row tombstone, earlier;

        earlier.tombstone = ordered_index_get(s->tables.tombstones,
                                              (const uint8_t *)kv_record_key(row), row->key_len);
        tombstone.tombstone = tombstone_record_create(kv_record_key(row), s->open_index);
        store_put(s, STORE_KV, before, NO_ROW);
        store_put(s, STORE_TOMBSTONES, earlier, tombstone);
}

void store_kv_delete(struct store *s, const char *key)
{
        const struct kv_record *row = store_kv_get(s, key);

        if (row)
                delete_row(s, row);
}

enum store_kv_outcome store_kv_delete_cas(struct store *s, const char *key, uint64_t index)
{
        const struct kv_record *row = store_kv_get(s, key);

        if (row && row->head.modify_index != index)
                return STORE_KV_REFUSED;
        if (row)
                delete_row(s, row);
        return STORE_KV_DONE;
}

void store_kv_delete_tree(struct store *s, const char *prefix)
{
        const struct kv_record *row;
        struct store_iter it;

        // A walk ends with the write, so each round begins a new one.
        for (;;) {
                store_kv(s, prefix, &it);
                row = store_next_kv(&it);
                if (row == NULL)
                        return;
                delete_row(s, row);
        }
}

void store_kv_reap(struct store *s, uint64_t index)
{
        struct ordered_cursor c;
        union store_row row;

        for (;;) {
                ordered_index_seek(s->tables.tombstones_by_index, NULL, 0, &c);
                row.tombstone = ordered_cursor_next(&c, NULL, NULL);
                if (row.tombstone == NULL || row.record->modify_index > index)
                        return;
                store_put(s, STORE_TOMBSTONES, row, NO_ROW);
        }
}
