#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/follow/follow_codec.h"
#include "control/store/record_codec.h"
#include "tests/control/fsm/machine.h"

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static void put_head(struct byte_buffer *out, const struct record *head)
{
        msgpack_put_uint(out, head->create_index);
        msgpack_put_uint(out, head->modify_index);
}

// Everything that names lead to, with its indexes.
static struct byte_buffer dump(const struct store *store)
{
        struct byte_buffer out = BYTE_BUFFER_INIT;
        const struct service_record *service;
        const struct check_record *check;
        const struct query_record *query;
        const struct node_record *node;
        struct store_iter it;

        store_nodes(store, &it);
        while ((node = store_next_node(&it)) != NULL) {
                put_head(&out, &node->head);
                catalog_node_encode(&node->node, &out);
                msgpack_put_uint(&out, store_node_index(store, node->node.name));
        }
        store_services(store, &it);
        while ((service = store_next_service(&it)) != NULL) {
                put_head(&out, &service->head);
                catalog_service_encode(&service->service, &out);
                msgpack_put_uint(&out, store_service_index(store, service->service.name));
        }
        store_checks(store, &it);
        while ((check = store_next_check(&it)) != NULL) {
                put_head(&out, &check->head);
                catalog_check_encode(&check->check, &out);
        }
        store_queries(store, &it);
        while ((query = store_next_query(&it)) != NULL) {
                put_head(&out, &query->head);
                catalog_query_encode(&query->query, &out);
        }
        msgpack_put_uint(&out, follow_catalog_index(store));
        return out;
}

static bool is_same(const struct store *a, const struct store *b)
{
        struct byte_buffer x = dump(a), y = dump(b);
        bool same = x.len == y.len && memcmp(x.bytes, y.bytes, x.len) == 0;

        byte_buffer_fini(&x);
        byte_buffer_fini(&y);
        return same;
}

/* A store that follows another one. */
struct copy {
        struct store *store;
        unsigned applied, refused;
};

static void on_changes(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct byte_buffer rows = BYTE_BUFFER_INIT;
        struct copy *copy = arg;

        if (follow_rows_encode(changes, count, &rows) > 0) {
                copy->applied++;
                copy->refused += follow_rows_apply(copy->store, index, rows.bytes, rows.len) < 0;
        }
        byte_buffer_fini(&rows);
}

static void take_snapshot(struct store *from, struct store *to)
{
        struct store_snapshot *snapshot = store_snapshot_gather(from);
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        cr_assert_eq(store_snapshot_encode_catalog(snapshot, append, &bytes), 0);
        store_snapshot_release(snapshot);
        cr_assert_eq(store_snapshot_read(to, bytes.bytes, bytes.len), 0);
        byte_buffer_fini(&bytes);
}

static void run(uint64_t seed, unsigned steps, unsigned join_at)
{
        uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
        struct copy copy = {.store = store_create()};
        struct machine m;

        machine_init(&m);
        for (unsigned i = 0; i < steps; i++) {
                if (i == join_at) {
                        take_snapshot(m.store, copy.store);
                        cr_assert_eq(store_listen(m.store, on_changes, &copy), 0);
                }
                machine_random(&m, &state);
                if (i >= join_at && i % 20 == 0)
                        cr_assert(is_same(m.store, copy.store), "seed %llu, step %u",
                                  (unsigned long long)seed, i);
        }
        cr_expect_gt(copy.applied, 0, "seed %llu", (unsigned long long)seed);
        cr_expect_eq(copy.refused, 0, "seed %llu", (unsigned long long)seed);
        cr_expect_eq(store_count(copy.store, STORE_KV), 0);
        store_unlisten(m.store, on_changes, &copy);
        machine_fini(&m);
        store_destroy(copy.store);
}

Test(follow, a_copy_is_the_same_rows_with_the_same_indexes_whatever_is_applied)
{
        for (uint64_t seed = 1; seed <= 40; seed++)
                run(seed, 600, (unsigned)(seed * 13 % 300));
}

static void keep_rows(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        (void)index;
        follow_rows_encode(changes, count, arg);
}

