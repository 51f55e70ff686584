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

static bool accepts_gzip(const struct http_request *request)
{
        const char *accepted = http_request_header(request, "Accept-Encoding");

        const char *gzip = accepted != NULL ? strstr(accepted, "gzip") : NULL;
        float quality = 1.0f;

        if (gzip == NULL)
                return false;
        // RFC 9110, 12.5.3: a quality of zero means "not acceptable".
        return sscanf(gzip, "gzip ; q = %f", &quality) != 1 || quality > 0.0f;
}

static void set_response(struct http_request *request, unsigned status,
                         struct MHD_Response *response)
{
        assert(request->response == NULL);
        request->status = status;
        request->response = response;
        request->cancel = NULL;
        http_request_resume(request);
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
        bool compressed = accepts_gzip(request) && http_compress(&take_data, &len);
        struct MHD_Response *response = make_response(take_data, len);

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
};

static ssize_t on_stream_read(void *cls, uint64_t at, char *out, size_t size)
{
        struct stream *stream = cls;
        long len = stream->read(stream->arg, out, size);

        (void)at;
        if (len == 0)
                return MHD_CONTENT_READER_END_OF_STREAM;
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
        struct stream *stream = malloc(sizeof(*stream));
        struct MHD_Response *response = NULL;

        if (stream != NULL) {
                *stream = (struct stream){read, end, arg};
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
        set_response(request, status, response);
}

void http_reply_empty(struct http_request *request, unsigned status)
{
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
        const struct http_server_config *config = &request->server->config;
        struct MHD_Response *response = request->response;
        enum MHD_Result result;

        if (response == NULL)
                return MHD_NO;
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
        result = MHD_queue_response(request->connection, request->status, response);
        MHD_destroy_response(response);
        request->response = NULL;
        return result;
}
