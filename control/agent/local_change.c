#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"
#include "control/text/utf8.h"

static void set_record(struct local_state *local, struct local_check_entry *entry,
                       struct check_record *record)
{
        const char *service_id = record->check.service_id;
        bool moves =
            entry->link_of_service == NULL || strcmp(entry->view.check.service_id, service_id) != 0;

        record_release(entry->record != NULL ? &entry->record->head : NULL);
        entry->record = record;
        entry->view.check = record->check;
        entry->generation = ++local->generation;
        if (moves)
                local_link_check(local, entry);
        local_touch_aliases(local, service_id);
}

// Cut and well-formed: the files it is kept in hold UTF-8 only, and a client may send anything.
// What is run has been cut where it was read.
static char *bounded_output(const struct local_check_entry *entry, const char *output)
{
        size_t len = strlen(output), max = entry->view.ttl_ns > 0 ? entry->output_max : len;
        char *kept = utf8_repair(output, len <= max ? len : max);
        char *text = NULL;

        if (kept == NULL || len <= max)
                return kept;
        if (asprintf(&text, "%s ... (captured %zu of %zu bytes)", kept, max, len) < 0)
                text = NULL;
        free(kept);
        return text;
}

int local_set_check_state(struct local_state *local, struct local_check_entry *entry,
                          const char *status, const char *output)
{
        struct catalog_check check = entry->record->check;
        char *bounded = bounded_output(entry, local->discard_output ? "" : output);
        struct check_record *record;

        if (bounded == NULL)
                return -ENOMEM;
        check.status = status;
        check.output = bounded;
        record = check_record_create(&check, 0, 0);
        free(bounded);
        if (record == NULL)
                return -ENOMEM;
        set_record(local, entry, record);
        local_arm_reap(local, entry);
        return 0;
}

// Changes an entry's content in one step that cannot fail half-way.
static int fill_check(struct local_state *local, const char *id, const json_t *definition,
                      bool from_config, struct check_record *record)
{
        struct local_check_entry *entry = local_find_check(local, id);
        bool is_new;

        if (record == NULL)
                return -ENOMEM;
        if (entry == NULL)
                entry = local_add_check_entry(local, id);
        if (entry == NULL) {
                record_release(&record->head);
                return -ENOMEM;
        }
        // A runner borrows from the definition; the same one goes on.
        is_new = entry->definition == NULL || !json_equal(entry->definition, definition);
        if (is_new) {
                local_stop_check(local, entry);
                json_decref(entry->definition);
                entry->definition = json_incref((json_t *)(uintptr_t)definition);
        }
        entry->view.from_config = from_config;
        entry->view.ttl_ns = definition_ttl_ns(definition);
        entry->reap_after_ms =
            json_schema_int(definition, "DeregisterCriticalServiceAfter") / 1000000;
        entry->marked = true;
        deadlines_clear(&local->deadlines, &entry->push);
        set_record(local, entry, record);
        local_arm_ttl(local, entry);
        local_arm_reap(local, entry);
        if (is_new)
                local_start_check(local, entry);
        if (from_config)
                local_files_remove_check_definition(local, id);
        else
                local_files_save_check(local, entry);
        return 0;
}

static int put_check(struct local_state *local, const json_t *definition, bool from_config,
                     bool untyped)
{
        const char *id = definition_check_id(definition);
        const char *service_id = json_schema_string(definition, "ServiceID");
        const struct local_check_entry *old = local_find_check(local, id);
        struct definition_check_context context = {
            .node = local->node->node.name,
            .service = local_service(local, service_id),
            .status = "",
            .output = "",
            .untyped = untyped,
        };
        char *status = NULL, *output = NULL;
        int ret;

        // What is registered again keeps the state it has.
        if (old != NULL) {
                context.status = old->record->check.status;
                context.output = old->record->check.output;
        } else if (local_files_load_state(local, id, &status, &output)) {
                context.status = status;
                context.output = output;
        } else if (local->loading) {
                // Nobody knows what has become of it.
                context.status = "critical";
        }
        ret = fill_check(local, id, definition, from_config,
                         definition_check_record(definition, &context));
        free(status);
        free(output);
        return ret;
}

int local_put_check(struct local_state *local, const json_t *definition, bool from_config)
{
        return put_check(local, definition, from_config, from_config);
}

int local_put_maintenance(struct local_state *local, const char *check_id, const char *service_id,
                          const char *reason)
{
        bool is_service = service_id[0] != '\0';
        struct definition_check_context context = {.node = local->node->node.name,
                                                   .service = local_service(local, service_id),
                                                   .status = "critical",
                                                   .output = ""};
        char *notes = utf8_repair(reason, strlen(reason));
        json_t *definition = NULL;
        int ret = -ENOMEM;

        if (notes != NULL)
                definition = json_pack(
                    "{s:s, s:s, s:s, s:s}", "CheckID", check_id, "Name",
                    is_service ? "Service Maintenance Mode" : "Node Maintenance Mode", "Notes",
                    notes[0] != '\0' ? notes
                    : is_service ? "Maintenance mode is enabled for this service, but no reason "
                                   "was provided. This is a default message."
                                 : "Maintenance mode is enabled for this node, but no reason "
                                   "was provided. This is a default message.",
                    "ServiceID", service_id);
        if (definition != NULL)
                ret = fill_check(local, check_id, definition, false,
                                 definition_check_record(definition, &context));
        json_decref(definition);
        free(notes);
        return ret;
}

