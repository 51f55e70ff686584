#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"

// Lines kept for a client that reads slowly; what comes while it is full is left out.
#define MONITOR_BUFFER_LEN 65536u

struct monitor {
        struct log *log;
        struct log_sink sink;
        struct http_request *request;
        uint64_t left_out; // lines
        size_t len;
        char buffer[MONITOR_BUFFER_LEN];
};

static void on_line(void *arg, const char *line, size_t len)
{
        struct monitor *monitor = arg;

        if (len > sizeof(monitor->buffer) - monitor->len) {
                monitor->left_out++;
                return;
        }
        memcpy(monitor->buffer + monitor->len, line, len);
        monitor->len += len;
        http_reply_stream_continue(monitor->request);
}

static long read_lines(void *arg, char *out, size_t size)
{
        struct monitor *monitor = arg;
        size_t len = monitor->len < size ? monitor->len : size;

        if (len == 0)
                return HTTP_STREAM_WAIT;
        memcpy(out, monitor->buffer, len);
        monitor->len -= len;
        memmove(monitor->buffer, monitor->buffer + len, monitor->len);
        return (long)len;
}

static void end_monitor(void *arg)
{
        struct monitor *monitor = arg;

        log_remove_sink(monitor->log, &monitor->sink);
        if (monitor->left_out > 0)
                log_warn(monitor->log, "agent.http",
                         "A monitor read too slowly: lines left out=%llu",
                         (unsigned long long)monitor->left_out);
        free(monitor);
}

void api_agent_monitor(struct http_request *request, void *app)
{
        const struct api *api = app;
        const char *level = http_request_param(request, "loglevel");
        struct monitor *monitor;
        enum log_level wanted = LOG_LEVEL_INFO;

        if (level != NULL && *level != '\0' && log_level_parse(level, &wanted) < 0) {
                http_reply_text(request, 400, "Bad request: Unknown log level: %.60s", level);
                return;
        }
        monitor = calloc(1, sizeof(*monitor));
        if (monitor == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        monitor->log = api->agent->log;
        monitor->request = request;
        monitor->sink = (struct log_sink){.level = wanted,
                                          .json = http_request_param(request, "logjson") != NULL,
                                          .write = on_line,
                                          .arg = monitor};
        log_add_sink(monitor->log, &monitor->sink);
        http_reply_stream(request, 200, HTTP_TEXT, read_lines, end_monitor, monitor);
}
