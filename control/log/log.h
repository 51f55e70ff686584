#ifndef LICTOR_LOG_H
#define LICTOR_LOG_H

/**
 * Leveled log lines in the format operators of Consul know:
 * 2026-01-02T15:04:05.000Z [INFO]  agent: Started HTTP server: address=127.0.0.1:8500
 *
 * One struct log per process, used by the control thread. Data-plane threads never log: the
 * control thread reports their counters, limited by struct log_limit.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum log_level {
        LOG_LEVEL_TRACE,
        LOG_LEVEL_DEBUG,
        LOG_LEVEL_INFO,
        LOG_LEVEL_WARN,
        LOG_LEVEL_ERROR
};

struct log_file;

/* Somebody who listens to the log for a while, with a level and a form of his own. */
struct log_sink {
        enum log_level level;
        bool json;
        /** @line  with its line feed; borrowed. Must not log. */
        void (*write)(void *arg, const char *line, size_t len);
        void *arg;
        struct log_sink *next; /* the log's */
};

struct log {
        FILE *stream; /* borrowed */
        enum log_level level;
        bool json;             /* one JSON object a line */
        struct log_file *file; /* borrowed; gets the same lines; may be NULL */
        bool syslog;           /* and so does syslog, opened by log_syslog_open */
        struct log_sink *sinks;
};

/** Begin or end listening. @sink  the caller's, for as long as it listens. */
void log_add_sink(struct log *log, struct log_sink *sink);
void log_remove_sink(struct log *log, struct log_sink *sink);

/**
 * Open syslog for the process.
 * @facility  e.g. "LOCAL0", letter case ignored.
 * returns  0, or -EINVAL for a facility there is none of.
 */
int log_syslog_open(const char *facility);

/**
 * Read a level's name, letter case ignored: trace, debug, info, warn, err (or error).
 * returns  0 or -EINVAL, which leaves *out as it was.
 */
int log_level_parse(const char *text, enum log_level *out);

/** Write one line when the level is enabled. @module e.g. "agent" or "agent.dns". */
void log_write(const struct log *log, enum log_level level, const char *module, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

#define log_trace(log, module, ...) log_write((log), LOG_LEVEL_TRACE, (module), __VA_ARGS__)
#define log_debug(log, module, ...) log_write((log), LOG_LEVEL_DEBUG, (module), __VA_ARGS__)
#define log_info(log, module, ...)  log_write((log), LOG_LEVEL_INFO, (module), __VA_ARGS__)
#define log_warn(log, module, ...)  log_write((log), LOG_LEVEL_WARN, (module), __VA_ARGS__)
#define log_error(log, module, ...) log_write((log), LOG_LEVEL_ERROR, (module), __VA_ARGS__)

/* At most one line per interval; what was held back in between is counted. */
struct log_limit {
        uint64_t interval_ms;
        uint64_t next_ms;
        uint64_t suppressed;
};

/**
 * Ask whether a line may be written at now_ms.
 * @suppressed  set, when true is returned, to the events held back since the last line.
 */
bool log_limit_allow(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed);

#endif
