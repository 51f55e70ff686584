#include "control/log/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

#include "control/log/log_file.h"
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

int log_syslog_open(const char *facility)
{
        static const struct {
                const char *name;
                int value;
        } facilities[] = {
            {"KERN", LOG_KERN},     {"USER", LOG_USER},     {"MAIL", LOG_MAIL},
            {"DAEMON", LOG_DAEMON}, {"AUTH", LOG_AUTH},     {"SYSLOG", LOG_SYSLOG},
            {"LPR", LOG_LPR},       {"NEWS", LOG_NEWS},     {"UUCP", LOG_UUCP},
            {"CRON", LOG_CRON},     {"LOCAL0", LOG_LOCAL0}, {"LOCAL1", LOG_LOCAL1},
            {"LOCAL2", LOG_LOCAL2}, {"LOCAL3", LOG_LOCAL3}, {"LOCAL4", LOG_LOCAL4},
            {"LOCAL5", LOG_LOCAL5}, {"LOCAL6", LOG_LOCAL6}, {"LOCAL7", LOG_LOCAL7},
        };

        for (size_t i = 0; i < ARRAY_LEN(facilities); i++) {
                if (strcasecmp(facility, facilities[i].name) == 0) {
                        openlog("lictor", LOG_PID, facilities[i].value);
                        return 0;
                }
        }
        return -EINVAL;
}

static void write_syslog(enum log_level level, const char *module, const char *message)
{
        static const int priorities[] = {
            [LOG_LEVEL_TRACE] = LOG_DEBUG, [LOG_LEVEL_DEBUG] = LOG_DEBUG,
            [LOG_LEVEL_INFO] = LOG_INFO,   [LOG_LEVEL_WARN] = LOG_WARNING,
            [LOG_LEVEL_ERROR] = LOG_ERR,
        };

        syslog(priorities[level], "%s: %s", module, message);
}

static void format_time(const struct timespec *now, char out[static 40])
{
        struct tm utc;
        char seconds[24];

        gmtime_r(&now->tv_sec, &utc);
        strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(out, 40, "%s.%03ldZ", seconds, now->tv_nsec / 1000000);
}

// Texts of clients are part of messages; they must not begin lines of their own.
static void blank_controls(char *message)
{
        for (; *message != '\0'; message++) {
                if ((unsigned char)*message < 0x20 || *message == 0x7f)
                        *message = ' ';
        }
}

// One object, its line's end included; NULL without memory.
static char *format_json(enum log_level level, const char *module, const char *time_text,
                         const char *message)
{
        struct json_writer w;
        size_t len = 0;
        char *text, *line = NULL;

        json_writer_init(&w, false);
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "@level", level_names[level]);
        json_writer_put_string(&w, "@module", module);
        json_writer_put_string(&w, "@timestamp", time_text);
        json_writer_put_string(&w, "@message", message);
        json_writer_end_object(&w);
        text = json_writer_take(&w, &len);
        if (text != NULL && asprintf(&line, "%s\n", text) < 0)
                line = NULL;
        free(text);
        return line;
}

static char *format_text(enum log_level level, const char *module, const char *time_text,
                         const char *message)
{
        char *line;

        if (asprintf(&line, "%s [%s]%s %s: %s\n", time_text, level_names[level],
                     strlen(level_names[level]) < 5 ? " " : "", module, message) < 0)
                return NULL;
        return line;
}

void log_add_sink(struct log *log, struct log_sink *sink)
{
        sink->next = log->sinks;
        log->sinks = sink;
}

void log_remove_sink(struct log *log, struct log_sink *sink)
{
        struct log_sink **link = &log->sinks;

        while (*link != NULL && *link != sink)
                link = &(*link)->next;
        if (*link != NULL)
                *link = sink->next;
}

static bool is_wanted(const struct log *log, enum log_level level)
{
        bool wanted = level >= log->level;

        for (const struct log_sink *sink = log->sinks; sink != NULL && !wanted; sink = sink->next)
                wanted = level >= sink->level;
        return wanted;
}

static void write_line(const struct log *log, const char *line, const struct timespec *now)
{
        fputs(line, log->stream);
        fflush(log->stream);
        if (log->file != NULL)
                log_file_write(log->file, line, strlen(line),
                               (uint64_t)now->tv_sec * 1000000000u + (uint64_t)now->tv_nsec);
}

void log_write(const struct log *log, enum log_level level, const char *module, const char *format,
               ...)
{
        char message[LINE_MAX_LENGTH], time_text[40];
        // By form; each is written once however many want it.
        char *lines[2];
        struct timespec now;
        va_list arguments;

        if (!is_wanted(log, level))
                return;
        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        blank_controls(message);
        clock_gettime(CLOCK_REALTIME, &now);
        format_time(&now, time_text);
        lines[false] = format_text(level, module, time_text, message);
        lines[true] = format_json(level, module, time_text, message);
        if (level >= log->level && lines[log->json] != NULL)
                write_line(log, lines[log->json], &now);
        if (level >= log->level && log->syslog)
                write_syslog(level, module, message);
        for (const struct log_sink *sink = log->sinks; sink != NULL; sink = sink->next) {
                if (level >= sink->level && lines[sink->json] != NULL)
                        sink->write(sink->arg, lines[sink->json], strlen(lines[sink->json]));
        }
        free(lines[false]);
        free(lines[true]);
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
