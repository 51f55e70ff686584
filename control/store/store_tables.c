#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include "control/store/text.h"
#include "lictor/bytes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void store_tables_init(struct store_tables *t)
{
        struct ordered_index **indexes[] = {
            &t->nodes,      &t->nodes_by_id,         &t->nodes_by_address,
            &t->services,   &t->services_by_name,    &t->services_by_address,
            &t->checks,     &t->checks_by_instance,  &t->checks_by_service,
            &t->queries,    &t->queries_by_name,     &t->queries_by_service,
            &t->sessions,   &t->sessions_by_node,    &t->kv_by_session,
            &t->tombstones, &t->tombstones_by_index, &t->kv,
            &t->node_marks, &t->service_marks};

        memset(t, 0, sizeof(*t));
        for (size_t i = 0; i < ARRAY_LEN(indexes); i++)
                *indexes[i] = ordered_index_create();
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
        struct ordered_index *indexes[] = {
            t->nodes,      t->nodes_by_id,         t->nodes_by_address,
            t->services,   t->services_by_name,    t->services_by_address,
            t->checks,     t->checks_by_instance,  t->checks_by_service,
            t->queries,    t->queries_by_name,     t->queries_by_service,
            t->sessions,   t->sessions_by_node,    t->kv_by_session,
            t->tombstones, t->tombstones_by_index, t->kv,
            t->node_marks, t->service_marks};

        // Destroying an index reads no key, so the records that hold the keys may go first.
        release_all(t->nodes);
        release_all(t->services);
        release_all(t->checks);
        release_all(t->queries);
        release_all(t->sessions);
        release_all(t->kv);
        release_all(t->tombstones);
        free_all(t->node_marks);
        free_all(t->service_marks);
        for (size_t i = 0; i < ARRAY_LEN(indexes); i++)
                ordered_index_destroy(indexes[i]);
}

void store_tables_list(const struct store_tables *t, struct ordered_index *out[STORE_TABLE_COUNT])
{
        out[STORE_NODES] = t->nodes;
        out[STORE_SERVICES] = t->services;
        out[STORE_CHECKS] = t->checks;
        out[STORE_QUERIES] = t->queries;
        out[STORE_SESSIONS] = t->sessions;
        out[STORE_KV] = t->kv;
        out[STORE_TOMBSTONES] = t->tombstones;
}

struct key {
        const uint8_t *bytes;
        size_t len; // 0: the record is not in this index
};

static void move(struct ordered_index *ix, struct key old_key, struct key new_key,
                 const struct record *after)
{
        bool same = old_key.len == new_key.len &&
                    (old_key.len == 0 || memcmp(old_key.bytes, new_key.bytes, old_key.len) == 0);

        if (old_key.len > 0 && !same)
                ordered_index_remove(ix, old_key.bytes, old_key.len);
        if (new_key.len > 0)
                ordered_index_set(ix, new_key.bytes, new_key.len, (void *)after);
}

#define KEY(row, field)                                                                            \
        (row) ? (struct key){(row)->field, (row)->field##_len} : (struct key)                      \
        {                                                                                          \
                NULL, 0                                                                            \
        }

static struct key id_key(const struct node_record *n)
{
        return n ? (struct key){(const uint8_t *)n->node.id, strlen(n->node.id)} : (struct key){0};
}

static struct key kv_key(const struct kv_record *r)
{
        return r ? (struct key){(const uint8_t *)kv_record_key(r), r->key_len} : (struct key){0};
}

static struct key kv_session_key(const struct kv_record *r)
{
        return r && r->session_len ? (struct key){r->bytes, (size_t)r->session_len + 1 + r->key_len}
                                   : (struct key){0};
}

static struct key tombstone_key(const struct tombstone_record *r)
{
        return r ? (struct key){(const uint8_t *)tombstone_record_key(r), r->key_len}
                 : (struct key){0};
}

static struct key tombstone_index_key(const struct tombstone_record *r)
{
        return r ? (struct key){r->bytes, TOMBSTONE_INDEX_LEN + (size_t)r->key_len}
                 : (struct key){0};
}

static void put_lock_row(struct store_tables *t, enum store_table table, union store_row b,
                         union store_row a)
{
        if (table == STORE_SESSIONS) {
                move(t->sessions, KEY(b.session, id_key), KEY(a.session, id_key), a.record);
                move(t->sessions_by_node, KEY(b.session, node_key), KEY(a.session, node_key),
                     a.record);
        } else if (table == STORE_KV) {
                move(t->kv, kv_key(b.kv), kv_key(a.kv), a.record);
                move(t->kv_by_session, kv_session_key(b.kv), kv_session_key(a.kv), a.record);
        } else {
                move(t->tombstones, tombstone_key(b.tombstone), tombstone_key(a.tombstone),
                     a.record);
                move(t->tombstones_by_index, tombstone_index_key(b.tombstone),
                     tombstone_index_key(a.tombstone), a.record);
        }
}

void store_tables_put(struct store_tables *t, enum store_table table, union store_row b,
                      union store_row a)
{
        switch (table) {
        case STORE_NODES:
                move(t->nodes, KEY(b.node, name_key), KEY(a.node, name_key), a.record);
                move(t->nodes_by_id, id_key(b.node), id_key(a.node), a.record);
                move(t->nodes_by_address, KEY(b.node, address_key), KEY(a.node, address_key),
                     a.record);
                break;
        case STORE_SERVICES:
                move(t->services, KEY(b.service, instance_key), KEY(a.service, instance_key),
                     a.record);
                move(t->services_by_name, KEY(b.service, name_key), KEY(a.service, name_key),
                     a.record);
                move(t->services_by_address, KEY(b.service, address_key),
                     KEY(a.service, address_key), a.record);
                break;
        case STORE_CHECKS:
                move(t->checks, KEY(b.check, check_key), KEY(a.check, check_key), a.record);
                move(t->checks_by_instance, KEY(b.check, instance_key), KEY(a.check, instance_key),
                     a.record);
                move(t->checks_by_service, KEY(b.check, service_key), KEY(a.check, service_key),
                     a.record);
                break;
        case STORE_QUERIES:
                move(t->queries, KEY(b.query, id_key), KEY(a.query, id_key), a.record);
                move(t->queries_by_name, KEY(b.query, name_key), KEY(a.query, name_key), a.record);
                move(t->queries_by_service, KEY(b.query, service_key), KEY(a.query, service_key),
                     a.record);
                break;
        case STORE_SESSIONS:
        case STORE_KV:
        case STORE_TOMBSTONES:
                put_lock_row(t, table, b, a);
                break;
        case STORE_TABLE_COUNT:
                assert(false);
        }
}
