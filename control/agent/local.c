#include "control/agent/local.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

static void on_closed(uv_handle_t *handle)
{
        local_release(handle->data);
}

static void close_timers(struct local_state *local)
{
        local->closing = true;
        uv_close((uv_handle_t *)&local->timer, on_closed);
        uv_close((uv_handle_t *)&local->retry_timer, on_closed);
        uv_close((uv_handle_t *)&local->sync_timer, on_closed);
}

int local_create(struct local_state **out, const struct local_options *options)
{
        struct local_state *local = calloc(1, sizeof(*local));
        int ret;

        if (local == NULL)
                return -ENOMEM;
        local->options = *options;
        local->node_id = strdup(options->node_id);
        local->data_dir = strdup("");
        if (local->node_id == NULL || local->data_dir == NULL) {
                ret = -ENOMEM;
                goto free_local;
        }
        ret = local_durable_create(local);
        if (ret < 0)
                goto free_local;
        ret = uv_timer_init(options->loop, &local->timer);
        if (ret == 0)
                ret = uv_timer_init(options->loop, &local->retry_timer);
        if (ret == 0)
                ret = uv_timer_init(options->loop, &local->sync_timer);
        if (ret < 0)
                goto free_local;
        local->reference_count = 3;
        local->timer.data = local->retry_timer.data = local->sync_timer.data = local;
        local->retry_ms = LOCAL_RETRY_MS;
        local->random = uv_hrtime();
        local->cluster_size = 1;
        local->watches = watch_hub_create(uv_hrtime());
        local->output_max = LOCAL_OUTPUT_MAX;
        ret = local_checks_open(local);
        if (ret < 0)
                goto close_timers;
        local->now_ms = uv_now(options->loop);
        if (options->catalog != NULL && options->catalog->listen != NULL)
                options->catalog->listen(options->catalog, local_on_catalog_change, local);
        *out = local;
        return 0;
close_timers:
        // The handles are in the loop already: they go with its next turns.
        close_timers(local);
        return ret;
free_local:
        local_durable_destroy(local);
        free(local->node_id);
        free(local->data_dir);
        free(local);
        return ret;
}

void local_release(struct local_state *local)
{
        if (--local->reference_count > 0)
                return;
        local_free_tables(local);
        local_durable_destroy(local);
        json_decref(local->expiries);
        watch_hub_destroy(local->watches);
        record_release(local->node != NULL ? &local->node->head : NULL);
        free(local->node_id);
        free(local->data_dir);
        free(local);
}

struct watch_hub *local_watches(const struct local_state *local)
{
        return local->watches;
}

void local_destroy(struct local_state *take_local)
{
        struct local_state *local = take_local;

        if (local == NULL)
                return;
        local->closing = true;
        local->now_ms = uv_now(local->options.loop);
        if (local->options.catalog != NULL && local->options.catalog->listen != NULL)
                local->options.catalog->listen(local->options.catalog, NULL, NULL);
        local_checks_close(local);
        local_files_save_expiries(local);
        close_timers(local);
}

