#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/control/agent/local_fixture.h"

// Simulated time moves; nothing here waits.
static void pass_time(struct local_fixture *f, uint64_t ms)
{
        local_run_deadlines(f->local, f->local->now_ms + ms);
}

static void heartbeat(struct local_fixture *f, const char *id, const char *output)
{
        uint64_t now_ms = f->local->now_ms;

        local_update_ttl(f->local, id, "passing", output, local_fixture_done, f);
        // The call reads the loop's clock, which stands still: the TTL starts at simulated now.
        f->local->now_ms = now_ms;
        local_arm_ttl(f->local, local_find_check(f->local, id));
}

static const char *status(struct local_fixture *f, const char *id)
{
        const struct local_check *check = local_check(f->local, id);

        return check != NULL ? check->check.status : "-";
}

Test(local, a_ttl_check_starts_critical_and_lives_by_its_heartbeats)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_check(&f, "{\"ID\":\"mem\",\"Name\":\"m\",\"TTL\":\"10s\"}");
        cr_expect_eq(f.last.status, 200, "%s", f.last.text);
        cr_expect_str_eq(local_fixture_catalog(&f, "mem"), "critical");
        heartbeat(&f, "mem", "fine");
        cr_expect_str_eq(local_fixture_catalog(&f, "mem"), "passing");
        pass_time(&f, 9999);
        cr_expect_str_eq(status(&f, "mem"), "passing");
        heartbeat(&f, "mem", "fine");
        pass_time(&f, 9999);
        cr_expect_str_eq(status(&f, "mem"), "passing");
        pass_time(&f, 1);
        cr_expect_str_eq(status(&f, "mem"), "critical");
        cr_expect_str_eq(local_fixture_catalog(&f, "mem"), "critical");
        cr_expect_str_eq(local_check(f.local, "mem")->check.output,
                         "TTL expired (last output before timeout follows): fine");
        heartbeat(&f, "mem", "");
        cr_expect_str_eq(local_fixture_catalog(&f, "mem"), "passing");
        local_fixture_stop(&f);
}

Test(local, an_expiry_without_output_says_only_that)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_check(&f, "{\"Name\":\"m\",\"TTL\":\"700ms\",\"Status\":\"passing\"}");
        cr_expect_str_eq(status(&f, "m"), "passing");
        pass_time(&f, 699);
        cr_expect_str_eq(status(&f, "m"), "passing");
        pass_time(&f, 1);
        cr_expect_str_eq(local_check(f.local, "m")->check.output, "TTL expired");
        local_fixture_stop(&f);
}

Test(local, many_expiries_at_once_are_spread_over_turns)
{
        struct local_fixture f = {0};
        char definition[64];

        local_fixture_start(&f, "{}");
        for (int i = 0; i <= LOCAL_DEADLINE_BURST; i++) {
                snprintf(definition, sizeof(definition), "{\"Name\":\"c%02d\",\"TTL\":\"1s\"}", i);
                local_fixture_check(&f, definition);
        }
        pass_time(&f, 1000);
        cr_expect_not_null(deadlines_first(&f.local->deadlines));
        cr_expect_leq(deadlines_first(&f.local->deadlines)->at_ms, f.local->now_ms);
        pass_time(&f, 0);
        cr_expect_null(deadlines_first(&f.local->deadlines));
        local_fixture_stop(&f);
}

Test(local, a_service_critical_for_too_long_is_removed)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\",\"Status\":"
                                  "\"passing\",\"DeregisterCriticalServiceAfter\":\"90s\"}}");
        pass_time(&f, 10000);
        cr_expect_str_eq(status(&f, "service:web"), "critical");
        pass_time(&f, 89999);
        cr_expect_not_null(local_service(f.local, "web"));
        pass_time(&f, 1);
        cr_expect_null(local_service(f.local, "web"));
        cr_expect_null(store_service_get(f.store, "node1", "web"));
        cr_expect_str_eq(local_fixture_catalog(&f, "service:web"), "-");
        local_fixture_stop(&f);
}

Test(local, a_recovered_service_stays)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        // Below a minute counts as a minute.
        local_fixture_service(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"100s\","
                                  "\"DeregisterCriticalServiceAfter\":\"1s\"}}");
        pass_time(&f, 59999);
        heartbeat(&f, "service:web", "");
        pass_time(&f, 50000);
        cr_expect_not_null(local_service(f.local, "web"));
        local_fixture_stop(&f);
}

