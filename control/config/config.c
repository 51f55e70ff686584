#include "control/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

// "service" and "check" of a file are one more element of its "services" and "checks".
static int gather_definition(json_t *settings, const char *one, const char *many)
{
        json_t *single = json_object_get(settings, one);
        json_t *list = json_object_get(settings, many);

        if (single == NULL)
                return 0;
        if (list == NULL) {
                list = json_array();
                if (json_object_set_new(settings, many, list) < 0)
                        return -ENOMEM;
        }
        if (json_array_append(list, single) < 0)
                return -ENOMEM;
        return json_object_del(settings, one) < 0 ? -ENOMEM : 0;
}

static int add_settings(json_t *merged, const char *name, const json_t *raw, bool hcl,
                        struct lines *later, char **error)
{
        char *problem = NULL;
        json_t *settings = schema_apply(config_schema, raw, hcl, later, &problem);
        int ret;

        if (settings == NULL) {
                ret = problem != NULL ? -EINVAL : -ENOMEM;
                if (problem != NULL && asprintf(error, "failed to parse %s: %s", name, problem) < 0)
                        *error = NULL;
                free(problem);
                return ret;
        }
        ret = gather_definition(settings, "service", "services");
        if (ret == 0)
                ret = gather_definition(settings, "check", "checks");
        if (ret == 0)
                ret = settings_merge(merged, settings);
        json_decref(settings);
        return ret;
}

static int add_file(const struct config_input *input, json_t *merged, const char *path,
                    struct lines *later, char **error)
{
        enum config_format format = source_format(path, input->format);
        json_t *raw = NULL;
        int ret = source_read_file(path, format, &raw, error);

        if (ret < 0)
                return ret;
        ret = add_settings(merged, path, raw, format == CONFIG_FORMAT_HCL, later, error);
        json_decref(raw);
        return ret;
}

int config_read_services(const char *path, json_t **services, char **error)
{
        const struct config_input input = {.format = CONFIG_FORMAT_BY_NAME};
        json_t *merged = json_object();
        struct lines later = {0};
        int ret = merged != NULL ? 0 : -ENOMEM;

        *error = NULL;
        if (ret == 0)
                ret = add_file(&input, merged, path, &later, error);
        if (ret == 0) {
                json_t *found = json_object_get(merged, "services");

                *services = found != NULL ? json_incref(found) : json_array();
        }
        lines_fini(&later);
        json_decref(merged);
        return ret;
}

static int add_source(const struct config_input *input, json_t *merged, const char *path,
                      struct lines *later, struct lines *warnings, char **error)
{
        struct lines files = {0};
        int ret = source_list(path, input->format, &files, warnings, error);

        for (size_t i = 0; ret == 0 && i < files.count; i++)
                ret = add_file(input, merged, files.items[i], later, error);
        lines_fini(&files);
        return ret;
}

static int add_fragment(json_t *merged, const char *text, size_t number, struct lines *later,
                        char **error)
{
        char name[40], *copy = strdup(text), *problem = NULL;
        json_t *raw;
        int ret;

        snprintf(name, sizeof(name), "flags-%zu.hcl", number);
        if (copy == NULL)
                return -ENOMEM;
        raw = source_parse(copy, strlen(copy), CONFIG_FORMAT_HCL, &problem);
        free(copy);
        if (raw == NULL) {
                if (problem == NULL || asprintf(error, "failed to parse %s: %s", name, problem) < 0)
                        *error = NULL;
                free(problem);
                return -EINVAL;
        }
        ret = add_settings(merged, name, raw, true, later, error);
        json_decref(raw);
        return ret;
}

static int add_all(const struct config_input *input, json_t *merged, struct lines *later,
                   struct lines *warnings, char **error)
{
        int ret = 0;

        for (size_t i = 0; ret == 0 && i < input->source_count; i++)
                ret = add_source(input, merged, input->sources[i].path, later, warnings, error);
        if (ret == 0 && input->flags != NULL)
                ret = add_settings(merged, "command line", input->flags, false, later, error);
        for (size_t i = 0; ret == 0 && i < input->fragment_count; i++)
                ret = add_fragment(merged, input->fragments[i], i, later, error);
        return ret;
}

// Steps that stop at the first kind of mistake: later ones assume what earlier ones found sound.
static int build_all(struct build *build)
{
        static const struct {
                int (*run)(struct build *);
                bool listed;
        } steps[] = {{build_templates, true}, {build_general, true},   {build_definitions, true},
                     {build_process, false},  {build_dns, false},      {build_addresses, false},
                     {build_check, false},    {build_limits, false},   {build_cluster, false},
                     {build_gossip, false},   {build_dataplane, false}};
        int ret = schema_check_durations(config_schema, build->merged, &build->errors);

        build->listed = true;
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                if (ret < 0 || (build->errors.count > 0 && !steps[i].listed))
                        break;
                ret = steps[i].run(build);
                build->listed = steps[i].listed;
        }
        if (ret == 0 && build->errors.count > 0)
                ret = -EINVAL;
        return ret;
}

