#include "control/checks/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/checks/stream_internal.h"
#include "lictor/address.h"

static void try_next(struct stream *stream);

static const char *network(const struct stream *stream)
{
        return stream->target.is_datagram ? "udp" : "tcp";
}

static void fail(struct stream *stream)
{
        stream->fn(stream->arg, STREAM_FAILED, stream->error);
}

static void free_poll(uv_handle_t *handle)
{
        free(handle);
}

static void free_stream(uv_handle_t *handle)
{
        free(handle->data);
}

static void drop_socket(struct stream *stream)
{
        stream_tls_end(stream);
        if (stream->poll != NULL)
                uv_close((uv_handle_t *)stream->poll, free_poll);
        if (stream->fd >= 0)
                close(stream->fd);
        stream->poll = NULL;
        stream->fd = -1;
}

static void note_dial_error(struct stream *stream, const char *call, int error)
{
        char reason[96];

        snprintf(stream->error, sizeof(stream->error), "dial %s %s: %s%s", network(stream),
                 stream->peer, call, check_errno_text(error, reason, sizeof(reason)));
}

static void on_event(uv_poll_t *poll, int status, int events);

static void become_open(struct stream *stream)
{
        uv_timer_stop(&stream->timer);
        stream->is_open = true;
        uv_poll_start(stream->poll, UV_READABLE, on_event);
        stream->fn(stream->arg, STREAM_OPEN, NULL);
}

static void shake_hands(struct stream *stream)
{
        int events = 0, ret = stream_tls_shake(stream, &events);

        if (ret > 0)
                become_open(stream);
        else if (ret == 0)
                uv_poll_start(stream->poll, events, on_event);
        else
                fail(stream); // another address would be no better
}

static void on_connected(struct stream *stream)
{
        int error = 0;
        socklen_t len = sizeof(error);

        if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        if (error != 0) {
                note_dial_error(stream, "connect: ", error);
                try_next(stream);
        } else if (!stream->target.use_tls) {
                become_open(stream);
        } else if (stream_tls_begin(stream) < 0) {
                snprintf(stream->error, sizeof(stream->error), "out of memory");
                fail(stream);
        } else {
                shake_hands(stream);
        }
}

static void on_event(uv_poll_t *poll, int status, int events)
{
        struct stream *stream = poll->data;

        (void)status;
        (void)events;
        if (stream->is_open)
                stream->fn(stream->arg, STREAM_READABLE, NULL);
        else if (stream->session != NULL)
                shake_hands(stream);
        else
                on_connected(stream);
}

static int open_socket(struct stream *stream, const struct sockaddr_storage *address)
{
        int type = stream->target.is_datagram ? SOCK_DGRAM : SOCK_STREAM;
        socklen_t len = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                       : sizeof(struct sockaddr_in);
        int ret;

        stream->fd = socket(address->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (stream->fd < 0)
                return -errno;
        if (connect(stream->fd, (const struct sockaddr *)address, len) < 0 && errno != EINPROGRESS)
                return -errno;
        stream->poll = malloc(sizeof(*stream->poll));
        if (stream->poll == NULL)
                return -ENOMEM;
        ret = uv_poll_init(stream->loop, stream->poll, stream->fd);
        if (ret < 0) {
                free(stream->poll);
                stream->poll = NULL;
                return ret;
        }
        stream->poll->data = stream;
        return uv_poll_start(stream->poll, UV_WRITABLE, on_event);
}

static void on_timeout(uv_timer_t *timer)
{
        struct stream *stream = timer->data;

        snprintf(stream->error, sizeof(stream->error), "dial %s %s: i/o timeout", network(stream),
                 stream->peer);
        try_next(stream);
}

// An address that does not answer leaves the others their share of the time.
static void try_next(struct stream *stream)
{
        drop_socket(stream);
        while (stream->address_at < stream->address_count) {
                const struct sockaddr_storage *address = &stream->addresses[stream->address_at++];
                size_t left = stream->address_count - stream->address_at + 1;
                int ret;

                address_text((const struct sockaddr *)address, stream->peer, sizeof(stream->peer));
                ret = open_socket(stream, address);
                if (ret == 0) {
                        // With one left, the check's own time is the limit.
                        if (left > 1)
                                uv_timer_start(&stream->timer, on_timeout,
                                               stream->target.timeout_ms / left, 0);
                        else
                                uv_timer_stop(&stream->timer);
                        return;
                }
                note_dial_error(stream, "connect: ", -ret);
                drop_socket(stream);
        }
        uv_timer_stop(&stream->timer);
        fail(stream);
}

static void on_resolved(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
        struct stream *stream = lookup->data;

        stream->in_lookup = false;
        for (const struct addrinfo *item = found;
             item != NULL && stream->address_count < STREAM_ADDRESS_MAX; item = item->ai_next) {
                if (item->ai_addrlen <= sizeof(stream->addresses[0]))
                        memcpy(&stream->addresses[stream->address_count++], item->ai_addr,
                               item->ai_addrlen);
        }
        uv_freeaddrinfo(found);
        if (stream->is_closed) {
                // Closing the timer waited for this.
                uv_close((uv_handle_t *)&stream->timer, free_stream);
                return;
        }
        if (status < 0)
                snprintf(stream->error, sizeof(stream->error), "dial %s: lookup %s: no such host",
                         network(stream), stream->host);
        try_next(stream);
}

static bool read_literal(struct stream *stream)
{
        struct sockaddr_in *four = (struct sockaddr_in *)&stream->addresses[0];
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&stream->addresses[0];
        char *end;
        unsigned long port = strtoul(stream->port, &end, 10);

        if (*end != '\0' || end == stream->port || port > UINT16_MAX)
                return false;
        if (inet_pton(AF_INET, stream->host, &four->sin_addr) == 1) {
                four->sin_family = AF_INET;
                four->sin_port = htons((uint16_t)port);
        } else if (inet_pton(AF_INET6, stream->host, &six->sin6_addr) == 1) {
                six->sin6_family = AF_INET6;
                six->sin6_port = htons((uint16_t)port);
        } else {
                return false;
        }
        stream->address_count = 1;
        return true;
}

// HOST:PORT, [HOST]:PORT or :PORT.
static bool split_address(struct stream *stream)
{
        const char *address = stream->target.address, *colon = strrchr(address, ':');
        size_t len = colon != NULL ? (size_t)(colon - address) : 0;

        if (colon == NULL || strchr(colon, ']') != NULL) {
                snprintf(stream->error, sizeof(stream->error),
                         "dial %s: address %.200s: missing port in address", network(stream),
                         address);
                return false;
        }
        if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
                address++;
                len -= 2;
        } else if (memchr(address, ':', len) != NULL) {
                snprintf(stream->error, sizeof(stream->error),
                         "dial %s: address %.200s: too many colons in address", network(stream),
                         address);
                return false;
        }
        if (len >= sizeof(stream->host) || strlen(colon + 1) >= sizeof(stream->port)) {
                snprintf(stream->error, sizeof(stream->error),
                         "dial %s: lookup %.100s...: no such host", network(stream), address);
                return false;
        }
        snprintf(stream->host, sizeof(stream->host), "%.*s", (int)len, address);
        snprintf(stream->port, sizeof(stream->port), "%s", colon + 1);
        if (len == 0)
                snprintf(stream->host, sizeof(stream->host), "127.0.0.1");
        return true;
}

