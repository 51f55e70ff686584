#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/transport/transport_internal.h"

#define BUFFER_BYTES (64u << 10)

static uint64_t now_ms(void)
{
        return uv_hrtime() / 1000000u;
}

static void on_closed(uv_handle_t *handle)
{
        struct inbound *in = handle->data;
        struct raft_transport *t = in->transport;

        codec_entries_fini(&in->entries);
        free(in->buffer);
        free(in->tcp);
        free(in);
        transport_handle_closed(t);
}

void inbound_end(struct inbound *in)
{
        if (in->closing)
                return;
        in->closing = true;
        *in->link = in->next;
        if (in->next != NULL)
                in->next->link = in->link;
        in->transport->inbound_count--;
        uv_close((uv_handle_t *)in->tcp, on_closed);
}

static void refuse(struct inbound *in, const char *why)
{
        in->transport->counters.refused++;
        transport_warn(in->transport, in->tcp, why);
        inbound_end(in);
}

static const char *describe(int error)
{
        switch (error) {
        case -EMSGSIZE:
                return "sent a frame of impossible length";
        case -EPROTONOSUPPORT:
                return "speaks another version of the protocol";
        case -ENOMEM:
                return "sent more than there is memory for";
        default:
                return "sent a damaged or malformed frame";
        }
}

// A server that connects anew has lost the connection it had, whatever TCP believes.
static void supersede(const struct inbound *in)
{
        struct inbound *next;

        for (struct inbound *other = in->transport->inbound; other != NULL; other = next) {
                next = other->next;
                if (other != in && other->greeted && other->from == in->from &&
                    other->channel == in->channel)
                        inbound_end(other);
        }
}

static void greet(struct inbound *in, const uint8_t *frame, size_t length)
{
        struct raft_transport *t = in->transport;
        struct codec_hello hello;
        const char *why;
        int ret = codec_decode_hello(frame, length, &hello);

        if (ret != 0) {
                refuse(in, describe(ret));
                return;
        }
        why = hello.to != t->options.id ? "wants another server"
                                        : t->options.admit(t->options.arg, &hello);
        if (why != NULL) {
                refuse(in, why);
                return;
        }
        in->greeted = true;
        in->from = hello.from;
        in->channel = hello.channel;
        supersede(in);
        if (hello.address[0] != 0)
                transport_learn(t, hello.from, hello.address);
}

static void take_frame(struct inbound *in, const uint8_t *frame, size_t length)
{
        struct raft_transport *t = in->transport;
        struct raft_message message;
        int ret;

        if (!in->greeted) {
                greet(in, frame, length);
                return;
        }
        ret = codec_decode_message(frame, length, &in->entries, &message);
        if (ret != 0) {
                refuse(in, describe(ret));
                return;
        }
        t->counters.received++;
        if (message.from != in->from || message.to != t->options.id)
                refuse(in, "speaks for another server");
        else if (!t->options.receive(t->options.arg, &message))
                refuse(in, "is not a server of this cluster");
        codec_entries_clear(&in->entries);
}

// Makes room for the frame that begins at offset, and moves it to the front.
static int make_room(struct inbound *in, size_t offset, size_t frame)
{
        size_t capacity = frame > BUFFER_BYTES ? frame : BUFFER_BYTES;
        uint8_t *buffer;

        in->length -= offset;
        if (in->buffer != NULL)
                memmove(in->buffer, in->buffer + offset, in->length);
        if (in->capacity == capacity || (frame <= in->capacity && in->length > BUFFER_BYTES))
                return 0;
        buffer = realloc(in->buffer, capacity > in->length ? capacity : in->length);
        if (buffer == NULL)
                return -ENOMEM;
        in->buffer = buffer;
        in->capacity = capacity > in->length ? capacity : in->length;
        return 0;
}

static void parse(struct inbound *in)
{
        size_t offset = 0, total = 0;

        while (!in->closing) {
                int ret = codec_frame_length(in->buffer + offset, in->length - offset, &total);

                // Who has not said who it is has no reason to say much.
                if (ret == 0 && !in->greeted && total > BUFFER_BYTES)
                        ret = -EMSGSIZE;
                if (ret != 0) {
                        refuse(in, describe(ret));
                        return;
                }
                if (total == 0 || in->length - offset < total)
                        break;
                take_frame(in, in->buffer + offset, total);
                offset += total;
        }
        if (!in->closing && make_room(in, offset, total) != 0)
                refuse(in, describe(-ENOMEM));
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct inbound *in = handle->data;

        (void)suggested;
        *out = uv_buf_init((char *)in->buffer + in->length, (unsigned)(in->capacity - in->length));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct inbound *in = stream->data;

        (void)buffer;
        if (count < 0) {
                if (!in->greeted)
                        in->transport->counters.refused++;
                inbound_end(in);
                return;
        }
        in->length += (size_t)count;
        parse(in);
}

void inbound_accept(struct raft_transport *t, uv_tcp_t *take_connection)
{
        struct inbound *in = NULL;

        if (t->inbound_count < TRANSPORT_INBOUND_MAX)
                in = calloc(1, sizeof(*in));
        if (in != NULL)
                in->buffer = malloc(BUFFER_BYTES);
        if (in == NULL || in->buffer == NULL) {
                free(in);
                t->counters.refused++;
                transport_warn(t, take_connection, "is one too many");
                uv_close((uv_handle_t *)take_connection, (uv_close_cb)free);
                return;
        }
        in->transport = t;
        in->tcp = take_connection;
        in->tcp->data = in;
        in->capacity = BUFFER_BYTES;
        in->since_ms = now_ms();
        in->next = t->inbound;
        in->link = &t->inbound;
        if (in->next != NULL)
                in->next->link = &in->next;
        t->inbound = in;
        t->inbound_count++;
        t->handles_open++;
        uv_tcp_nodelay(in->tcp, 1);
        uv_tcp_keepalive(in->tcp, 1, 30);
        if (uv_read_start((uv_stream_t *)in->tcp, on_allocate, on_read) != 0)
                inbound_end(in);
}

void inbound_sweep(struct raft_transport *t)
{
        struct inbound *next;

        for (struct inbound *in = t->inbound; in != NULL; in = next) {
                next = in->next;
                if (!in->greeted && now_ms() >= in->since_ms + TRANSPORT_HELLO_MS)
                        refuse(in, "did not say who it is in time");
        }
}
