#include <stdlib.h>
#include <string.h>

#include "control/dns/tcp_internal.h"
#include "lictor/bytes.h"

struct pending_write {
        uv_write_t request;
        struct tcp_connection *connection;
        size_t length;
        uint8_t bytes[];
};

static void unlink_connection(struct tcp_connection *c)
{
        struct dns_tcp *tcp = c->tcp;

        *(c->older != NULL ? &c->older->newer : &tcp->oldest) = c->newer;
        *(c->newer != NULL ? &c->newer->older : &tcp->newest) = c->older;
        c->older = c->newer = NULL;
}

static void link_newest(struct tcp_connection *c)
{
        struct dns_tcp *tcp = c->tcp;

        c->older = tcp->newest;
        c->newer = NULL;
        *(tcp->newest != NULL ? &tcp->newest->newer : &tcp->oldest) = c;
        tcp->newest = c;
        c->deadline_ms = uv_now(tcp->loop) + tcp->idle_timeout_ms;
}

static void on_closed(uv_handle_t *handle)
{
        struct tcp_connection *c = handle->data;
        struct dns_tcp *tcp = c->tcp;

        if (c->input != c->small)
                free(c->input);
        free(c);
        tcp_release_handle(tcp);
}

void tcp_connection_close(struct tcp_connection *c)
{
        if (c->closing)
                return;
        c->closing = true;
        tcp_connection_forget_jobs(c);
        unlink_connection(c);
        c->tcp->connection_count--;
        uv_close((uv_handle_t *)&c->handle, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct tcp_connection *c = handle->data;

        (void)suggested;
        *out = uv_buf_init((char *)c->input + c->input_length, c->input_capacity - c->input_length);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

// Read only while the client takes its answers.
static void update_reading(struct tcp_connection *c)
{
        size_t unsent = uv_stream_get_write_queue_size((uv_stream_t *)&c->handle);
        bool wanted = unsent < TCP_OUTPUT_MAX && c->job_count < TCP_JOBS_MAX && !c->ending;

        if (c->closing)
                return;
        if (c->ending && unsent == 0 && c->job_count == 0) {
                tcp_connection_close(c);
                return;
        }
        if (wanted == c->reading)
                return;
        c->reading = wanted;
        if (!wanted)
                uv_read_stop((uv_stream_t *)&c->handle);
        else if (uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read) < 0)
                tcp_connection_close(c);
}

static void answer_input(struct tcp_connection *c);

static void on_written(uv_write_t *request, int status)
{
        struct pending_write *write = request->data;
        struct tcp_connection *c = write->connection;

        c->tcp->unsent -= write->length;
        free(write);
        if (c->closing)
                return;
        if (status < 0) {
                tcp_connection_close(c);
                return;
        }
        // Queries may have been left in the buffer when too much was unsent.
        answer_input(c);
        update_reading(c);
}

static int send_later(struct tcp_connection *c, const uv_buf_t buffers[], unsigned count,
                      size_t skip, size_t total)
{
        struct dns_tcp *tcp = c->tcp;
        struct pending_write *write;
        uv_buf_t rest;
        size_t length = 0;
        int ret;

        if (total - skip > tcp->unsent_limit - tcp->unsent) {
                tcp->stats.overrun++;
                return UV_ENOBUFS;
        }
        write = malloc(sizeof(*write) + total - skip);
        if (write == NULL)
                return UV_ENOMEM;
        for (unsigned i = 0; i < count; i++) {
                size_t sent = skip < buffers[i].len ? skip : buffers[i].len;

                memcpy(write->bytes + length, buffers[i].base + sent, buffers[i].len - sent);
                length += buffers[i].len - sent;
                skip -= sent;
        }
        write->connection = c;
        write->request.data = write;
        rest = uv_buf_init((char *)write->bytes, (unsigned)length);
        write->length = length;
        ret = uv_write(&write->request, (uv_stream_t *)&c->handle, &rest, 1, on_written);
        if (ret < 0)
                free(write);
        else
                tcp->unsent += length;
        return ret;
}

static int send_answers(struct tcp_connection *c, const uv_buf_t buffers[], unsigned count)
{
        size_t total = 0;
        int sent;

        for (unsigned i = 0; i < count; i++)
                total += buffers[i].len;
        if (total == 0)
                return 0;
        sent = uv_try_write((uv_stream_t *)&c->handle, buffers, count);
        if (sent < 0 && sent != UV_EAGAIN)
                return sent;
        if (sent < 0)
                sent = 0;
        return (size_t)sent == total ? 0 : send_later(c, buffers, count, (size_t)sent, total);
}

// Copy complete queries out of the input, at most a burst. returns how many; *used is their length.
static unsigned take_queries(struct tcp_connection *c, struct dns_message messages[],
                             uint32_t *used)
{
        struct dns_tcp *tcp = c->tcp;
        unsigned count = 0;

        *used = 0;
        while (count < SVC_BURST_MAX && c->input_length - *used >= TCP_PREFIX) {
                const uint8_t *at = c->input + *used;
                uint16_t length = load_be16(at);

                if (c->input_length - *used < TCP_PREFIX + (uint32_t)length)
                        break;
                messages[count] = (struct dns_message){
                    .data = tcp->scratch[count] + TCP_PREFIX,
                    .length = length,
                    .capacity = TCP_MESSAGE_MAX,
                };
                memcpy(messages[count++].data, at + TCP_PREFIX, length);
                *used += TCP_PREFIX + (uint32_t)length;
        }
        return count;
}

static int answer_burst(struct tcp_connection *c, struct dns_message messages[], unsigned count)
{
        struct dns_tcp *tcp = c->tcp;
        uv_buf_t buffers[SVC_BURST_MAX];
        unsigned answered = 0, resolving = 0;
        int ret;

        tcp->stats.received += count;
        dns_responder_answer(&tcp->responder, DNS_TCP, messages, count);
        for (unsigned i = 0; i < count; i++) {
                if (tcp->resolver != NULL && dns_resolver_wants(tcp->resolver, &messages[i])) {
                        if (tcp_connection_resolve(c, &messages[i]) < 0)
                                break;
                        resolving++;
                        continue;
                }
                if (messages[i].verdict != DNS_ANSWERED)
                        break;
                store_be16(messages[i].data - TCP_PREFIX, messages[i].length);
                buffers[answered++] = uv_buf_init((char *)messages[i].data - TCP_PREFIX,
                                                  TCP_PREFIX + messages[i].length);
        }
        tcp->stats.answered += answered;
        tcp->stats.dropped += count - answered - resolving;
        ret = send_answers(c, buffers, answered);
        // What cannot be answered is no DNS client's query: nothing sensible follows it.
        return answered + resolving < count ? UV_EPROTO : ret;
}

// Make room for the message the input begins with. returns 0 or UV_ENOMEM.
static int fit_input(struct tcp_connection *c)
{
        uint32_t needed = TCP_PREFIX;
        uint8_t *bigger;

        if (c->input_length >= TCP_PREFIX)
                needed += load_be16(c->input);
        if (needed <= c->input_capacity) {
                if (c->input != c->small && needed <= TCP_INPUT_SMALL &&
                    c->input_length <= TCP_INPUT_SMALL) {
                        memcpy(c->small, c->input, c->input_length);
                        free(c->input);
                        c->input = c->small;
                        c->input_capacity = TCP_INPUT_SMALL;
                }
                return 0;
        }
        bigger = malloc(needed);
        if (bigger == NULL)
                return UV_ENOMEM;
        memcpy(bigger, c->input, c->input_length);
        if (c->input != c->small)
                free(c->input);
        c->input = bigger;
        c->input_capacity = needed;
        return 0;
}

static void answer_input(struct tcp_connection *c)
{
        struct dns_message messages[SVC_BURST_MAX];
        uint32_t used;
        int ret = 0;

        while (ret == 0 && !c->closing && c->job_count < TCP_JOBS_MAX &&
               uv_stream_get_write_queue_size((uv_stream_t *)&c->handle) < TCP_OUTPUT_MAX) {
                unsigned count = take_queries(c, messages, &used);

                if (count == 0)
                        break;
                c->input_length -= used;
                memmove(c->input, c->input + used, c->input_length);
                unlink_connection(c);
                link_newest(c);
                ret = answer_burst(c, messages, count);
        }
        if (ret == 0)
                ret = fit_input(c);
        if (ret < 0)
                tcp_connection_close(c);
}

int tcp_connection_send(struct tcp_connection *c, struct dns_message *answer)
{
        uv_buf_t buffer;

        store_be16(answer->data - TCP_PREFIX, answer->length);
        buffer = uv_buf_init((char *)answer->data - TCP_PREFIX, TCP_PREFIX + answer->length);
        c->tcp->stats.answered++;
        return send_answers(c, &buffer, 1);
}

void tcp_connection_continue(struct tcp_connection *c)
{
        answer_input(c);
        update_reading(c);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct tcp_connection *c = stream->data;

        (void)buffer;
        if (count == UV_EOF) {
                // A client may close its side and still wait for its answers.
                c->ending = true;
                update_reading(c);
                return;
        }
        if (count < 0) {
                tcp_connection_close(c);
                return;
        }
        c->input_length += (uint32_t)count;
        answer_input(c);
        update_reading(c);
}

static struct tcp_connection *new_connection(struct dns_tcp *tcp)
{
        struct tcp_connection *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return NULL;
        if (uv_tcp_init(tcp->loop, &c->handle) < 0) {
                free(c);
                return NULL;
        }
        c->tcp = tcp;
        c->handle.data = c;
        c->input = c->small;
        c->input_capacity = TCP_INPUT_SMALL;
        tcp->handle_count++;
        tcp->connection_count++;
        link_newest(c);
        return c;
}

void tcp_connection_accept(struct tcp_listener *listener)
{
        struct dns_tcp *tcp = listener->tcp;
        struct tcp_connection *c;

        if (tcp->connection_count >= tcp->connection_limit) {
                tcp->stats.evicted++;
                tcp_connection_close(tcp->oldest);
        }
        c = new_connection(tcp);
        if (c == NULL)
                return;
        if (uv_accept((uv_stream_t *)&listener->handle, (uv_stream_t *)&c->handle) < 0) {
                tcp_connection_close(c);
                return;
        }
        tcp->stats.accepted++;
        uv_tcp_nodelay(&c->handle, 1);
        update_reading(c);
}