Test(local, registering_again_keeps_the_state)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\"}}");
        heartbeat(&f, "service:web", "fine");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Port\":81,\"Check\":{\"TTL\":\"10s\"}}");
        cr_expect_str_eq(local_fixture_catalog(&f, "service:web"), "passing");
        cr_expect_eq(store_service_get(f.store, "node1", "web")->service.port, 81);
        local_fixture_stop(&f);
}

Test(local, a_check_has_the_tags_its_service_had_when_it_was_registered)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_service(&f,
                              "{\"Name\":\"web\",\"Tags\":[\"a\"],\"Check\":{\"TTL\":\"10s\"}}");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Tags\":[\"b\"]}");
        cr_expect_str_eq(local_check(f.local, "service:web")->check.service_tags.items[0], "a");
        cr_expect_str_eq(
            store_check_get(f.store, "node1", "service:web")->check.service_tags.items[0], "a");
        local_fixture_service(
            &f, "{\"Name\":\"api\",\"ID\":\"web\",\"Tags\":[\"c\"],\"Check\":{\"TTL\":\"10s\"}}");
        cr_expect_str_eq(local_check(f.local, "service:web")->check.service_tags.items[0], "c");
        cr_expect_str_eq(local_check(f.local, "service:web")->check.service_name, "api");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Tags\":[\"d\"]}");
        cr_expect_eq(local_fixture_reload(&f, "{}"), 0);
        cr_expect_str_eq(local_check(f.local, "service:web")->check.service_tags.items[0], "d");
        local_fixture_stop(&f);
}

Test(local, a_check_registered_for_another_service_leaves_the_first)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"a\",\"Check\":{\"TTL\":\"1h\"}}");
        local_fixture_service(&f, "{\"Name\":\"b\"}");
        local_fixture_check(&f, "{\"ID\":\"m\",\"Name\":\"m\",\"TTL\":\"1h\",\"ServiceID\":\"a\"}");
        local_fixture_check(&f, "{\"ID\":\"m\",\"Name\":\"m\",\"TTL\":\"1h\",\"ServiceID\":\"b\"}");
        local_deregister_service(f.local, "a", NULL, NULL);
        cr_expect_str_eq(status(&f, "service:a"), "-");
        cr_expect_str_eq(status(&f, "m"), "critical");
        cr_expect_str_eq(local_fixture_catalog(&f, "m"), "critical");
        local_fixture_check(&f, "{\"ID\":\"m\",\"Name\":\"m\",\"TTL\":\"1h\"}");
        local_deregister_service(f.local, "b", NULL, NULL);
        cr_expect_str_eq(status(&f, "m"), "critical");
        local_fixture_stop(&f);
}

Test(local, what_the_catalog_refuses_is_offered_again)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        f.is_down = true;
        local_fixture_service(&f, "{\"Name\":\"web\"}");
        cr_expect_eq(f.last.status, 200);
        cr_expect_null(store_service_get(f.store, "node1", "web"));
        f.is_down = false;
        local_push_all(f.local);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        f.is_down = true;
        local_deregister_service(f.local, "web", local_fixture_done, &f);
        cr_expect_eq(f.last.status, 200);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        f.is_down = false;
        local_push_all(f.local);
        cr_expect_null(store_service_get(f.store, "node1", "web"));
        local_fixture_stop(&f);
}

Test(local, nobody_waits_long_for_a_catalog_that_does_not_answer)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        f.is_silent = true;
        local_fixture_service(&f, "{\"Name\":\"web\"}");
        cr_expect_eq(f.answers, 0);
        pass_time(&f, LOCAL_ANSWER_MS);
        cr_expect_eq(f.answers, 1);
        cr_expect_eq(f.last.status, 200);
        local_fixture_speak(&f);
        cr_expect_eq(f.answers, 1);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        local_fixture_stop(&f);
}

Test(local, a_removal_that_failed_does_not_undo_a_later_registration)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\"}");
        f.is_down = true;
        local_deregister_service(f.local, "web", NULL, NULL);
        f.is_down = false;
        local_fixture_service(&f, "{\"Name\":\"web\"}");
        local_push_all(f.local);
        cr_expect_not_null(store_service_get(f.store, "node1", "web"));
        local_fixture_stop(&f);
}

