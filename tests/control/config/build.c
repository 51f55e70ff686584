#include "build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct built build_from(const char *const files[], size_t count, const char *flags, bool dev_mode)
{
        char directory[] = "/tmp/lictor-config-XXXXXX", path[64];
        struct config_source source = {directory};
        struct config_input input = {.sources = &source, .source_count = 1, .dev_mode = dev_mode};
        struct built built;

        cr_assert_not_null(mkdtemp(directory));
        for (size_t i = 0; i < count; i++) {
                FILE *file;

                snprintf(path, sizeof(path), "%s/%zu.json", directory, i);
                file = fopen(path, "w");
                cr_assert_not_null(file);
                fputs(files[i], file);
                fclose(file);
        }
        if (flags != NULL)
                input.flags = json_loads(flags, 0, NULL);
        config_build(&input, &built.config, &built.report);
        json_decref(input.flags);
        for (size_t i = 0; i < count; i++) {
                snprintf(path, sizeof(path), "%s/%zu.json", directory, i);
                unlink(path);
        }
        rmdir(directory);
        return built;
}

struct built build_text(const char *text)
{
        return build_from(
            &text, 1, "{\"data_dir\": \"/nonexistent/d\", \"bind_addr\": \"127.0.0.1\"}", false);
}

void built_fini(struct built *built)
{
        config_destroy(built->config);
        config_report_fini(&built->report);
}
