#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/http/http_internal.h"

// What a stream is asked for at once, and how much of it is gathered.
#define STREAM_BLOCK_LEN 65536
#define STREAM_MAX       ((size_t)512 << 20)
// Longer answers are split for those who want that.
#define WHOLE_MAX ((size_t)256 << 10)

struct http_injected {
        void (*done)(void *arg, const struct http_injected_answer *answer);
        void (*stream)(void *arg, const struct http_injected_answer *head);
        void (*more)(void *arg, bool is_over);
        void *arg;
        http_stream_fn read; // of a body that is being streamed
        void (*end)(void *arg);
        void *body;
        unsigned hops;
        bool is_calling; // the handler is being called: whoever calls it frees
        bool is_answered;
        bool splits;
        char *origin; // the texts follow the structure
        size_t headers_len;
        char headers[]; // "name\0value\0" one after the other, then the origin
};

static size_t headers_size(const struct http_injection *injection)
{
        size_t size = 0;

        for (size_t i = 0; i < injection->header_count; i++)
                size +=
                    strlen(injection->headers[i].name) + strlen(injection->headers[i].value) + 2;
        return size;
}

static char *put_text(char *at, const char *text)
{
        return stpcpy(at, text) + 1;
}

static struct http_injected *copy_injection(const struct http_injection *injection)
{
        size_t size = headers_size(injection);
        struct http_injected *injected =
            malloc(sizeof(*injected) + size + strlen(injection->origin) + 1);
        char *at;

        if (injected == NULL)
                return NULL;
        *injected = (struct http_injected){.done = injection->done,
                                           .stream = injection->stream,
                                           .more = injection->more,
                                           .splits = injection->splits && injection->stream != NULL,
                                           .arg = injection->arg,
                                           .hops = injection->hops,
                                           .headers_len = size};
        at = injected->headers;
        for (size_t i = 0; i < injection->header_count; i++) {
                at = put_text(at, injection->headers[i].name);
                at = put_text(at, injection->headers[i].value);
        }
        injected->origin = at;
        put_text(at, injection->origin);
        return injected;
}

static void destroy(struct http_request *request)
{
        free(request->injected);
        request->injected = NULL;
        http_request_destroy(request);
}

static void link_waiting(struct http_request *request)
{
        struct http_server *server = request->server;

        request->next = server->injected;
        request->link = &server->injected;
        if (request->next != NULL)
                request->next->link = &request->next;
        server->injected = request;
}

static void unlink_waiting(struct http_request *request)
{
        if (request->link == NULL)
                return;
        *request->link = request->next;
        if (request->next != NULL)
                request->next->link = request->link;
        request->link = NULL;
        request->next = NULL;
}

int http_server_inject(struct http_server *server, const struct http_injection *injection,
                       struct http_request **out)
{
        struct http_request *request = http_request_make(server, injection->target);

        if (request == NULL)
                return -ENOMEM;
        request->injected = copy_injection(injection);
        request->body = injection->body_len > 0 ? malloc(injection->body_len) : NULL;
        request->spool = injection->take_spool != NULL ? malloc(sizeof(*request->spool)) : NULL;
        if (request->spool != NULL)
                *request->spool = (struct spool){.fd = -1};
        if (request->injected == NULL || (injection->body_len > 0 && request->body == NULL) ||
            (injection->take_spool != NULL && request->spool == NULL)) {
                destroy(request);
                return -ENOMEM;
        }
        if (injection->body_len > 0)
                memcpy(request->body, injection->body, injection->body_len);
        if (injection->take_spool != NULL) {
                *request->spool = *injection->take_spool;
                *injection->take_spool = (struct spool){.fd = -1};
        }
        request->body_len = request->body_capacity = injection->body_len;
        if (out != NULL)
                *out = request;
        request->injected->is_calling = true;
        http_request_take_injected(request, injection->method);
        request->injected->is_calling = false;
        if (request->injected->is_answered)
                destroy(request);
        else
                link_waiting(request);
        return 0;
}

void http_injected_free_answered(struct http_server *server)
{
        while (server->answered != NULL) {
                struct http_request *request = server->answered;

                server->answered = request->next;
                request->next = NULL;
                destroy(request);
        }
}

static void on_answered_timer(uv_timer_t *timer)
{
        http_injected_free_answered(timer->data);
}

// Whoever answers may go on using the request: it is freed by the loop's next turn.
static void finish(struct http_request *request)
{
        struct http_server *server = request->server;

        request->injected->is_answered = true;
        request->cancel = NULL;
        if (request->injected->is_calling)
                return;
        unlink_waiting(request);
        request->next = server->answered;
        server->answered = request;
        if (!server->stopping)
                uv_timer_start(&server->answered_timer, on_answered_timer, 0, 0);
}

static struct http_injected_answer head_of(const struct http_request *request, unsigned status,
                                           const char *content_type)
{
        return (struct http_injected_answer){
            .status = status,
            .content_type = content_type,
            .headers = request->headers,
            .headers_len = request->headers_len,
            .body = "",
        };
}

// A body that is there already.
struct made_body {
        char *data;
        size_t len, at;
};

