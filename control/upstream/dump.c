#include "control/upstream/dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/store/store_write.h"

// --- Reading.

// A list that grows with what is in it, however much its head announces.
static void *grow(struct arena *arena, void *items, size_t count, size_t size)
{
        void *larger;

        if (count > 0 && (count & (count - 1)) != 0)
                return items;
        larger = arena_get(arena, 2 * (count > 0 ? count : 1) * size);
        if (count > 0)
                memcpy(larger, items, count * size);
        return larger;
}

static int get_services(struct pack_slice list, const char *node, struct arena *arena,
                        struct upstream_node *out)
{
        struct msgpack_reader r = pack_reader_of(list);
        uint64_t index;
        uint32_t count;

        if (list.length == 0)
                return 0;
        if (pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        for (; count > 0; count--) {
                struct catalog_service *service;

                out->services =
                    grow(arena, out->services, out->service_count, sizeof(*out->services));
                service = &out->services[out->service_count++];
                if (consul_get_service(&r, arena, service, &index) < 0)
                        return -EBADMSG;
                service->node = node;
                if (service->id[0] == '\0')
                        service->id = service->name;
                if (service->name[0] == '\0')
                        return -EBADMSG;
                if (service->weight_passing == 0 && service->weight_warning == 0)
                        service->weight_passing = service->weight_warning = 1;
        }
        return 0;
}

static int get_checks(struct pack_slice list, const char *node, struct arena *arena,
                      struct upstream_node *out)
{
        struct msgpack_reader r = pack_reader_of(list);
        uint64_t index;
        uint32_t count;

        if (list.length == 0)
                return 0;
        if (pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        for (; count > 0; count--) {
                struct catalog_check *check;

                out->checks = grow(arena, out->checks, out->check_count, sizeof(*out->checks));
                check = &out->checks[out->check_count++];
                if (consul_get_check(&r, arena, check, &index) < 0 || check->id[0] == '\0')
                        return -EBADMSG;
                check->node = node;
        }
        return 0;
}

struct packed_lists {
        struct pack_slice services, checks;
};

static int get_node(struct msgpack_reader *r, const char *datacenter, struct arena *arena,
                    struct upstream_node *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_lists, services, "Services", WIRE_VALUE),
            WIRE_FIELD(struct packed_lists, checks, "Checks", WIRE_VALUE),
        };
        struct packed_lists lists = {{NULL, 0}, {NULL, 0}};
        struct msgpack_reader again = *r;
        uint64_t index;

        *out = (struct upstream_node){.services = NULL};
        if (pack_peek(r) != PACK_IS_MAP || consul_get_node(r, arena, &out->node, &index) < 0 ||
            wire_get(&again, fields, 2, arena, &lists) < 0 || out->node.name[0] == '\0')
                return -EBADMSG;
        out->node.datacenter = datacenter;
        if (get_services(lists.services, out->node.name, arena, out) < 0)
                return -EBADMSG;
        return get_checks(lists.checks, out->node.name, arena, out);
}

int upstream_dump_get(struct pack_slice body, const char *datacenter, struct arena *arena,
                      struct upstream_dump *out)
{
        static const struct wire_field fields[] = {{"Dump", WIRE_VALUE, 0}};
        struct pack_slice list = {NULL, 0};
        struct msgpack_reader r = pack_reader_of(body);
        uint32_t count = 0;

