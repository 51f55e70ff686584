#include "control/grpc/grpc_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/grpc/session_internal.h"

// Of one connection. What is asked for is a few hundred bytes.
#define STREAMS_MAX  16384u
#define REQUEST_MAX  ((size_t)64 << 10)
#define KEPT_MAX     ((size_t)1 << 20)
#define HEADERS_MAX  16384u
#define PATH_LEN_MAX 256u
#define TEXT_MAX     1024u

// --- Sending.

#define HEADER(name, value)                                                                        \
        {                                                                                          \
                (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name),         \
                    strlen(value), NGHTTP2_NV_FLAG_NONE                                            \
        }

// The status, after the headers that are given. returns  how many there are.
static size_t add_status(const struct grpc_call *call, nghttp2_nv headers[], size_t count,
                         char code[12], char text[TEXT_MAX])
{
        snprintf(code, 12, "%d", call->code);
        headers[count++] = (nghttp2_nv)HEADER("grpc-status", code);
        if (call->text == NULL)
                return count;
        grpc_status_text_encode(call->text, text, TEXT_MAX);
        headers[count++] = (nghttp2_nv)HEADER("grpc-message", text);
        return count;
}

static ssize_t on_read(nghttp2_session *http, int32_t stream, uint8_t *out, size_t size,
                       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
        struct grpc_call *call = source->ptr;
        char code[12], text[TEXT_MAX];
        nghttp2_nv trailers[2];
        size_t len = grpc_call_take(call, out, size);

        (void)arg;
        if (len == 0 && !call->is_finished) {
                call->is_paused = true;
                return NGHTTP2_ERR_DEFERRED;
        }
        if (call->is_finished && call->backlog == 0) {
                *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
                if (nghttp2_submit_trailer(http, stream, trailers,
                                           add_status(call, trailers, 0, code, text)) < 0)
                        return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        return (ssize_t)len;
}

static void break_session(struct grpc_session *session, uint32_t code)
{
        session->is_broken = true;
        nghttp2_session_terminate_session(session->http, code);
}

// The head of the answer, and what follows it; a status alone goes into the head.
static int begin_answer(struct grpc_call *call)
{
        const nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = on_read};
        nghttp2_nv headers[4] = {HEADER(":status", "200"),
                                 HEADER("content-type", "application/grpc")};
        char code[12], text[TEXT_MAX];
        size_t count = 2;
        bool is_all = call->is_finished && call->backlog == 0;

        call->is_answered = true;
        if (is_all)
                count = add_status(call, headers, count, code, text);
        return nghttp2_submit_response(call->session->http, call->stream, headers, count,
                                       is_all ? NULL : &provider);
}

void grpc_call_resume(struct grpc_call *call)
{
        struct grpc_session *session = call->session;
        int ret = 0;

        if (call->is_broken || session->is_broken)
                return;
        if (!call->is_answered) {
                ret = begin_answer(call);
        } else if (call->is_paused) {
                call->is_paused = false;
                ret = nghttp2_session_resume_data(session->http, call->stream);
        }
        if (ret < 0)
                break_session(session, NGHTTP2_INTERNAL_ERROR);
        session->options.wake(session->options.arg);
}

void grpc_call_reset(struct grpc_call *call)
{
        call->is_broken = true;
        nghttp2_submit_rst_stream(call->session->http, NGHTTP2_FLAG_NONE, call->stream,
                                  NGHTTP2_ENHANCE_YOUR_CALM);
        call->session->options.wake(call->session->options.arg);
}

// An answer of HTTP, to what is no gRPC.
static void refuse(struct grpc_call *call, const char *status)
{
        const nghttp2_nv header = HEADER(":status", status);

        call->is_answered = true;
        call->is_finished = true;
        nghttp2_submit_response(call->session->http, call->stream, &header, 1, NULL);
}

// --- A request.

static void fail(struct grpc_call *call, enum grpc_code code, const char *text)
{
        grpc_call_finish(call, code, text);
}

