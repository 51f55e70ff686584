#include "control/store/address.h"
#include "control/store/store.h"
#include "lictor/bytes.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <string.h>

#define expect_text(got, want) cr_expect_str_eq((got), (want))
#define expect_ok(got)         cr_expect_str_eq((got), "")

TestSuite(catalog);

static uint64_t index_of(const struct machine *m, enum store_table table)
{
        return store_table_index(m->store, table);
}

Test(catalog, refusals_speak_as_consul_does)
{
        static const struct {
                const char *name, *node, *id, *address, *service_id, *service, *service_address;
                const char *check_node, *check_service, *want;
        } cases[] = {
            {"no node", "", "", "10.1.0.1", 0, 0, 0, 0, 0, "Must provide node"},
            {"no address", "x", "", "", 0, 0, 0, 0, 0,
             "Must provide address if SkipNodeUpdate is not set"},
            {"service without name", "foo", "", "10.1.0.1", "a", "", "", 0, 0,
             "Must provide service name with ID"},
            {"any address", "foo", "", "10.1.0.1", "", "a", "0.0.0.0", 0, 0,
             "Invalid service address"},
            {"unknown service", "foo", "", "10.1.0.1", 0, 0, 0, "", "ghost",
             "failed inserting check: Missing service registration on node \"foo\""},
            {"other node", "foo", "", "10.1.0.1", 0, 0, 0, "bar", "",
             "check node \"bar\" does not match node \"foo\""},
            {"bad id", "foo", "nope", "10.1.0.1", 0, 0, 0, 0, 0,
             "Bad node ID: uuid string is wrong length"},
        };
        struct machine m;

        machine_init(&m);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct catalog_check check = CATALOG_CHECK_INIT;
                struct command c = {.type = COMMAND_REGISTER};

                c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
                c.reg.node.name = cases[i].node;
                c.reg.node.id = cases[i].id;
                c.reg.node.address = cases[i].address;
                c.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
                if (cases[i].service) {
                        c.reg.has_service = true;
                        c.reg.service.id = cases[i].service_id;
                        c.reg.service.name = cases[i].service;
                        c.reg.service.address = cases[i].service_address;
                }
                if (cases[i].check_node) {
                        check.name = "c";
                        check.node = cases[i].check_node;
                        check.service_id = cases[i].check_service;
                        c.reg.checks = &check;
                        c.reg.check_count = 1;
                }
                cr_expect_str_eq(machine_run(&m, &c), cases[i].want, "%s", cases[i].name);
                cr_expect_eq(store_count(m.store, STORE_NODES), 0, "%s", cases[i].name);
                cr_expect_eq(m.change_count, 0, "%s", cases[i].name);
        }
        expect_text(machine_deregister(&m, "", "", ""), "Must provide node");
        machine_fini(&m);
}

Test(catalog, a_registration_fills_in_ids_weights_and_status)
{
        const struct service_record *service;
        const struct check_record *check;
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "foo", "10.1.0.1"));
        expect_ok(machine_service(&m, "foo", "", "db", "a,b", "", 80));
        expect_ok(machine_check(&m, "foo", "c1", "db", ""));
        service = store_service_get(m.store, "FOO", "DB");
        cr_assert_not_null(service);
        cr_expect_str_eq(service->service.id, "db");
        cr_expect_eq(service->service.weight_passing, 1);
        cr_expect_eq(service->service.weight_warning, 1);
        cr_expect_eq(service->head.create_index, 2);
        check = store_check_get(m.store, "foo", "c1");
        cr_assert_not_null(check);
        cr_expect_str_eq(check->check.status, "critical");
        cr_expect_str_eq(check->check.service_name, "db");
        cr_assert_eq(check->check.service_tags.count, 2);
        cr_expect_str_eq(check->check.service_tags.items[1], "b");
        machine_fini(&m);
}

Test(catalog, weights_no_agent_may_have_count_as_the_usual_ones)
{
        static const struct {
                int32_t passing, warning, want_passing, want_warning;
        } cases[] = {{0, 1, 1, 1},  {-1, 0, 1, 1},    {0, 3, 1, 1},         {65536, 1, 1, 1},
                     {2, -1, 1, 1}, {2, 65536, 1, 1}, {65535, 0, 65535, 0}, {1, 65535, 1, 65535}};
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "foo", "10.1.0.1"));
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct catalog_service service = CATALOG_SERVICE_INIT;
                const struct service_record *kept;
                struct store_error error = {""};

                service.node = "foo";
                service.id = service.name = "db";
                service.weight_passing = cases[i].passing;
                service.weight_warning = cases[i].warning;
                store_begin(m.store, store_applied_index(m.store) + 1);
                cr_expect_eq(store_set_service(m.store, &service, &error), 0);
                store_commit(m.store);
                kept = store_service_get(m.store, "foo", "db");
                cr_expect_eq(kept->service.weight_passing, cases[i].want_passing, "%zu", i);
                cr_expect_eq(kept->service.weight_warning, cases[i].want_warning, "%zu", i);
        }
        machine_fini(&m);
}

