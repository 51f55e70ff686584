#include "control/log/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "lictor/bytes.h"

#define LINE_MAX_LENGTH 4096

static const char *const level_names[] = {
    [LOG_LEVEL_TRACE] = "TRACE", [LOG_LEVEL_DEBUG] = "DEBUG", [LOG_LEVEL_INFO] = "INFO",
    [LOG_LEVEL_WARN] = "WARN",   [LOG_LEVEL_ERROR] = "ERROR",
};

int log_level_parse(const char *text, enum log_level *out)
{
        for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
                if (strcasecmp(text, level_names[i]) == 0) {
                        *out = (enum log_level)i;
                        return 0;
                }
        }
        if (strcasecmp(text, "err") == 0) {
                *out = LOG_LEVEL_ERROR;
                return 0;
        }
        return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
        return level_names[level];
}

static void format_time(char out[static 40])
{
        struct timespec now;
        struct tm utc;
        char seconds[24];

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(out, 40, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

static void write_json(const struct log *log, enum log_level level, const char *module,
                       const char *time_text, const char *message)
{
        json_t *line =
            json_pack("{s:s, s:s, s:s, s:s%}", "@level", level_names[level], "@module", module,
                      "@timestamp", time_text, "@message", message, strlen(message));

        if (line == NULL)
                return;
        if (json_dumpf(line, log->stream, JSON_COMPACT) == 0)
                fputc('\n', log->stream);
        json_decref(line);
}

void log_write(const struct log *log, enum log_level level, const char *module, const char *format,
               ...)
{
        char message[LINE_MAX_LENGTH], time_text[40];
        va_list arguments;

        if (level < log->level)
                return;
        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        format_time(time_text);
        if (log->json)
                write_json(log, level, module, time_text, message);
        else
                fprintf(log->stream, "%s [%s]%s %s: %s\n", time_text, level_names[level],
                        strlen(level_names[level]) < 5 ? " " : "", module, message);
        fflush(log->stream);
}

bool log_limit_allow(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed)
{
        if (now_ms < limit->next_ms) {
                limit->suppressed++;
                return false;
        }
        *suppressed = limit->suppressed;
        limit->suppressed = 0;
        limit->next_ms = now_ms + limit->interval_ms;
        return true;
}
