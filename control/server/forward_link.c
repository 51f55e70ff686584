#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/dial.h"
#include "control/server/forward_internal.h"
#include "control/server/introduction.h"

#define REQUEST_MAX        8192u
#define TICK_MS            50u
#define CONNECT_TIMEOUT_MS 3000u
#define IDLE_MS            60000u

struct request {
        struct request *next;
        uint64_t id;
        uint64_t deadline_ms;
        forward_done_fn done;
        void *arg;
        enum forward_kind kind;
        bool sent;
        uint32_t len;
        uint8_t payload[];
};

struct forward_link {
        struct forward *forward;
        struct forward_link *next;
        char address[SERVER_ADDRESS_MAX];
        struct frame_stream *stream; /* NULL: not connected yet */
        struct dial *connecting;     /* NULL: connected, or failed */
        struct request *first;       /* oldest first */
        struct request **last;
        uint64_t active_ms;
};

static void finish(struct forward *forward, struct request *take_request, int error,
                   enum forward_status status, const uint8_t *payload, size_t len)
{
        forward->request_count--;
        take_request->done(take_request->arg, error, status, payload, len);
        free(take_request);
}

// Detach the link and fail its requests: those not sent may be tried elsewhere.
static void drop_link(struct forward_link *take_link, int error)
{
        struct forward *forward = take_link->forward;
        struct forward_link **at = &forward->links;
        struct request *request;

        while (*at != take_link)
                at = &(*at)->next;
        *at = take_link->next;
        frame_stream_close(take_link->stream);
        dial_cancel(take_link->connecting);
        while ((request = take_link->first) != NULL) {
                take_link->first = request->next;
                // -ENOTCONN promises that nothing was sent, whatever the system calls its error.
                if (!request->sent)
                        finish(forward, request, -ENOTCONN, FORWARD_OK, NULL, 0);
                else
                        finish(forward, request, error == -ENOTCONN ? -ECONNRESET : error,
                               FORWARD_OK, NULL, 0);
        }
        free(take_link);
}

static struct request *unlink_request(struct forward_link *link, struct request **at)
{
        struct request *request = *at;

        *at = request->next;
        if (link->last == &request->next)
                link->last = at;
        return request;
}

static void on_frame(void *arg, const struct forward_head *head, const uint8_t *payload)
{
        struct forward_link *link = arg;

        link->active_ms = uv_now(link->forward->options.loop);
        for (struct request **at = &link->first; *at != NULL; at = &(*at)->next) {
                struct request *request = *at;

                if (request->id != head->request_id)
                        continue;
                if (head->kind != (request->kind | FORWARD_ANSWER))
                        return;
                unlink_request(link, at);
                finish(link->forward, request, 0, (enum forward_status)head->status, payload,
                       head->length);
                return;
        }
}

static void on_ended(void *arg, int error, const char *what)
{
        struct forward_link *link = arg;

        if (what[0] != '\0')
                log_warn(link->forward->options.log, "server", "server %s sent %s", link->address,
                         what);
        drop_link(link, error == UV_EOF ? -ECONNRESET : error);
}

static int send_request(struct forward_link *link, struct request *request)
{
        const struct forward_options *options = &link->forward->options;
        const struct forward_head head = {
            .length = request->len,
            .kind = (uint8_t)request->kind,
            .cluster_id = options->cluster_id(options->arg),
            .request_id = request->id,
        };
        int ret = frame_stream_send(link->stream, &head, request->payload);

        request->sent = ret == 0;
        return ret;
}

static void open_link(struct forward_link *link, uv_tcp_t *take_tcp)
{
        const struct frame_stream_events events = {link, on_frame, on_ended};
        const uint8_t first = FORWARD_BYTE;
        int ret = -ENOMEM;

        link->stream = frame_stream_create(take_tcp, &events);
        if (link->stream != NULL)
                ret = frame_stream_write(link->stream, &first, 1);
        for (struct request *request = link->first; ret == 0 && request != NULL;
             request = request->next)
                ret = send_request(link, request);
        if (ret < 0)
                drop_link(link, ret);
        else
                frame_stream_read(link->stream, true);
}

static void on_connected(void *arg, uv_tcp_t *take_tcp, int error)
{
        struct forward_link *link = arg;

        (void)error;
        link->connecting = NULL;
        if (take_tcp != NULL)
                open_link(link, take_tcp);
        else
                drop_link(link, -ENOTCONN);
}