static int warn_later(struct lines *warnings, const struct lines *later)
{
        for (size_t i = 0; i < later->count; i++) {
                size_t k = 0;

                while (k < i && strcmp(later->items[k], later->items[i]) != 0)
                        k++;
                if (k == i && lines_add(warnings, "%s: accepted, but has no effect in this version",
                                        later->items[i]) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int config_build(const struct config_input *input, struct config **out,
                 struct config_report *report)
{
        struct build build = {0};
        struct lines later = {0};
        json_t *merged = json_object();
        int ret = -ENOMEM;

        *report = (struct config_report){0};
        *out = NULL;
        build.merged = merged;
        build.config = calloc(1, sizeof(*build.config));
        if (merged == NULL || build.config == NULL)
                goto out;
        build.config->dev_mode = input->dev_mode;
        ret = add_all(input, merged, &later, &build.warnings, &report->error);
        if (ret == 0)
                ret = build_all(&build);
        if (ret == 0)
                ret = warn_later(&build.warnings, &later);
        if (ret == 0) {
                *out = build.config;
                build.config = NULL;
        } else if (report->error == NULL) {
                report->error = build.errors.count > 0
                                    ? lines_join(&build.errors, build.listed || build.gathered)
                                    : strdup("out of memory");
        }
        report->warnings = build.warnings.items;
        report->warning_count = build.warnings.count;
out:
        config_destroy(build.config);
        json_decref(merged);
        lines_fini(&build.errors);
        lines_fini(&later);
        return ret;
}

static void free_meta(struct config_meta *meta, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                free(meta[i].key);
                free(meta[i].value);
        }
        free(meta);
}

void config_destroy(struct config *config)
{
        if (config == NULL)
                return;
        char *const strings[] = {
            config->node_name,
            config->node_id,
            config->datacenter,
            config->primary_datacenter,
            config->domain,
            config->alt_domain,
            config->bind_address,
            config->advertise_address,
            config->advertise_address_wan,
            config->client_text,
            config->ui_path,
            config->data_dir,
            config->pid_file,
            config->log_level_text,
            config->log_file,
            config->syslog_facility,
            config->telemetry_prefix,
        };

        for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
                free(strings[i]);
        config_gossip_fini(&config->gossip);
        free_meta(config->node_meta, config->node_meta_count);
        free_meta(config->tagged_addresses, config->tagged_address_count);
        for (size_t i = 0; i < config->dns.service_ttl_count; i++)
                free(config->dns.service_ttls[i].name);
        free(config->dns.service_ttls);
        free(config->recursors);
        json_decref(config->http_response_headers);
        json_decref(config->http_block_endpoints);
        json_decref(config->http_allow_write_from);
        json_decref(config->services);
        json_decref(config->checks);
        json_decref(config->merged);
        config_dataplane_fini(&config->dataplane);
        free(config);
}

void config_report_fini(struct config_report *report)
{
        for (size_t i = 0; i < report->warning_count; i++)
                free(report->warnings[i]);
        free(report->warnings);
        free(report->error);
        *report = (struct config_report){0};
}

#define SWAP(a, b)                                                                                 \
        do {                                                                                       \
                __typeof__(a) swapped = (a);                                                       \
                (a) = (b);                                                                         \
                (b) = swapped;                                                                     \
        } while (0)

// Settings others read from the merged ones, and that take effect anew.
static void swap_merged(struct config *running, struct config *fresh)
{
        static const char *const keys[] = {"discard_check_output", "check_output_max_size",
                                           "watches"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                json_t *old = json_incref(json_object_get(running->merged, keys[i]));
                json_t *new = json_object_get(fresh->merged, keys[i]);

                if (new == NULL || json_object_set(running->merged, keys[i], new) < 0)
                        json_object_del(running->merged, keys[i]);
                if (old == NULL || json_object_set(fresh->merged, keys[i], old) < 0)
                        json_object_del(fresh->merged, keys[i]);
                json_decref(old);
        }
}

void config_swap_reloadable(struct config *running, struct config *fresh)
{
        swap_merged(running, fresh);
        SWAP(running->node_meta, fresh->node_meta);
        SWAP(running->node_meta_count, fresh->node_meta_count);
        SWAP(running->dns, fresh->dns);
        SWAP(running->recursors, fresh->recursors);
        SWAP(running->recursor_count, fresh->recursor_count);
        SWAP(running->recursor_timeout_ms, fresh->recursor_timeout_ms);
        SWAP(running->recursor_random, fresh->recursor_random);
        SWAP(running->services, fresh->services);
        SWAP(running->checks, fresh->checks);
        SWAP(running->check_update_interval_ms, fresh->check_update_interval_ms);
        SWAP(running->cluster.rpc_rate, fresh->cluster.rpc_rate);
        SWAP(running->cluster.rpc_max_burst, fresh->cluster.rpc_max_burst);
        SWAP(running->log_level, fresh->log_level);
        SWAP(running->log_level_text, fresh->log_level_text);
}
