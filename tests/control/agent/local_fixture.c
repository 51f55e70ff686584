#include "tests/control/agent/local_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pass_on(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct local_fixture *f =
            (struct local_fixture *)((char *)self - offsetof(struct local_fixture, proposer));
        struct log_proposer *real = local_log_proposer(f->real);
        struct fsm_result result;

        if (f->is_silent) {
                f->kept.bytes = memcpy(malloc(len), bytes, len);
                f->kept.len = len;
                f->kept.done = done;
                f->kept.arg = arg;
                return 0;
        }
        if (!f->is_down)
                return real->propose(real, bytes, len, done, arg);
        fsm_result_init(&result);
        snprintf(result.error.text, sizeof(result.error.text), "No cluster leader");
        done(arg, &result);
        fsm_result_fini(&result);
        return 0;
}

static struct config *build(const struct local_fixture *f, const char *settings)
{
        json_t *flags = json_loads(settings, 0, NULL);
        struct config_input input = {.dev_mode = f->data_dir[0] == '\0'};
        struct config_report report;
        struct config *config = NULL;

        cr_assert_not_null(flags, "%s", settings);
        json_object_set_new(flags, "node_name", json_string("node1"));
        json_object_set_new(flags, "bind_addr", json_string("127.0.0.1"));
        if (f->data_dir[0] != '\0') {
                json_object_set_new(flags, "server", json_true());
                json_object_set_new(flags, "bootstrap", json_true());
                json_object_set_new(flags, "data_dir", json_string(f->data_dir));
        }
        input.flags = flags;
        cr_assert_eq(config_build(&input, &config, &report), 0, "%s", report.error);
        config_report_fini(&report);
        json_decref(flags);
        return config;
}

void local_fixture_start(struct local_fixture *f, const char *settings)
{
        struct local_options options;
        char error[512];

        f->log = (struct log){.stream = stderr, .level = LOG_LEVEL_ERROR};
        uv_loop_init(&f->loop);
        f->store = store_create();
        f->fsm = fsm_create(f->store);
        f->real = local_log_create(f->fsm, 0);
        f->proposer.propose = pass_on;
        f->config = build(f, settings);
        options = (struct local_options){.loop = &f->loop,
                                         .proposer = &f->proposer,
                                         .log = &f->log,
                                         .node_id = "11111111-2222-3333-4444-555555555555"};
        local_store_catalog_init(&f->catalog, f->store, NULL, NULL);
        if (f->with_catalog)
                options.catalog = &f->catalog.catalog;
        cr_assert_eq(local_create(&f->local, &options), 0);
        cr_assert_eq(local_configure(f->local, f->config, error, sizeof(error)), 0, "%s", error);
}

int local_fixture_reload(struct local_fixture *f, const char *settings)
{
        struct config *config = build(f, settings);
        char error[512];
        int ret = local_configure(f->local, config, error, sizeof(error));

        config_destroy(config);
        return ret;
}

void local_fixture_stop(struct local_fixture *f)
{
        local_destroy(f->local);
        uv_run(&f->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&f->loop), 0, "handles are left");
        local_log_destroy(f->real);
        fsm_destroy(f->fsm);
        store_destroy(f->store);
        config_destroy(f->config);
}

void local_fixture_speak(struct local_fixture *f)
{
        f->is_silent = false;
        pass_on(&f->proposer, f->kept.bytes, f->kept.len, f->kept.done, f->kept.arg);
        free(f->kept.bytes);
}

void local_fixture_done(void *fixture, const struct local_result *result)
{
        struct local_fixture *f = fixture;

        f->last = *result;
        f->answers++;
}

static json_t *canonical(const struct json_schema *schema, const char *text)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *out = NULL;

        cr_assert_eq(
            json_schema_parse(schema, JSON_SCHEMA_SNAKE_CASE, text, strlen(text), 0, &out, error),
            0, "%s: %s", text, error);
        return out;
}

static void register_service(struct local_fixture *f, const char *definition, bool replace_checks)
{
        json_t *body = canonical(&local_service_schema, definition);

        f->last = (struct local_result){0};
        local_register_service(f->local, body, replace_checks, local_fixture_done, f);
        json_decref(body);
}

void local_fixture_service(struct local_fixture *f, const char *definition)
{
        register_service(f, definition, false);
}

void local_fixture_replace(struct local_fixture *f, const char *definition)
{
        register_service(f, definition, true);
}

void local_fixture_check(struct local_fixture *f, const char *definition)
{
        json_t *body = canonical(&local_check_schema, definition);

        f->last = (struct local_result){0};
        local_register_check(f->local, body, local_fixture_done, f);
        json_decref(body);
}

const char *local_fixture_catalog(struct local_fixture *f, const char *check_id)
{
        const struct check_record *record = store_check_get(f->store, "node1", check_id);

        return record != NULL ? record->check.status : "-";
}