Test(catalog, the_same_registration_again_moves_no_index)
{
        struct machine m;

        machine_init(&m);
        for (int i = 0; i < 2; i++) {
                expect_ok(machine_node(&m, "foo", "10.1.0.1"));
                expect_ok(machine_service(&m, "foo", "w", "web", "a", "10.0.0.9", 80));
                expect_ok(machine_check(&m, "foo", "c", "w", "passing"));
                cr_expect_eq(index_of(&m, STORE_NODES), 1);
                cr_expect_eq(index_of(&m, STORE_SERVICES), 2);
                cr_expect_eq(index_of(&m, STORE_CHECKS), 3);
                cr_expect_eq(store_service_index(m.store, "web"), 3);
        }
        cr_expect_eq(store_applied_index(m.store), 6);
        cr_expect_eq(m.change_count, 0);
        cr_expect_eq(store_node_get(m.store, "foo")->head.modify_index, 1);
        expect_ok(machine_service(&m, "foo", "w", "web", "a", "10.0.0.9", 81));
        cr_expect_eq(store_service_get(m.store, "foo", "w")->head.modify_index, 7);
        cr_expect_eq(store_service_get(m.store, "foo", "w")->head.create_index, 2);
        machine_fini(&m);
}

Test(catalog, skip_node_update_keeps_what_is_known_of_the_node)
{
        struct command c = {.type = COMMAND_REGISTER};
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "foo", "10.1.0.1"));
        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = "foo";
        c.reg.node.address = "10.99.0.1";
        c.reg.skip_node_update = true;
        expect_ok(machine_run(&m, &c));
        cr_expect_str_eq(store_node_get(m.store, "foo")->node.address, "10.1.0.1");
        cr_expect_eq(m.change_count, 0);
        machine_fini(&m);
}

Test(catalog, deregistering_removes_what_hangs_on_a_row_and_ignores_the_unknown)
{
        struct store_iter it;
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "foo", "10.1.0.1"));
        expect_ok(machine_service(&m, "foo", "w", "web", NULL, "", 80));
        expect_ok(machine_service(&m, "foo", "d", "db", NULL, "", 81));
        expect_ok(machine_check(&m, "foo", "cw", "w", "passing"));
        expect_ok(machine_check(&m, "foo", "cn", "", "passing"));
        expect_ok(machine_deregister(&m, "foo", "ghost", ""));
        cr_expect_eq(m.change_count, 0);
        expect_ok(machine_deregister(&m, "ghost", "", ""));
        expect_ok(machine_deregister(&m, "foo", "w", ""));
        cr_expect_null(store_check_get(m.store, "foo", "cw"));
        cr_expect_not_null(store_check_get(m.store, "foo", "cn"));
        cr_expect_str_eq(m.touched, "foo/web foo/web");
        expect_ok(machine_deregister(&m, "foo", "", ""));
        cr_expect_str_eq(m.touched, "foo/ foo/db foo/");
        for (int table = 0; table < STORE_TABLE_COUNT; table++)
                cr_expect_eq(store_count(m.store, (enum store_table)table), 0);
        store_service_names(m.store, &it);
        cr_expect_null(store_next_service_name(&it));
        cr_expect_eq(store_service_index(m.store, "web"), store_applied_index(m.store));
        machine_fini(&m);
}

static const char *with_id(struct machine *m, const char *node, const char *id)
{
        struct command c = {.type = COMMAND_REGISTER};

        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = node;
        c.reg.node.id = id;
        c.reg.node.address = "10.0.0.1";
        return machine_run(m, &c);
}