        *out = (struct upstream_dump){.nodes = NULL};
        if (consul_meta_get(body, &out->meta) < 0 || wire_get(&r, fields, 1, arena, &list) < 0)
                return -EBADMSG;
        r = pack_reader_of(list);
        if (list.length > 0 && pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        for (; count > 0; count--) {
                out->nodes = grow(arena, out->nodes, out->node_count, sizeof(*out->nodes));
                if (get_node(&r, datacenter, arena, &out->nodes[out->node_count++]) < 0)
                        return -EBADMSG;
        }
        return 0;
}

// --- Applying.

struct names {
        const char **items;
        size_t count;
        int (*compare)(const void *a, const void *b);
};

static int compare_names(const void *a, const void *b)
{
        const char *const *x = a, *const *y = b;

        return strcasecmp(*x, *y);
}

static int compare_ids(const void *a, const void *b)
{
        const char *const *x = a, *const *y = b;

        return strcmp(*x, *y);
}

static struct names names_of(struct arena *arena, size_t count,
                             int (*compare)(const void *a, const void *b))
{
        return (struct names){arena_get(arena, (count + 1) * sizeof(const char *)), 0, compare};
}

static void sort_names(struct names *names)
{
        qsort(names->items, names->count, sizeof(*names->items), names->compare);
}

static bool has_name(const struct names *names, const char *name)
{
        return bsearch(&name, names->items, names->count, sizeof(*names->items), names->compare) !=
               NULL;
}

// What is to go: copies, as walks end with the first change.
static void note(struct arena *arena, struct names *gone, const char *name)
{
        gone->items = grow(arena, gone->items, gone->count, sizeof(*gone->items));
        gone->items[gone->count++] = arena_text(arena, name, strlen(name));
}

static void delete_nodes(struct store *store, const struct upstream_dump *dump, struct arena *arena)
{
        struct names there = names_of(arena, dump->node_count, compare_names), gone = {0};
        const struct node_record *record;
        struct store_iter it;

        for (size_t i = 0; i < dump->node_count; i++)
                there.items[there.count++] = dump->nodes[i].node.name;
        sort_names(&there);
        store_nodes(store, &it);
        while ((record = store_next_node(&it)) != NULL) {
                if (!has_name(&there, record->node.name))
                        note(arena, &gone, record->node.name);
        }
        for (size_t i = 0; i < gone.count; i++)
                store_delete_node(store, gone.items[i]);
}

static void delete_services(struct store *store, const struct upstream_node *from,
                            struct arena *arena)
{
        struct names there = names_of(arena, from->service_count, compare_ids), gone = {0};
        const struct service_record *record;
        struct store_iter it;

        for (size_t i = 0; i < from->service_count; i++)
                there.items[there.count++] = from->services[i].id;
        sort_names(&there);
        store_services_of_node(store, from->node.name, &it);
        while ((record = store_next_service(&it)) != NULL) {
                if (!has_name(&there, record->service.id))
                        note(arena, &gone, record->service.id);
        }
        for (size_t i = 0; i < gone.count; i++)
                store_delete_service(store, from->node.name, gone.items[i]);
}

static void delete_checks(struct store *store, const struct upstream_node *from,
                          struct arena *arena)
{
        struct names there = names_of(arena, from->check_count, compare_ids), gone = {0};
        const struct check_record *record;
        struct store_iter it;

        for (size_t i = 0; i < from->check_count; i++)
                there.items[there.count++] = from->checks[i].id;
        sort_names(&there);
        store_checks_of_node(store, from->node.name, &it);
        while ((record = store_next_check(&it)) != NULL) {
                if (!has_name(&there, record->check.id))
                        note(arena, &gone, record->check.id);
        }
        for (size_t i = 0; i < gone.count; i++)
                store_delete_check(store, from->node.name, gone.items[i]);
}

static size_t set_rows(struct store *store, const struct upstream_node *from)
{
        struct store_error error;
        size_t refused = 0;

        if (store_set_node(store, &from->node, &error) < 0)
                return 1 + from->service_count + from->check_count;
        for (size_t i = 0; i < from->service_count; i++)
                refused += store_set_service(store, &from->services[i], &error) < 0;
        for (size_t i = 0; i < from->check_count; i++)
                refused += store_set_check(store, &from->checks[i], &error) < 0;
        return refused;
}

size_t upstream_dump_apply(struct store *store, const struct upstream_dump *dump)
{
        struct arena arena = ARENA_INIT;
        size_t refused = 0;

        store_begin(store, store_applied_index(store) + 1);
        delete_nodes(store, dump, &arena);
        for (size_t i = 0; i < dump->node_count; i++) {
                delete_services(store, &dump->nodes[i], &arena);
                delete_checks(store, &dump->nodes[i], &arena);
                refused += set_rows(store, &dump->nodes[i]);
                arena_reset(&arena);
        }
        store_commit(store);
        arena_fini(&arena);
        return refused;
}
