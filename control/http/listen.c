#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/http/http_internal.h"
#include "lictor/address.h"

// Accepted in one turn of the loop, so that a flood of connections does not starve the rest.
#define ACCEPT_BURST 64
// How long accepting rests when descriptors ran out.
#define ACCEPT_PAUSE_MS 100
#define TOO_MANY_TEXT                                                                              \
        "Your IP is issuing too many concurrent connections, please rate limit your calls\n"

unsigned http_server_connections(const struct http_server *server)
{
        return server->connection_count;
}

static void on_pause_over(uv_timer_t *timer)
{
        http_listen_resume(timer->data);
}

void http_listen_pause(struct http_server *server)
{
        server->accept_paused = true;
        for (size_t i = 0; i < server->listener_count; i++)
                uv_poll_stop(&server->listeners[i].poll);
        uv_timer_start(&server->accept_timer, on_pause_over, ACCEPT_PAUSE_MS, 0);
}

// Best effort: a client that has too many connections open is told so, once, and let go.
static void turn_away(int fd)
{
        static const char answer[] =
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 81\r\n"
            "Connection: close\r\n\r\n" TOO_MANY_TEXT;
        char rest[1024];

        static_assert(sizeof(TOO_MANY_TEXT) - 1 == 81, "as Content-Length says");
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        // Bytes left unread would have the close cut the answer off.
        (void)!recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
        close(fd);
}

// Takes the descriptor.
static void take_connection(struct http_server *server, int fd, const struct sockaddr *peer,
                            socklen_t len)
{
        const unsigned limit = server->config.connections_per_client;
        struct http_daemon *daemon = NULL;
        int ret = 0;

        if (limit > 0)
                ret = http_peers_take(&server->peers, peer, limit, &server->accepted_peer);
        if (ret == 0)
                daemon = http_daemon_with_room(server);
        if (daemon == NULL) {
                server->stats.refused++;
                turn_away(fd);
        } else if (MHD_add_connection(daemon->handle, fd, peer, len) == MHD_YES) {
                // The daemon closes the descriptor when it refuses it.
                server->stats.accepted++;
                http_daemon_wake(daemon);
        } else {
                server->stats.refused++;
        }
        http_peers_release(&server->peers, server->accepted_peer);
        server->accepted_peer = NULL;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
        struct http_listener *listener = poll->data;
        struct http_server *server = listener->server;

        (void)events;
        if (status < 0)
                return;
        for (unsigned i = 0; i < ACCEPT_BURST; i++) {
                struct sockaddr_storage peer;
                socklen_t len = sizeof(peer);
                int fd;

                if (server->connection_count >= server->config.connection_limit) {
                        server->stats.refused++;
                        http_listen_pause(server);
                        break;
                }
                fd = accept4(listener->fd, (struct sockaddr *)&peer, &len,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                            errno == ENOMEM)
                                http_listen_pause(server);
                        break;
                }
                take_connection(server, fd, (struct sockaddr *)&peer, len);
        }
}

void http_listen_resume(struct http_server *server)
{
        if (!server->accept_paused || server->stopping)
                return;
        server->accept_paused = false;
        uv_timer_stop(&server->accept_timer);
        for (size_t i = 0; i < server->listener_count; i++)
                uv_poll_start(&server->listeners[i].poll, UV_READABLE, on_connection);
}

static socklen_t address_length(const struct sockaddr_storage *address)
{
        switch (address->ss_family) {
        case AF_UNIX:
                return sizeof(struct sockaddr_un);
        case AF_INET6:
                return sizeof(struct sockaddr_in6);
        default:
                return sizeof(struct sockaddr_in);
        }
}

static const char *socket_path(const struct sockaddr_storage *address)
{
        return address->ss_family == AF_UNIX ? ((const struct sockaddr_un *)address)->sun_path
                                             : NULL;
}

static const char *describe(const struct sockaddr_storage *address, char *out, size_t size)
{
        const char *path = socket_path(address);

        return path != NULL ? path : address_text((const struct sockaddr *)address, out, size);
}

// A socket left behind by a killed agent would keep the address in use; anything else stays.
static void remove_stale(const char *path)
{
        struct stat info;

        if (path != NULL && lstat(path, &info) == 0 && S_ISSOCK(info.st_mode))
                unlink(path);
}

static int set_permissions(const char *path, const struct http_unix_permissions *permissions)
{
        if (path == NULL)
                return 0;
        if ((permissions->user != HTTP_UNIX_KEEP || permissions->group != HTTP_UNIX_KEEP) &&
            chown(path, permissions->user, permissions->group) < 0)
                return -errno;
        if (permissions->mode != HTTP_UNIX_KEEP && chmod(path, permissions->mode) < 0)
                return -errno;
        return 0;
}

static int open_socket(const struct sockaddr_storage *address,
                       const struct http_unix_permissions *permissions)
{
        const char *path = socket_path(address);
        int on = 1, fd, ret;

        fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        remove_stale(path);
        if (path == NULL && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                goto close_fd;
        // [::] must not claim 0.0.0.0 as well, which may be listed beside it.
        if (address->ss_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
                goto close_fd;
        if (bind(fd, (const struct sockaddr *)address, address_length(address)) < 0)
                goto close_fd;
        ret = set_permissions(path, permissions);
        errno = -ret;
        if (ret == 0 && listen(fd, SOMAXCONN) == 0)
                return fd;
close_fd:
        ret = -errno;
        close(fd);
        return ret;
}

static uint16_t bound_port(int fd)
{
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);

        if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
                return 0;
        if (address.ss_family == AF_UNIX)
                return 0;
        // The port stands at the same place in both families.
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int http_listen_open(struct http_server *server, char *error, size_t error_size)
{
        int ret;

        for (size_t i = 0; i < server->config.address_count; i++) {
                struct http_listener *listener = &server->listeners[i];

                listener->server = server;
                listener->address = server->config.addresses[i];
                listener->fd =
                    open_socket(&server->config.addresses[i], &server->config.unix_permissions);
                ret = listener->fd;
                if (ret >= 0) {
                        ret = uv_poll_init(server->loop, &listener->poll, listener->fd);
                        if (ret < 0)
                                close(listener->fd);
                }
                if (ret < 0) {
                        char text[ADDRESS_TEXT_MAX];

                        snprintf(error, error_size, "HTTP cannot listen on %s: %s",
                                 describe(&server->config.addresses[i], text, sizeof(text)),
                                 ret == -EADDRINUSE ? "address already in use" : strerror(-ret));
                        return ret;
                }
                listener->port = bound_port(listener->fd);
                listener->poll.data = listener;
                server->listener_count++;
                server->open_handle_count++;
                uv_poll_start(&listener->poll, UV_READABLE, on_connection);
        }
        return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
        struct http_listener *listener = handle->data;

        http_server_release_handle(listener->server);
}

void http_listen_close(struct http_server *server)
{
        for (size_t i = 0; i < server->listener_count; i++) {
                uv_poll_stop(&server->listeners[i].poll);
                remove_stale(socket_path(&server->listeners[i].address));
                close(server->listeners[i].fd);
                uv_close((uv_handle_t *)&server->listeners[i].poll, on_listener_closed);
        }
}