static void fail(local_done_fn done, void *arg, unsigned status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void fail(local_done_fn done, void *arg, unsigned status, const char *format, ...)
{
        struct local_result result = {.status = status};
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(result.text, sizeof(result.text), format, arguments);
        va_end(arguments);
        if (done != NULL)
                done(arg, &result);
}

static void succeed(local_done_fn done, void *arg)
{
        const struct local_result result = {.status = 200};

        if (done != NULL)
                done(arg, &result);
}

static void touch_clock(struct local_state *local)
{
        local->now_ms = uv_now(local->options.loop);
}

void local_register_service(struct local_state *local, const json_t *definition,
                            bool replace_checks, local_done_fn done, void *arg)
{
        const struct definition_rules rules = {DEFINITION_REMOTE, local->scripts_remote};
        struct local_result refusal = {0};

        touch_clock(local);
        if (definition_check_service(definition, &rules, &refusal) < 0) {
                fail(done, arg, refusal.status, "%s", refusal.text);
                return;
        }
        if (local_put_service(local, definition, false, replace_checks) < 0) {
                fail(done, arg, 500, "out of memory");
                return;
        }
        local_push_service(local, local_find_service(local, definition_service_id(definition)),
                           done, arg);
}

void local_register_check(struct local_state *local, const json_t *definition, local_done_fn done,
                          void *arg)
{
        const struct definition_rules rules = {DEFINITION_REMOTE, local->scripts_remote};
        const char *service_id = json_schema_string(definition, "ServiceID");
        struct local_result refusal = {0};

        touch_clock(local);
        if (definition_check_check(definition, &rules, &refusal) < 0) {
                fail(done, arg, refusal.status, "%s", refusal.text);
                return;
        }
        if (service_id[0] != '\0' && local_find_service(local, service_id) == NULL) {
                fail(done, arg, 500, "ServiceID \"%.120s\" does not exist", service_id);
                return;
        }
        if (local_put_check(local, definition, false) < 0) {
                fail(done, arg, 500, "out of memory");
                return;
        }
        local_push_check(local, local_find_check(local, definition_check_id(definition)), done,
                         arg);
}

void local_deregister_service(struct local_state *local, const char *id, local_done_fn done,
                              void *arg)
{
        struct local_service_entry *entry = local_find_service(local, id);

        touch_clock(local);
        if (id[0] == '\0') {
                fail(done, arg, 500, "ServiceID missing");
        } else if (entry == NULL) {
                log_warn(local->options.log, "agent", "Failed to deregister service: service=%s",
                         id);
                succeed(done, arg);
        } else {
                local_forget_service(local, entry);
                local_push_removal(local, id, "", done, arg);
        }
}

void local_deregister_check(struct local_state *local, const char *id, local_done_fn done,
                            void *arg)
{
        struct local_check_entry *entry = local_find_check(local, id);

        touch_clock(local);
        if (id[0] == '\0') {
                fail(done, arg, 500, "CheckID missing");
        } else if (entry == NULL) {
                succeed(done, arg);
        } else {
                local_forget_check(local, entry);
                local_push_removal(local, "", id, done, arg);
        }
}

// A change of output alone may wait: the catalog need not follow every heartbeat's remark.
static bool may_wait(const struct local_state *local, const struct local_check_entry *entry,
                     const char *status)
{
        return local->output_interval_ms > 0 && strcmp(entry->record->check.status, status) == 0 &&
               entry->pushed == entry->generation;
}

void local_update_ttl(struct local_state *local, const char *check_id, const char *status,
                      const char *output, local_done_fn done, void *arg)
{
        struct local_check_entry *entry = local_find_check(local, check_id);

        if (entry == NULL || entry->view.ttl_ns <= 0) {
                fail(done, arg, 500, "CheckID \"%.120s\" does not have associated TTL", check_id);
                return;
        }
        touch_clock(local);
        local_arm_ttl(local, entry);
        local_note_state(local, entry, status, output, done, arg);
}

void local_note_state(struct local_state *local, struct local_check_entry *entry,
                      const char *status, const char *output, local_done_fn done, void *arg)
{
        bool same, wait;

        if (local->discard_output)
                output = "";
        same = strcmp(entry->record->check.status, status) == 0 &&
               strcmp(entry->record->check.output, output) == 0;
        wait = entry->push.slot != 0 ? strcmp(entry->record->check.status, status) == 0
                                     : may_wait(local, entry, status);
        if (same && (wait || entry->pushed == entry->generation)) {
                succeed(done, arg);
                return;
        }
        if (local_set_check_state(local, entry, status, output) < 0) {
                fail(done, arg, 500, "out of memory");
                return;
        }
        local_files_save_state(local, entry);
        if (!wait) {
                deadlines_clear(&local->deadlines, &entry->push);
                local_push_check(local, entry, done, arg);
                return;
        }
        if (entry->push.slot == 0 &&
            deadlines_set(&local->deadlines, &entry->push,
                          local->now_ms + local_output_delay_ms(local)) == 0)
                local_rearm_timer(local);
        succeed(done, arg);
}

static void end_maintenance(struct local_state *local, const char *check_id, local_done_fn done,
                            void *arg)
{
        struct local_check_entry *entry = local_find_check(local, check_id);

        if (entry == NULL) {
                succeed(done, arg);
                return;
        }
        local_forget_check(local, entry);
        local_push_removal(local, "", check_id, done, arg);
}

static void change_maintenance(struct local_state *local, const char *check_id,
                               const char *service_id, bool enable, const char *reason,
                               local_done_fn done, void *arg)
{
        if (!enable)
                end_maintenance(local, check_id, done, arg);
        else if (local_find_check(local, check_id) != NULL)
                succeed(done, arg);
        else if (local_put_maintenance(local, check_id, service_id, reason) < 0)
                fail(done, arg, 500, "out of memory");
        else
                local_push_check(local, local_find_check(local, check_id), done, arg);
}

void local_set_maintenance(struct local_state *local, const char *service_id, bool enable,
                           const char *reason, local_done_fn done, void *arg)
{
        char *check_id;

        touch_clock(local);
        if (service_id[0] == '\0') {
                change_maintenance(local, "_node_maintenance", "", enable, reason, done, arg);
        } else if (local_find_service(local, service_id) == NULL) {
                fail(done, arg, 404, "No service registered with ID \"%.120s\"", service_id);
        } else if (asprintf(&check_id, "_service_maintenance:%s", service_id) < 0) {
                fail(done, arg, 500, "out of memory");
        } else {
                change_maintenance(local, check_id, service_id, enable, reason, done, arg);
                free(check_id);
        }
}
