#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/http/http_internal.h"

// The library walks all suspended connections of a daemon whenever one of them goes on. So that a
// change which wakes a few of many thousand waiting clients does not pay for all, connections are
// spread over as many daemons as it takes for none to have more than these.
#define DAEMON_CONNECTION_MAX 256
// Turns given to a daemon before the loop's other work gets one.
#define RUN_BURST 16

// What stays with a connection from its first byte to its end.
struct http_slot {
        struct http_request *request; // being read or answered
        struct http_peer *peer;       // NULL: not counted
};

static void on_timer(uv_timer_t *timer)
{
        http_daemon_kick(timer->data);
}

static void run(struct http_daemon *daemon)
{
        MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

        for (unsigned i = 0; i < RUN_BURST; i++) {
                daemon->is_running = true;
                daemon->is_resumed = false;
                MHD_run(daemon->handle);
                daemon->is_running = false;
                timeout_ms = 0;
                // Of what was resumed during its own run the daemon does not say that it waits.
                if (daemon->is_resumed)
                        continue;
                if (MHD_get_timeout(daemon->handle, &timeout_ms) != MHD_YES) {
                        uv_timer_stop(&daemon->timer);
                        return;
                }
                if (timeout_ms > 0)
                        break;
        }
        uv_timer_start(&daemon->timer, on_timer, timeout_ms, 0);
}

void http_daemon_kick(struct http_daemon *daemon)
{
        if (!daemon->is_running && !daemon->server->stopping)
                run(daemon);
}

void http_daemon_wake(struct http_daemon *daemon)
{
        // From the timer and not at once: a batch of answers is then sent in one run.
        if (daemon->is_running)
                daemon->is_resumed = true;
        else if (!daemon->server->stopping)
                uv_timer_start(&daemon->timer, on_timer, 0, 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
        (void)status;
        (void)events;
        http_daemon_kick(poll->data);
}

struct http_request **http_connection_slot(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct http_slot *slot = info != NULL ? info->socket_context : NULL;

        return slot != NULL ? &slot->request : NULL;
}

static void on_connection_state(void *cls, struct MHD_Connection *connection, void **socket_context,
                                enum MHD_ConnectionNotificationCode why)
{
        struct http_daemon *daemon = cls;
        struct http_server *server = daemon->server;
        struct http_slot *slot = *socket_context;

        (void)connection;
        if (why == MHD_CONNECTION_NOTIFY_STARTED) {
                daemon->connection_count++;
                server->connection_count++;
                *socket_context = slot = calloc(1, sizeof(*slot));
                if (slot != NULL) {
                        slot->peer = server->accepted_peer;
                        server->accepted_peer = NULL;
                }
                return;
        }
        daemon->connection_count--;
        server->connection_count--;
        *socket_context = NULL;
        if (slot != NULL) {
                // Of those it refuses by itself after having announced them the daemon does not
                // tell before.
                if (slot->request != NULL)
                        http_request_destroy(slot->request);
                http_peers_release(&server->peers, slot->peer);
                free(slot);
        }
        http_listen_resume(server);
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

static struct MHD_Daemon *start_library(struct http_daemon *daemon)
{
        const struct http_server_config *config = &daemon->server->config;

        return MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG,
            0, NULL, NULL, http_request_access, NULL, MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL,
            MHD_OPTION_URI_LOG_CALLBACK, http_request_begin, daemon, MHD_OPTION_UNESCAPE_CALLBACK,
            keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, NULL,
            MHD_OPTION_NOTIFY_CONNECTION, on_connection_state, daemon, MHD_OPTION_CONNECTION_LIMIT,
            DAEMON_CONNECTION_MAX, MHD_OPTION_CONNECTION_TIMEOUT, config->idle_timeout_s,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->header_limit, MHD_OPTION_END);
}

static void on_closed(uv_handle_t *handle)
{
        struct http_daemon *daemon = handle->data;
        struct http_server *server = daemon->server;

        if (--daemon->open_handle_count == 0)
                free(daemon);
        http_server_release_handle(server);
}

static void open_handle(struct http_daemon *daemon, uv_handle_t *handle)
{
        handle->data = daemon;
        daemon->open_handle_count++;
        daemon->server->open_handle_count++;
}

static void close_handles(struct http_daemon *daemon)
{
        uv_close((uv_handle_t *)&daemon->timer, on_closed);
        if (daemon->poll.data != NULL)
                uv_close((uv_handle_t *)&daemon->poll, on_closed);
}

static int open_daemon(struct http_daemon *daemon)
{
        const union MHD_DaemonInfo *info;
        int ret;

        daemon->handle = start_library(daemon);
        if (daemon->handle == NULL)
                return -ENOMEM;
        info = MHD_get_daemon_info(daemon->handle, MHD_DAEMON_INFO_EPOLL_FD);
        ret = info != NULL ? uv_poll_init(daemon->server->loop, &daemon->poll, info->epoll_fd)
                           : -EINVAL;
        if (ret == 0) {
                open_handle(daemon, (uv_handle_t *)&daemon->poll);
                ret = uv_poll_start(&daemon->poll, UV_READABLE, on_ready);
        }
        if (ret < 0)
                MHD_stop_daemon(daemon->handle);
        return ret;
}

int http_daemon_add(struct http_server *server)
{
        struct http_daemon **grown =
            realloc(server->daemons, (server->daemon_count + 1) * sizeof(struct http_daemon *));
        struct http_daemon *daemon;
        int ret;

        if (grown == NULL)
                return -ENOMEM;
        server->daemons = grown;
        daemon = calloc(1, sizeof(*daemon));
        if (daemon == NULL)
                return -ENOMEM;
        daemon->server = server;
        ret = uv_timer_init(server->loop, &daemon->timer);
        if (ret < 0) {
                free(daemon);
                return ret;
        }
        open_handle(daemon, (uv_handle_t *)&daemon->timer);
        ret = open_daemon(daemon);
        if (ret < 0) {
                close_handles(daemon);
                return ret;
        }
        server->daemons[server->daemon_count++] = daemon;
        return 0;
}

struct http_daemon *http_daemon_with_room(struct http_server *server)
{
        for (size_t i = 0; i < server->daemon_count; i++) {
                if (server->daemons[i]->connection_count < DAEMON_CONNECTION_MAX)
                        return server->daemons[i];
        }
        return http_daemon_add(server) == 0 ? server->daemons[server->daemon_count - 1] : NULL;
}

void http_daemons_stop(struct http_server *server)
{
        for (size_t i = 0; i < server->daemon_count; i++) {
                struct http_daemon *daemon = server->daemons[i];

                assert(!daemon->is_running);
                uv_poll_stop(&daemon->poll);
                // Suspended connections leave that state in a run of the daemon.
                MHD_run(daemon->handle);
                MHD_stop_daemon(daemon->handle);
                close_handles(daemon);
        }
        free(server->daemons);
        server->daemons = NULL;
        server->daemon_count = 0;
}
