#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lictor/random.h"
#include "raft/transport/transport_internal.h"

void link_init(struct link *link, struct peer *peer, enum codec_channel channel)
{
        memset(link, 0, sizeof(*link));
        link->peer = peer;
        link->channel = channel;
        link->queue_end = &link->queue;
}

static struct raft_transport *transport_of(const struct link *link)
{
        return link->peer->transport;
}

static uint64_t now_ms(void)
{
        return uv_hrtime() / 1000000u;
}

static struct frame *pop(struct link *link)
{
        struct frame *frame = link->queue;

        link->queue = frame->next;
        if (link->queue == NULL)
                link->queue_end = &link->queue;
        link->queue_count--;
        link->queue_bytes -= frame->length;
        link->sent_of_first = 0;
        return frame;
}

static void drop_queue(struct link *link)
{
        while (link->queue != NULL) {
                free(pop(link));
                transport_of(link)->counters.dropped++;
        }
}

static void on_closed(uv_handle_t *handle)
{
        struct connection *c = handle->data;
        struct raft_transport *t = c->transport;

        while (c->writing != NULL) {
                struct frame *next = c->writing->next;

                free(c->writing);
                c->writing = next;
        }
        free(c);
        transport_handle_closed(t);
}

static void close_connection(struct connection *c)
{
        c->link = NULL;
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void link_end(struct link *link)
{
        if (link->connection != NULL)
                close_connection(link->connection);
        link->connection = NULL;
        link->state = LINK_DOWN;
        drop_queue(link);
}

// The connection is lost or could not be had: pause before the next one, longer each time unless it
// had been a good one.
static void fail(struct link *link)
{
        struct raft_transport *t = transport_of(link);
        bool steady = link->state == LINK_UP && now_ms() >= link->since_ms + TRANSPORT_STEADY_MS;

        link_end(link);
        if (steady || link->pause_ms == 0)
                link->pause_ms = TRANSPORT_PAUSE_MIN_MS;
        else if (link->pause_ms < TRANSPORT_PAUSE_MAX_MS)
                link->pause_ms *= 2;
        link->state = LINK_PAUSED;
        link->pause_until_ms = now_ms() + link->pause_ms / 2 +
                               random_next(&t->random_state) % (link->pause_ms / 2 + 1);
}

static void on_trash(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct connection *c = handle->data;

        (void)suggested;
        *out = uv_buf_init((char *)c->trash, sizeof(c->trash));
}

// Nothing is ever said on it but by us; reading shows when the other side ends it.
static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct connection *c = stream->data;

        (void)buffer;
        if (count < 0 && c->link != NULL)
                fail(c->link);
}

static void on_written(uv_write_t *request, int status)
{
        struct connection *c = request->data;

        while (c->writing != NULL) {
                struct frame *next = c->writing->next;

                free(c->writing);
                c->writing = next;
        }
        if (c->link == NULL)
                return;
        if (status != 0)
                fail(c->link);
        else
                link_flush(c->link);
}

static unsigned gather(const struct link *link, uv_buf_t buffers[LINK_WRITE_MAX])
{
        size_t skip = link->sent_of_first;
        unsigned n = 0;

        for (struct frame *f = link->queue; f != NULL && n < LINK_WRITE_MAX; f = f->next) {
                buffers[n++] = uv_buf_init((char *)f->bytes + skip, (unsigned)(f->length - skip));
                skip = 0;
        }
        return n;
}

// What the socket took at once; returns whether it took everything offered.
static bool write_now(struct link *link, uv_buf_t buffers[LINK_WRITE_MAX], unsigned n)
{
        int ret = uv_try_write((uv_stream_t *)&link->connection->tcp, buffers, n);
        size_t taken = ret > 0 ? (size_t)ret : 0;

        if (ret < 0)
                return false;
        for (unsigned i = 0; i < n; i++) {
                if (taken < buffers[i].len) {
                        link->sent_of_first += taken;
                        return false;
                }
                taken -= buffers[i].len;
                free(pop(link));
                transport_of(link)->counters.sent++;
        }
        return true;
}

void link_flush(struct link *link)
{
        uv_buf_t buffers[LINK_WRITE_MAX];
        struct connection *c = link->connection;
        unsigned n;

        if (link->state != LINK_UP || c->writing != NULL)
                return;
        while ((n = gather(link, buffers)) > 0) {
                struct frame **end = &c->writing;

                if (write_now(link, buffers, n))
                        continue;
                n = gather(link, buffers);
                for (unsigned i = 0; i < n; i++) {
                        *end = pop(link);
                        end = &(*end)->next;
                        *end = NULL;
                }
                transport_of(link)->counters.sent += n;
                c->write.data = c;
                if (uv_write(&c->write, (uv_stream_t *)&c->tcp, buffers, n, on_written) != 0)
                        fail(link);
                return;
        }
}

