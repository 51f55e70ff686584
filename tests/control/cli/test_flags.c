#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/cli/agent_flags.h"
#include "control/cli/cli.h"
#include "lictor/bytes.h"

static void redirect(void)
{
        cr_redirect_stdout();
        cr_redirect_stderr();
}

// Arguments (blanks separate them), and the settings they become.
static const struct {
        const char *arguments, *settings;
} accepted[] = {
    {"", "{}"},
    {"-node=a", "{\"node_name\":\"a\"}"},
    {"--node a", "{\"node_name\":\"a\"}"},
    {"-node= -server", "{\"node_name\":\"\",\"server\":true}"},
    {"-server=false", "{\"server\":false}"},
    {"-http-port -1 -dns-port=53", "{\"ports\":{\"dns\":53,\"http\":-1}}"},
    {"-node-meta a:b:c -node-meta d", "{\"node_meta\":{\"a\":\"b:c\",\"d\":\"\"}}"},
    {"-retry-join x -retry-join=y", "{\"retry_join\":[\"x\",\"y\"]}"},
    {"-bootstrap-expect=3 --", "{\"bootstrap_expect\":3}"},
    {"-retry-interval=1m30s", "{\"retry_interval\":\"1m30s\"}"},
};

static const struct {
        const char *arguments, *message;
} refused[] = {
    {"-bogus", "flag provided but not defined: -bogus\n"},
    {"--bogus=1", "flag provided but not defined: -bogus\n"},
    {"-node", "flag needs an argument: -node\n"},
    {"-bootstrap-expect=x", "invalid value \"x\" for flag -bootstrap-expect: parse error\n"},
    {"-bootstrap-expect=", "invalid value \"\" for flag -bootstrap-expect: parse error\n"},
    {"-http-port 99999999999", "invalid value \"99999999999\" for flag -http-port: "},
    {"-server=maybe", "invalid boolean value \"maybe\" for -server: parse error\n"},
    {"-retry-interval=10", "invalid value \"10\" for flag -retry-interval: "},
    {"extra", "==> Unexpected extra arguments: [extra]\n"},
    {"-server a b", "==> Unexpected extra arguments: [a b]\n"},
    {"-=x", "bad flag syntax: -=x\n"},
};

static int split(char *text, char *argv[], int max)
{
        int count = 0;
        char *word;

        while (count < max && (word = strsep(&text, " ")) != NULL) {
                if (*word != '\0')
                        argv[count++] = word;
        }
        return count;
}

Test(flags, agent_flags_become_settings)
{
        for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
                char text[128], *argv[8], *dumped;
                struct agent_flags flags;
                int argc;

                snprintf(text, sizeof(text), "%s", accepted[i].arguments);
                argc = split(text, argv, 8);
                cr_assert_eq(agent_flags_parse(argc, argv, &flags), -1, "%s",
                             accepted[i].arguments);
                dumped = json_dumps(flags.settings, JSON_COMPACT | JSON_SORT_KEYS);
                cr_expect_str_eq(dumped, accepted[i].settings, "%s: %s", accepted[i].arguments,
                                 dumped);
                free(dumped);
                agent_flags_fini(&flags);
        }
}

Test(flags, sources_keep_the_order_they_were_given_in)
{
        char *argv[] = {"-config-file", "a", "-config-dir=b", "-config-file=c", "-dev"};
        struct agent_flags flags;

        cr_assert_eq(agent_flags_parse(5, argv, &flags), -1);
        cr_assert_eq(flags.source_count, 3);
        cr_expect_str_eq(flags.sources[0].path, "a");
        cr_expect_str_eq(flags.sources[1].path, "b");
        cr_expect_str_eq(flags.sources[2].path, "c");
        cr_expect(flags.dev_mode);
        agent_flags_fini(&flags);
}

Test(flags, mistakes_end_with_status_1_and_a_line_on_stderr, .init = redirect)
{
        char output[65536];
        size_t length;

        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                char text[128], *argv[8];
                struct agent_flags flags;

                snprintf(text, sizeof(text), "%s", refused[i].arguments);
                cr_assert_eq(agent_flags_parse(split(text, argv, 8), argv, &flags), 1, "%s",
                             refused[i].arguments);
        }
        fflush(stderr);
        length = fread(output, 1, sizeof(output) - 1, cr_get_redirected_stderr());
        output[length] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(refused); i++)
                cr_expect_not_null(strstr(output, refused[i].message), "%s", refused[i].message);
}

Test(flags, no_command_and_an_unknown_one_end_with_127, .init = redirect)
{
        char *none[] = {"lictor"}, *unknown[] = {"lictor", "bogus"};

        cr_expect_eq(cli_run(1, none), 127);
        cr_expect_eq(cli_run(2, unknown), 127);
}

Test(flags, help_and_version_end_with_0, .init = redirect)
{
        static const char *const wanted[] = {"-h", "--help", "help", "-v", "--version", "version"};
        char *agent[] = {"lictor", "agent", "--help"};

        for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
                char text[16], *argv[] = {"lictor", text};

                snprintf(text, sizeof(text), "%s", wanted[i]);
                cr_expect_eq(cli_run(2, argv), 0, "%s", wanted[i]);
        }
        cr_expect_eq(cli_run(3, agent), 0);
}
