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

static int start_timers(struct http_server *server)
{
        uv_timer_t *const timers[] = {&server->answered_timer, &server->accept_timer};

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
                ret = http_daemon_add(server);
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
        server->stopping = true;
        http_listen_close(server);
        http_request_cancel_all(server);
        http_injected_free_answered(server);
        http_daemons_stop(server);
        http_gone_close(server);
        if (server->accept_timer.data != NULL)
                uv_close((uv_handle_t *)&server->accept_timer, on_closed);
        if (server->answered_timer.data != NULL)
                uv_close((uv_handle_t *)&server->answered_timer, on_closed);
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
