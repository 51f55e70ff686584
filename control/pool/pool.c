#include "control/pool/pool_internal.h"
#include "lictor/address.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSEC_PER_USEC       1000u
#define REFUSAL_INTERVAL_MS 10000u
#define BACKLOG             128

void pool_options_lan(struct pool_options *o)
{
        *o = (struct pool_options){.stream_timeout_ms = 10000, .compress = true};
        serf_options_lan(&o->serf);
}

void pool_options_wan(struct pool_options *o)
{
        *o = (struct pool_options){.stream_timeout_ms = 30000, .compress = true};
        serf_options_wan(&o->serf);
}

int pool_address_from(const struct sockaddr *from, struct swim_address *out)
{
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;

        *out = (struct swim_address){.length = 0};
        if (from->sa_family == AF_INET) {
                out->length = 4;
                out->port = ntohs(in->sin_port);
                memcpy(out->bytes, &in->sin_addr, 4);
                return 0;
        }
        if (from->sa_family != AF_INET6)
                return -EAFNOSUPPORT;
        out->port = ntohs(in6->sin6_port);
        // Addresses of the older kind are told in their own form, as others compare bytes.
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
                out->length = 4;
                memcpy(out->bytes, in6->sin6_addr.s6_addr + 12, 4);
        } else {
                out->length = 16;
                memcpy(out->bytes, &in6->sin6_addr, 16);
        }
        return 0;
}

void pool_address_to(const struct swim_address *from, struct sockaddr_storage *out)
{
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

        memset(out, 0, sizeof(*out));
        if (from->length == 16) {
                in6->sin6_family = AF_INET6;
                in6->sin6_port = htons(from->port);
                memcpy(&in6->sin6_addr, from->bytes, 16);
        } else {
                in->sin_family = AF_INET;
                in->sin_port = htons(from->port);
                memcpy(&in->sin_addr, from->bytes, 4);
        }
}

uint64_t pool_now_us(const struct pool *pool)
{
        (void)pool;
        return uv_hrtime() / NSEC_PER_USEC;
}

int pool_nonce(uint8_t nonce[KEYRING_NONCE_BYTES])
{
        return gnutls_rnd(GNUTLS_RND_NONCE, nonce, KEYRING_NONCE_BYTES) < 0 ? -EIO : 0;
}

bool pool_allows(const struct pool *pool, const struct swim_address *address)
{
        return pool->options.allowed_count == 0 ||
               pool_networks_have(pool->options.allowed, pool->options.allowed_count,
                                  address->bytes, address->length);
}

void pool_refuse(struct pool *pool, int error, const struct sockaddr *from)
{
        uint64_t now_ms = uv_now(pool->options.loop), suppressed;
        const char *why = "damaged message";
        char text[ADDRESS_TEXT_MAX];

        if (error == -EACCES) {
                pool->counters.refused_encryption++;
                why = "encryption is on at one side only";
        } else if (error == -EPERM) {
                pool->counters.refused_network++;
                why = "its address is in no allowed network";
        } else {
                pool->counters.refused_damaged++;
        }
        if (!log_limit_allow(&pool->refusal_limit, now_ms, &suppressed))
                return;
        address_text(from, text, sizeof(text));
        log_warn(pool->options.log, pool->options.module,
                 "Refused a message: from=%s error=\"%s\" more=%lu", text, why,
                 (unsigned long)suppressed);
}

void pool_refuse_group(struct pool *pool, const struct sockaddr *from)
{
        char text[ADDRESS_TEXT_MAX];
        uint64_t suppressed;

        if (!log_limit_allow(&pool->refusal_limit, uv_now(pool->options.loop), &suppressed))
                return;
        address_text(from, text, sizeof(text));
        log_error(pool->options.log, pool->options.module,
                  "Failed push/pull merge: %s from=%s more=%lu", pool->group_fault, text,
                  (unsigned long)suppressed);
}

/* ---- Packets ---- */

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet,
                    bool checksum)
{
        struct pool *pool = arg;
        struct sockaddr_storage address;
        uint8_t nonce[KEYRING_NONCE_BYTES];
        uv_buf_t buffer;

        if (pool->closing || pool_nonce(nonce) < 0)
                return;
        pool->wire.len = 0;
        if (envelope_put_packet(&pool->envelope, checksum, nonce, packet, &pool->wire) < 0)
                return;
        pool_address_to(to, &address);
        buffer = uv_buf_init((char *)pool->wire.bytes, (unsigned)pool->wire.len);
        // A full socket buffer loses the packet, as the network may.
        if (uv_udp_try_send(&pool->udp, &buffer, 1, (const struct sockaddr *)&address) < 0)
                return;
        pool->counters.packets_out++;
        pool->counters.bytes_out += pool->wire.len;
}

struct arrival {
        struct pool *pool;
        struct swim_address from;
        uint64_t now_us;
};

