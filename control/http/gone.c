#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "control/http/http_internal.h"

// The daemon does not look at suspended connections: a client that closed one would hold its place
// until what it waited for happens. A second epoll set watches them for nothing but that, so that
// waiting costs nothing.

#define GONE_BURST 64

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
}

static int descriptor_of(const struct http_request *request)
{
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        return info != NULL ? info->connect_fd : -1;
}

void http_gone_watch(struct http_request *request)
{
        struct epoll_event wanted = {.events = EPOLLRDHUP, .data.ptr = request};

        // Without room in the set the client is noticed when it is answered.
        request->is_gone_watched = epoll_ctl(request->server->gone_fd, EPOLL_CTL_ADD,
                                             descriptor_of(request), &wanted) == 0;
}

void http_gone_forget(struct http_request *request)
{
        if (request->is_gone_watched)
                epoll_ctl(request->server->gone_fd, EPOLL_CTL_DEL, descriptor_of(request), NULL);
        request->is_gone_watched = false;
}
