#include "control/store/store.h"
#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Freed with each command of what nobody holds any more.
#define COLLECT_STEP 64

struct store *store_create(void)
{
        struct store *s = memory_get_zeroed(1, sizeof(*s));

        store_tables_init(&s->tables);
        s->watches = watch_hub_create(0);
        return s;
}

void store_destroy(struct store *s)
{
        if (s == NULL)
                return;
        assert(s->open_index == 0 && s->newest == NULL);
        if (s->former) {
                store_retire_tables(s, &s->former->tables);
                free(s->former);
        }
        store_collect(s, SIZE_MAX);
        store_tables_fini(&s->tables);
        watch_hub_destroy(s->watches);
        free(s->touched);
        free(s->journal);
        free(s);
}

int store_listen(struct store *s, store_listener_fn fn, void *arg)
{
        if (s->listener_count == STORE_LISTENER_MAX)
                return -ENOSPC;
        s->listeners[s->listener_count++] = (struct store_listener){fn, arg};
        return 0;
}

void store_unlisten(struct store *s, store_listener_fn fn, void *arg)
{
        unsigned kept = 0;

        assert(!s->telling);
        for (unsigned i = 0; i < s->listener_count; i++)
                if (s->listeners[i].fn != fn || s->listeners[i].arg != arg)
                        s->listeners[kept++] = s->listeners[i];
        s->listener_count = kept;
}

void store_begin(struct store *s, uint64_t index)
{
        while (s->former)
                store_settle(s);
        assert(s->open_index == 0 && !s->telling && index > 0);
        s->open_index = index;
}

void store_note(struct store *s, enum store_table table, union store_row before,
                union store_row after)
{
        union store_row row = after.record ? after : before;
        struct store_change *change;

        if (s->journal_len == s->journal_capacity) {
                s->journal_capacity = s->journal_capacity ? 2 * s->journal_capacity : 16;
                s->journal = memory_resize(s->journal, s->journal_capacity * sizeof(*s->journal));
        }
        change = &s->journal[s->journal_len++];
        *change = (struct store_change){table, before, after, "", ""};
        if (table == STORE_NODES) {
                change->node = row.node->node.name;
        } else if (table == STORE_SERVICES) {
                change->node = row.service->service.node;
                change->service = row.service->service.name;
        } else if (table == STORE_SESSIONS) {
                change->node = row.session->session.node;
        } else if (table == STORE_COORDINATES) {
                change->node = row.coordinate->coordinate.node;
        } else if (table == STORE_CHECKS) {
                change->node = row.check->check.node;
                change->service = row.check->check.service_name;
        }
}

void store_put(struct store *s, enum store_table table, union store_row before,
               union store_row after)
{
        assert(s->open_index > 0);
        store_tables_put(&s->tables, table, before, after);
        record_take(after.record);
        store_note(s, table, before, after);
}

void store_abort(struct store *s)
{
        assert(s->open_index > 0);
        while (s->journal_len > 0) {
                const struct store_change *c = &s->journal[--s->journal_len];

                store_tables_put(&s->tables, c->table, c->after, c->before);
                record_release(c->after.record); // the journal's reference, then the tables'
                record_release(c->after.record);
        }
        s->tables.applied_index = s->open_index;
        s->open_index = 0;
}

static void touch_table(struct store *s, enum store_table table)
{
        static const uint8_t keys[STORE_TABLE_COUNT] = {
            STORE_NODES, STORE_SERVICES,   STORE_CHECKS,      STORE_QUERIES, STORE_SESSIONS,
            STORE_KV,    STORE_TOMBSTONES, STORE_COORDINATES, STORE_SETTINGS};

        store_touch(s, STORE_WATCH_TABLE, &keys[table], 1);
}

// Something of a service's has changed: its mark moves, if it has one, and whoever watches is told.
static struct store_mark *mark_service(struct store *s, const uint8_t *key, size_t key_len,
                                       uint64_t index)
{
        struct store_mark *mark =
            store_mark_change(s, s->tables.service_marks, key, key_len, index);

        store_touch(s, STORE_WATCH_SERVICE, key, key_len);
        return mark;
}

// The name is the first part of the key.
static size_t name_len(const struct service_record *service)
{
        return service->name_key_len - service->instance_key_len - 1;
}

// A node's own change concerns whoever looks at the services on it.
static void mark_services_of_node(struct store *s, const char *node, uint64_t index)
{
        const struct service_record *service;
        struct store_iter it;

        store_services_of_node(s, node, &it);
        while ((service = store_next_service(&it)))
                mark_service(s, service->name_key, name_len(service), index);
}