Test(local, an_output_alone_reaches_the_catalog_later)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{\"check_update_interval\":\"60s\"}");
        local_fixture_check(&f, "{\"Name\":\"m\",\"TTL\":\"1h\"}");
        heartbeat(&f, "m", "one");
        heartbeat(&f, "m", "two");
        cr_expect_str_eq(local_check(f.local, "m")->check.output, "two");
        cr_expect_str_eq(store_check_get(f.store, "node1", "m")->check.output, "one");
        // Held back for half the interval, and at most one more.
        pass_time(&f, 29999);
        cr_expect_str_eq(store_check_get(f.store, "node1", "m")->check.output, "one");
        pass_time(&f, 60001);
        cr_expect_str_eq(store_check_get(f.store, "node1", "m")->check.output, "two");
        local_fixture_stop(&f);
}

Test(local, a_long_output_is_cut)
{
        struct local_fixture f = {0};
        char output[LOCAL_OUTPUT_MAX + 2];
        const char *kept;

        memset(output, 'x', sizeof(output));
        output[sizeof(output) - 1] = '\0';
        local_fixture_start(&f, "{}");
        local_fixture_check(&f, "{\"Name\":\"m\",\"TTL\":\"1h\"}");
        heartbeat(&f, "m", output);
        kept = local_check(f.local, "m")->check.output;
        cr_expect_str_eq(kept + LOCAL_OUTPUT_MAX, " ... (captured 4096 of 4097 bytes)");
        output[LOCAL_OUTPUT_MAX] = '\0';
        heartbeat(&f, "m", output);
        cr_expect_str_eq(local_check(f.local, "m")->check.output, output);
        local_fixture_stop(&f);
}

Test(local, maintenance_works_for_the_longest_of_ids)
{
        struct local_fixture f = {0};
        char id[3000], definition[3100];

        memset(id, 'x', sizeof(id) - 1);
        id[sizeof(id) - 1] = '\0';
        snprintf(definition, sizeof(definition), "{\"Name\":\"%s\"}", id);
        local_fixture_start(&f, "{}");
        local_fixture_service(&f, definition);
        local_set_maintenance(f.local, id, true, "", local_fixture_done, &f);
        cr_expect_eq(f.last.status, 200, "%s", f.last.text);
        snprintf(definition, sizeof(definition), "_service_maintenance:%s", id);
        cr_expect_str_eq(local_fixture_catalog(&f, definition), "critical");
        local_set_maintenance(f.local, id, false, "", local_fixture_done, &f);
        cr_expect_str_eq(local_fixture_catalog(&f, definition), "-");
        local_fixture_stop(&f);
}

Test(local, replacing_the_checks_of_a_service_ends_its_maintenance)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\"}}");
        local_set_maintenance(f.local, "web", true, "", local_fixture_done, &f);
        local_fixture_service(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\"}}");
        cr_expect_str_eq(local_fixture_catalog(&f, "_service_maintenance:web"), "critical");
        local_fixture_replace(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\"}}");
        cr_expect_str_eq(local_fixture_catalog(&f, "_service_maintenance:web"), "-");
        cr_expect_str_eq(local_fixture_catalog(&f, "service:web"), "critical");
        local_fixture_stop(&f);
}

#define FILE_SERVICES                                                                              \
        "{\"services\":[{\"id\":\"w1\",\"name\":\"web\",\"check\":{\"ttl\":\"1h\"}},"              \
        "{\"name\":\"plain\"}],\"checks\":[{\"name\":\"host\",\"ttl\":\"1h\","                     \
        "\"status\":\"passing\"},{\"id\":\"of-plain\",\"name\":\"x\",\"ttl\":\"1h\","              \
        "\"service_id\":\"plain\"}]}"

Test(local, definitions_of_files_come_and_go_with_them)
{
        struct local_fixture f = {0};

        local_fixture_start(&f, FILE_SERVICES);
        cr_expect_not_null(store_service_get(f.store, "node1", "w1"));
        cr_expect_str_eq(local_fixture_catalog(&f, "host"), "passing");
        cr_expect_str_eq(local_fixture_catalog(&f, "of-plain"), "critical");
        cr_expect_str_eq(local_check(f.local, "host")->check.type, "");
        cr_expect_str_eq(local_check(f.local, "service:w1")->check.type, "ttl");
        local_fixture_service(&f, "{\"Name\":\"over-http\"}");
        cr_expect_eq(local_fixture_reload(&f, "{\"services\":[{\"name\":\"plain\"}]}"), 0);
        cr_expect_null(store_service_get(f.store, "node1", "w1"));
        cr_expect_str_eq(local_fixture_catalog(&f, "service:w1"), "-");
        cr_expect_str_eq(local_fixture_catalog(&f, "host"), "-");
        cr_expect_not_null(store_service_get(f.store, "node1", "plain"));
        cr_expect_not_null(store_service_get(f.store, "node1", "over-http"));
        local_fixture_stop(&f);
}

