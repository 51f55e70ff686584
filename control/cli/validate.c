#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/cli/cli.h"
#include "control/config/config.h"
#include "lictor/bytes.h"

static int set_quiet(void *context, const struct flag *flag, const char *value, const char **why)
{
        bool *quiet = context;

        (void)flag, (void)why;
        *quiet = strcmp(value, "true") == 0;
        return 0;
}

static const struct flag flags[] = {
    {"quiet", FLAG_BOOL, "", "Print nothing; the exit status alone tells the result.", set_quiet,
     NULL},
};

static const struct flag_set flag_set = {
    "Usage: lictor validate [options] FILE_OR_DIRECTORY...",
    "  Reads configuration files and directories as the agent would, without starting it. The "
    "exit\n"
    "  status is 0 when they are valid, and 1 when they are not.",
    flags,
    ARRAY_LEN(flags),
};

static struct config_source *make_sources(int argc, char *const argv[])
{
        struct config_source *sources = calloc((size_t)argc + 1, sizeof(*sources));
        struct stat info;

        if (sources == NULL)
                return NULL;
        for (int i = 0; i < argc; i++) {
                bool is_directory = stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode);

                sources[i].kind = is_directory ? CONFIG_DIRECTORY : CONFIG_FILE;
                sources[i].path = argv[i];
        }
        return sources;
}

static int validate(const struct config_input *input, bool quiet)
{
        struct config_report report;
        struct config *config;
        int ret = config_build(input, &config, &report);

        for (size_t i = 0; i < report.warning_count && !quiet; i++)
                fprintf(stderr, "%s\n", report.warnings[i]);
        if (ret < 0)
                fprintf(stderr, "Config validation failed: %s\n",
                        report.error != NULL ? report.error : strerror(-ret));
        else if (!quiet)
                puts("Configuration is valid!");
        config_report_fini(&report);
        config_destroy(config);
        return ret < 0 ? 1 : 0;
}

int command_validate(int argc, char *const argv[])
{
        struct config_input input = {0};
        struct config_source *sources;
        bool quiet = false;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&flag_set, argc, argv, &quiet, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest == argc) {
                fputs("Must specify at least one config file or directory\n", stderr);
                return 1;
        }
        sources = make_sources(argc - rest, argv + rest);
        if (sources == NULL)
                return 1;
        input.sources = sources;
        input.source_count = (size_t)(argc - rest);
        status = validate(&input, quiet);
        free(sources);
        return status;
}