// As Go's servers say it: a method of no service, or no method of a service.
static void fail_unknown(struct grpc_call *call)
{
        const char *path = call->path != NULL ? call->path : "";
        const char *name = path + (path[0] == '/'), *slash = strrchr(name, '/');
        size_t service_len = slash != NULL ? (size_t)(slash - path) : 0;
        char text[2 * PATH_LEN_MAX + 64];

        if (slash == NULL)
                snprintf(text, sizeof(text), "malformed method name: \"%s\"", path);
        else
                snprintf(text, sizeof(text), "unknown service %.*s", (int)(slash - name), name);
        for (size_t i = 0; slash != NULL && i < call->session->options.method_count; i++) {
                const char *known = call->session->options.methods[i].path;

                if (strncmp(known, path, service_len + 1) == 0)
                        snprintf(text, sizeof(text), "unknown method %s for service %.*s",
                                 slash + 1, (int)(slash - name), name);
        }
        fail(call, GRPC_UNIMPLEMENTED, text);
}

static void serve(struct grpc_call *call)
{
        struct byte_buffer request = call->request;
        const uint8_t *message;
        size_t len;
        int ret;

        call->is_served = true;
        call->session->kept -= request.len;
        call->request = (struct byte_buffer)BYTE_BUFFER_INIT;
        ret = grpc_frame_read(request.bytes, request.len, &message, &len);
        if (!call->is_post)
                refuse(call, "405");
        else if (!call->is_grpc)
                refuse(call, "415");
        else if (call->method == NULL)
                fail_unknown(call);
        else if (ret == -ENOTSUP || call->is_compressed)
                fail(call, GRPC_UNIMPLEMENTED, "grpc: compressed messages are not supported");
        else if (ret < 0)
                fail(call, GRPC_INTERNAL, "grpc: the request is not one message");
        else
                call->method->serve(call->method->owner, call, message, len);
        byte_buffer_fini(&request);
}

static int on_begin_headers(nghttp2_session *http, const nghttp2_frame *frame, void *arg)
{
        struct grpc_session *session = arg;
        struct grpc_call *call;

        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
                return 0;
        call = *session->options.calls_open < session->options.calls_max ? calloc(1, sizeof(*call))
                                                                         : NULL;
        if (call == NULL)
                return nghttp2_submit_rst_stream(http, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                                 NGHTTP2_REFUSED_STREAM);
        call->session = session;
        call->stream = frame->hd.stream_id;
        STAILQ_INIT(&call->queue);
        LIST_INSERT_HEAD(&session->calls, call, entry);
        (*session->options.calls_open)++;
        nghttp2_session_set_stream_user_data(http, call->stream, call);
        return 0;
}

static bool is_text(const uint8_t *bytes, size_t len, const char *text)
{
        return len == strlen(text) && memcmp(bytes, text, len) == 0;
}

static void take_path(struct grpc_call *call, const uint8_t *path, size_t len)
{
        const struct grpc_session_options *options = &call->session->options;

        for (size_t i = 0; i < options->method_count; i++) {
                if (is_text(path, len, options->methods[i].path))
                        call->method = &options->methods[i];
        }
        if (call->method == NULL && call->path == NULL)
                call->path = strndup((const char *)path, len < PATH_LEN_MAX ? len : PATH_LEN_MAX);
}

static int on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
        static const char type[] = "application/grpc";
        struct grpc_call *call = nghttp2_session_get_stream_user_data(http, frame->hd.stream_id);

        (void)flags;
        (void)arg;
        if (call == NULL || call->is_served)
                return 0;
        if (is_text(name, name_len, ":method"))
                call->is_post = is_text(value, value_len, "POST");
        else if (is_text(name, name_len, ":path"))
                take_path(call, value, value_len);
        else if (is_text(name, name_len, "content-type"))
                call->is_grpc =
                    value_len >= sizeof(type) - 1 && memcmp(value, type, sizeof(type) - 1) == 0;
        else if (is_text(name, name_len, "grpc-encoding"))
                call->is_compressed = !is_text(value, value_len, "identity");
        return 0;
}

static int on_data(nghttp2_session *http, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t len, void *arg)
{
        struct grpc_call *call = nghttp2_session_get_stream_user_data(http, stream);
        struct grpc_session *session = arg;

        (void)flags;
        if (call == NULL || call->is_broken || call->is_served || len == 0)
                return 0;
        if (call->request.len + len > REQUEST_MAX) {
                grpc_call_reset(call);
                return 0;
        }
        byte_buffer_append(&call->request, bytes, len);
        session->kept += len;
        if (session->kept > KEPT_MAX)
                break_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
}

