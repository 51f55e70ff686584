#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "control/http/http_internal.h"

#define DEFAULT_BODY_LIMIT     (1u << 20)
#define DEFAULT_HEADER_LIMIT   (32u << 10)
#define DEFAULT_IDLE_TIMEOUT_S 120
// Descriptors the rest of the process needs.
#define DESCRIPTOR_RESERVE 256
// Turns given to the daemon before the loop's other work gets one.
#define RUN_BURST 16

static void on_daemon_timer(uv_timer_t *timer)
{
        http_injected_free_answered(timer->data);
        http_server_kick(timer->data);
}

static void run_daemon(struct http_server *server)
{
        MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

        for (unsigned i = 0; i < RUN_BURST; i++) {
                server->running = true;
                server->resumed = false;
                MHD_run(server->daemon);
                server->running = false;
                timeout_ms = 0;
                // Of what was resumed during its own run the daemon does not say that it waits.
                if (server->resumed)
                        continue;
                if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES) {
                        if (server->answered != NULL)
                                break;
                        uv_timer_stop(&server->timer);
                        return;
                }
                if (timeout_ms > 0)
                        break;
        }
        uv_timer_start(&server->timer, on_daemon_timer, timeout_ms, 0);
}

void http_server_kick(struct http_server *server)
{
        if (!server->running && !server->stopping)
                run_daemon(server);
}

void http_server_wake(struct http_server *server)
{
        // From the timer and not at once: a batch of answers is then sent in one run.
        if (server->running)
                server->resumed = true;
        else if (!server->stopping)
                uv_timer_start(&server->timer, on_daemon_timer, 0, 0);
}

static void on_daemon_ready(uv_poll_t *poll, int status, int events)
{
        (void)status;
        (void)events;
        http_server_kick(poll->data);
}

static void on_connection_state(void *cls, struct MHD_Connection *connection, void **socket_context,
                                enum MHD_ConnectionNotificationCode why)
{
        (void)connection;
        if (why == MHD_CONNECTION_NOTIFY_STARTED) {
                *socket_context = calloc(1, sizeof(struct http_request *));
                return;
        }
        http_request_close_slot(*socket_context);
        *socket_context = NULL;
        http_listen_resume(cls);
}

// Escapes are undone by uri_parse(), which can tell broken ones.
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
        (void)cls;
        (void)connection;
        return strlen(text);
}

// The library's own remarks have nowhere to go: what matters is counted.
static void drop_log(void *cls, const char *format, va_list arguments)
{
        (void)cls;
        (void)format;
        (void)arguments;
}

static unsigned descriptor_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < 2 * DESCRIPTOR_RESERVE)
                return DESCRIPTOR_RESERVE;
        if (limit.rlim_cur > UINT16_MAX * 16u)
                return UINT16_MAX * 16u;
        return (unsigned)limit.rlim_cur - DESCRIPTOR_RESERVE;
}

static void set_defaults(struct http_server_config *config)
{
        if (config->connection_limit == 0)
                config->connection_limit = descriptor_limit();
        if (config->idle_timeout_s == 0)
                config->idle_timeout_s = DEFAULT_IDLE_TIMEOUT_S;
        if (config->body_limit == 0)
                config->body_limit = DEFAULT_BODY_LIMIT;
        if (config->header_limit == 0)
                config->header_limit = DEFAULT_HEADER_LIMIT;
}

static int start_daemon(struct http_server *server)
{
        const struct http_server_config *config = &server->config;
        const union MHD_DaemonInfo *info;
        int ret;

        server->daemon = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG,
            0, NULL, NULL, http_request_access, server, MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL,
            MHD_OPTION_URI_LOG_CALLBACK, http_request_begin, server, MHD_OPTION_UNESCAPE_CALLBACK,
            keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, server,
            MHD_OPTION_NOTIFY_CONNECTION, on_connection_state, server, MHD_OPTION_CONNECTION_LIMIT,
            config->connection_limit, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
            config->connections_per_client, MHD_OPTION_CONNECTION_TIMEOUT, config->idle_timeout_s,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->header_limit, MHD_OPTION_END);
        if (server->daemon == NULL)
                return -ENOMEM;
        info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (info == NULL)
                return -EINVAL;
        ret = uv_poll_init(server->loop, &server->poll, info->epoll_fd);
        if (ret < 0)
                return ret;
        server->poll.data = server;
        server->open_handle_count++;
        return uv_poll_start(&server->poll, UV_READABLE, on_daemon_ready);
}

