#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/config/config.h"
#include "lictor/bytes.h"

struct options {
        bool quiet;
        const char *format;
};

static int set_quiet(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)flag, (void)why;
        options->quiet = strcmp(value, "true") == 0;
        return 0;
}

static int set_format(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        (void)flag, (void)why;
        options->format = value;
        return 0;
}

static const struct flag flags[] = {
    {"config-format", FLAG_STRING, "<format>",
     "Read all files as this format, whatever their names: json or hcl.", set_format, NULL},
    {"quiet", FLAG_BOOL, "", "Print nothing; the exit status alone tells the result.", set_quiet,
     NULL},
};

const struct flag_set validate_flag_set = {
    "Usage: lictor validate [options] FILE_OR_DIRECTORY...",
    "  Reads configuration files and directories as the agent would, without starting it. The "
    "exit\n"
    "  status is 0 when they are valid, and 1 when they are not.\n"
    "\n"
    "      $ lictor validate /etc/lictor.d",
    flags,
    ARRAY_LEN(flags),
};

static struct config_source *make_sources(int argc, char *const argv[])
{
        struct config_source *sources = calloc((size_t)argc + 1, sizeof(*sources));

        for (int i = 0; sources != NULL && i < argc; i++)
                sources[i].path = argv[i];
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
        struct options options = {0};
        struct config_input input = {0};
        struct config_source *sources;
        int rest = 0, status;
        enum flags_outcome outcome = flags_parse(&validate_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (config_format_parse(options.format, &input.format) < 0) {
                fputs("-config-format must be either 'hcl' or 'json\n", stderr);
                return 1;
        }
        if (rest == argc) {
                fputs("Must specify at least one config file or directory\n", stderr);
                return 1;
        }
        sources = make_sources(argc - rest, argv + rest);
        if (sources == NULL)
                return 1;
        input.sources = sources;
        input.source_count = (size_t)(argc - rest);
        status = validate(&input, options.quiet);
        free(sources);
        return status;
}