// Checks of a service that its new definition does not have, maintenance included.
static void drop_other_checks(struct local_state *local, const char *service_id,
                              const json_t *wanted)
{
        const struct local_service_entry *service = local_find_service(local, service_id);
        struct local_check_entry *next;

        for (struct local_check_entry *entry = service->checks; entry != NULL; entry = next) {
                const char *id = entry->record->check.id;
                bool keep = false;
                const json_t *check;
                size_t n;

                next = entry->next_of_service;

                json_array_foreach(wanted, n, check) keep =
                    keep || strcmp(definition_check_id(check), id) == 0;
                if (!keep) {
                        local_push_removal(local, "", id, NULL, NULL);
                        local_forget_check(local, entry);
                }
        }
}

static json_t *checks_of_definition(const json_t *definition)
{
        json_t *checks = json_array();

        for (size_t i = 0; checks != NULL && i < definition_check_count(definition); i++) {
                json_t *check = definition_service_check(definition, i);

                if (check == NULL || json_array_append_new(checks, check) < 0) {
                        json_decref(checks);
                        return NULL;
                }
        }
        return checks;
}

int local_refresh_checks(struct local_state *local)
{
        for (size_t i = 0; i < local->check_count; i++) {
                struct local_check_entry *entry = local->checks[i];
                struct catalog_check check = entry->record->check;
                const struct catalog_service *service = local_service(local, check.service_id);
                struct check_record *record;

                if (service == NULL)
                        continue;
                check.service_name = service->name;
                check.service_tags = service->tags;
                if (catalog_check_equal(&check, &entry->record->check))
                        continue;
                record = check_record_create(&check, 0, 0);
                if (record == NULL)
                        return -ENOMEM;
                set_record(local, entry, record);
        }
        return 0;
}

void local_take_tags(struct local_state *local, struct local_service_entry *entry,
                     const struct text_list *tags)
{
        struct catalog_service service = entry->record->service;
        const struct service_record *old = entry->record;

        service.tags = *tags;
        if (catalog_service_equal(&service, &old->service))
                return;
        entry->record = service_record_create(&service, 0, 0);
        record_release(&old->head);
        watch_notify(local->watches, LOCAL_WATCH_SERVICE, entry->record->service.id,
                     strlen(entry->record->service.id));
}

static int fill_service(struct local_state *local, const json_t *definition, bool from_config)
{
        const char *id = definition_service_id(definition);
        struct service_record *record =
            definition_service_record(definition, local->node->node.name);
        struct local_service_entry *entry = local_find_service(local, id);

        if (record == NULL)
                return -ENOMEM;
        if (entry == NULL)
                entry = local_add_service_entry(local, id);
        if (entry == NULL) {
                record_release(&record->head);
                return -ENOMEM;
        }
        record_release(entry->record != NULL ? &entry->record->head : NULL);
        json_decref(entry->definition);
        entry->record = record;
        entry->definition = json_incref((json_t *)(uintptr_t)definition);
        entry->from_config = from_config;
        entry->marked = true;
        entry->generation = ++local->generation;
        if (from_config)
                local_files_remove_service(local, id);
        else
                local_files_save_service(local, entry);
        watch_notify(local->watches, LOCAL_WATCH_SERVICE, id, strlen(id));
        local_touch_aliases(local, id);
        return 0;
}

int local_put_service(struct local_state *local, const json_t *definition, bool from_config,
                      bool replace_checks)
{
        json_t *checks = checks_of_definition(definition);
        const json_t *check;
        size_t i;
        int ret;

        if (checks == NULL)
                return -ENOMEM;
        ret = fill_service(local, definition, from_config);
        if (ret == 0 && replace_checks)
                drop_other_checks(local, definition_service_id(definition), checks);
        json_array_foreach(checks, i, check)
        {
                if (ret == 0)
                        ret = put_check(local, check, from_config, false);
        }
        json_decref(checks);
        return ret;
}

void local_forget_check(struct local_state *local, struct local_check_entry *entry)
{
        const struct check_record *record = entry->record;

        local_files_remove_check(local, record->check.id);
        record_take(&record->head);
        local_drop_check_entry(local, entry);
        local_touch_aliases(local, record->check.service_id);
        record_release(&record->head);
}

void local_forget_service(struct local_state *local, struct local_service_entry *entry)
{
        const struct service_record *record = entry->record;

        while (entry->checks != NULL)
                local_forget_check(local, entry->checks);
        local_files_remove_service(local, entry->record->service.id);
        // The record holds the id until those who watch it have been told.
        record_take(&record->head);
        local_drop_service_entry(local, entry);
        watch_notify(local->watches, LOCAL_WATCH_SERVICE, record->service.id,
                     strlen(record->service.id));
        local_touch_aliases(local, record->service.id);
        record_release(&record->head);
}
