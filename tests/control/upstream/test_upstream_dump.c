#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/store_write.h"
#include "control/upstream/dump.h"
#include "lictor/bytes.h"

static struct catalog_node node_of(const char *name)
{
        struct catalog_node node = CATALOG_NODE_INIT;

        node.name = name;
        node.address = "10.0.0.1";
        return node;
}

static struct catalog_service service_of(const char *node, const char *id, const char *name,
                                         int32_t port)
{
        struct catalog_service service = CATALOG_SERVICE_INIT;

        service.node = node;
        service.id = id;
        service.name = name;
        service.port = port;
        service.weight_passing = service.weight_warning = 1;
        return service;
}

static struct catalog_check check_of(const char *node, const char *id, const char *service_id,
                                     const char *status)
{
        struct catalog_check check = CATALOG_CHECK_INIT;

        check.node = node;
        check.id = id;
        check.service_id = service_id;
        check.status = status;
        return check;
}

// What a server with this state would answer.
static void put_answer(const struct store *store, uint64_t index, struct byte_buffer *b)
{
        const struct consul_meta meta = {
            .index = index, .known_leader = true, .last_contact_ms = 7};
        const struct node_record *node;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        pack_put_map(b, CONSUL_META_PAIRS + 1);
        wire_put_name(b, "Dump");
        at = consul_begin_list(b);
        store_nodes(store, &it);
        for (; (node = store_next_node(&it)) != NULL; count++)
                consul_put_node_info(b, store, node);
        consul_end_list(b, at, count);
        consul_put_meta(b, &meta);
}

static int take(struct store *store, const struct byte_buffer *answer, struct consul_meta *meta)
{
        const struct pack_slice body = {answer->bytes, (uint32_t)answer->len};
        struct arena arena = ARENA_INIT;
        struct upstream_dump dump;
        int ret = upstream_dump_get(body, "dc1", &arena, &dump);

        if (ret == 0) {
                cr_expect_eq(upstream_dump_apply(store, &dump), 0);
                *meta = dump.meta;
        }
        arena_fini(&arena);
        return ret;
}

static void set(struct store *store, const struct catalog_node *node,
                const struct catalog_service *service, const struct catalog_check *check)
{
        struct store_error error;

        store_begin(store, store_applied_index(store) + 1);
        if (node != NULL)
                cr_assert_eq(store_set_node(store, node, &error), 0);
        if (service != NULL)
                cr_assert_eq(store_set_service(store, service, &error), 0);
        if (check != NULL)
                cr_assert_eq(store_set_check(store, check, &error), 0);
        store_commit(store);
}

static bool is_same(const struct store *a, const struct store *b)
{
        const struct service_record *service;
        const struct check_record *check;
        struct store_iter it;
        bool same = store_count(a, STORE_NODES) == store_count(b, STORE_NODES) &&
                    store_count(a, STORE_SERVICES) == store_count(b, STORE_SERVICES) &&
                    store_count(a, STORE_CHECKS) == store_count(b, STORE_CHECKS);

        store_services(a, &it);
        while (same && (service = store_next_service(&it)) != NULL) {
                const struct service_record *other =
                    store_service_get(b, service->service.node, service->service.id);

                same = other != NULL && catalog_service_equal(&service->service, &other->service);
        }
        store_checks(a, &it);
        while (same && (check = store_next_check(&it)) != NULL) {
                const struct check_record *other =
                    store_check_get(b, check->check.node, check->check.id);

                same = other != NULL && catalog_check_equal(&check->check, &other->check);
        }
        return same;
}

Test(upstream_dump, a_copy_becomes_what_the_servers_have)
{
        struct store *servers = store_create(), *copy = store_create();
        struct byte_buffer answer = BYTE_BUFFER_INIT;
        struct catalog_node n1 = node_of("n1"), n2 = node_of("n2");
        struct catalog_service web = service_of("n1", "web-1", "web", 80);
        struct catalog_check check = check_of("n1", "c1", "web-1", "passing");
        struct consul_meta meta;

        set(servers, &n1, &web, &check);
        set(servers, &n2, NULL, NULL);
        put_answer(servers, 41, &answer);
        cr_assert_eq(take(copy, &answer, &meta), 0);
        cr_expect_eq(meta.index, 41);
        cr_expect_eq(meta.last_contact_ms, 7);
        cr_expect(meta.known_leader);
        cr_expect(is_same(servers, copy));
        cr_expect_str_eq(store_node_get(copy, "n2")->node.datacenter, "dc1");
        byte_buffer_fini(&answer);
        store_destroy(servers);
        store_destroy(copy);
}

