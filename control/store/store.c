#include "control/store/store.h"
#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct store *store_create(void)
{
        struct store *s = memory_get_zeroed(1, sizeof(*s));

        store_tables_init(&s->tables);
        return s;
}

void store_destroy(struct store *s)
{
        if (s == NULL)
                return;
        assert(s->open_index == 0);
        store_tables_fini(&s->tables);
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

// A node's own change concerns whoever looks at the services on it.
static void mark_services_of_node(struct store *s, const char *node, uint64_t index)
{
        const struct service_record *service;
        struct store_iter it;

        store_services_of_node(s, node, &it);
        while ((service = store_next_service(&it)))
                store_mark_get(s->tables.service_marks, service->service.name)->index = index;
}

static void mark_service(struct store *s, const char *name, uint64_t index)
{
        struct store_mark *mark = store_mark_find(s->tables.service_marks, name);

        if (mark)
                mark->index = index;
}

static void mark_instance(struct store *s, const struct store_change *c, uint64_t index)
{
        struct ordered_index *marks = s->tables.service_marks;
        struct store_mark *mark;

        // The new one first: an update must not let the name's last instance seem to go.
        if (c->after.service) {
                mark = store_mark_get(marks, c->after.service->service.name);
                mark->instance_count++;
                mark->index = index;
        }
        if (c->before.service) {
                mark = store_mark_get(marks, c->before.service->service.name);
                mark->index = index;
                if (--mark->instance_count == 0) {
                        store_mark_drop(marks, c->before.service->service.name);
                        s->tables.vanished_index = index;
                }
        }
}

static void mark_check(struct store *s, const struct store_change *c, uint64_t index)
{
        const struct check_record *row = c->after.check ? c->after.check : c->before.check;
        const struct service_record *service;

        if (*row->check.service_id == 0) {
                mark_services_of_node(s, row->check.node, index);
                return;
        }
        mark_service(s, row->check.service_name, index);
        service = store_service_get(s, row->check.node, row->check.service_id);
        if (service)
                mark_service(s, service->service.name, index);
}

static void mark_change(struct store *s, const struct store_change *c, uint64_t index)
{
        struct store_mark *mark;

        s->tables.table_index[c->table] = index;
        switch (c->table) {
        case STORE_NODES:
                if (c->after.node)
                        store_mark_get(s->tables.node_marks, c->node)->index = index;
                else
                        store_mark_drop(s->tables.node_marks, c->node);
                mark_services_of_node(s, c->node, index);
                return;
        case STORE_SERVICES:
                mark_instance(s, c, index);
                break;
        case STORE_CHECKS:
                mark_check(s, c, index);
                break;
        case STORE_QUERIES:
        case STORE_TABLE_COUNT:
                return;
        }
        mark = store_mark_find(s->tables.node_marks, c->node);
        if (mark)
                mark->index = index;
}

void store_tell(struct store *s, uint64_t index)
{
        s->telling = true;
        for (unsigned i = 0; i < s->listener_count && s->journal_len > 0; i++)
                s->listeners[i].fn(s->listeners[i].arg, index, s->journal, s->journal_len);
        s->telling = false;
        for (size_t i = 0; i < s->journal_len; i++) {
                record_release(s->journal[i].before.record);
                record_release(s->journal[i].after.record);
        }
        s->journal_len = 0;
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
