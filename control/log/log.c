#include "control/log/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "control/text/json_writer.h"
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

// Texts of clients are part of messages; they must not begin lines of their own.
static void blank_controls(char *message)
{
        for (; *message != '\0'; message++) {
                if ((unsigned char)*message < 0x20 || *message == 0x7f)
                        *message = ' ';
        }
}

static void write_json(const struct log *log, enum log_level level, const char *module,
                       const char *time_text, const char *message)
{
        struct json_writer w;
        size_t len = 0;
        char *line;

        json_writer_init(&w, false);
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "@level", level_names[level]);
        json_writer_put_string(&w, "@module", module);
        json_writer_put_string(&w, "@timestamp", time_text);
        json_writer_put_string(&w, "@message", message);
        json_writer_end_object(&w);
        line = json_writer_take(&w, &len);
        if (line != NULL)
                fprintf(log->stream, "%s\n", line);
        free(line);
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
        blank_controls(message);
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