Test(catalog, a_node_is_known_by_its_id_and_may_be_renamed)
{
        static const char id1[] = "11111111-2222-3333-4444-555555555555";
        static const char id2[] = "21111111-2222-3333-4444-555555555555";
        struct machine m;

        machine_init(&m);
        expect_ok(with_id(&m, "old", id1));
        expect_ok(machine_service(&m, "old", "w", "web", NULL, "", 80));
        expect_ok(with_id(&m, "new", id1));
        cr_expect_null(store_node_get(m.store, "old"));
        cr_expect_null(store_service_get(m.store, "old", "w"));
        cr_expect_eq(store_node_get(m.store, "new")->head.create_index, 1);
        // A live agent keeps its name; one that has failed, or none, does not.
        expect_ok(machine_check(&m, "new", "serfHealth", "", "passing"));
        expect_text(with_id(&m, "New", id2),
                    "failed inserting node: Error while renaming Node ID: "
                    "\"21111111-2222-3333-4444-555555555555\": Node name New is reserved by node "
                    "11111111-2222-3333-4444-555555555555 with name new (10.0.0.1)");
        expect_ok(machine_check(&m, "new", "serfHealth", "", "critical"));
        expect_ok(with_id(&m, "new", id2));
        cr_expect_null(store_node_get_by_id(m.store, id1));
        cr_expect_not_null(store_node_get_by_id(m.store, id2));
        cr_expect_eq(store_count(m.store, STORE_NODES), 1);
        // Renaming onto another node's name takes that node's place.
        expect_ok(with_id(&m, "third", id1));
        expect_ok(with_id(&m, "third", id2));
        cr_expect_eq(store_count(m.store, STORE_NODES), 1);
        cr_expect_str_eq(store_node_get(m.store, "THIRD")->node.id, id2);
        machine_fini(&m);
}

Test(catalog, a_node_without_an_id_may_get_one)
{
        static const char id[] = "11111111-2222-3333-4444-555555555555";
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "foo", "10.0.0.1"));
        expect_ok(machine_check(&m, "foo", "serfHealth", "", "passing"));
        expect_ok(with_id(&m, "foo", id));
        cr_expect_str_eq(store_node_get(m.store, "foo")->node.id, id);
        machine_fini(&m);
}

Test(catalog, sets_come_in_order_and_names_ignore_case)
{
        const struct service_record *service;
        struct store_iter it;
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "b", "10.0.0.2"));
        expect_ok(machine_node(&m, "a", "10.0.0.1"));
        expect_ok(machine_service(&m, "b", "1", "Web", NULL, "", 1));
        expect_ok(machine_service(&m, "a", "2", "web", NULL, "", 2));
        expect_ok(machine_service(&m, "a", "3", "web-2", NULL, "", 3));
        store_instances(m.store, "wEb", &it);
        service = store_next_service(&it);
        cr_expect_str_eq(service->service.node, "a");
        service = store_next_service(&it);
        cr_expect_str_eq(service->service.node, "b");
        cr_expect_null(store_next_service(&it));
        store_service_names(m.store, &it);
        cr_expect_str_eq(store_next_service_name(&it), "web");
        cr_expect_str_eq(store_next_service_name(&it), "web-2");
        cr_expect_null(store_next_service_name(&it));
        cr_expect_eq(store_service_name_count(m.store), 2);
        cr_expect_str_eq((store_nodes(m.store, &it), store_next_node(&it)->node.name), "a");
        machine_fini(&m);
}

Test(catalog, health_is_the_worst_of_own_and_node_checks)
{
        static const struct {
                const char *own, *node;
                enum store_health want;
        } cases[] = {
            {"passing", "passing", STORE_PASSING},   {"warning", "passing", STORE_WARNING},
            {"passing", "warning", STORE_WARNING},   {"passing", "critical", STORE_CRITICAL},
            {"critical", "passing", STORE_CRITICAL}, {"odd", "warning", STORE_HEALTH_OTHER},
            {"odd", "critical", STORE_CRITICAL},
        };
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "n", "10.0.0.2"));
        expect_ok(machine_service(&m, "n", "w", "web", NULL, "", 1));
        expect_ok(machine_service(&m, "n", "w2", "web", NULL, "", 1));
        expect_ok(machine_check(&m, "n", "other", "w2", "critical"));
        cr_expect_eq(store_instance_health(m.store, store_service_get(m.store, "n", "w"), NULL),
                     STORE_PASSING);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                expect_ok(machine_check(&m, "n", "own", "w", cases[i].own));
                expect_ok(machine_check(&m, "n", "node", "", cases[i].node));
                cr_expect_eq(
                    store_instance_health(m.store, store_service_get(m.store, "n", "w"), NULL),
                    cases[i].want, "%s %s", cases[i].own, cases[i].node);
        }
        machine_fini(&m);
}

