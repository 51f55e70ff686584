#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "control/config/internal.h"
#include "lictor/bytes.h"

#define BASE "data_dir = \"/nonexistent/d\"\nbind_addr = \"127.0.0.1\"\n"

static struct built build_fragment(const char *hcl)
{
        struct config_input input = {.fragments = &hcl, .fragment_count = 1};
        struct built built;

        config_build(&input, &built.config, &built.report);
        return built;
}

// Definitions in HCL, and the services they become: names in order.
static const struct {
        const char *hcl, *names;
} accepted[] = {
    {"service { name = \"a\" }", "a"},
    {"services { name = \"a\" }", "a"},
    {"services { name = \"a\" }\nservices { name = \"b\" }", "a b"},
    {"services = [{ name = \"a\" }, { name = \"b\" }]", "a b"},
    {"services = { name = \"a\" }\nservice { name = \"b\" }", "a b"},
    {"service = [{ name = \"a\" }]", "a"},
    {"service { name = \"a\"\n checks { ttl = \"1s\" }\n checks { ttl = \"2s\" } }", "a"},
    {"service { name = \"a\"\n check { http = \"h\"\n header { X = [\"y\"] } } }", "a"},
    {"service { name = \"a\"\n tagged_addresses { lan { address = \"1.2.3.4\" } } }", "a"},
    {"service { Name = \"a\"\n EnableTagOverride = true }", "a"},
};

Test(sources, hcl_blocks_are_definitions)
{
        for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
                char text[512], names[64] = "";
                struct built built;
                size_t n;
                json_t *service;

                snprintf(text, sizeof(text), BASE "%s\n", accepted[i].hcl);
                built = build_fragment(text);
                cr_expect_not_null(built.config, "%s: %s", accepted[i].hcl, built.report.error);
                if (built.config != NULL) {
                        json_array_foreach(built.config->services, n, service)
                        {
                                size_t used = strlen(names);

                                snprintf(names + used, sizeof(names) - used, "%s%s",
                                         n > 0 ? " " : "", setting_string(service, "name", "?"));
                        }
                        cr_expect_str_eq(names, accepted[i].names, "%s", accepted[i].hcl);
                }
                built_fini(&built);
        }
}

static const struct {
        const char *hcl, *error;
} refused[] = {
    {"service { name = \"a\" }\nservice { name = \"b\" }", "'service' expected a map, got 'slice'"},
    {"service \"a\" { port = 1 }", "invalid config key service.a"},
    {"ports { http = \"x\" }",
     "'ports.http' expected type 'int', got unconvertible type 'string', value: 'x'"},
    {"retry_join = \"x\"", "'retry_join': source data must be an array or slice, got string"},
    {"x y", "failed to parse flags-0.hcl: At 3:1: key 'x y' expected start of object"},
    {"service { name = \"a\"\n check { id = \"c\"\n ttl = \"abc\" } }",
     "1 error occurred:\n\t* check[c].ttl: invalid duration: \"abc\": time: invalid duration "
     "\"abc\"\n\n"},
    {"checks { name = \"c\"\n interval = \"5\" }",
     "check[].interval: invalid duration: \"5\": time: missing unit in duration \"5\""},
    {"checks { name = \"c\"\n interval = 5 }", "'checks[0].interval' expected type 'string'"},
    {"service { name = \"a\"\n meta { \"a b\" = \"x\" } }",
     "invalid meta for service a: Couldn't load metadata pair ('a b', 'x'): Key contains invalid "
     "characters"},
    {"service { name = \"a\"\n weights { passing = 0 } }",
     "Invalid weight definition for service a: Passing must be greater than 0"},
    {"service { name = \"a\"\n weights { warning = -1 } }",
     "Invalid weight definition for service a: Warning must be greater or equal than 0"},
    {"service { name = \"a\"\n weights { passing = 65536 } }",
     "Invalid weight definition for service a: DNS Weight must be between 0 and 65535"},
    {"service { name = \"a\"\n socket_path = \"/x\"\n port = 1 }",
     "service a cannot have both socket path /x and address/port"},
};