Test(local, a_bad_definition_in_a_file_changes_nothing)
{
        static const char *const bad[] = {
            "{\"services\":[{\"port\":1}]}",
            "{\"services\":[{\"name\":\"b\",\"check\":{\"http\":\"http://a/\"}}]}",
            "{\"checks\":[{\"name\":\"c\",\"ttl\":\"1s\",\"service_id\":\"ghost\"}]}",
            "{\"checks\":[{\"name\":\"c\",\"args\":[\"true\"],\"interval\":\"1s\"}]}",
        };
        struct local_fixture f = {0};

        local_fixture_start(&f, FILE_SERVICES);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cr_expect_lt(local_fixture_reload(&f, bad[i]), 0, "%s", bad[i]);
                cr_expect_not_null(local_service(f.local, "w1"), "%s", bad[i]);
        }
        local_fixture_stop(&f);
}

static void make_data_dir(struct local_fixture *f)
{
        snprintf(f->data_dir, sizeof(f->data_dir), "/tmp/lictor-local-XXXXXX");
        cr_assert_not_null(mkdtemp(f->data_dir));
}

static void remove_data_dir(const struct local_fixture *f)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -r '%s'", f->data_dir);
        cr_expect_eq(system(command), 0);
}

static void restart(struct local_fixture *f, const char *settings)
{
        struct local_fixture again = {0};

        local_fixture_stop(f);
        memcpy(again.data_dir, f->data_dir, sizeof(again.data_dir));
        *f = again;
        local_fixture_start(f, settings);
}

Test(local, what_was_registered_over_http_survives_a_restart)
{
        struct local_fixture f = {0};

        make_data_dir(&f);
        local_fixture_start(&f, FILE_SERVICES);
        local_fixture_service(&f, "{\"ID\":\"a/b\",\"Name\":\"web\",\"Port\":80,\"Tags\":[\"t\"],"
                                  "\"Meta\":{\"m\":\"1\"},\"Check\":{\"CheckID\":\"c\",\"TTL\":"
                                  "\"1h\"}}");
        local_fixture_service(
            &f, "{\"Name\":\"quiet\",\"Check\":{\"TTL\":\"1h\",\"Status\":\"passing\"}}");
        local_fixture_check(&f, "{\"CheckID\":\"own\",\"Name\":\"own\",\"TTL\":\"1h\"}");
        heartbeat(&f, "c", "ok");
        local_set_maintenance(f.local, "", true, "disk", NULL, NULL);
        restart(&f, "{}");
        cr_expect_str_eq(status(&f, "service:quiet"), "critical");
        // Only checks with a definition of their own show their times.
        cr_expect_str_eq(local_check(f.local, "c")->check.interval, "");
        cr_expect_str_eq(local_check(f.local, "own")->check.interval, "0s");
        cr_expect_str_eq(status(&f, "c"), "passing");
        cr_expect_str_eq(local_check(f.local, "c")->check.output, "ok");
        cr_expect_str_eq(local_check(f.local, "_node_maintenance")->check.notes, "disk");
        cr_expect_eq(store_service_get(f.store, "node1", "a/b")->service.port, 80);
        // Those of files are not remembered.
        cr_expect_null(local_service(f.local, "w1"));
        local_set_maintenance(f.local, "", false, "", NULL, NULL);
        local_deregister_service(f.local, "a/b", NULL, NULL);
        restart(&f, "{}");
        cr_expect_null(local_service(f.local, "a/b"));
        cr_expect_null(local_check(f.local, "c"));
        cr_expect_null(local_check(f.local, "_node_maintenance"));
        local_fixture_stop(&f);
        remove_data_dir(&f);
}

