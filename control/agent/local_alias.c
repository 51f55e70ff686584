#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/agent/local_internal.h"

// Checks that stand for the checks of another service or node: the worst of them, and passing when
// there are none. Without a node they look at this agent's own, otherwise into the catalog.

// A catalog that tells of no changes is looked at again after this time.
#define LOOK_AGAIN_MS 10000

static const char *node_of(const struct local_check_entry *entry)
{
        return json_schema_string(entry->definition, "AliasNode");
}

static const char *service_of(const struct local_check_entry *entry)
{
        return json_schema_string(entry->definition, "AliasService");
}

static void arm(struct local_state *local, struct local_check_entry *entry, uint64_t after_ms)
{
        if (deadlines_set(&local->deadlines, &entry->alias, local->now_ms + after_ms) < 0)
                log_error(local->options.log, "agent",
                          "out of memory: an alias check is not kept: check=%s",
                          entry->record->check.id);
        local_rearm_timer(local);
}

void local_start_alias(struct local_state *local, struct local_check_entry *entry)
{
        entry->next_alias = local->aliases;
        local->aliases = entry;
        arm(local, entry, 0);
}

void local_stop_alias(struct local_state *local, struct local_check_entry *entry)
{
        struct local_check_entry **link = &local->aliases;

        deadlines_clear(&local->deadlines, &entry->alias);
        while (*link != NULL && *link != entry)
                link = &(*link)->next_alias;
        if (*link != NULL)
                *link = entry->next_alias;
        entry->next_alias = NULL;
}

void local_touch_aliases(struct local_state *local, const char *service_id)
{
        for (struct local_check_entry *entry = local->aliases; entry != NULL;
             entry = entry->next_alias) {
                if (node_of(entry)[0] == '\0' &&
                    (service_id[0] == '\0' || strcmp(service_of(entry), service_id) == 0))
                        arm(local, entry, 0);
        }
}

void local_on_catalog_change(void *arg, const char *node)
{
        struct local_state *local = arg;

        for (struct local_check_entry *entry = local->aliases; entry != NULL;
             entry = entry->next_alias) {
                if (entry->alias.at_ms > local->now_ms && strcasecmp(node_of(entry), node) == 0)
                        arm(local, entry, 0);
        }
}

// What has been seen of the checks an alias stands for.
struct verdict {
        const struct local_check_entry *alias;
        const char *status;
        char *output; // NULL: none was failing
        bool has_checks;
        bool has_service;
};

static void weigh(struct verdict *verdict, const struct catalog_check *check)
{
        const char *service_id = service_of(verdict->alias);
        bool is_own = service_id[0] != '\0' && strcmp(check->service_id, service_id) == 0;
        bool is_critical = strcmp(check->status, "critical") == 0;
        bool is_self = strcmp(check->id, verdict->alias->record->check.id) == 0;

        if (check->service_id[0] != '\0' && !is_own)
                return;
        verdict->has_service = verdict->has_service || is_own;
        verdict->has_checks = true;
        if (!is_critical && strcmp(check->status, "warning") != 0)
                return;
        if (verdict->output != NULL && (!is_critical || strcmp(verdict->status, "critical") == 0))
                return;
        free(verdict->output);
        // What it says of itself is not repeated: that would grow with every look.
        if (asprintf(&verdict->output, "Aliased check \"%s\" failing: %s", check->name,
                     is_self ? "" : check->output) < 0)
                verdict->output = NULL;
        verdict->status = is_critical ? "critical" : "warning";
}

// Only what is new is noted: an alias may be among the checks it looks at, or look at another that
// looks back, and each note makes all of them look again. What they quote of each other is cut, so
// that it stops growing.
static void note(struct local_state *local, struct local_check_entry *entry, const char *status,
                 char *output)
{
        const struct catalog_check *check = &entry->record->check;
        size_t max = local->discard_output ? 0 : entry->output_max;

        if (strlen(output) > max) {
                // Not within a character.
                while (max > 0 && ((unsigned char)output[max] & 0xc0) == 0x80)
                        max--;
                output[max] = '\0';
        }
        if (strcmp(check->status, status) != 0 || strcmp(check->output, output) != 0)
                local_note_state(local, entry, status, output, NULL, NULL);
}

static void conclude(struct local_state *local, struct local_check_entry *entry,
                     struct verdict *verdict, bool service_exists)
{
        const char *service_id = service_of(entry), *status = verdict->status;
        char *output = verdict->output;

        if (service_id[0] != '\0' && !verdict->has_service && !service_exists) {
                free(output);
                status = "critical";
                // The node is only named when the check names one.
                if (asprintf(&output, "Service %s could not be found on node %s", service_id,
                             node_of(entry)) < 0)
                        output = NULL;
        } else if (output == NULL) {
                output = strdup(verdict->has_checks ? "All checks passing." : "No checks found.");
        }
        if (output != NULL)
                note(local, entry, status, output);
        else
                log_error(local->options.log, "agent",
                          "out of memory: an alias check keeps its old state: check=%s",
                          entry->record->check.id);
        free(output);
}

static void look_here(struct local_state *local, struct local_check_entry *entry)
{
        const char *service_id = service_of(entry);
        const struct local_service_entry *service = local_find_service(local, service_id);
        struct verdict verdict = {.alias = entry, .status = "passing"};

        for (const struct local_check_entry *check = local->node_checks; check != NULL;
             check = check->next_of_service)
                weigh(&verdict, &check->record->check);
        for (const struct local_check_entry *check = service != NULL ? service->checks : NULL;
             check != NULL; check = check->next_of_service)
                weigh(&verdict, &check->record->check);
        conclude(local, entry, &verdict, service != NULL);
}

// A look into the catalog under way; the check may be gone when the answer comes.
struct look {
        struct local_state *local;
        char *check_id;
};

static void on_node_read(void *arg, int error, const struct local_catalog_view *view)
{
        struct look *look = arg;
        struct local_state *local = look->local;
        struct local_check_entry *entry = local_find_check(local, look->check_id);
        struct verdict verdict = {.alias = entry, .status = "passing"};
        bool service_exists = false;

        if (entry != NULL && !local->closing && error == 0 &&
            definition_upkeep(entry->definition) == DEFINITION_ALIAS) {
                for (size_t i = 0; i < view->check_count; i++)
                        weigh(&verdict, view->checks[i]);
                for (size_t i = 0; i < view->service_count; i++)
                        service_exists =
                            service_exists || strcmp(view->services[i]->id, service_of(entry)) == 0;
                conclude(local, entry, &verdict, service_exists);
        }
        free(look->check_id);
        free(look);
        local_release(local);
}

void local_run_alias(struct local_state *local, struct local_check_entry *entry)
{
        struct local_catalog *catalog = local->options.catalog;
        struct look *look;

        if (node_of(entry)[0] == '\0' || catalog == NULL) {
                look_here(local, entry);
                return;
        }
        look = calloc(1, sizeof(*look));
        if (look != NULL)
                look->check_id = strdup(entry->record->check.id);
        arm(local, entry, LOOK_AGAIN_MS);
        if (look == NULL || look->check_id == NULL) {
                free(look);
                return;
        }
        look->local = local;
        local->reference_count++;
        catalog->read_node(catalog, node_of(entry), on_node_read, look);
}