Test(follow, changes_that_do_not_fit_leave_the_copy_as_it_was)
{
        struct byte_buffer rows = BYTE_BUFFER_INIT;
        struct store *copy = store_create(), *same = store_create();
        struct machine m;

        machine_init(&m);
        machine_node(&m, "a", "10.0.0.1");
        take_snapshot(m.store, copy);
        take_snapshot(m.store, same);
        cr_assert_eq(store_listen(m.store, keep_rows, &rows), 0);
        machine_service(&m, "a", "web", "web", NULL, "", 80);
        cr_assert_gt(rows.len, 0);
        for (size_t len = 1; len < rows.len; len++) {
                cr_expect_eq(follow_rows_apply(copy, 100, rows.bytes, len), -EBADMSG, "%zu", len);
                cr_expect(is_same(copy, same), "%zu", len);
        }
        cr_expect_eq(follow_rows_apply(copy, store_applied_index(copy), rows.bytes, rows.len),
                     -EBADMSG, "an index that was applied before");
        take_snapshot(same, copy);
        cr_expect_eq(follow_rows_apply(copy, m.change_index, rows.bytes, rows.len), 0);
        cr_expect(is_same(copy, m.store));
        byte_buffer_fini(&rows);
        machine_fini(&m);
        store_destroy(copy);
        store_destroy(same);
}

Test(follow, items_survive_the_wire_and_strange_ones_are_refused)
{
        const struct follow_item items[] = {
            {.kind = FOLLOW_SNAPSHOT, .cluster_id = 7, .index = 9},
            {.kind = FOLLOW_DELTA, .before = 7, .index = 9},
            {.kind = FOLLOW_BEAT, .index = 7, .contact_ms = 9, .known_leader = true},
        };

        for (size_t i = 0; i < 3; i++) {
                struct byte_buffer bytes = BYTE_BUFFER_INIT;
                struct follow_item got;

                follow_item_encode(&items[i], &bytes);
                cr_assert_eq(follow_item_decode(bytes.bytes, bytes.len, &got), 0, "%zu", i);
                cr_expect_eq(got.kind, items[i].kind);
                cr_expect_eq(got.index, items[i].index);
                cr_expect_eq(got.contact_ms, items[i].contact_ms);
                cr_expect_eq(got.known_leader, items[i].known_leader);
                cr_expect_eq(follow_item_decode(bytes.bytes, FOLLOW_ITEM_HEAD - 1, &got), -EBADMSG);
                bytes.bytes[0] = 4;
                cr_expect_eq(follow_item_decode(bytes.bytes, bytes.len, &got), -EBADMSG);
                byte_buffer_fini(&bytes);
        }
}

Test(follow, requests_survive_the_wire)
{
        struct follow_request in = {UINT64_MAX, 5, ""};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct follow_request out;

        follow_request_encode(&in, &bytes);
        cr_expect_eq(follow_request_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_eq(out.cluster_id, UINT64_MAX);
        cr_expect_eq(out.index, 5);
        cr_expect_str_eq(out.datacenter, "");
        cr_expect_eq(follow_request_decode(bytes.bytes, bytes.len - 1, &out), -EBADMSG);
        bytes.len = 0;
        memset(in.datacenter, 'd', sizeof(in.datacenter) - 1);
        follow_request_encode(&in, &bytes);
        cr_expect_eq(follow_request_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_str_eq(out.datacenter, in.datacenter);
        byte_buffer_append(&bytes, "d", 1);
        cr_expect_eq(follow_request_decode(bytes.bytes, bytes.len, &out), -EBADMSG);
        cr_expect_eq(follow_request_decode((const uint8_t *)"1234567890123456d\0c", 19, &out),
                     -EBADMSG);
        byte_buffer_fini(&bytes);
}

Test(follow, rows_without_a_name_are_refused)
{
        static const struct {
                const char *name;
                uint8_t bytes[3];
        } cases[] = {
            {"a node", {STORE_NODES, 0xc3, 0x80}},
            {"a query", {STORE_QUERIES, 0xc3, 0x80}},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct store *store = store_create();

                cr_expect_eq(follow_rows_apply(store, 7, cases[i].bytes, 3), -EBADMSG, "%s",
                             cases[i].name);
                store_destroy(store);
        }
}
