#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/relay/relay_internal.h"
#include "control/rpc/dial.h"

#define CONNECT_TIMEOUT_MS 3000u
#define IDLE_MS            60000u
/* A server that says nothing for so long while calls wait is asked whether it is there. */
#define PING_MS   2000u
#define SILENT_MS 6000u

// Calls may be put on a new link to the same server while they are taken off: it is out by then.
void relay_link_drop(struct relay_link *take_link, const char *what)
{
        struct relay *relay = take_link->relay;
        struct relay_link **at = &relay->links;
        bool in_use = take_link->calls != NULL;
        uint64_t suppressed;

        while (*at != take_link)
                at = &(*at)->next;
        *at = take_link->next;
        if (take_link->stream != NULL)
                relay->options.transport->close(take_link->stream);
        dial_cancel(take_link->connecting);
        if (in_use && !relay->closing) {
                relay_server_failed(relay, take_link->address);
                if (log_limit_allow(&relay->complaints, uv_now(relay->options.loop), &suppressed))
                        log_warn(relay->options.log, "client",
                                 "RPC failed to server: server_addr=%s error=\"%s\" others=%llu",
                                 take_link->address, what, (unsigned long long)suppressed);
        }
        while (take_link->calls != NULL) {
                struct relay_call *call = take_link->calls;

                relay_call_unlink(call);
                call->link = NULL;
                relay_call_failed(call);
        }
        free(take_link);
}

static void on_message(void *arg, enum relay_kind kind, uint64_t id, const uint8_t *bytes,
                       size_t len)
{
        struct relay_link *link = arg;

        link->active_ms = link->used_ms = uv_now(link->relay->options.loop);
        link->pinged = false;
        if (!relay_take_message(link->relay, kind, id, bytes, len, link->address))
                relay_link_drop(link, "it sent what no server sends");
}

static void on_ended(void *arg, const char *what)
{
        relay_link_drop(arg, what[0] != '\0' ? what : "EOF");
}

static int send_call(struct relay_link *link, struct relay_call *call)
{
        int ret = link->relay->options.transport->send(link->stream, (enum relay_kind)call->kind,
                                                       call->node.id, call->bytes, call->len);

        call->sent = call->sent || ret == 0;
        return ret;
}

static void open_link(struct relay_link *link, uv_tcp_t *take_tcp)
{
        const struct relay_stream_events events = {.arg = link,
                                                   .message = on_message,
                                                   .ended = on_ended,
                                                   .message_max = RELAY_ANSWER_MAX,
                                                   .partial_max = RELAY_ANSWER_MAX};
        int ret = 0;

        link->stream = link->relay->options.transport->create(take_tcp, &events);
        if (link->stream == NULL)
                ret = -ENOMEM;
        for (struct relay_call *call = link->calls; ret == 0 && call != NULL; call = call->next)
                ret = send_call(link, call);
        if (ret < 0)
                relay_link_drop(link, strerror(-ret));
}

static void on_connected(void *arg, uv_tcp_t *take_tcp, int error)
{
        struct relay_link *link = arg;

        link->connecting = NULL;
        link->active_ms = uv_now(link->relay->options.loop);
        if (take_tcp != NULL)
                open_link(link, take_tcp);
        else
                relay_link_drop(link, uv_strerror(error));
}

struct relay_link *relay_link_find(struct relay *relay, const char *address)
{
        struct relay_link *link = relay->links;

        while (link != NULL && strcmp(link->address, address) != 0)
                link = link->next;
        if (link != NULL)
                return link;
        link = calloc(1, sizeof(*link));
        if (link == NULL)
                return NULL;
        link->relay = relay;
        snprintf(link->address, sizeof(link->address), "%s", address);
        link->active_ms = link->used_ms = uv_now(relay->options.loop);
        link->connecting = dial_start(relay->options.loop, address, on_connected, link);
        if (link->connecting == NULL) {
                free(link);
                return NULL;
        }
        link->next = relay->links;
        relay->links = link;
        return link;
}

void relay_link_put(struct relay_link *link, struct relay_call *call)
{
        call->link = link;
        call->next = link->calls;
        call->prev = &link->calls;
        if (call->next != NULL)
                call->next->prev = &call->next;
        link->calls = call;
        // A connection that ends while it is written to says so in an event of its own.
        if (link->stream != NULL)
                send_call(link, call);
}

// --- Our own servers' transport.

static void *create_own(uv_tcp_t *take_tcp, const struct relay_stream_events *events)
{
        struct relay_stream *stream = relay_stream_create(take_tcp, events);

        if (stream == NULL || relay_stream_begin(stream) == 0)
                return stream;
        relay_stream_close(stream);
        return NULL;
}

static int send_own(void *stream, enum relay_kind kind, uint64_t id, const void *bytes, size_t len)
{
        return relay_stream_send(stream, kind, id, bytes, len);
}

static void cancel_own(void *stream, uint64_t id)
{
        relay_stream_cancel(stream, id);
        relay_stream_send(stream, RELAY_CANCEL, id, NULL, 0);
}

static void close_own(void *take_stream)
{
        relay_stream_close(take_stream);
}

const struct relay_transport relay_own_transport = {create_own, send_own, cancel_own, close_own};

// --- Time.

static const char *verdict(struct relay_link *link, uint64_t now_ms)
{
        uint64_t silent_ms = now_ms - link->active_ms;

        if (link->connecting != NULL)
                return silent_ms > CONNECT_TIMEOUT_MS ? "connecting takes too long" : NULL;
        if (link->calls == NULL) {
                link->active_ms = now_ms;
                return now_ms - link->used_ms > IDLE_MS ? "" : NULL;
        }
        if (silent_ms > PING_MS && !link->pinged) {
                link->pinged = true;
                link->relay->options.transport->send(link->stream, RELAY_PING, 0, NULL, 0);
        }
        return silent_ms > SILENT_MS ? "it says nothing" : NULL;
}

void relay_link_tick(struct relay *relay, uint64_t now_ms)
{
        struct relay_link *link = relay->links;

        while (link != NULL) {
                const char *what = verdict(link, now_ms); // NOLINT(clang-analyzer-unix.Malloc)

                if (what == NULL) {
                        link = link->next;
                        continue;
                }
                relay_link_drop(link, what);
                // Calls that move on may have made links.
                link = relay->links;
        }
}