static long read_made(void *arg, char *out, size_t size)
{
        struct made_body *body = arg;
        size_t len = body->len - body->at < size ? body->len - body->at : size;

        memcpy(out, body->data + body->at, len);
        body->at += len;
        return (long)len;
}

static void free_made(void *arg)
{
        struct made_body *body = arg;

        free(body->data);
        free(body);
}

static bool stream_made(struct http_request *request, unsigned status, const char *content_type,
                        char *take_data, size_t len)
{
        struct made_body *body = malloc(sizeof(*body));

        if (body == NULL)
                return false;
        *body = (struct made_body){.data = take_data, .len = len};
        http_injected_stream(request, status, content_type, read_made, free_made, body);
        return true;
}

void http_injected_answer(struct http_request *request, unsigned status, const char *content_type,
                          char *take_data, size_t len)
{
        struct http_injected_answer answer = head_of(request, status, content_type);
        struct http_injected *injected = request->injected;

        assert(!injected->is_answered);
        if (len > WHOLE_MAX && injected->splits &&
            stream_made(request, status, content_type, take_data, len))
                return;
        if (take_data != NULL)
                answer.body = take_data;
        answer.body_len = len;
        finish(request);
        if (injected->done != NULL)
                injected->done(injected->arg, &answer);
        free(take_data);
}

static void gather(struct http_request *request, unsigned status, const char *content_type,
                   http_stream_fn read, void (*end)(void *arg), void *arg)
{
        size_t capacity = 0, len = 0;
        char *data = NULL;
        long got = 1;

        while (got > 0 && len < STREAM_MAX) {
                if (capacity - len < STREAM_BLOCK_LEN) {
                        char *grown = realloc(data, 2 * capacity + 2 * STREAM_BLOCK_LEN);

                        if (grown == NULL)
                                break;
                        data = grown;
                        capacity = 2 * capacity + 2 * STREAM_BLOCK_LEN;
                }
                got = read(arg, data + len, STREAM_BLOCK_LEN);
                if (got > 0)
                        len += (size_t)got;
        }
        end(arg);
        if (got == 0) {
                http_injected_answer(request, status, content_type, data, len);
                return;
        }
        free(data);
        // What never ends is for those who are connected to this agent.
        http_reply_text(request, 500, "the answer cannot be passed on");
}

void http_injected_stream(struct http_request *request, unsigned status, const char *content_type,
                          http_stream_fn read, void (*end)(void *arg), void *arg)
{
        const struct http_injected_answer head = head_of(request, status, content_type);
        struct http_injected *injected = request->injected;

        if (injected->stream == NULL) {
                gather(request, status, content_type, read, end, arg);
                return;
        }
        request->cancel = NULL;
        injected->read = read;
        injected->end = end;
        injected->body = arg;
        injected->stream(injected->arg, &head);
}

long http_injected_read(struct http_request *request, char *out, size_t size)
{
        return request->injected->read(request->injected->body, out, size);
}

void http_injected_continue(struct http_request *request)
{
        if (request->injected->read != NULL)
                request->injected->more(request->injected->arg, false);
}

// Whoever gives the body may be in the middle of that.
static void end_stream(struct http_request *request)
{
        struct http_injected *injected = request->injected;
        void (*end)(void *arg) = injected->end;

        injected->read = NULL;
        finish(request);
        end(injected->body);
}

bool http_request_takes_stream(const struct http_request *request)
{
        return request->injected == NULL || request->injected->stream != NULL;
}

bool http_request_takes_split(const struct http_request *request)
{
        return request->injected != NULL ? request->injected->splits : !request->takes_gzip;
}

const char *http_injected_header(const struct http_request *request, const char *name)
{
        const struct http_injected *injected = request->injected;

        for (size_t i = 0; i < injected->headers_len;) {
                const char *key = injected->headers + i;
                const char *value = key + strlen(key) + 1;

                if (strcasecmp(key, name) == 0)
                        return value;
                i += strlen(key) + strlen(value) + 2;
        }
        return NULL;
}

bool http_injected_is_answered(const struct http_request *request)
{
        return request->injected->is_answered;
}

static void end_waiting(struct http_request *request)
{
        void (*callback)(void *arg) = request->cancel;

        request->cancel = NULL;
        if (callback != NULL)
                callback(request->cancel_arg);
}

void http_injected_cancel(struct http_request *take_request)
{
        if (take_request->injected->read != NULL) {
                end_stream(take_request);
                return;
        }
        take_request->injected->done = NULL;
        end_waiting(take_request);
        unlink_waiting(take_request);
        destroy(take_request);
}

void http_injected_cancel_all(struct http_server *server)
{
        while (server->injected != NULL) {
                struct http_request *request = server->injected;

                end_waiting(request);
                if (request->injected->read == NULL) {
                        http_reply_text(request, 503, "agent is shutting down");
                        continue;
                }
                request->injected->more(request->injected->arg, true);
                end_stream(request);
        }
}

const char *http_request_origin(const struct http_request *request)
{
        return request->injected != NULL && *request->injected->origin != '\0'
                   ? request->injected->origin
                   : NULL;
}

unsigned http_request_hops(const struct http_request *request)
{
        return request->injected != NULL ? request->injected->hops : 0;
}