Test(catalog, service_and_node_indexes_move_with_what_they_cover_only)
{
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "a", "10.0.0.1"));                 // 1
        expect_ok(machine_node(&m, "b", "10.0.0.2"));                 // 2
        expect_ok(machine_service(&m, "a", "w", "web", NULL, "", 1)); // 3
        expect_ok(machine_service(&m, "b", "d", "db", NULL, "", 1));  // 4
        cr_expect_eq(store_service_index(m.store, "WEB"), 3);
        cr_expect_eq(store_node_index(m.store, "A"), 3);
        expect_ok(machine_check(&m, "a", "n", "", "passing")); // 5
        cr_expect_eq(store_service_index(m.store, "web"), 5);
        cr_expect_eq(store_service_index(m.store, "db"), 4);
        expect_ok(machine_check(&m, "b", "c", "d", "passing")); // 6
        cr_expect_eq(store_service_index(m.store, "db"), 6);
        cr_expect_eq(store_service_index(m.store, "web"), 5);
        cr_expect_eq(store_service_index(m.store, "ghost"), 0);
        expect_ok(machine_node(&m, "a", "10.0.0.3")); // 7
        cr_expect_eq(store_service_index(m.store, "web"), 7);
        cr_expect_eq(store_node_index(m.store, "b"), 6);
        expect_ok(machine_deregister(&m, "b", "d", "")); // 8
        cr_expect_eq(store_service_index(m.store, "ghost"), 8);
        cr_expect_eq(store_service_index(m.store, "web"), 7);
        // The last instance moving to another name is no vanishing of the new one.
        expect_ok(machine_service(&m, "a", "w", "web2", NULL, "", 1)); // 9
        cr_expect_eq(store_service_index(m.store, "web2"), 9);
        cr_expect_eq(store_service_index(m.store, "web"), 9);
        cr_expect_eq(store_service_name_count(m.store), 1);
        machine_fini(&m);
}

Test(catalog, addresses_lead_back_to_nodes_and_services)
{
        struct lictor_address address;
        uint8_t key[ADDRESS_KEY_MAX];
        struct store_iter it;
        struct machine m;
        size_t len;

        machine_init(&m);
        expect_ok(machine_node(&m, "b", "2001:DB8::5"));
        expect_ok(machine_node(&m, "a", "2001:db8:0::5"));
        expect_ok(machine_service(&m, "a", "w", "web", NULL, "10.1.1.1", 1));
        cr_assert(address_parse("2001:db8::5", &address));
        len = address_key_make(&address, key);
        store_nodes_by_address(m.store, key, len, &it);
        cr_expect_str_eq(store_next_node(&it)->node.name, "a");
        cr_expect_str_eq(store_next_node(&it)->node.name, "b");
        cr_expect_null(store_next_node(&it));
        cr_assert(address_parse("::ffff:10.1.1.1", &address));
        len = address_key_make(&address, key);
        store_services_by_address(m.store, key, len, &it);
        cr_expect_str_eq(store_next_service(&it)->service.name, "web");
        expect_ok(machine_service(&m, "a", "w", "web", NULL, "10.1.1.2", 1));
        store_services_by_address(m.store, key, len, &it);
        cr_expect_null(store_next_service(&it));
        machine_fini(&m);
}

Test(catalog, prepared_queries_have_unique_names)
{
        struct command c = {.type = COMMAND_QUERY_DELETE, .query_delete = {"q2"}};
        struct machine m;

        machine_init(&m);
        expect_ok(machine_query(&m, "q1", "Min", "redis", true));
        expect_text(machine_query(&m, "q2", "min", "redis", true),
                    "name 'min' aliases an existing query name");
        expect_text(machine_query(&m, "q2", "x", "redis", false),
                    "Cannot modify non-existent prepared query: 'q2'");
        expect_text(machine_query(&m, "q1", "x", "redis", true),
                    "prepared query 'q1' already exists");
        expect_text(machine_query(&m, "q3", "x", "", true),
                    "Invalid prepared query: Must provide a Service name to query");
        expect_ok(machine_query(&m, "q1", "other", "redis", false));
        expect_ok(machine_query(&m, "q2", "min", "redis", true));
        cr_expect_str_eq(store_query_find(m.store, "MIN")->query.id, "q2");
        expect_ok(machine_run(&m, &c));
        expect_text(machine_run(&m, &c), "Cannot modify non-existent prepared query: 'q2'");
        machine_fini(&m);
}
