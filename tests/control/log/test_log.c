#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <regex.h>
#include <stdlib.h>

#include "control/log/log.h"
#include "lictor/bytes.h"

static const struct {
        const char *text;
        int ret;
        enum log_level level;
} levels[] = {
    {"trace", 0, LOG_LEVEL_TRACE},
    {"DEBUG", 0, LOG_LEVEL_DEBUG},
    {"Info", 0, LOG_LEVEL_INFO},
    {"warn", 0, LOG_LEVEL_WARN},
    {"err", 0, LOG_LEVEL_ERROR},
    {"error", 0, LOG_LEVEL_ERROR},
    {"", -EINVAL, 0},
    {"loud", -EINVAL, 0},
    {"inf", -EINVAL, 0},
};

Test(log, level_names_are_read_in_any_letter_case)
{
        for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
                enum log_level level = LOG_LEVEL_TRACE;

                cr_expect_eq(log_level_parse(levels[i].text, &level), levels[i].ret, "%s",
                             levels[i].text);
                if (levels[i].ret == 0)
                        cr_expect_eq(level, levels[i].level, "%s", levels[i].text);
        }
}

static char *written(enum log_level enabled, enum log_level level, bool json)
{
        char *text = NULL;
        size_t size;
        struct log log = {.stream = open_memstream(&text, &size), .level = enabled, .json = json};

        log_write(&log, level, "agent.dns", "started: port=%d name=\"%s\"", 8600, "a");
        fclose(log.stream);
        return text;
}

static bool matches(const char *text, const char *pattern)
{
        regex_t regex;
        bool found;

        cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        found = regexec(&regex, text, 0, NULL, 0) == 0;
        regfree(&regex);
        return found;
}

Test(log, a_line_has_time_level_module_and_message)
{
        char *info = written(LOG_LEVEL_INFO, LOG_LEVEL_INFO, false);
        char *error = written(LOG_LEVEL_INFO, LOG_LEVEL_ERROR, false);

        cr_expect(matches(info, "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z \\[INFO\\]  "
                                "agent\\.dns: started: port=8600 name=\"a\"\n$"),
                  "%s", info);
        cr_expect(matches(error, "Z \\[ERROR\\] agent\\.dns: "), "%s", error);
        free(info);
        free(error);
}

Test(log, lines_below_the_level_are_left_out)
{
        char *text = written(LOG_LEVEL_WARN, LOG_LEVEL_INFO, false);

        cr_expect_str_empty(text);
        free(text);
}

Test(log, json_lines_are_one_object_each)
{
        char *text = written(LOG_LEVEL_TRACE, LOG_LEVEL_WARN, true);
        json_t *line = json_loads(text, 0, NULL);

        cr_assert_not_null(line, "%s", text);
        cr_expect_str_eq(json_string_value(json_object_get(line, "@level")), "WARN");
        cr_expect_str_eq(json_string_value(json_object_get(line, "@message")),
                         "started: port=8600 name=\"a\"");
        json_decref(line);
        free(text);
}

Test(log, texts_of_clients_cannot_forge_or_lose_a_line)
{
        for (int json = 0; json < 2; json++) {
                char *text = NULL;
                size_t size;
                struct log log = {.stream = open_memstream(&text, &size), .json = json};
                json_t *line;

                log_write(&log, LOG_LEVEL_WARN, "agent", "check=%s", "a\r\n[ERROR] \xff\x1b[2J");
                fclose(log.stream);
                cr_expect_eq(strchr(text, '\n'), text + size - 1, "%s", text);
                cr_expect_null(strchr(text, '\x1b'));
                if (json) {
                        line = json_loads(text, 0, NULL);
                        cr_expect_str_eq(json_string_value(json_object_get(line, "@message")),
                                         "check=a  [ERROR] \xef\xbf\xbd [2J");
                        json_decref(line);
                }
                free(text);
        }
}

Test(log, a_limit_lets_one_line_pass_per_interval_and_counts_the_rest)
{
        struct log_limit limit = {.interval_ms = 100};
        uint64_t suppressed = 7;

        cr_expect(log_limit_allow(&limit, 1000, &suppressed));
        cr_expect_eq(suppressed, 0);
        cr_expect_not(log_limit_allow(&limit, 1000, &suppressed));
        cr_expect_not(log_limit_allow(&limit, 1099, &suppressed));
        cr_expect(log_limit_allow(&limit, 1100, &suppressed));
        cr_expect_eq(suppressed, 2);
}