static void mark_instance(struct store *s, const struct store_change *c, uint64_t index)
{
        const struct service_record *after = c->after.service;
        const struct service_record *before = c->before.service;
        struct ordered_index *marks = s->tables.service_marks;

        // The new one first: an update must not let the name's last instance seem to go.
        if (after) {
                store_mark_add(marks, after->name_key, name_len(after), index);
                mark_service(s, after->name_key, name_len(after), index)->instance_count++;
        }
        if (before &&
            --mark_service(s, before->name_key, name_len(before), index)->instance_count == 0) {
                store_mark_drop(s, marks, before->name_key, name_len(before));
                s->tables.vanished_index = index;
        }
}

static void mark_owner(struct store *s, const struct check_record *row, uint64_t index)
{
        const struct service_record *service;

        if (row == NULL)
                return;
        if (row->service_key_len == 0) {
                mark_services_of_node(s, row->check.node, index);
                return;
        }
        mark_service(s, row->service_key, row->service_key_len - row->check_key_len - 1, index);
        // The service may have another name by now than when the check was written.
        service = store_service_get(s, row->check.node, row->check.service_id);
        if (service)
                mark_service(s, service->name_key, name_len(service), index);
}

// The node's name is the first part of its services' and checks' keys.
static void mark_node(struct store *s, const uint8_t *key, size_t key_len, uint64_t index)
{
        const uint8_t *end = memchr(key, 0, key_len);

        key_len = end ? (size_t)(end - key) : key_len;
        store_mark_change(s, s->tables.node_marks, key, key_len, index);
        store_touch(s, STORE_WATCH_NODE, key, key_len);
}

static void mark_change(struct store *s, const struct store_change *c, uint64_t index)
{
        union store_row row = c->after.record ? c->after : c->before;

        s->tables.table_index[c->table] = index;
        touch_table(s, c->table);
        switch (c->table) {
        case STORE_NODES:
                if (c->after.node)
                        store_mark_add(s->tables.node_marks, row.node->name_key,
                                       row.node->name_key_len, index);
                else
                        store_mark_drop(s, s->tables.node_marks, row.node->name_key,
                                        row.node->name_key_len);
                mark_node(s, row.node->name_key, row.node->name_key_len, index);
                mark_services_of_node(s, c->node, index);
                break;
        case STORE_SERVICES:
                mark_instance(s, c, index);
                mark_node(s, row.service->instance_key, row.service->instance_key_len, index);
                break;
        case STORE_CHECKS:
                mark_owner(s, c->before.check, index);
                mark_owner(s, c->after.check, index);
                mark_node(s, row.check->check_key, row.check->check_key_len, index);
                break;
        case STORE_SESSIONS:
                store_touch(s, STORE_WATCH_SESSION, row.session->id_key, row.session->id_key_len);
                break;
        case STORE_KV:
                store_touch(s, STORE_WATCH_KEY, (const uint8_t *)kv_record_key(row.kv),
                            row.kv->key_len);
                break;
        case STORE_COORDINATES:
                store_touch(s, STORE_WATCH_COORDINATE, row.coordinate->key,
                            strlen((const char *)row.coordinate->key));
                break;
        case STORE_QUERIES:
        case STORE_TOMBSTONES:
        case STORE_SETTINGS:
        case STORE_TABLE_COUNT:
                break;
        }
}

void store_tell(struct store *s, uint64_t index)
{
        s->telling = true;
        for (unsigned i = 0; i < s->listener_count && s->journal_len > 0; i++)
                s->listeners[i].fn(s->listeners[i].arg, index, s->journal, s->journal_len);
        for (size_t i = 0; i < s->touched_len; i++)
                watch_notify(s->watches, s->touched[i].kind, s->touched[i].key,
                             s->touched[i].key_len);
        s->touched_len = 0;
        s->telling = false;
        for (size_t i = 0; i < s->journal_len; i++) {
                store_retire_record(s, s->journal[i].before.record);
                record_release(s->journal[i].after.record);
        }
        s->journal_len = 0;
        store_collect(s, COLLECT_STEP);
}

void store_commit(struct store *s)
{
        uint64_t index = s->open_index;

        assert(index > 0);
        // Instances first: the marks of a name that has just come must be there for the others.
        for (size_t i = 0; i < s->journal_len; i++)
                if (s->journal[i].table == STORE_SERVICES)
                        mark_change(s, &s->journal[i], index);
        for (size_t i = 0; i < s->journal_len; i++)
                if (s->journal[i].table != STORE_SERVICES)
                        mark_change(s, &s->journal[i], index);
        s->tables.applied_index = index;
        s->open_index = 0;
        store_tell(s, index);
}
