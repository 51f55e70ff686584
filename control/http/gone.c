#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "control/http/http_internal.h"

// The daemon does not look at suspended connections: a client that closed one would hold its place
// until what it waited for happens. A second epoll set watches them for nothing but that, so that
// waiting costs nothing. Most wait for a commit only and are answered before they would be put
// there.

#define GONE_BURST    64
#define GONE_DELAY_MS 1000

static void on_gone(uv_poll_t *poll, int status, int events)
{
        struct http_server *server = poll->data;
        struct epoll_event gone[GONE_BURST];
        int count;

        (void)events;
        if (status < 0)
                return;
        // What is left over keeps the set readable.
        count = epoll_wait(server->gone_fd, gone, GONE_BURST, 0);
        for (int i = 0; i < count; i++)
                http_request_cancel(gone[i].data.ptr);
}

int http_gone_open(struct http_server *server)
{
        int ret;

        server->gone_fd = epoll_create1(EPOLL_CLOEXEC);
        if (server->gone_fd < 0)
                return -errno;
        ret = uv_poll_init(server->loop, &server->gone_poll, server->gone_fd);
        if (ret < 0) {
                close(server->gone_fd);
                server->gone_fd = -1;
                return ret;
        }
        server->gone_poll.data = server;
        server->open_handle_count++;
        ret = uv_timer_init(server->loop, &server->gone_timer);
        if (ret < 0)
                return ret;
        server->gone_timer.data = server;
        server->open_handle_count++;
        return uv_poll_start(&server->gone_poll, UV_READABLE, on_gone);
}

static void on_closed(uv_handle_t *handle)
{
        http_server_release_handle(handle->data);
}

void http_gone_close(struct http_server *server)
{
        if (server->gone_poll.data == NULL)
                return;
        uv_poll_stop(&server->gone_poll);
        uv_close((uv_handle_t *)&server->gone_poll, on_closed);
        close(server->gone_fd);
        if (server->gone_timer.data != NULL)
                uv_close((uv_handle_t *)&server->gone_timer, on_closed);
}

static int descriptor_of(const struct http_request *request)
{
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        return info != NULL ? info->connect_fd : -1;
}

// Those that began to wait since the last time are the first of the list.
static void on_gone_timer(uv_timer_t *timer)
{
        struct http_server *server = timer->data;

        for (struct http_request *request = server->waiting;
             request != NULL && !request->is_gone_watched; request = request->next) {
                struct epoll_event wanted = {.events = EPOLLRDHUP, .data.ptr = request};

                // Without room in the set the client is noticed when it is answered.
                epoll_ctl(server->gone_fd, EPOLL_CTL_ADD, descriptor_of(request), &wanted);
                request->is_gone_watched = true;
        }
}

void http_gone_watch(struct http_request *request)
{
        struct http_server *server = request->server;

        if (!server->stopping && !uv_is_active((uv_handle_t *)&server->gone_timer))
                uv_timer_start(&server->gone_timer, on_gone_timer, GONE_DELAY_MS, 0);
}

void http_gone_forget(struct http_request *request)
{
        if (request->is_gone_watched)
                epoll_ctl(request->server->gone_fd, EPOLL_CTL_DEL, descriptor_of(request), NULL);
        request->is_gone_watched = false;
}
