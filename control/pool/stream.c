#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/pool/pool_internal.h"

/*
 * A connection for one exchange: what is asked and what is answered are one message each. Its two
 * handles close before it is freed.
 */
enum purpose { PURPOSE_ANSWER, PURPOSE_PUSH_PULL, PURPOSE_PING };

struct stream {
        struct pool *pool;
        struct stream *next, **link;
        uv_tcp_t tcp;
        uv_timer_t timer;
        uv_connect_t connect;
        uv_write_t write;
        struct sockaddr_storage peer;
        enum purpose purpose;
        bool join;
        uint32_t sequence;
        pool_joined_fn done;
        void *done_arg;
        unsigned open_handles;
        bool closing, answered;
        struct byte_buffer in, out, scratch[2];
        char chunk[65536];
};

static void free_stream(struct stream *t)
{
        if (t->purpose == PURPOSE_ANSWER)
                t->pool->streams_in--;
        byte_buffer_fini(&t->in);
        byte_buffer_fini(&t->out);
        byte_buffer_fini(&t->scratch[0]);
        byte_buffer_fini(&t->scratch[1]);
        free(t);
}

static void on_closed(uv_handle_t *handle)
{
        struct stream *t = handle->data;
        struct pool *pool = t->pool;

        if (--t->open_handles == 0)
                free_stream(t);
        pool_handle_closed(pool);
}

/* Ends the exchange, and tells who wanted it how it ended. */
static void end(struct stream *t, int status, const char *why)
{
        if (t->closing)
                return;
        t->closing = true;
        *t->link = t->next;
        if (t->next)
                t->next->link = t->link;
        if (t->done)
                t->done(t->done_arg, status, why);
        uv_close((uv_handle_t *)&t->tcp, on_closed);
        uv_close((uv_handle_t *)&t->timer, on_closed);
}

static void on_timeout(uv_timer_t *timer)
{
        end(timer->data, -ETIMEDOUT, "i/o timeout");
}

static struct stream *create(struct pool *pool, enum purpose purpose)
{
        struct stream *t = calloc(1, sizeof(*t));

        if (t == NULL)
                return NULL;
        t->pool = pool;
        t->purpose = purpose;
        uv_tcp_init(pool->options.loop, &t->tcp);
        uv_timer_init(pool->options.loop, &t->timer);
        t->tcp.data = t->timer.data = t->connect.data = t->write.data = t;
        t->open_handles = 2;
        pool->open_handles += 2;
        t->next = pool->streams;
        t->link = &pool->streams;
        if (t->next)
                t->next->link = &t->next;
        pool->streams = t;
        uv_timer_start(&t->timer, on_timeout, pool->options.stream_timeout_ms, 0);
        return t;
}

static void on_written(uv_write_t *write, int status)
{
        struct stream *t = write->data;

        if (t->closing)
                return;
        if (status < 0)
                end(t, status, uv_strerror(status));
        else if (t->answered)
                end(t, 0, "");
}

static int send_message(struct stream *t, const struct byte_buffer *message)
{
        struct pack_slice slice = {message->bytes, (uint32_t)message->len};
        uint8_t nonce[KEYRING_NONCE_BYTES];
        uv_buf_t buffer;

        if (pool_nonce(nonce) < 0 ||
            envelope_put_stream(&t->pool->envelope, nonce, slice, &t->out) < 0)
                return -EIO;
        buffer = uv_buf_init((char *)t->out.bytes, (unsigned)t->out.len);
        t->pool->counters.bytes_out += t->out.len;
        return uv_write(&t->write, (uv_stream_t *)&t->tcp, &buffer, 1, on_written);
}

static int send_state(struct stream *t, bool join)
{
        struct byte_buffer message = BYTE_BUFFER_INIT;
        int ret;

        serf_put_state(t->pool->serf, join, &message);
        ret = send_message(t, &message);
        byte_buffer_fini(&message);
        return ret;
}

static int answer_ping(struct stream *t, struct pack_slice body)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct byte_buffer message = BYTE_BUFFER_INIT;
        struct gossip_ping ping;
        int ret = gossip_get_ping(&r, &ping);

        if (ret == 0 && ping.node.length > 0 &&
            !pack_slice_equal(ping.node, serf_self(t->pool->serf)->name))
                ret = -ENOENT;
        if (ret == 0) {
                gossip_put_ack(&message, &(struct gossip_ack){.sequence = ping.sequence});
                ret = send_message(t, &message);
        }
        byte_buffer_fini(&message);
        return ret;
}