static int on_frame(nghttp2_session *http, const nghttp2_frame *frame, void *arg)
{
        struct grpc_session *session = arg;
        struct grpc_call *call;

        session->has_begun = true;
        if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
                return 0;
        call = nghttp2_session_get_stream_user_data(http, frame->hd.stream_id);
        if (call != NULL && !call->is_broken && !call->is_served && !session->is_broken)
                serve(call);
        return 0;
}

static void cancel(struct grpc_call *take_call)
{
        if (take_call->cancel != NULL)
                take_call->cancel(take_call->cancel_arg);
        grpc_call_free(take_call);
}

static int on_close(nghttp2_session *http, int32_t stream, uint32_t code, void *arg)
{
        struct grpc_call *call = nghttp2_session_get_stream_user_data(http, stream);

        (void)code;
        (void)arg;
        if (call != NULL) {
                nghttp2_session_set_stream_user_data(http, stream, NULL);
                cancel(call);
        }
        return 0;
}

// --- The session.

static int make_http(struct grpc_session *session)
{
        nghttp2_session_callbacks *callbacks = NULL;
        nghttp2_option *option = NULL;
        int ret = nghttp2_session_callbacks_new(&callbacks);

        if (ret < 0)
                return ret;
        ret = nghttp2_option_new(&option);
        if (ret < 0)
                goto del_callbacks;
        // Nothing is asked of a stream that has ended.
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        ret = nghttp2_session_server_new2(&session->http, callbacks, session, option);
        nghttp2_option_del(option);
del_callbacks:
        nghttp2_session_callbacks_del(callbacks);
        return ret;
}

int grpc_session_create(const struct grpc_session_options *options, struct grpc_session **out)
{
        static const nghttp2_settings_entry settings[] = {
            {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX},
            {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        };
        struct grpc_session *session = calloc(1, sizeof(*session));

        if (session == NULL)
                return -ENOMEM;
        session->options = *options;
        LIST_INIT(&session->calls);
        if (make_http(session) < 0 ||
            nghttp2_submit_settings(session->http, NGHTTP2_FLAG_NONE, settings,
                                    sizeof(settings) / sizeof(settings[0])) < 0) {
                grpc_session_destroy(session);
                return -ENOMEM;
        }
        *out = session;
        return 0;
}

void grpc_session_destroy(struct grpc_session *take_session)
{
        take_session->is_broken = true;
        while (!LIST_EMPTY(&take_session->calls))
                cancel(LIST_FIRST(&take_session->calls));
        if (take_session->http != NULL)
                nghttp2_session_del(take_session->http);
        free(take_session);
}

int grpc_session_receive(struct grpc_session *session, const uint8_t *bytes, size_t len)
{
        ssize_t used = nghttp2_session_mem_recv(session->http, bytes, len);

        return used == (ssize_t)len && !session->is_broken ? 0 : -EPROTO;
}

size_t grpc_session_take_output(struct grpc_session *session, uint8_t *out, size_t size)
{
        size_t at = 0;

        while (at < size) {
                size_t len = session->pending_len;

                if (len == 0) {
                        ssize_t got = nghttp2_session_mem_send(session->http, &session->pending);

                        if (got <= 0)
                                break;
                        len = session->pending_len = (size_t)got;
                }
                if (len > size - at)
                        len = size - at;
                memcpy(out + at, session->pending, len);
                at += len;
                session->pending += len;
                session->pending_len -= len;
        }
        return at;
}

bool grpc_session_is_over(const struct grpc_session *session)
{
        return session->pending_len == 0 && nghttp2_session_want_read(session->http) == 0 &&
               nghttp2_session_want_write(session->http) == 0;
}

bool grpc_session_has_begun(const struct grpc_session *session)
{
        return session->has_begun;
}

void grpc_session_go_away(struct grpc_session *session)
{
        break_session(session, NGHTTP2_NO_ERROR);
}