static struct forward_link *find_link(struct forward *forward, const char *address)
{
        struct forward_link *link;

        for (link = forward->links; link != NULL; link = link->next) {
                if (strcmp(link->address, address) == 0)
                        return link;
        }
        link = calloc(1, sizeof(*link));
        if (link == NULL)
                return NULL;
        link->forward = forward;
        link->last = &link->first;
        link->active_ms = uv_now(forward->options.loop);
        snprintf(link->address, sizeof(link->address), "%s", address);
        link->connecting = dial_start(forward->options.loop, address, on_connected, link);
        if (link->connecting == NULL) {
                free(link);
                return NULL;
        }
        link->next = forward->links;
        forward->links = link;
        return link;
}

// Requests whose time is over, taken out of their links before any callback may change those.
static struct request *take_expired(struct forward *forward, uint64_t now_ms)
{
        struct request *expired = NULL;

        for (struct forward_link *link = forward->links; link != NULL; link = link->next) {
                for (struct request **at = &link->first; *at != NULL;) {
                        struct request *request;

                        if ((*at)->deadline_ms > now_ms) {
                                at = &(*at)->next;
                                continue;
                        }
                        request = unlink_request(link, at);
                        request->next = expired;
                        expired = request;
                }
        }
        return expired;
}

static struct forward_link *find_useless(struct forward *forward, uint64_t now_ms)
{
        for (struct forward_link *link = forward->links; link != NULL; link = link->next) {
                uint64_t age_ms = now_ms - link->active_ms;

                if ((link->connecting != NULL && age_ms > CONNECT_TIMEOUT_MS) ||
                    (link->first == NULL && age_ms > IDLE_MS))
                        return link;
        }
        return NULL;
}

static void on_tick(uv_timer_t *timer)
{
        struct forward *forward = timer->data;
        uint64_t now_ms = uv_now(forward->options.loop);
        struct request *expired = take_expired(forward, now_ms), *request;
        struct forward_link *link;

        while ((request = expired) != NULL) {
                expired = request->next;
                finish(forward, request, request->sent ? -ETIMEDOUT : -ENOTCONN, FORWARD_OK, NULL,
                       0);
        }
        while ((link = find_useless(forward, now_ms)) != NULL)
                drop_link(link, -ENOTCONN);
        if (forward->links == NULL)
                uv_timer_stop(timer);
}

void forward_send(struct forward *forward, const char *address, enum forward_kind kind,
                  const void *payload, size_t len, uint64_t timeout_ms, forward_done_fn done,
                  void *arg)
{
        struct forward_link *link;
        struct request *request;

        if (forward->closing || forward->request_count >= REQUEST_MAX) {
                done(arg, forward->closing ? -ENOTCONN : -ENOBUFS, FORWARD_OK, NULL, 0);
                return;
        }
        link = find_link(forward, address);
        request = malloc(sizeof(*request) + len);
        if (link == NULL || request == NULL) {
                free(request);
                done(arg, -ENOTCONN, FORWARD_OK, NULL, 0);
                return;
        }
        *request = (struct request){
            .id = ++forward->next_id,
            .deadline_ms = uv_now(forward->options.loop) + timeout_ms,
            .done = done,
            .arg = arg,
            .kind = kind,
            .len = (uint32_t)len,
        };
        if (len > 0)
                memcpy(request->payload, payload, len);
        forward->request_count++;
        *link->last = request;
        link->last = &request->next;
        if (!uv_is_active((uv_handle_t *)&forward->timer))
                uv_timer_start(&forward->timer, on_tick, TICK_MS, TICK_MS);
        if (link->stream != NULL && send_request(link, request) < 0)
                drop_link(link, -ECONNRESET);
}

void forward_hurry(struct forward *forward, const char *address, uint64_t within_ms)
{
        uint64_t deadline_ms = uv_now(forward->options.loop) + within_ms;

        for (struct forward_link *link = forward->links; link != NULL; link = link->next) {
                if (strcmp(link->address, address) != 0)
                        continue;
                for (struct request *request = link->first; request; request = request->next)
                        if (request->deadline_ms > deadline_ms)
                                request->deadline_ms = deadline_ms;
        }
}

void forward_close_links(struct forward *forward)
{
        while (forward->links != NULL)
                // It takes the link off the list.
                drop_link(forward->links, -ECANCELED); // NOLINT(clang-analyzer-unix.Malloc)
}
