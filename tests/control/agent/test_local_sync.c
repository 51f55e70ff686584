#include <criterion/criterion.h>
#include <string.h>

#include "tests/control/agent/local_fixture.h"

// Somebody else's command, behind the agent's back.
static void apply(struct local_fixture *f, struct command *command)
{
        propose_command(local_log_proposer(f->real), command, NULL, NULL);
}

static struct command registration(const struct local_fixture *f)
{
        struct command command = {.type = COMMAND_REGISTER};

        command.reg.node = *local_node(f->local);
        command.reg.skip_node_update = true;
        command.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        return command;
}

static void register_behind(struct local_fixture *f, const char *id, const char *const *tags,
                            uint32_t tag_count)
{
        struct command command = registration(f);

        command.reg.has_service = true;
        command.reg.service.id = command.reg.service.name = id;
        command.reg.service.tags = (struct text_list){(const char **)(uintptr_t)tags, tag_count};
        command.reg.service.enable_tag_override = true;
        apply(f, &command);
}

static void deregister_behind(struct local_fixture *f, const char *service_id, const char *check_id)
{
        struct command command = {.type = COMMAND_DEREGISTER};

        command.dereg = (struct command_deregister){
            .node = "node1", .service_id = service_id, .check_id = check_id};
        apply(f, &command);
}

static void start(struct local_fixture *f)
{
        *f = (struct local_fixture){.with_catalog = true};
        local_fixture_start(f, "{}");
        local_fixture_service(f, "{\"Name\":\"web\",\"Port\":80,\"Tags\":[\"a\"],"
                                 "\"EnableTagOverride\":true,\"Check\":{\"TTL\":\"1h\"}}");
        local_fixture_service(f, "{\"Name\":\"db\",\"Tags\":[\"x\"]}");
        local_fixture_check(f, "{\"Name\":\"disk\",\"TTL\":\"1h\",\"Status\":\"passing\"}");
}

Test(local_sync, what_vanished_from_the_catalog_comes_back)
{
        struct local_fixture f;

        start(&f);
        deregister_behind(&f, "web", "");
        deregister_behind(&f, "", "disk");
        cr_expect_str_eq(local_fixture_catalog(&f, "service:web"), "-");
        local_sync(f.local);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        cr_expect_str_eq(local_fixture_catalog(&f, "service:web"), "critical");
        cr_expect_str_eq(local_fixture_catalog(&f, "disk"), "passing");
        local_fixture_stop(&f);
}

Test(local_sync, the_whole_node_comes_back)
{
        struct local_fixture f;

        start(&f);
        deregister_behind(&f, "", "");
        cr_expect_null(store_node_get(f.store, "node1"));
        local_sync(f.local);
        cr_expect_not_null(store_node_get(f.store, "node1"));
        cr_expect_not_null(store_service_get(f.store, "node1", "db"));
        local_fixture_stop(&f);
}

Test(local_sync, what_the_agent_does_not_know_goes)
{
        struct command command;
        struct catalog_check check = CATALOG_CHECK_INIT;
        struct local_fixture f;

        start(&f);
        register_behind(&f, "stray", NULL, 0);
        register_behind(&f, "consul", NULL, 0);
        command = registration(&f);
        check.id = check.name = "stray-check";
        check.status = "passing";
        command.reg.checks = &check;
        command.reg.check_count = 1;
        apply(&f, &command);
        check.id = check.name = "serfHealth";
        apply(&f, &command);
        cr_expect_str_eq(local_fixture_catalog(&f, "stray-check"), "passing");
        local_sync(f.local);
        cr_expect_null(store_service_get(f.store, "node1", "stray"));
        cr_expect_str_eq(local_fixture_catalog(&f, "stray-check"), "-");
        cr_expect_not_null(store_service_get(f.store, "node1", "consul"), "the leader's");
        cr_expect_str_eq(local_fixture_catalog(&f, "serfHealth"), "passing");
        local_fixture_stop(&f);
}

// The row is given to a node of this name and another ID, which has a service.
static void take_name(struct local_fixture *f, const char *theirs, const char *health)
{
        struct catalog_check alive = CATALOG_CHECK_INIT;
        struct command command;

        deregister_behind(f, "", "");
        command = registration(f);
        command.reg.node.id = "99999999-2222-3333-4444-555555555555";
        command.reg.has_service = true;
        command.reg.service.id = theirs;
        command.reg.service.name = "theirs";
        alive.id = "serfHealth";
        alive.name = "Serf Health Status";
        alive.status = health;
        command.reg.checks = &alive;
        command.reg.check_count = 1;
        apply(f, &command);
}