static int deliver_user_message(struct stream *t, struct pack_slice body)
{
        static const struct pack_field fields[] = {{"UserMsgLen", PACK_U32, 0}};
        struct msgpack_reader r = pack_reader_of(body);
        struct swim_address from;
        uint32_t length = 0;

        if (pack_get_struct(&r, fields, 1, &length) < 0 ||
            pool_address_from((const struct sockaddr *)&t->peer, &from) < 0)
                return -EBADMSG;
        serf_receive(t->pool->serf, &from, GOSSIP_USER, (struct pack_slice){r.at, length},
                     pool_now_us(t->pool));
        end(t, 0, "");
        return 0;
}

static bool is_join(struct pack_slice body)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct gossip_push_pull head;

        return gossip_get_push_pull(&r, &head) == 0 && head.join;
}

/* Takes over what the other side knows. A group that may not be joined ends the exchange. */
static int merge(struct stream *t, struct pack_slice body)
{
        int ret = serf_merge_state(t->pool->serf, body, pool_now_us(t->pool));

        if (ret != -EPERM)
                return ret;
        if (t->purpose == PURPOSE_ANSWER)
                pool_refuse_group(t->pool, (const struct sockaddr *)&t->peer);
        end(t, -EPERM, t->pool->group_fault);
        return 0;
}

/* The other side asked. */
static int answer(struct stream *t, uint8_t type, struct pack_slice body)
{
        int ret;

        t->answered = true;
        switch (type) {
        case GOSSIP_PUSH_PULL:
                // Ours as it was before theirs, as both do it.
                ret = send_state(t, is_join(body));
                return ret < 0 ? ret : merge(t, body);
        case GOSSIP_PING:
                return answer_ping(t, body);
        case GOSSIP_USER:
                return deliver_user_message(t, body);
        default:
                return -EBADMSG;
        }
}

static int take_error(struct stream *t, struct pack_slice body)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct pack_slice text;
        char why[256];

        if (gossip_get_error(&r, &text) < 0)
                return -EBADMSG;
        snprintf(why, sizeof(why), "remote error: %.*s",
                 (int)(text.length < 200 ? text.length : 200), (const char *)text.bytes);
        end(t, -EREMOTEIO, why);
        return 0;
}

/* The other side answered us. */
static int take_answer(struct stream *t, uint8_t type, struct pack_slice body)
{
        struct msgpack_reader r = pack_reader_of(body);
        uint64_t now_us = pool_now_us(t->pool), refused = t->pool->members_refused;
        struct gossip_ack ack;
        int ret;

        if (type == GOSSIP_ERROR)
                return take_error(t, body);
        if (t->purpose == PURPOSE_PUSH_PULL && type == GOSSIP_PUSH_PULL) {
                ret = merge(t, body);
                if (ret == 0 && t->join && t->pool->members_refused > refused)
                        end(t, -EPERM, "members there cannot be members here");
                if (ret == 0 && t->join && !t->closing)
                        serf_announce_join(t->pool->serf, now_us);
        } else if (t->purpose == PURPOSE_PING && type == GOSSIP_ACK) {
                ret = gossip_get_ack(&r, &ack);
                if (ret == 0 && ack.sequence == t->sequence)
                        serf_stream_acked(t->pool->serf, t->sequence, now_us);
        } else {
                ret = -EBADMSG;
        }
        if (ret == 0)
                end(t, 0, "");
        return ret;
}

static const char *why_refused(int error)
{
        switch (error) {
        case -EACCES:
                return "encryption is on at one side only";
        case -E2BIG:
                return "message too large";
        case -ENOENT:
                return "ping for another node";
        default:
                return "damaged message";
        }
}

