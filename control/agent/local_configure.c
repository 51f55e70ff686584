#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

// Definitions of a configuration, canonical and checked.
struct definitions {
        json_t *services;
        json_t *checks;
};

static void free_definitions(struct definitions *definitions)
{
        json_decref(definitions->services);
        json_decref(definitions->checks);
}

// What is wrong with a service itself and with its checks is told apart, as Consul does.
static int check_service(const json_t *definition, const struct definition_rules *rules,
                         char *error, size_t error_size)
{
        const char *name = json_schema_string(definition, "Name");
        json_t *bare = json_copy((json_t *)(uintptr_t)definition);
        struct local_result refusal = {0};
        int ret;

        if (bare == NULL)
                return -ENOMEM;
        json_object_del(bare, "Check");
        json_object_del(bare, "Checks");
        ret = definition_check_service(bare, rules, &refusal);
        json_decref(bare);
        if (ret < 0) {
                snprintf(error, error_size, "Failed to register service \"%.80s\": %s", name,
                         *name == '\0' ? "Service name missing" : refusal.text);
                return ret;
        }
        ret = definition_check_service(definition, rules, &refusal);
        if (ret < 0)
                snprintf(error, error_size, "Failed to validate checks for service \"%.80s\": %s",
                         name, refusal.text);
        return ret;
}

static int check_check(const json_t *definition, const struct definition_rules *rules, char *error,
                       size_t error_size)
{
        struct local_result refusal = {0};
        int ret = definition_check_check(definition, rules, &refusal);

        if (ret < 0)
                snprintf(error, error_size, "Failed to register check \"%.80s\": %s",
                         json_schema_string(definition, "Name"), refusal.text);
        return ret;
}

static int read_list(const json_t *list, const struct json_schema *schema,
                     const struct definition_rules *rules,
                     int (*check)(const json_t *definition, const struct definition_rules *rules,
                                  char *error, size_t error_size),
                     const char *what, json_t **out, char *error, size_t error_size)
{
        char problem[JSON_SCHEMA_ERROR_MAX];
        const json_t *item;
        size_t i;

        *out = json_array();
        json_array_foreach(list, i, item)
        {
                json_t *definition;
                int ret =
                    json_schema_apply(schema, JSON_SCHEMA_SNAKE_CASE, item, &definition, problem);

                if (ret < 0) {
                        snprintf(error, error_size, "%ss[%zu]: %s", what, i, problem);
                        return ret;
                }
                if (json_array_append_new(*out, definition) < 0) {
                        snprintf(error, error_size, "out of memory");
                        return -ENOMEM;
                }
                ret = check(definition, rules, error, error_size);
                if (ret < 0)
                        return ret;
        }
        return 0;
}

// A check of a file may belong to a service of a file, or to one registered over HTTP.
static int check_owners(const struct local_state *local, const struct definitions *definitions,
                        char *error, size_t error_size)
{
        const json_t *check, *service;
        size_t i, n;

        json_array_foreach(definitions->checks, i, check)
        {
                const char *id = json_schema_string(check, "ServiceID");
                bool known = id[0] == '\0' || local_find_service(local, id) != NULL;

                json_array_foreach(definitions->services, n, service) known =
                    known || strcmp(definition_service_id(service), id) == 0;
                if (!known) {
                        snprintf(error, error_size,
                                 "Failed to register check \"%.80s\": ServiceID \"%.80s\" does "
                                 "not exist",
                                 json_schema_string(check, "Name"), id);
                        return -EINVAL;
                }
        }
        return 0;
}

static int read_definitions(const struct config *config, struct definitions *out, char *error,
                            size_t error_size)
{
        const struct definition_rules rules = {DEFINITION_FILE, config->enable_local_script_checks};
        int ret;

        *out = (struct definitions){0};
        ret = read_list(config->services, &local_service_schema, &rules, check_service, "service",
                        &out->services, error, error_size);
        if (ret == 0)
                ret = read_list(config->checks, &local_check_schema, &rules, check_check, "check",
                                &out->checks, error, error_size);
        return ret;
}

static int compare_pairs(const void *a, const void *b)
{
        return strcmp(((const struct text_pair *)a)->key, ((const struct text_pair *)b)->key);
}

static struct text_pair *sorted_pairs(const struct config_meta *meta, size_t count)
{
        struct text_pair *pairs = malloc((count + 1) * sizeof(*pairs));

        for (size_t i = 0; pairs != NULL && i < count; i++)
                pairs[i] = (struct text_pair){meta[i].key, meta[i].value};
        if (pairs != NULL)
                qsort(pairs, count, sizeof(*pairs), compare_pairs);
        return pairs;
}

