#include "control/rpc/consul_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct call_stream *call_stream_create(struct consul_link *link, struct yamux_stream *yamux)
{
        struct call_stream *stream = calloc(1, sizeof(*stream));

        if (stream == NULL)
                return NULL;
        stream->link = link;
        stream->yamux = yamux;
        stream->reader.args_max = link->rpc->options.args_max;
        LIST_INIT(&stream->calls);
        LIST_INSERT_HEAD(&link->streams, stream, entry);
        return stream;
}

static void set_held(struct call_stream *stream, bool is_held)
{
        if (is_held && !stream->is_held)
                TAILQ_INSERT_TAIL(&stream->link->held, stream, held_entry);
        if (!is_held && stream->is_held)
                TAILQ_REMOVE(&stream->link->held, stream, held_entry);
        stream->is_held = is_held;
}

static void set_partial(struct call_stream *stream, bool is_partial)
{
        struct consul_link *link = stream->link;

        if (is_partial && !stream->is_partial) {
                stream->partial_ms = uv_now(link->rpc->options.loop);
                TAILQ_INSERT_TAIL(&link->partial, stream, partial_entry);
        }
        if (!is_partial && stream->is_partial)
                TAILQ_REMOVE(&link->partial, stream, partial_entry);
        stream->is_partial = is_partial;
}

// What the reader keeps changed; it had so much before.
static void count_kept(struct call_stream *stream, size_t before)
{
        size_t now = rpc_reader_len(&stream->reader);

        stream->link->kept += now - before;
        stream->link->rpc->kept += now - before;
}

static void forget_input(struct call_stream *stream)
{
        size_t before = rpc_reader_len(&stream->reader);

        rpc_reader_fini(&stream->reader);
        count_kept(stream, before);
        set_held(stream, false);
        set_partial(stream, false);
}

static void remove_call(struct rpc_call *take_call)
{
        LIST_REMOVE(take_call, entry);
        take_call->stream->link->call_count--;
        take_call->stream->link->rpc->counters.calls_open--;
        free(take_call);
}

void call_stream_destroy(struct call_stream *take_stream)
{
        struct consul_link *link = take_stream->link;

        take_stream->is_gone = true;
        while (!LIST_EMPTY(&take_stream->calls)) {
                struct rpc_call *call = LIST_FIRST(&take_stream->calls);

                if (call->cancel != NULL) // NOLINT(clang-analyzer-unix.Malloc)
                        call->cancel(call->cancel_arg, call);
                remove_call(call);
        }
        forget_input(take_stream);
        if (take_stream->is_due)
                TAILQ_REMOVE(&link->due, take_stream, due_entry);
        LIST_REMOVE(take_stream, entry);
        if (link->single == take_stream)
                link->single = NULL;
        if (!TAILQ_EMPTY(&link->held))
                consul_link_touch(link); // there may be room now
        free(take_stream);
}

static void make_due(struct call_stream *stream)
{
        if (!stream->is_due) {
                stream->is_due = true;
                TAILQ_INSERT_TAIL(&stream->link->due, stream, due_entry);
        }
        consul_link_touch(stream->link);
}

static void begin_call(struct call_stream *stream, const struct rpc_request *request)
{
        struct consul_rpc *rpc = stream->link->rpc;
        struct rpc_call *call = malloc(sizeof(*call) + request->method.length);
        char error[RPC_ERROR_MAX];
        rpc_serve_fn *serve;
        void *owner;

        if (call == NULL) {
                consul_link_break(stream->link, "sent more than there is memory for");
                return;
        }
        *call = (struct rpc_call){.stream = stream,
                                  .args = request->args,
                                  .seq = request->seq,
                                  .method_length = request->method.length};
        if (request->method.length > 0)
                memcpy(call->method, request->method.bytes, request->method.length);
        LIST_INSERT_HEAD(&stream->calls, call, entry);
        stream->link->call_count++;
        rpc->counters.calls++;
        rpc->counters.calls_open++;
        serve = rpc_methods_find(&rpc->methods, rpc_call_method(call), &owner, error);
        if (serve == NULL)
                rpc_call_refuse(call, error);
        else
                serve(owner, call);
}

// What is left of the input is of a call that is not whole, or calls for which there is no room.
static void note_rest(struct call_stream *stream, bool is_held)
{
        set_held(stream, is_held);
        set_partial(stream, !is_held && rpc_reader_len(&stream->reader) > 0);
        if (!is_held && stream->yamux != NULL && stream->unconsumed > 0) {
                yamux_consume(stream->yamux, stream->unconsumed);
                stream->unconsumed = 0;
        }
}

// No call is read any more; those that wait are still answered.
static void end_input(struct call_stream *stream, const char *complaint)
{
        if (complaint != NULL) {
                stream->link->rpc->counters.broken++;
                consul_complain(stream->link->rpc, stream->link->source_text, complaint);
        }
        stream->is_ended = true;
        forget_input(stream);
        if (stream->yamux != NULL)
                yamux_consume(stream->yamux, stream->unconsumed);
        stream->unconsumed = 0;
        make_due(stream);
}