static int start_timers(struct http_server *server)
{
        uv_timer_t *const timers[] = {&server->timer, &server->accept_timer};

        for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
                int ret = uv_timer_init(server->loop, timers[i]);

                if (ret < 0)
                        return ret;
                server->open_handle_count++;
                timers[i]->data = server;
        }
        return 0;
}

static int copy_writers(struct http_server *server)
{
        size_t size = server->config.writer_count * sizeof(*server->writers);

        if (size == 0)
                return 0;
        server->writers = malloc(size);
        if (server->writers == NULL)
                return -ENOMEM;
        memcpy(server->writers, server->config.writers, size);
        server->config.writers = server->writers;
        return 0;
}

int http_server_create(struct http_server **out, uv_loop_t *loop,
                       const struct http_server_config *config, char *error, size_t error_size)
{
        struct http_server *server = calloc(1, sizeof(*server));
        int ret = -ENOMEM;

        snprintf(error, error_size, "HTTP server: out of memory");
        if (server == NULL)
                return ret;
        if (config->address_count > HTTP_LISTEN_MAX) {
                snprintf(error, error_size, "HTTP server: more than %d addresses", HTTP_LISTEN_MAX);
                free(server);
                return -EINVAL;
        }
        server->loop = loop;
        server->config = *config;
        set_defaults(&server->config);
        ret = http_router_create(&server->router, config->routes, config->route_count);
        if (ret == 0)
                ret = copy_writers(server);
        if (ret == 0)
                ret = start_timers(server);
        if (ret == 0)
                ret = http_gone_open(server);
        if (ret == 0)
                ret = start_daemon(server);
        if (ret == 0)
                ret = http_listen_open(server, error, error_size);
        if (ret < 0) {
                http_server_destroy(server);
                return ret;
        }
        // Addresses are the caller's and no longer needed.
        server->config.addresses = NULL;
        error[0] = '\0';
        *out = server;
        return 0;
}

static void free_server(struct http_server *server)
{
        http_router_destroy(server->router);
        http_request_free_spare(server);
        free(server->writers);
        free(server);
}

void http_server_release_handle(struct http_server *server)
{
        if (--server->open_handle_count == 0)
                free_server(server);
}

static void on_closed(uv_handle_t *handle)
{
        http_server_release_handle(handle->data);
}

void http_server_destroy(struct http_server *take_server)
{
        struct http_server *server = take_server;

        if (server == NULL)
                return;
        assert(!server->running);
        server->stopping = true;
        http_listen_close(server);
        if (server->daemon != NULL) {
                http_request_cancel_all(server);
                if (server->poll.data != NULL) {
                        uv_poll_stop(&server->poll);
                        uv_close((uv_handle_t *)&server->poll, on_closed);
                }
                http_injected_free_answered(server);
                // Suspended connections leave that state in a run of the daemon.
                MHD_run(server->daemon);
                MHD_stop_daemon(server->daemon);
        }
        http_gone_close(server);
        if (server->accept_timer.data != NULL)
                uv_close((uv_handle_t *)&server->accept_timer, on_closed);
        if (server->timer.data != NULL)
                uv_close((uv_handle_t *)&server->timer, on_closed);
        else
                free_server(server);
}

uint16_t http_server_port(const struct http_server *server, size_t i)
{
        return i < server->listener_count ? server->listeners[i].port : 0;
}

void http_server_stats(const struct http_server *server, struct http_stats *out)
{
        *out = server->stats;
}