static void on_message(void *arg, uint8_t type, struct pack_slice body)
{
        const struct arrival *arrival = arg;

        serf_receive(arrival->pool->serf, &arrival->from, type, body, arrival->now_us);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct pool *pool = handle->data;

        (void)suggested;
        *out = uv_buf_init((char *)pool->received, sizeof(pool->received));
}

static void on_packet(uv_udp_t *udp, ssize_t length, const uv_buf_t *buffer,
                      const struct sockaddr *from, unsigned flags)
{
        struct pool *pool = udp->data;
        struct arrival arrival = {pool, {0}, pool_now_us(pool)};
        struct pack_slice packet = {(const uint8_t *)buffer->base, (uint32_t)length};
        int ret;

        if (length <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) ||
            pool_address_from(from, &arrival.from) < 0)
                return;
        pool->counters.packets_in++;
        pool->counters.bytes_in += (uint64_t)length;
        ret = pool_allows(pool, &arrival.from) ? 0 : -EPERM;
        if (ret == 0)
                ret = envelope_open_packet(&pool->envelope, packet, &pool->opened, &packet);
        if (ret == 0)
                ret = gossip_unpack(packet, &pool->unpacked, on_message, &arrival);
        if (ret < 0)
                pool_refuse(pool, ret, from);
        pool_changed(pool);
}

/* ---- The state machine's other hooks, and its clock ---- */

static void on_push_pull(void *arg, const struct swim_address *with)
{
        struct pool *pool = arg;
        struct sockaddr_storage address;

        pool_address_to(with, &address);
        if (!pool->closing)
                (void)pool_stream_push_pull(pool, (const struct sockaddr *)&address, false, NULL,
                                            NULL);
}

static void on_stream_ping(void *arg, const struct swim_address *to, struct pack_slice ping,
                           uint32_t sequence)
{
        struct pool *pool = arg;

        if (!pool->closing)
                pool_stream_ping(pool, to, ping, sequence);
}

static void on_conflict(void *arg, const struct swim_node *node, const struct swim_address *other)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        if (upper->conflict)
                upper->conflict(upper->arg, node, other);
}

static bool on_admits(void *arg, const struct gossip_alive *alive)
{
        struct pool *pool = arg;
        const struct serf_hooks *upper = &pool->options.hooks;
        struct sockaddr_storage named;
        struct swim_address address;
        bool admitted;

        // What others say of us is for the state machine to judge.
        if (!pack_slice_equal(alive->node, pool->options.serf.swim.name) &&
            swim_address_make(alive->address, alive->port, &address) &&
            !pool_allows(pool, &address)) {
                pool_address_to(&address, &named);
                pool_refuse(pool, -EPERM, (const struct sockaddr *)&named);
                return false;
        }
        admitted = upper->admits == NULL || upper->admits(upper->arg, alive);
        pool->members_refused += !admitted;
        return admitted;
}

static const char *on_group_fault(void *arg, const struct gossip_node_state rows[], uint32_t count)
{
        struct pool *pool = arg;
        const struct serf_hooks *upper = &pool->options.hooks;

        pool->group_fault = upper->group_fault ? upper->group_fault(upper->arg, rows, count) : NULL;
        return pool->group_fault;
}

static void on_member_event(void *arg, enum serf_member_event event,
                            const struct serf_member *member)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        if (upper->member_event)
                upper->member_event(upper->arg, event, member);
}

static void on_user_event(void *arg, const struct serf_user_event *event)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        if (upper->user_event)
                upper->user_event(upper->arg, event);
}

static void on_query(void *arg, const struct serf_query *query)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        if (upper->query)
                upper->query(upper->arg, query);
}

static void on_answer(void *arg, uint32_t query_id, enum serf_answer kind, struct pack_slice from,
                      struct pack_slice payload)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        if (upper->answer)
                upper->answer(upper->arg, query_id, kind, from, payload);
}

static int on_keys_changed(void *arg, const struct keyring *ring)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        return upper->keys_changed ? upper->keys_changed(upper->arg, ring) : 0;
}

static void on_timer(uv_timer_t *timer)
{
        struct pool *pool = timer->data;

        serf_tick(pool->serf, pool_now_us(pool));
        pool_changed(pool);
}

void pool_changed(struct pool *pool)
{
        uint64_t now_us = pool_now_us(pool), deadline_us = serf_deadline_us(pool->serf);
        uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;

        if (!pool->closing)
                uv_timer_start(&pool->timer, on_timer, (wait_us + 999) / 1000, 0);
}

struct serf *pool_serf(struct pool *pool)
{
        return pool->serf;
}

void pool_counters(const struct pool *pool, struct pool_counters *out)
{
        *out = pool->counters;
}

static void on_connection(uv_stream_t *listener, int status)
{
        struct pool *pool = listener->data;

        if (status == 0)
                (void)pool_stream_accept(pool);
}