static void on_start(uv_timer_t *timer)
{
        struct stream *stream = timer->data;
        const struct addrinfo hints = {.ai_socktype =
                                           stream->target.is_datagram ? SOCK_DGRAM : SOCK_STREAM};

        if (!split_address(stream)) {
                fail(stream);
        } else if (read_literal(stream)) {
                try_next(stream);
        } else if (uv_getaddrinfo(stream->loop, &stream->lookup, on_resolved, stream->host,
                                  stream->port, &hints) < 0) {
                snprintf(stream->error, sizeof(stream->error), "dial %s: lookup %s: out of memory",
                         network(stream), stream->host);
                fail(stream);
        } else {
                stream->in_lookup = true;
        }
}

struct stream *stream_open(uv_loop_t *loop, const struct stream_target *target, stream_event_fn fn,
                           void *arg)
{
        struct stream *stream = calloc(1, sizeof(*stream));

        if (stream == NULL)
                return NULL;
        stream->loop = loop;
        stream->target = *target;
        stream->fn = fn;
        stream->arg = arg;
        stream->fd = -1;
        stream->lookup.data = stream;
        if (uv_timer_init(loop, &stream->timer) < 0) {
                free(stream);
                return NULL;
        }
        stream->timer.data = stream;
        uv_timer_start(&stream->timer, on_start, 0, 0);
        return stream;
}

const char *stream_peer(const struct stream *stream)
{
        return stream->peer;
}

void stream_close(struct stream *take_stream)
{
        struct stream *stream = take_stream;

        drop_socket(stream);
        stream->is_closed = true;
        uv_timer_stop(&stream->timer);
        // A lookup that runs already cannot be taken back; its end closes the rest.
        if (stream->in_lookup)
                uv_cancel((uv_req_t *)&stream->lookup);
        else
                uv_close((uv_handle_t *)&stream->timer, free_stream);
}

int stream_send(struct stream *stream, const void *bytes, size_t len)
{
        ssize_t sent;

        if (stream->session != NULL) {
                sent = gnutls_record_send(stream->session, bytes, len);
                return sent == (ssize_t)len ? 0 : -EIO;
        }
        sent = send(stream->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0)
                return -errno;
        return sent == (ssize_t)len ? 0 : -EIO;
}

ssize_t stream_receive(struct stream *stream, void *bytes, size_t size)
{
        ssize_t got;

        if (stream->session != NULL) {
                got = gnutls_record_recv(stream->session, bytes, size);
                if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
                        return -EAGAIN;
                return got < 0 ? -EIO : got;
        }
        got = recv(stream->fd, bytes, size, 0);
        if (got < 0)
                return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
        return got;
}