static int set_node(struct local_state *local, const struct config *config)
{
        struct text_pair *addresses =
            sorted_pairs(config->tagged_addresses, config->tagged_address_count);
        struct text_pair *meta = sorted_pairs(config->node_meta, config->node_meta_count);
        struct catalog_node node = CATALOG_NODE_INIT;
        struct node_record *record;

        if (addresses == NULL || meta == NULL) {
                free(addresses);
                free(meta);
                return -ENOMEM;
        }
        node.id = local->node_id;
        node.name = config->node_name;
        node.address = config->advertise_address;
        node.datacenter = config->datacenter;
        node.tagged_addresses =
            (struct text_map){addresses, (uint32_t)config->tagged_address_count};
        node.meta = (struct text_map){meta, (uint32_t)config->node_meta_count};
        record = node_record_create(&node, 0, 0);
        free(addresses);
        free(meta);
        if (record == NULL)
                return -ENOMEM;
        if (local->node == NULL || !catalog_node_equal(&local->node->node, &record->node))
                local->node_pushed = false;
        record_release(local->node != NULL ? &local->node->head : NULL);
        local->node = record;
        return 0;
}

static void unmark_all(struct local_state *local)
{
        for (size_t i = 0; i < local->service_count; i++)
                local->services[i]->marked = false;
        for (size_t i = 0; i < local->check_count; i++)
                local->checks[i]->marked = false;
}

// What came from an earlier configuration and is in this one no more.
static void drop_unmarked(struct local_state *local)
{
        for (size_t i = local->check_count; i > 0; i--) {
                struct local_check_entry *entry = local->checks[i - 1];

                if (entry->view.from_config && !entry->marked) {
                        local_push_removal(local, "", entry->record->check.id, NULL, NULL);
                        local_forget_check(local, entry);
                }
        }
        for (size_t i = local->service_count; i > 0; i--) {
                struct local_service_entry *entry = local->services[i - 1];

                if (entry->from_config && !entry->marked) {
                        local_push_removal(local, entry->record->service.id, "", NULL, NULL);
                        local_forget_service(local, entry);
                }
        }
}

static int apply_services(struct local_state *local, const struct definitions *definitions)
{
        const json_t *definition;
        size_t i;
        int ret = 0;

        unmark_all(local);
        json_array_foreach(definitions->services, i, definition)
        {
                if (ret == 0)
                        ret = local_put_service(local, definition, true, false);
        }
        return ret;
}

static int apply_checks(struct local_state *local, const struct definitions *definitions)
{
        const json_t *definition;
        size_t i;
        int ret = 0;

        json_array_foreach(definitions->checks, i, definition)
        {
                if (ret == 0)
                        ret = local_put_check(local, definition, true);
        }
        // Consul registers everything anew, what is remembered included.
        return ret == 0 ? local_refresh_checks(local) : ret;
}

static int configure_first(struct local_state *local, const struct config *config, char *error,
                           size_t error_size)
{
        char *data_dir = strdup(config->data_dir);

        if (data_dir == NULL)
                return -ENOMEM;
        free(local->data_dir);
        local->data_dir = data_dir;
        return local_files_open(local, error, error_size);
}

static void set_output(struct local_state *local, const json_t *settings)
{
        json_int_t max = json_schema_int(settings, "check_output_max_size");

        local->output_max = max > 0 ? (size_t)max : LOCAL_OUTPUT_MAX;
        local->discard_output = json_schema_bool(settings, "discard_check_output");
}

int local_configure(struct local_state *local, const struct config *config, char *error,
                    size_t error_size)
{
        struct definitions definitions;
        int ret;

        snprintf(error, error_size, "out of memory");
        local->now_ms = uv_now(local->options.loop);
        ret = read_definitions(config, &definitions, error, error_size);
        if (ret == 0 && local->configured)
                ret = check_owners(local, &definitions, error, error_size);
        if (ret == 0 && !local->configured)
                ret = configure_first(local, config, error, error_size);
        if (ret == 0)
                ret = set_node(local, config);
        if (ret < 0)
                goto free_definitions;
        local->scripts_local = config->enable_local_script_checks;
        local->scripts_remote = config->enable_remote_script_checks;
        local->output_interval_ms = config->check_update_interval_ms;
        set_output(local, config->merged);
        ret = apply_services(local, &definitions);
        if (ret == 0 && !local->configured) {
                // What is remembered comes after: its checks may be of services of files.
                local_files_load(local);
                ret = check_owners(local, &definitions, error, error_size);
        }
        if (ret == 0)
                ret = apply_checks(local, &definitions);
        if (ret < 0)
                goto free_definitions;
        if (local->configured) {
                drop_unmarked(local);
                local_push_all(local);
        } else {
                local_files_drop_expiries(local);
                local_sync(local);
        }
        local->configured = true;
        error[0] = '\0';
free_definitions:
        free_definitions(&definitions);
        return ret;
}