static void take_bytes(struct stream *t)
{
        struct pack_slice bytes = {t->in.bytes, (uint32_t)t->in.len}, message, body;
        struct pool *pool = t->pool;
        int ret = envelope_open_stream(&pool->envelope, bytes, t->scratch, &message);

        if (ret == 0)
                return;
        uv_read_stop((uv_stream_t *)&t->tcp);
        if (ret > 0) {
                body = (struct pack_slice){message.bytes + 1, message.length - 1};
                ret = t->purpose == PURPOSE_ANSWER ? answer(t, message.bytes[0], body)
                                                   : take_answer(t, message.bytes[0], body);
        }
        if (ret < 0) {
                pool_refuse(pool, ret, (const struct sockaddr *)&t->peer);
                end(t, ret, why_refused(ret));
        }
        pool_changed(pool);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct stream *t = handle->data;

        (void)suggested;
        *out = uv_buf_init(t->chunk, sizeof(t->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
        struct stream *t = stream->data;

        if (t->closing || length == 0)
                return;
        if (length < 0) {
                end(t, (int)length, length == UV_EOF ? "EOF" : uv_strerror((int)length));
                return;
        }
        t->pool->counters.bytes_in += (uint64_t)length;
        byte_buffer_append(&t->in, buffer->base, (size_t)length);
        take_bytes(t);
}

static void start_reading(struct stream *t)
{
        int ret = uv_read_start((uv_stream_t *)&t->tcp, on_alloc, on_read);

        if (ret < 0)
                end(t, ret, uv_strerror(ret));
}

int pool_stream_accept(struct pool *pool)
{
        struct stream *t = create(pool, PURPOSE_ANSWER);
        int length = sizeof(t->peer);
        struct swim_address from;

        if (t == NULL)
                return -ENOMEM;
        pool->streams_in++;
        pool->counters.streams_in++;
        if (uv_accept((uv_stream_t *)&pool->listener, (uv_stream_t *)&t->tcp) < 0 ||
            uv_tcp_getpeername(&t->tcp, (struct sockaddr *)&t->peer, &length) < 0) {
                end(t, -EIO, "");
                return -EIO;
        }
        if (pool_address_from((const struct sockaddr *)&t->peer, &from) < 0 ||
            !pool_allows(pool, &from)) {
                pool_refuse(pool, -EPERM, (const struct sockaddr *)&t->peer);
                end(t, -EPERM, "");
                return -EPERM;
        }
        if (pool->streams_in > STREAMS_IN_MAX) {
                pool->counters.refused_streams++;
                end(t, -EBUSY, "");
                return -EBUSY;
        }
        start_reading(t);
        return 0;
}

static void on_connected(uv_connect_t *connect, int status)
{
        struct stream *t = connect->data;

        if (t->closing)
                return;
        if (status == 0)
                status = t->purpose == PURPOSE_PUSH_PULL ? send_state(t, t->join)
                                                         : send_message(t, &t->in);
        if (status < 0) {
                end(t, status, uv_strerror(status));
                return;
        }
        t->in.len = 0;
        start_reading(t);
}

static int connect_to(struct stream *t, const struct sockaddr *address)
{
        size_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                       : sizeof(struct sockaddr_in);
        int ret;

        memcpy(&t->peer, address, length);
        t->pool->counters.streams_out++;
        ret = uv_tcp_connect(&t->connect, &t->tcp, address, on_connected);
        if (ret < 0) {
                t->done = NULL; // the caller learns it from the return value
                end(t, ret, "");
        }
        return ret;
}

int pool_stream_push_pull(struct pool *pool, const struct sockaddr *address, bool join,
                          pool_joined_fn done, void *arg)
{
        struct stream *t = create(pool, PURPOSE_PUSH_PULL);

        if (t == NULL)
                return -ENOMEM;
        t->join = join;
        t->done = done;
        t->done_arg = arg;
        return connect_to(t, address);
}

void pool_stream_ping(struct pool *pool, const struct swim_address *to, struct pack_slice ping,
                      uint32_t sequence)
{
        struct stream *t = create(pool, PURPOSE_PING);
        struct sockaddr_storage address;

        if (t == NULL)
                return;
        t->sequence = sequence;
        byte_buffer_append(&t->in, ping.bytes, ping.length);
        pool_address_to(to, &address);
        (void)connect_to(t, (const struct sockaddr *)&address);
}

void pool_streams_close(struct pool *pool)
{
        while (pool->streams)
                end(pool->streams, -ECANCELED, "the agent is shutting down");
}
