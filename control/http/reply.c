#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/http/http_internal.h"

// What a stream is asked for at once.
#define STREAM_BLOCK_LEN 65536

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
        size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
        size_t len = request->headers_len + name_size + value_size;
        char *headers = len <= HTTP_HEADERS_MAX ? realloc(request->headers, len) : NULL;

        if (headers == NULL)
                return;
        memcpy(headers + request->headers_len, name, name_size);
        memcpy(headers + request->headers_len + name_size, value, value_size);
        request->headers = headers;
        request->headers_len = len;
}

void http_reply_header_uint(struct http_request *request, const char *name, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        http_reply_header(request, name, text);
}

static void add_headers(const struct http_request *request, struct MHD_Response *response)
{
        const struct http_server_config *config = &request->server->config;

        MHD_add_response_header(response, "Vary", "Accept-Encoding");
        for (size_t i = 0; i < config->header_count; i++)
                MHD_add_response_header(response, config->headers[i].name,
                                        config->headers[i].value);
        for (size_t i = 0; i < request->headers_len;) {
                const char *name = request->headers + i;
                const char *value = name + strlen(name) + 1;

                MHD_add_response_header(response, name, value);
                i += strlen(name) + strlen(value) + 2;
        }
}

static void set_response(struct http_request *request, unsigned status,
                         struct MHD_Response *response)
{
        assert(request->response == NULL);
        if (response != NULL)
                add_headers(request, response);
        request->status = status;
        request->response = response;
        request->cancel = NULL;
        http_request_resume(request);
}

struct http_answer *http_request_keep_answer(struct http_request *request)
{
        struct http_answer *answer = request->answer;

        // Without memory now is not without memory the next time.
        if (request->status == MHD_HTTP_INTERNAL_SERVER_ERROR)
                return NULL;
        if (answer == NULL && request->response != NULL) {
                answer = malloc(sizeof(*answer));
                if (answer == NULL)
                        return NULL;
                *answer = (struct http_answer){1, request->status, request->response};
                request->answer = answer;
        }
        if (answer != NULL)
                answer->ref_count++;
        return answer;
}

void http_answer_release(struct http_answer *take_answer)
{
        if (take_answer == NULL || --take_answer->ref_count > 0)
                return;
        MHD_destroy_response(take_answer->response);
        free(take_answer);
}

void http_reply_recalled(struct http_request *request, struct http_answer *answer)
{
        answer->ref_count++;
        request->answer = answer;
        request->response = answer->response;
        request->status = answer->status;
}

void http_reply_drop(struct http_request *request)
{
        if (request->answer != NULL)
                http_answer_release(request->answer);
        else if (request->response != NULL)
                MHD_destroy_response(request->response);
        request->answer = NULL;
        request->response = NULL;
}

// Takes data; without memory for the answer itself the connection is closed by the caller.
static struct MHD_Response *make_response(char *take_data, size_t len)
{
        struct MHD_Response *response =
            MHD_create_response_from_buffer(len, take_data, MHD_RESPMEM_MUST_FREE);

        if (response == NULL)
                free(take_data);
        return response;
}

static struct MHD_Response *make_empty(void)
{
        static char nothing[1];

        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
}

void http_reply_bytes(struct http_request *request, unsigned status, const char *content_type,
                      char *take_data, size_t len)
{
        struct MHD_Response *response;
        bool compressed;

        if (request->injected != NULL) {
                http_injected_answer(request, status, content_type, take_data, len);
                return;
        }
        compressed = request->takes_gzip && http_compress(&take_data, &len);
        response = make_response(take_data, len);
        if (response == NULL) {
                set_response(request, MHD_HTTP_INTERNAL_SERVER_ERROR, make_empty());
                return;
        }
        MHD_add_response_header(response, "Content-Type", content_type);
        if (compressed)
                MHD_add_response_header(response, "Content-Encoding", "gzip");
        set_response(request, status, response);
}

struct stream {
        http_stream_fn read;
        void (*end)(void *arg);
        void *arg;
        struct http_request *request;
};

static ssize_t on_stream_read(void *cls, uint64_t at, char *out, size_t size)
{
        struct stream *stream = cls;
        long len;

        (void)at;
        // What waited was woken because it is to end.
        if (stream->request->is_cancelled)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        len = stream->read(stream->arg, out, size);
        if (len == 0)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (len == HTTP_STREAM_WAIT) {
                http_request_suspend(stream->request);
                return 0;
        }
        return len > 0 ? len : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_stream_end(void *cls)
{
        struct stream *stream = cls;

        stream->end(stream->arg);
        free(stream);
}

void http_reply_stream(struct http_request *request, unsigned status, const char *content_type,
                       http_stream_fn read, void (*end)(void *arg), void *arg)
{
        struct MHD_Response *response = NULL;
        struct stream *stream;

        if (request->injected != NULL) {
                http_injected_stream(request, status, content_type, read, end, arg);
                return;
        }
        stream = malloc(sizeof(*stream));
        if (stream != NULL) {
                *stream = (struct stream){read, end, arg, request};
                response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_LEN,
                                                             on_stream_read, stream, on_stream_end);
        }
        if (response == NULL) {
                free(stream);
                end(arg);
                set_response(request, MHD_HTTP_INTERNAL_SERVER_ERROR, make_empty());
                return;
        }
        MHD_add_response_header(response, "Content-Type", content_type);
        request->is_stream = true;
        set_response(request, status, response);
}

void http_reply_stream_continue(struct http_request *request)
{
        if (request->injected != NULL)
                http_injected_continue(request);
        else
                http_request_resume(request);
}

void http_reply_empty(struct http_request *request, unsigned status)
{
        if (request->injected != NULL)
                http_injected_answer(request, status, "", NULL, 0);
        else
                set_response(request, status, make_empty());
}

void http_reply_text(struct http_request *request, unsigned status, const char *format, ...)
{
        va_list arguments;
        char *text;
        int len;

        va_start(arguments, format);
        len = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (len < 0)
                http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
        else
                http_reply_bytes(request, status, HTTP_TEXT, text, (size_t)len);
}

void http_reply_json(struct http_request *request, unsigned status, struct json_writer *take_json)
{
        size_t len;
        char *data;

        json_writer_finish(take_json);
        data = json_writer_take(take_json, &len);
        if (data == NULL)
                http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
        else
                http_reply_bytes(request, status, HTTP_JSON, data, len);
}

enum MHD_Result http_reply_queue(struct http_request *request)
{
        enum MHD_Result result;

        if (request->response == NULL)
                return MHD_NO;
        result = MHD_queue_response(request->connection, request->status, request->response);
        http_reply_drop(request);
        return result;
}