// Reads calls as long as there is room for their answers.
static void run(struct call_stream *stream)
{
        struct consul_link *link = stream->link;
        bool is_full = false;
        struct rpc_request request;
        int ret = 0;

        while (link->broken == NULL && !(is_full = consul_link_is_full(link))) {
                size_t before = rpc_reader_len(&stream->reader);

                ret = rpc_reader_next(&stream->reader, &request);
                count_kept(stream, before);
                if (ret <= 0)
                        break;
                set_partial(stream, false);
                begin_call(stream, &request);
        }
        if (ret < 0)
                end_input(stream, ret == -EMSGSIZE ? "sent a call that is too large"
                                                   : "sent bytes that are no call");
        else
                note_rest(stream, is_full && rpc_reader_len(&stream->reader) > 0);
        if (stream->peer_finished)
                make_due(stream);
}

void call_stream_take(struct call_stream *stream, const uint8_t *bytes, size_t len)
{
        size_t before = rpc_reader_len(&stream->reader);

        if (stream->is_ended) {
                if (stream->yamux != NULL)
                        yamux_consume(stream->yamux, len);
                return;
        }
        rpc_reader_append(&stream->reader, bytes, len);
        count_kept(stream, before);
        consul_make_room(stream->link->rpc);
        stream->unconsumed += len;
        if (!stream->is_held)
                run(stream);
}

void call_stream_take_end(struct call_stream *stream)
{
        stream->peer_finished = true;
        make_due(stream);
}

void call_stream_settle(struct call_stream *stream)
{
        if (stream->is_held && !consul_link_is_full(stream->link))
                run(stream);
        if (stream->peer_finished && !stream->is_ended && !stream->is_held)
                end_input(stream,
                          rpc_reader_len(&stream->reader) > 0 ? "ended within a call" : NULL);
        if (!stream->is_ended || !LIST_EMPTY(&stream->calls))
                return;
        if (stream->yamux == NULL) {
                call_stream_destroy(stream);
                return;
        }
        if (!stream->is_finished)
                yamux_finish(stream->yamux);
        stream->is_finished = true;
        if (stream->peer_finished)
                call_stream_destroy(stream);
}

void call_stream_refuse(struct call_stream *take_stream, const char *why)
{
        struct consul_link *link = take_stream->link;

        if (take_stream->yamux == NULL) {
                consul_link_break(link, why);
                return;
        }
        link->rpc->counters.broken++;
        consul_complain(link->rpc, link->source_text, why);
        yamux_reset(take_stream->yamux);
        call_stream_destroy(take_stream);
        consul_link_touch(link);
}

// --- Calls, as methods see them.

struct pack_slice rpc_call_method(const struct rpc_call *call)
{
        return (struct pack_slice){call->method, call->method_length};
}

struct pack_slice rpc_call_args(const struct rpc_call *call)
{
        return call->args;
}

const struct sockaddr *rpc_call_source(const struct rpc_call *call)
{
        return (const struct sockaddr *)&call->stream->link->source;
}

const char *rpc_call_source_text(const struct rpc_call *call)
{
        return call->stream->link->source_text;
}

void rpc_call_on_cancel(struct rpc_call *call, void (*fn)(void *arg, struct rpc_call *call),
                        void *arg)
{
        call->cancel = fn;
        call->cancel_arg = arg;
}

static void send_bytes(struct call_stream *stream, const uint8_t *bytes, size_t len)
{
        struct consul_link *link = stream->link;

        if (link->is_closing || stream->is_gone)
                return;
        if (stream->yamux == NULL)
                byte_buffer_append(&link->single_out, bytes, len);
        else if (yamux_send(stream->yamux, bytes, len) == -ENOBUFS)
                consul_link_break(link, "does not read its answers");
        consul_link_touch(link);
}

static void end_call(struct rpc_call *take_call, const char *error, const uint8_t *body,
                     size_t length)
{
        struct call_stream *stream = take_call->stream;
        struct byte_buffer *head = &stream->link->rpc->scratch;

        head->len = 0;
        rpc_put_answer_head(head, rpc_call_method(take_call), take_call->seq, error);
        if (body == NULL)
                rpc_put_no_result(head);
        send_bytes(stream, head->bytes, head->len);
        if (body != NULL)
                send_bytes(stream, body, length);
        remove_call(take_call);
        if (!stream->is_gone && (stream->is_ended || stream->peer_finished))
                make_due(stream);
}

void rpc_call_answer(struct rpc_call *take_call, const uint8_t *body, size_t length)
{
        end_call(take_call, "", body, length);
}

void rpc_call_refuse(struct rpc_call *take_call, const char *error)
{
        take_call->stream->link->rpc->counters.failed++;
        end_call(take_call, error, NULL, 0);
}
