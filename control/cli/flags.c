#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/text/duration.h"
#include "lictor/bytes.h"

#define HELP_WIDTH 76

static void print_wrapped(const char *text, FILE *out)
{
        size_t column = 0;

        while (*text != '\0') {
                size_t length = strcspn(text, " ");

                if (column == 0)
                        column = (size_t)fprintf(out, "     ");
                else if (column + 1 + length > HELP_WIDTH)
                        column = (size_t)fprintf(out, "\n     ") - 1;
                column += (size_t)fprintf(out, " %.*s", (int)length, text);
                text += length;
                while (*text == ' ')
                        text++;
        }
        fputs("\n", out);
}

void flags_print_help(const struct flag_set *set, FILE *out)
{
        fprintf(out, "%s\n\n%s\n", set->usage, set->about);
        if (set->flag_count == 0)
                return;
        fputs("\nOptions\n", out);
        for (size_t i = 0; i < set->flag_count; i++) {
                const struct flag *flag = &set->flags[i];

                fprintf(out, "\n  -%s%s%s\n", flag->name, flag->kind == FLAG_BOOL ? "" : "=",
                        flag->kind == FLAG_BOOL ? "" : flag->value_name);
                print_wrapped(flag->help, out);
        }
}

static const struct flag *find_flag(const struct flag_set *set, const char *name, size_t length)
{
        for (size_t i = 0; i < set->flag_count; i++) {
                const char *known = set->flags[i].name;

                if (strlen(known) == length && strncmp(known, name, length) == 0)
                        return &set->flags[i];
        }
        return NULL;
}

// The spellings Go's flag package takes.
static const char *read_bool(const char *text)
{
        static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
        static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

        for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
                if (strcmp(text, yes[i]) == 0)
                        return "true";
                if (strcmp(text, no[i]) == 0)
                        return "false";
        }
        return NULL;
}

static bool is_int(const char *text)
{
        char *end;
        long value;

        errno = 0;
        value = strtol(text, &end, 10);
        return end != text && *end == '\0' && errno == 0 && value >= INT_MIN && value <= INT_MAX &&
               !isspace((unsigned char)*text);
}

static int set_flag(const struct flag *flag, const char *value, void *context, const char **why)
{
        int64_t ns;

        *why = "parse error";
        if (flag->kind == FLAG_BOOL) {
                value = read_bool(value);
                if (value == NULL)
                        return -EINVAL;
        }
        if (flag->kind == FLAG_INT && !is_int(value))
                return -EINVAL;
        if (flag->kind == FLAG_DURATION && duration_parse(value, &ns) < 0)
                return -EINVAL;
        return flag->set(context, flag, value, why);
}

static enum flags_outcome bad(const struct flag_set *set)
{
        flags_print_help(set, stderr);
        return FLAGS_BAD;
}

// One flag at argv[*at], which is moved past it and its value.
static enum flags_outcome parse_one(const struct flag_set *set, int argc, char *const argv[],
                                    void *context, int *at)
{
        const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
        size_t length = strcspn(name, "=");
        const char *value = name[length] == '=' ? name + length + 1 : NULL;
        const struct flag *flag = find_flag(set, name, length);
        const char *why;

        ++*at;
        if (length == 0) {
                fprintf(stderr, "bad flag syntax: %s\n", argv[*at - 1]);
                return bad(set);
        }
        if (flag == NULL && (strcmp(name, "h") == 0 || strcmp(name, "help") == 0)) {
                flags_print_help(set, stdout);
                return FLAGS_HELP;
        }
        if (flag == NULL) {
                fprintf(stderr, "flag provided but not defined: -%.*s\n", (int)length, name);
                return bad(set);
        }
        if (value == NULL && flag->kind == FLAG_BOOL)
                value = "true";
        if (value == NULL && *at < argc)
                value = argv[(*at)++];
        if (value == NULL) {
                fprintf(stderr, "flag needs an argument: -%s\n", flag->name);
                return bad(set);
        }
        if (flag->kind == FLAG_PAIR && strchr(value, '=') == NULL) {
                fprintf(stderr,
                        "invalid value \"%s\" for flag -%s: Missing \"=\" value in argument: %s\n",
                        value, flag->name, value);
                return bad(set);
        }
        if (set_flag(flag, value, context, &why) < 0) {
                fprintf(stderr,
                        flag->kind == FLAG_BOOL ? "invalid boolean value \"%s\" for -%s: %s\n"
                                                : "invalid value \"%s\" for flag -%s: %s\n",
                        value, flag->name, why);
                return bad(set);
        }
        return FLAGS_OK;
}

enum flags_outcome flags_parse(const struct flag_set *set, int argc, char *const argv[],
                               void *context, int *rest)
{
        int at = 0;

        while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
                enum flags_outcome outcome;

                if (strcmp(argv[at], "--") == 0) {
                        at++;
                        break;
                }
                outcome = parse_one(set, argc, argv, context, &at);
                if (outcome != FLAGS_OK)
                        return outcome;
        }
        *rest = at;
        return FLAGS_OK;
}