Test(sources, mistakes_in_hcl_are_told_as_consul_does)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                char text[512];
                struct built built;

                snprintf(text, sizeof(text), BASE "%s\n", refused[i].hcl);
                built = build_fragment(text);
                cr_expect_null(built.config, "%s", refused[i].hcl);
                cr_expect(built.report.error != NULL &&
                              strstr(built.report.error, refused[i].error) != NULL,
                          "%s: got \"%s\"", refused[i].hcl, built.report.error);
                built_fini(&built);
        }
}

Test(sources, a_weight_not_given_is_one)
{
        struct built built =
            build_fragment(BASE "service { name = \"a\"\n weights { passing = 5 } }");
        const json_t *service = json_array_get(built.config->services, 0);

        cr_expect_eq(setting_int(service, "weights.passing", 0), 5);
        cr_expect_eq(setting_int(service, "weights.warning", 0), 1);
        built_fini(&built);
}

static void write_file(const char *directory, const char *name, const char *text)
{
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

static void remove_file(const char *directory, const char *name)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        cr_assert_eq(remove(path), 0, "%s", path);
}

Test(sources, a_directory_is_read_in_order_and_other_names_are_passed_over)
{
        static const struct {
                const char *name, *text;
        } files[] = {
            {"10.json", "{\"datacenter\": \"first\", \"node_name\": \"n\"}"},
            {"20.hcl", "datacenter = \"second\"\n" BASE},
            {"30.txt", "datacenter = \"third\""},
        };
        char directory[] = "/tmp/lictor-sources-XXXXXX", path[64];
        struct config_source source = {directory};
        struct config_input input = {.sources = &source, .source_count = 1};
        struct built built;

        cr_assert_not_null(mkdtemp(directory));
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                write_file(directory, files[i].name, files[i].text);
        snprintf(path, sizeof(path), "%s/40.hcl", directory);
        cr_assert_eq(mkdir(path, 0700), 0);
        cr_expect_eq(config_build(&input, &built.config, &built.report), 0, "%s",
                     built.report.error);
        cr_assert_not_null(built.config);
        cr_expect_str_eq(built.config->datacenter, "second");
        cr_expect_str_eq(built.config->node_name, "n");
        cr_assert_geq(built.report.warning_count, 1);
        cr_expect_not_null(strstr(built.report.warnings[0], "30.txt, extension must be"));
        built_fini(&built);
        // One format for all reads the file of another name, too, and no JSON as HCL but objects.
        input.format = CONFIG_FORMAT_HCL;
        cr_expect_eq(config_build(&input, &built.config, &built.report), 0, "%s",
                     built.report.error);
        cr_expect_str_eq(built.config->datacenter, "third");
        built_fini(&built);
        input.format = CONFIG_FORMAT_JSON;
        cr_expect_lt(config_build(&input, &built.config, &built.report), 0);
        built_fini(&built);
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                remove_file(directory, files[i].name);
        remove_file(directory, "40.hcl");
        rmdir(directory);
}

Test(sources, a_reload_takes_and_gives_back_the_output_settings)
{
        struct built running = build_fragment(BASE "discard_check_output = true");
        struct built fresh = build_fragment(BASE "check_output_max_size = 7");

        config_swap_reloadable(running.config, fresh.config);
        cr_expect_null(setting_get(running.config->merged, "discard_check_output"));
        cr_expect_eq(setting_int(running.config->merged, "check_output_max_size", 0), 7);
        config_swap_reloadable(running.config, fresh.config);
        cr_expect(setting_bool(running.config->merged, "discard_check_output", false));
        cr_expect_null(setting_get(running.config->merged, "check_output_max_size"));
        built_fini(&running);
        built_fini(&fresh);
}

Test(sources, what_has_no_effect_or_another_name_is_told)
{
        struct built built = build_fragment(BASE "ui = true\nports { https = 8501 }\naudit {}");
        static const char *const expected[] = {
            "The 'ui' field is deprecated. Use the 'ui_config.enabled' field instead.",
            "ports.https: accepted, but nothing is served there in this version",
            "\"audit\" is a Consul Enterprise configuration and will have no effect",
        };

        cr_assert_not_null(built.config, "%s", built.report.error);
        cr_expect_str_eq(built.config->ui_path, "/ui/");
        for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                size_t k = 0;

                while (k < built.report.warning_count &&
                       strcmp(built.report.warnings[k], expected[i]) != 0)
                        k++;
                cr_expect_lt(k, built.report.warning_count, "%s", expected[i]);
        }
        built_fini(&built);
}
