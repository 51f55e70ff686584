#include "control/cli/cli.h"

#include <string.h>

#include "lictor/bytes.h"

static const struct {
        const char *name;
        const char *about;
        int (*run)(int argc, char *const argv[]);
} commands[] = {
    {"agent", "Runs a Lictor agent", command_agent},
    {"reload", "Triggers the agent to reload configuration files", command_reload},
    {"validate", "Validate config files/directories", command_validate},
    {"version", "Prints the Lictor version", command_version},
};

static void print_commands(FILE *out)
{
        fputs("Usage: lictor [--version] [--help] <command> [<args>]\n\n"
              "Available commands are:\n",
              out);
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
                fprintf(out, "    %-15s%s\n", commands[i].name, commands[i].about);
        fputs("\n", out);
}

static bool is_any(const char *argument, const char *const names[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(argument, names[i]) == 0)
                        return true;
        }
        return false;
}

int cli_run(int argc, char *const argv[])
{
        static const char *const help[] = {"-h", "-help", "--help", "help"};
        static const char *const version[] = {"-v", "-version", "--version"};

        if (argc > 1) {
                if (is_any(argv[1], help, ARRAY_LEN(help))) {
                        print_commands(stdout);
                        return 0;
                }
                if (is_any(argv[1], version, ARRAY_LEN(version)))
                        return command_version(0, argv);
                for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
                        if (strcmp(argv[1], commands[i].name) == 0)
                                return commands[i].run(argc - 2, argv + 2);
                }
        }
        print_commands(stderr);
        return 127;
}