Test(local, a_check_added_over_http_to_a_service_of_a_file_survives_restarts)
{
        struct local_fixture f = {0};

        make_data_dir(&f);
        local_fixture_start(&f, FILE_SERVICES);
        local_fixture_check(&f,
                            "{\"ID\":\"c\",\"Name\":\"c\",\"TTL\":\"1h\",\"ServiceID\":\"w1\"}");
        heartbeat(&f, "c", "ok");
        for (int i = 0; i < 2; i++) {
                restart(&f, FILE_SERVICES);
                cr_expect_str_eq(status(&f, "c"), "passing");
                cr_expect_str_eq(local_fixture_catalog(&f, "c"), "passing");
        }
        restart(&f, "{}");
        cr_expect_str_eq(status(&f, "c"), "-");
        local_fixture_stop(&f);
        remove_data_dir(&f);
}

Test(local, texts_that_are_no_utf8_survive_a_restart_repaired)
{
        struct local_fixture f = {0};

        make_data_dir(&f);
        local_fixture_start(&f, "{}");
        local_fixture_check(&f, "{\"Name\":\"m\",\"TTL\":\"1h\"}");
        heartbeat(&f, "m", "a\xff");
        local_set_maintenance(f.local, "", true, "b\xc3", local_fixture_done, &f);
        cr_expect_eq(f.last.status, 200, "%s", f.last.text);
        restart(&f, "{}");
        cr_expect_str_eq(status(&f, "m"), "passing");
        cr_expect_str_eq(local_check(f.local, "m")->check.output, "a\xef\xbf\xbd");
        cr_expect_str_eq(local_check(f.local, "_node_maintenance")->check.notes, "b\xef\xbf\xbd");
        local_fixture_stop(&f);
        remove_data_dir(&f);
}

Test(local, what_is_remembered_is_not_written_again_by_a_restart)
{
        struct local_fixture f = {0};
        char command[256];

        make_data_dir(&f);
        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"1h\"}}");
        snprintf(
            command, sizeof(command),
            "cd %s && touch -d @1 services/* && find checks -maxdepth 1 -type f -exec touch -d "
            "@1 {} +",
            f.data_dir);
        cr_assert_eq(system(command), 0);
        restart(&f, "{}");
        cr_expect_not_null(local_check(f.local, "service:web"));
        snprintf(
            command, sizeof(command),
            "cd %s && test 2 = $(find services checks -maxdepth 1 -type f ! -newermt @2 | wc -l)",
            f.data_dir);
        cr_expect_eq(system(command), 0);
        local_fixture_stop(&f);
        remove_data_dir(&f);
}

Test(local, a_ttl_that_ran_out_while_the_agent_was_stopped_is_not_restored)
{
        struct local_fixture f = {0};

        make_data_dir(&f);
        local_fixture_start(&f, "{}");
        local_fixture_check(&f, "{\"Name\":\"m\",\"TTL\":\"100ms\"}");
        heartbeat(&f, "m", "ok");
        restart(&f, "{}");
        cr_expect_str_eq(status(&f, "m"), "critical");
        local_fixture_stop(&f);
        remove_data_dir(&f);
}

Test(local, a_definition_in_a_file_beats_a_remembered_one)
{
        struct local_fixture f = {0};

        make_data_dir(&f);
        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\",\"Port\":1}");
        local_fixture_check(&f, "{\"Name\":\"m\",\"TTL\":\"1h\"}");
        heartbeat(&f, "m", "ok");
        restart(&f, "{\"services\":[{\"name\":\"web\",\"port\":2}],"
                    "\"checks\":[{\"name\":\"m\",\"ttl\":\"2h\"}]}");
        cr_expect_eq(local_service(f.local, "web")->port, 2);
        cr_expect(local_check(f.local, "m")->from_config);
        cr_expect_str_eq(status(&f, "m"), "passing");
        restart(&f, "{}");
        cr_expect_null(local_service(f.local, "web"));
        cr_expect_null(local_check(f.local, "m"));
        local_fixture_stop(&f);
        remove_data_dir(&f);
}

Test(local, damaged_files_are_passed_over)
{
        struct local_fixture f = {0};
        char command[256];

        make_data_dir(&f);
        local_fixture_start(&f, "{}");
        local_fixture_service(&f, "{\"Name\":\"web\"}");
        local_fixture_service(&f, "{\"Name\":\"other\"}");
        snprintf(command, sizeof(command), "f=$(ls %s/services/* | head -1); echo '{' > $f",
                 f.data_dir);
        cr_assert_eq(system(command), 0);
        restart(&f, "{}");
        cr_expect_eq(
            (local_service(f.local, "web") != NULL) + (local_service(f.local, "other") != NULL), 1);
        local_fixture_stop(&f);
        remove_data_dir(&f);
}
