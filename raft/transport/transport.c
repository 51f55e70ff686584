#include "raft/transport/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor/address.h"
#include "raft/core/configuration.h"
#include "raft/transport/transport_internal.h"

static uint64_t now_ms(void)
{
        return uv_hrtime() / 1000000u;
}

static void free_when_done(struct raft_transport *t)
{
        void (*closed)(void *arg) = t->closed;
        void *arg = t->closed_arg;

        if (!t->closing || t->handles_open > 0)
                return;
        free(t);
        if (closed != NULL)
                closed(arg);
}

void transport_handle_closed(struct raft_transport *t)
{
        t->handles_open--;
        free_when_done(t);
}

void transport_warn(struct raft_transport *t, const uv_tcp_t *tcp, const char *what)
{
        struct sockaddr_storage address;
        int length = sizeof(address);
        char text[256], peer[ADDRESS_TEXT_MAX];

        if (t->options.warn == NULL || t->closing)
                return;
        if (now_ms() < t->warn_after_ms) {
                t->warnings_held++;
                return;
        }
        t->warn_after_ms = now_ms() + TRANSPORT_LOG_MS;
        if (uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &length) != 0)
                address.ss_family = AF_UNSPEC;
        address_text((const struct sockaddr *)&address, peer, sizeof(peer));
        snprintf(text, sizeof(text), "closed a Raft connection that %s: from=%s suppressed=%llu",
                 what, peer, (unsigned long long)t->warnings_held);
        t->warnings_held = 0;
        t->options.warn(t->options.arg, text);
}

struct peer *transport_peer(struct raft_transport *t, raft_server_id id)
{
        for (struct peer *p = t->peers; p != NULL; p = p->next)
                if (p->id == id)
                        return p;
        return NULL;
}

static void end_links(struct peer *peer)
{
        for (unsigned i = 0; i < CODEC_CHANNEL_COUNT; i++)
                link_end(&peer->links[i]);
}

struct peer *transport_learn(struct raft_transport *t, raft_server_id id, const char *address)
{
        struct peer *peer = transport_peer(t, id);

        if (peer != NULL && strcmp(peer->address, address) == 0) {
                peer->used_ms = now_ms();
                return peer;
        }
        if (peer == NULL) {
                if (t->peer_count == TRANSPORT_PEER_MAX)
                        return NULL;
                peer = calloc(1, sizeof(*peer));
                if (peer == NULL)
                        return NULL;
                peer->transport = t;
                peer->id = id;
                for (unsigned i = 0; i < CODEC_CHANNEL_COUNT; i++)
                        link_init(&peer->links[i], peer, (enum codec_channel)i);
                peer->next = t->peers;
                t->peers = peer;
                t->peer_count++;
        } else {
                end_links(peer);
        }
        peer->used_ms = now_ms();
        snprintf(peer->address, sizeof(peer->address), "%s", address);
        return peer;
}

void raft_transport_set_servers(struct raft_transport *transport,
                                const struct raft_configuration *configuration)
{
        for (struct peer *p = transport->peers; p != NULL; p = p->next)
                p->configured = false;
        for (unsigned i = 0; i < configuration->server_count; i++) {
                const struct raft_server *server = &configuration->servers[i];
                struct peer *peer;

                if (server->id == transport->options.id || server->address[0] == 0)
                        continue;
                peer = transport_learn(transport, server->id, server->address);
                if (peer != NULL)
                        peer->configured = true;
        }
}

// Heartbeats, votes and answers go ahead of entries and snapshots.
static enum codec_channel channel_of(const struct raft_message *m)
{
        bool bulk = m->type == RAFT_SNAPSHOT_REQUEST ||
                    (m->type == RAFT_APPEND_REQUEST && m->entry_count > 0);

        return bulk ? CODEC_BULK : CODEC_PROMPT;
}

void raft_transport_send(struct raft_transport *transport, const struct raft_message *message)
{
        struct peer *peer = transport_peer(transport, message->to);
        size_t length = codec_message_length(message);
        struct frame *frame = NULL;

        if (peer != NULL && length > 0)
                frame = malloc(sizeof(*frame) + length);
        if (frame == NULL) {
                transport->counters.dropped++;
                return;
        }
        frame->length = length;
        codec_encode_message(message, frame->bytes);
        peer->used_ms = now_ms();
        link_send(&peer->links[channel_of(message)], frame);
}

void raft_transport_flush(struct raft_transport *transport)
{
        for (struct peer *p = transport->peers; p != NULL; p = p->next)
                for (unsigned i = 0; i < CODEC_CHANNEL_COUNT; i++)
                        link_flush(&p->links[i]);
}

void raft_transport_accept(struct raft_transport *transport, uv_tcp_t *take_connection)
{
        if (transport->closing)
                uv_close((uv_handle_t *)take_connection, (uv_close_cb)free);
        else
                inbound_accept(transport, take_connection);
}

static void forget(struct raft_transport *t, struct peer **at)
{
        struct peer *peer = *at;

        *at = peer->next;
        t->peer_count--;
        end_links(peer);
        free(peer);
}

static void on_sweep(uv_timer_t *timer)
{
        struct raft_transport *t = timer->data;
        struct peer **at = &t->peers;

        inbound_sweep(t);
        while (*at != NULL) {
                for (unsigned i = 0; i < CODEC_CHANNEL_COUNT; i++)
                        link_sweep(&(*at)->links[i]);
                if (!(*at)->configured && now_ms() >= (*at)->used_ms + TRANSPORT_FORGET_MS)
                        forget(t, at);
                else
                        at = &(*at)->next;
        }
}

int raft_transport_create(const struct raft_transport_options *options, struct raft_transport **out)
{
        struct raft_transport *t = calloc(1, sizeof(*t));
        uint32_t sweep_ms = TRANSPORT_SWEEP_MS;

        if (t == NULL)
                return -ENOMEM;
        t->options = *options;
        snprintf(t->address, sizeof(t->address), "%s", options->address);
        t->options.address = t->address;
        t->random_state = options->seed;
        if (options->dead_after_ms / 4 < sweep_ms)
                sweep_ms = options->dead_after_ms / 4 + 1;
        uv_timer_init(options->loop, &t->sweep);
        t->sweep.data = t;
        t->handles_open++;
        uv_timer_start(&t->sweep, on_sweep, sweep_ms, sweep_ms);
        *out = t;
        return 0;
}

static void on_sweep_closed(uv_handle_t *handle)
{
        transport_handle_closed(handle->data);
}

void raft_transport_close(struct raft_transport *take_transport, void (*closed)(void *arg),
                          void *arg)
{
        struct raft_transport *t = take_transport;

        t->closing = true;
        t->closed = closed;
        t->closed_arg = arg;
        while (t->peers != NULL)
                forget(t, &t->peers);
        while (t->inbound != NULL)
                inbound_end(t->inbound);
        uv_close((uv_handle_t *)&t->sweep, on_sweep_closed);
}

void raft_transport_counters(const struct raft_transport *transport,
                             struct raft_transport_counters *out)
{
        *out = transport->counters;
}