static void count_changes(void *arg, uint64_t index, const struct store_change changes[],
                          size_t count)
{
        (void)index;
        (void)changes;
        *(size_t *)arg += count;
}

Test(upstream_dump, only_what_differs_is_written)
{
        struct store *servers = store_create(), *copy = store_create();
        struct byte_buffer answer = BYTE_BUFFER_INIT;
        struct catalog_node n1 = node_of("n1");
        struct catalog_service web = service_of("n1", "web-1", "web", 80),
                               db = service_of("n1", "db-1", "db", 5432);
        size_t changes = 0;
        struct consul_meta meta;

        set(servers, &n1, &web, NULL);
        put_answer(servers, 1, &answer);
        cr_assert_eq(take(copy, &answer, &meta), 0);
        store_listen(copy, count_changes, &changes);
        cr_assert_eq(take(copy, &answer, &meta), 0);
        cr_expect_eq(changes, 0, "nothing has changed");
        set(servers, NULL, &db, NULL);
        answer.len = 0;
        put_answer(servers, 2, &answer);
        cr_assert_eq(take(copy, &answer, &meta), 0);
        cr_expect_eq(changes, 1);
        byte_buffer_fini(&answer);
        store_destroy(servers);
        store_destroy(copy);
}

// Random changes at the servers; after each the copy is the same.
Test(upstream_dump, a_copy_follows_seeded_random_changes)
{
        static const char *const names[] = {"a", "b", "C", "d"}, *const ids[] = {"s1", "s2", "s3"};
        struct store *servers = store_create(), *copy = store_create();
        unsigned seed = 20;

        for (unsigned round = 0; round < 500; round++) {
                const char *node = names[rand_r(&seed) % 4], *id = ids[rand_r(&seed) % 3];
                struct catalog_node n = node_of(node);
                struct catalog_service service =
                    service_of(node, id, ids[rand_r(&seed) % 3], rand_r(&seed) % 3);
                struct catalog_check check =
                    check_of(node, id, rand_r(&seed) % 2 ? id : "", "passing");
                struct byte_buffer answer = BYTE_BUFFER_INIT;
                struct consul_meta meta;

                switch (rand_r(&seed) % 6) {
                case 0:
                        store_begin(servers, store_applied_index(servers) + 1);
                        store_delete_node(servers, node);
                        store_commit(servers);
                        break;
                case 1:
                        store_begin(servers, store_applied_index(servers) + 1);
                        store_delete_service(servers, node, id);
                        store_commit(servers);
                        break;
                case 2:
                        store_begin(servers, store_applied_index(servers) + 1);
                        store_delete_check(servers, node, id);
                        store_commit(servers);
                        break;
                default:
                        set(servers, &n, &service, &check);
                }
                put_answer(servers, round + 1, &answer);
                cr_assert_eq(take(copy, &answer, &meta), 0);
                cr_assert(is_same(servers, copy), "round %u", round);
                byte_buffer_fini(&answer);
        }
        store_destroy(servers);
        store_destroy(copy);
}

Test(upstream_dump, a_node_that_took_another_s_id_is_taken_over)
{
        struct store *servers = store_create(), *copy = store_create();
        struct byte_buffer answer = BYTE_BUFFER_INIT;
        struct catalog_node before = node_of("old"), after = node_of("new");
        struct consul_meta meta;

        before.id = after.id = "11111111-2222-3333-4444-555555555555";
        set(copy, &before, NULL, NULL);
        set(servers, &after, NULL, NULL);
        put_answer(servers, 1, &answer);
        cr_assert_eq(take(copy, &answer, &meta), 0);
        cr_expect_null(store_node_get(copy, "old"));
        cr_expect_not_null(store_node_get(copy, "new"));
        byte_buffer_fini(&answer);
        store_destroy(servers);
        store_destroy(copy);
}

Test(upstream_dump, a_damaged_answer_changes_nothing)
{
        struct store *servers = store_create(), *copy = store_create();
        struct byte_buffer answer = BYTE_BUFFER_INIT;
        struct catalog_node n1 = node_of("n1");
        struct catalog_service web = service_of("n1", "web-1", "web", 80);
        size_t whole;
        struct consul_meta meta;

        set(servers, &n1, &web, NULL);
        put_answer(servers, 1, &answer);
        whole = answer.len;
        for (answer.len = 0; answer.len < whole; answer.len++)
                cr_expect_eq(take(copy, &answer, &meta), -EBADMSG, "%zu bytes", answer.len);
        cr_expect_eq(store_count(copy, STORE_NODES), 0);
        byte_buffer_fini(&answer);
        store_destroy(servers);
        store_destroy(copy);
}