/* ---- Start and stop ---- */

static int bind_sockets(struct pool *pool)
{
        struct sockaddr_storage bound = pool->options.bind;
        int length = sizeof(bound), ret;

        ret = uv_udp_bind(&pool->udp, (const struct sockaddr *)&bound, 0);
        if (ret < 0)
                return ret;
        // A port chosen by the kernel is the stream's, too.
        ret = uv_udp_getsockname(&pool->udp, (struct sockaddr *)&bound, &length);
        if (ret == 0)
                ret = uv_tcp_bind(&pool->listener, (const struct sockaddr *)&bound, 0);
        if (ret == 0)
                ret = uv_listen((uv_stream_t *)&pool->listener, BACKLOG, on_connection);
        if (ret == 0)
                ret = uv_udp_recv_start(&pool->udp, on_alloc, on_packet);
        return ret < 0 ? ret : pool_address_from((const struct sockaddr *)&bound, &pool->address);
}

static uint64_t on_kept_ms(void *arg, const struct serf_member *member, uint64_t kept_ms)
{
        const struct serf_hooks *upper = &((struct pool *)arg)->options.hooks;

        return upper->kept_ms ? upper->kept_ms(upper->arg, member, kept_ms) : kept_ms;
}

static int create_serf(struct pool *pool)
{
        struct serf_hooks hooks = {
            .arg = pool,
            .send = on_send,
            .push_pull = on_push_pull,
            .stream_ping = on_stream_ping,
            .conflict = on_conflict,
            .admits = on_admits,
            .group_fault = on_group_fault,
            .member_event = on_member_event,
            .user_event = on_user_event,
            .query = on_query,
            .answer = on_answer,
            .keys_changed = on_keys_changed,
            .kept_ms = on_kept_ms,
        };
        struct pool_options *o = &pool->options;
        size_t overhead;

        pool->envelope = (struct envelope){.keyring = o->serf.keyring,
                                           .compress = o->compress,
                                           .plain_in = o->plain_in,
                                           .plain_out = o->plain_out};
        overhead = envelope_overhead(&pool->envelope);
        if (o->serf.swim.address.length == 0)
                o->serf.swim.address = pool->address;
        if (o->serf.swim.address.port == 0)
                o->serf.swim.address.port = pool->address.port;
        o->serf.swim.packet_bytes -= (unsigned)overhead;
        pool->serf = serf_create(&o->serf, &hooks, pool_now_us(pool));
        return pool->serf ? 0 : -EINVAL;
}

int pool_start(const struct pool_options *options, struct pool **out, char *error,
               size_t error_size)
{
        struct pool *pool = calloc(1, sizeof(*pool));
        char text[ADDRESS_TEXT_MAX];
        int ret;

        if (pool == NULL)
                return -ENOMEM;
        pool->options = *options;
        pool->refusal_limit.interval_ms = REFUSAL_INTERVAL_MS;
        pool->udp.data = pool->listener.data = pool->timer.data = pool;
        uv_udp_init(options->loop, &pool->udp);
        uv_tcp_init(options->loop, &pool->listener);
        uv_timer_init(options->loop, &pool->timer);
        pool->open_handles = 3;
        ret = bind_sockets(pool);
        if (ret < 0) {
                address_text((const struct sockaddr *)&options->bind, text, sizeof(text));
                snprintf(error, error_size, "cannot gossip on %s: %s", text, uv_strerror(ret));
        } else if ((ret = create_serf(pool)) < 0) {
                snprintf(error, error_size, "node name or tags are too long for gossip");
        }
        if (ret < 0) {
                pool_stop(pool, NULL, NULL);
                return ret;
        }
        pool_changed(pool);
        *out = pool;
        return 0;
}

void pool_handle_closed(struct pool *pool)
{
        if (--pool->open_handles > 0 || !pool->closing)
                return;
        if (pool->closed)
                pool->closed(pool->closed_arg);
        serf_destroy(pool->serf);
        byte_buffer_fini(&pool->wire);
        byte_buffer_fini(&pool->opened);
        byte_buffer_fini(&pool->unpacked);
        free(pool);
}

static void on_closed(uv_handle_t *handle)
{
        pool_handle_closed(handle->data);
}

void pool_stop(struct pool *pool, void (*closed)(void *arg), void *arg)
{
        pool->closing = true;
        pool->closed = closed;
        pool->closed_arg = arg;
        pool_streams_close(pool);
        uv_close((uv_handle_t *)&pool->udp, on_closed);
        uv_close((uv_handle_t *)&pool->listener, on_closed);
        uv_close((uv_handle_t *)&pool->timer, on_closed);
}

int pool_join(struct pool *pool, const struct sockaddr *address, pool_joined_fn done, void *arg)
{
        return pool_stream_push_pull(pool, address, true, done, arg);
}