static struct frame *hello_frame(const struct link *link)
{
        struct raft_transport *t = transport_of(link);
        struct codec_hello hello = {.channel = link->channel,
                                    .cluster_id = t->options.cluster_id(t->options.arg),
                                    .from = t->options.id,
                                    .to = link->peer->id};
        struct frame *frame;

        snprintf(hello.address, sizeof(hello.address), "%s", t->address);
        frame = malloc(sizeof(*frame) + 1 + codec_hello_length(&hello));
        if (frame == NULL)
                return NULL;
        frame->length = 1 + codec_hello_length(&hello);
        frame->bytes[0] = t->options.first_byte;
        codec_encode_hello(&hello, frame->bytes + 1);
        return frame;
}

static void on_connected(uv_connect_t *request, int status)
{
        struct connection *c = request->data;
        struct link *link = c->link;
        unsigned dead_after_ms = c->transport->options.dead_after_ms;
        struct frame *hello;
        uv_os_fd_t fd;

        if (link == NULL)
                return;
        hello = status == 0 ? hello_frame(link) : NULL;
        if (hello == NULL) {
                fail(link);
                return;
        }
        link->state = LINK_UP;
        link->since_ms = now_ms();
        c->transport->counters.connected++;
        uv_tcp_nodelay(&c->tcp, 1);
        // A peer that vanished must not hold what is sent for as long as TCP would try.
        if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
                setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after_ms,
                           sizeof(dead_after_ms));
        hello->next = link->queue;
        if (link->queue == NULL)
                link->queue_end = &hello->next;
        link->queue = hello;
        link->queue_count++;
        link->queue_bytes += hello->length;
        uv_read_start((uv_stream_t *)&c->tcp, on_trash, on_read);
        link_flush(link);
}

// "1.2.3.4:5" or "[1::2]:3".
static int parse_address(const char *text, struct sockaddr_storage *out)
{
        char host[RAFT_ADDRESS_MAX];
        const char *colon = strrchr(text, ':');
        char *end;
        unsigned long port;
        size_t length;

        if (colon == NULL || colon == text)
                return -EINVAL;
        port = strtoul(colon + 1, &end, 10);
        if (end == colon + 1 || *end != 0 || port == 0 || port > 65535)
                return -EINVAL;
        length = (size_t)(colon - text);
        if (text[0] == '[' && text[length - 1] == ']') {
                snprintf(host, sizeof(host), "%.*s", (int)length - 2, text + 1);
                return uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out);
        }
        snprintf(host, sizeof(host), "%.*s", (int)length, text);
        return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out);
}

static void connect_link(struct link *link)
{
        struct raft_transport *t = transport_of(link);
        struct sockaddr_storage address;
        struct connection *c;

        if (parse_address(link->peer->address, &address) != 0 ||
            (c = calloc(1, sizeof(*c))) == NULL) {
                fail(link);
                return;
        }
        uv_tcp_init(t->options.loop, &c->tcp);
        t->handles_open++;
        c->tcp.data = c;
        c->connect.data = c;
        c->transport = t;
        c->link = link;
        link->connection = c;
        link->state = LINK_CONNECTING;
        link->since_ms = now_ms();
        if (uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&address, on_connected) != 0)
                fail(link);
}

// Drops the oldest of what is prompt, as it says least; of bulk the newest, to keep what is in
// order.
static bool make_room(struct link *link, const struct frame *frame)
{
        unsigned most = LINK_FRAMES_MAX;

        if (link->channel == CODEC_PROMPT && link->state != LINK_UP)
                most = LINK_WAITING_MAX;
        if (link->queue_count < most && link->queue_bytes + frame->length <= LINK_BYTES_MAX)
                return true;
        if (link->channel == CODEC_BULK || link->queue_count < 2)
                return false;
        if (link->sent_of_first > 0) {
                struct frame *second = link->queue->next;

                link->queue->next = second->next;
                if (second->next == NULL)
                        link->queue_end = &link->queue->next;
                link->queue_count--;
                link->queue_bytes -= second->length;
                free(second);
        } else {
                free(pop(link));
        }
        transport_of(link)->counters.dropped++;
        return true;
}

void link_send(struct link *link, struct frame *take_frame)
{
        if (link->state == LINK_PAUSED && now_ms() >= link->pause_until_ms)
                link->state = LINK_DOWN;
        if (link->state == LINK_PAUSED || !make_room(link, take_frame)) {
                transport_of(link)->counters.dropped++;
                free(take_frame);
                return;
        }
        take_frame->next = NULL;
        *link->queue_end = take_frame;
        link->queue_end = &take_frame->next;
        link->queue_count++;
        link->queue_bytes += take_frame->length;
        if (link->state == LINK_DOWN)
                connect_link(link);
}

void link_sweep(struct link *link)
{
        if (link->state == LINK_CONNECTING &&
            now_ms() >= link->since_ms + transport_of(link)->options.dead_after_ms)
                fail(link);
}
