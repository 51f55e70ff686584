#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

static void set_record(struct local_state *local, struct local_check_entry *entry,
                       struct check_record *record)
{
        record_release(entry->record != NULL ? &entry->record->head : NULL);
        entry->record = record;
        entry->view.check = record->check;
        entry->generation = ++local->generation;
}

// Puts the output's beginning before what was cut off is counted.
static char *bounded_output(const char *output)
{
        size_t len = strlen(output);
        char *text;

        if (len <= LOCAL_OUTPUT_MAX)
                return strdup(output);
        if (asprintf(&text, "%.*s ... (captured %d of %zu bytes)", LOCAL_OUTPUT_MAX, output,
                     LOCAL_OUTPUT_MAX, len) < 0)
                return NULL;
        return text;
}

int local_set_check_state(struct local_state *local, struct local_check_entry *entry,
                          const char *status, const char *output)
{
        struct catalog_check check = entry->record->check;
        char *bounded = bounded_output(output);
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

        if (record == NULL)
                return -ENOMEM;
        if (entry == NULL)
                entry = local_add_check_entry(local, id);
        if (entry == NULL) {
                record_release(&record->head);
                return -ENOMEM;
        }
        json_decref(entry->definition);
        entry->definition = json_incref((json_t *)(uintptr_t)definition);
        entry->view.from_config = from_config;
        entry->view.ttl_ns = definition_ttl_ns(definition);
        entry->reap_after_ms =
            json_schema_int(definition, "DeregisterCriticalServiceAfter") / 1000000;
        entry->marked = true;
        set_record(local, entry, record);
        local_arm_ttl(local, entry);
        local_arm_reap(local, entry);
        if (!from_config)
                local_files_save_check(local, entry);
        return 0;
}

int local_put_check(struct local_state *local, const json_t *definition, bool from_config)
{
        const char *id = definition_check_id(definition);
        const char *service_id = json_schema_string(definition, "ServiceID");
        const struct local_check_entry *old = local_find_check(local, id);
        struct definition_check_context context = {
            .node = local->node->node.name,
            .service = local_service(local, service_id),
            .status = "",
            .output = "",
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
        }
        ret = fill_check(local, id, definition, from_config,
                         definition_check_record(definition, &context));
        free(status);
        free(output);
        return ret;
}

int local_put_maintenance(struct local_state *local, const char *service_id, const char *reason)
{
        const char *what = service_id[0] != '\0' ? "service" : "node";
        struct definition_check_context context = {.node = local->node->node.name,
                                                   .service = local_service(local, service_id),
                                                   .status = "critical",
                                                   .output = ""};
        json_t *definition;
        char text[160];
        int ret;

        if (reason[0] == '\0') {
                snprintf(text, sizeof(text),
                         "Maintenance mode is enabled for this %s, but no reason was provided. "
                         "This is a default message.",
                         what);
                reason = text;
        }
        if (service_id[0] != '\0')
                definition =
                    json_pack("{s:o, s:s, s:s, s:s}", "CheckID",
                              json_sprintf("_service_maintenance:%s", service_id), "Name",
                              "Service Maintenance Mode", "Notes", reason, "ServiceID", service_id);
        else
                definition = json_pack("{s:s, s:s, s:s}", "CheckID", "_node_maintenance", "Name",
                                       "Node Maintenance Mode", "Notes", reason);
        if (definition == NULL)
                return -ENOMEM;
        ret = fill_check(local, definition_check_id(definition), definition, false,
                         definition_check_record(definition, &context));
        json_decref(definition);
        return ret;
}

// Checks of a service that its new definition no longer has.
static void drop_other_checks(struct local_state *local, const char *service_id,
                              const json_t *wanted)
{
        for (size_t i = local->check_count; i > 0; i--) {
                struct local_check_entry *entry = local->checks[i - 1];
                const char *id = entry->record->check.id;
                bool keep = strcmp(entry->record->check.service_id, service_id) != 0 ||
                            strcmp(entry->record->check.type, "maintenance") == 0;
                const json_t *check;
                size_t n;

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

// Tags of the service are copied into its checks; they follow when the service changes.
static int refresh_checks(struct local_state *local, const struct catalog_service *service)
{
        for (size_t i = 0; i < local->check_count; i++) {
                struct local_check_entry *entry = local->checks[i];
                struct catalog_check check = entry->record->check;
                struct check_record *record;

                if (strcmp(check.service_id, service->id) != 0)
                        continue;
                check.service_name = service->name;
                check.service_tags = service->tags;
                record = check_record_create(&check, 0, 0);
                if (record == NULL)
                        return -ENOMEM;
                set_record(local, entry, record);
        }
        return 0;
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
        return refresh_checks(local, &record->service);
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
                        ret = local_put_check(local, check, from_config);
        }
        json_decref(checks);
        return ret;
}

void local_forget_check(struct local_state *local, struct local_check_entry *entry)
{
        local_files_remove_check(local, entry->record->check.id);
        local_drop_check_entry(local, entry);
}

void local_forget_service(struct local_state *local, struct local_service_entry *entry)
{
        const char *id = entry->record->service.id;

        for (size_t i = local->check_count; i > 0; i--) {
                if (strcmp(local->checks[i - 1]->record->check.service_id, id) == 0)
                        local_forget_check(local, local->checks[i - 1]);
        }
        local_files_remove_service(local, id);
        local_drop_service_entry(local, entry);
}