Test(local_sync, the_row_of_a_living_node_of_the_same_name_is_left_alone)
{
        struct local_fixture f;

        start(&f);
        take_name(&f, "db", "passing");
        for (int i = 0; i < 3; i++) {
                local_sync(f.local);
                local_deregister_service(f.local, "db", NULL, NULL);
                local_fixture_service(&f, "{\"Name\":\"late\"}");
                local_push_all(f.local);
        }
        cr_expect_eq(store_node_get(f.store, "node1")->node.id[0], '9');
        cr_expect_not_null(store_service_get(f.store, "node1", "db"));
        cr_expect_null(store_service_get(f.store, "node1", "web"));
        cr_expect_null(store_service_get(f.store, "node1", "late"));
        cr_expect_str_eq(local_fixture_catalog(&f, "disk"), "-");
        cr_expect(uv_is_active((uv_handle_t *)&f.local->retry_timer), "it is tried again");
        local_fixture_stop(&f);
}

Test(local_sync, the_row_of_a_dead_node_of_the_same_name_is_taken_over_whole)
{
        struct local_fixture f;

        start(&f);
        take_name(&f, "theirs", "critical");
        local_sync(f.local);
        cr_expect_eq(store_node_get(f.store, "node1")->node.id[0], '1');
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        local_sync(f.local);
        cr_expect_null(store_service_get(f.store, "node1", "theirs"));
        local_fixture_stop(&f);
}

Test(local_sync, tags_may_be_changed_where_the_service_lets_them)
{
        static const char *const tags[] = {"b", "c"};
        const struct catalog_service *web;
        struct local_fixture f;

        start(&f);
        register_behind(&f, "db", tags, 2);
        {
                struct command command = registration(&f);

                command.reg.has_service = true;
                command.reg.service = *local_service(f.local, "web");
                command.reg.service.tags = (struct text_list){(const char **)(uintptr_t)tags, 2};
                apply(&f, &command);
        }
        local_sync(f.local);
        web = &store_service_get(f.store, "node1", "web")->service;
        cr_expect_eq(web->tags.count, 2);
        cr_expect_eq(local_service(f.local, "web")->tags.count, 2);
        cr_expect_str_eq(local_service(f.local, "web")->tags.items[0], "b");
        cr_expect_eq(web->port, 80);
        // The other one does not.
        cr_expect_eq(store_service_get(f.store, "node1", "db")->service.tags.count, 1);
        local_fixture_stop(&f);
}

Test(local_sync, agreement_writes_nothing)
{
        struct local_fixture f;
        uint64_t index;

        start(&f);
        local_sync(f.local);
        index = store_applied_index(f.store);
        local_sync(f.local);
        cr_expect_eq(store_applied_index(f.store), index);
        local_fixture_stop(&f);
}

Test(local_sync, a_catalog_without_a_leader_is_tried_again)
{
        struct local_fixture f;
        uint64_t first_ms, last_ms = 0;

        start(&f);
        deregister_behind(&f, "web", "");
        f.is_down = true;
        local_sync(f.local);
        cr_expect_null(store_service_get(f.store, "node1", "web"));
        cr_expect(uv_is_active((uv_handle_t *)&f.local->retry_timer));
        first_ms = local_retry_delay_ms(f.local);
        for (int i = 0; i < 20; i++)
                last_ms = local_retry_delay_ms(f.local);
        cr_expect_lt(first_ms, 4 * LOCAL_RETRY_MS);
        cr_expect_geq(last_ms, LOCAL_RETRY_MAX_MS);
        cr_expect_lt(last_ms, 2 * LOCAL_RETRY_MAX_MS);
        f.is_down = false;
        local_push_all(f.local);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        cr_expect_eq(f.local->retry_ms, LOCAL_RETRY_MS);
        local_fixture_stop(&f);
}

Test(local_sync, what_the_catalog_refuses_has_it_read_again)
{
        struct local_fixture f;

        start(&f);
        deregister_behind(&f, "web", "");
        local_set_maintenance(f.local, "web", true, "", local_fixture_done, &f);
        cr_expect_eq(f.last.status, 200);
        cr_expect_null(store_service_get(f.store, "node1", "web"));
        cr_assert(uv_is_active((uv_handle_t *)&f.local->retry_timer));
        f.local->retry_timer.timer_cb(&f.local->retry_timer);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        cr_expect_str_eq(local_fixture_catalog(&f, "_service_maintenance:web"), "critical");
        local_fixture_stop(&f);
}

Test(local_sync, larger_clusters_compare_less_often)
{
        static const struct {
                size_t nodes;
                unsigned scale;
        } cases[] = {{0, 1}, {1, 1}, {128, 1}, {129, 2}, {256, 2}, {257, 3}, {1000, 4}, {8192, 7}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_expect_eq(local_sync_scale(cases[i].nodes), cases[i].scale, "%zu nodes",
                             cases[i].nodes);
}

Test(local_sync, tokens_are_carried)
{
        struct local_fixture f;

        start(&f);
        local_fixture_service(&f,
                              "{\"Name\":\"t\",\"Token\":\"secret\",\"Check\":{\"TTL\":\"1h\"}}");
        cr_expect_str_eq(local_service_token(f.local, "t"), "secret");
        cr_expect_str_eq(local_check_token(f.local, "service:t"), "secret");
        cr_expect_str_eq(local_service_token(f.local, "web"), "");
        cr_expect_str_eq(local_check_token(f.local, "disk"), "");
        local_fixture_stop(&f);
}
