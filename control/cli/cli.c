#include "control/cli/commands.h"

#include <stdlib.h>
#include <string.h>

#include "control/cli/completion.h"
#include "lictor/bytes.h"

static void print_parts(const struct command *parts, FILE *out)
{
        for (; parts->name != NULL; parts++)
                fprintf(out, "    %-17s%s\n", parts->name, parts->about);
        fputs("\n", out);
}

static void print_commands(FILE *out)
{
        fputs("Usage: lictor [--version] [--help] <command> [<args>]\n\n"
              "Available commands are:\n",
              out);
        print_parts(commands, out);
}

static void print_group(const char *path, const struct command *group, FILE *out)
{
        fprintf(out, "Usage: lictor %s <subcommand> [options] [args]\n\n  %s.\n\nSubcommands:\n",
                path, group->about);
        print_parts(group->parts, out);
}

static bool is_any(const char *argument, const char *const names[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(argument, names[i]) == 0)
                        return true;
        }
        return false;
}

// The command the arguments name, run; groups nest as deep as their table does.
static int run_command(const struct command *command, int argc, char *const argv[])
{
        static const char *const help[] = {"-h", "-help", "--help"};
        char path[64];
        size_t used = (size_t)snprintf(path, sizeof(path), "%s", command->name);

        while (command->parts != NULL) {
                const struct command *part =
                    argc > 0 ? command_find(command->parts, argv[0]) : NULL;

                if (part == NULL) {
                        bool asked = false;

                        for (int i = 0; i < argc && !asked; i++)
                                asked = is_any(argv[i], help, ARRAY_LEN(help));

                        print_group(path, command, asked ? stdout : stderr);
                        return asked ? 0 : 1;
                }
                used += (size_t)snprintf(path + used, sizeof(path) - used, " %s", part->name);
                command = part;
                argc--;
                argv++;
        }
        return command->run(argc, argv);
}

int cli_run(int argc, char *const argv[])
{
        static const char *const help[] = {"-h", "-help", "--help", "help"};
        static const char *const version[] = {"-v", "-version", "--version"};
        const struct completion_request request = {.line = getenv("COMP_LINE"),
                                                   .point = getenv("COMP_POINT"),
                                                   .word = argc > 2 ? argv[2] : NULL,
                                                   .describe = getenv("COMP_DESCRIBE") != NULL};
        const struct command *command = argc > 1 ? command_find(commands, argv[1]) : NULL;

        if (request.line != NULL)
                return completion_print(&request, stdout);
        if (command != NULL)
                return run_command(command, argc - 2, argv + 2);
        if (argc > 1 && is_any(argv[1], help, ARRAY_LEN(help))) {
                print_commands(stdout);
                return 0;
        }
        if (argc > 1 && is_any(argv[1], version, ARRAY_LEN(version)))
                return command_version(0, argv);
        if (argc > 1 && completion_is_request(argv[1]))
                return completion_manage(argc, argv);
        print_commands(stderr);
        return 127;
}
