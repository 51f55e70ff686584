#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/http/http_internal.h"

// The most that is set aside for a body before it is there.
#define BODY_AT_ONCE 65536u

static void drop_spool(struct http_request *request)
{
        if (request->spool != NULL)
                spool_close(request->spool);
        free(request->spool);
        request->spool = NULL;
}

void http_request_destroy(struct http_request *request)
{
        struct http_server *server = request->server;
        char *target = request->target;
        size_t target_capacity = request->target_capacity;

        assert(!request->suspended);
        if (request->uri_parsed)
                uri_fini(&request->uri);
        http_reply_drop(request);
        free(request->headers);
        free(request->body);
        drop_spool(request);
        if (server->stopping || server->spare_count >= HTTP_SPARE_MAX) {
                free(target);
                free(request);
                return;
        }
        *request = (struct http_request){
            .target = target, .target_capacity = target_capacity, .next = server->spare};
        server->spare = request;
        server->spare_count++;
}

void http_request_free_spare(struct http_server *server)
{
        while (server->spare != NULL) {
                struct http_request *request = server->spare;

                server->spare = request->next;
                free(request->target);
                free(request);
        }
}

static struct http_request *create(struct http_server *server)
{
        struct http_request *request = server->spare;

        if (request == NULL)
                return calloc(1, sizeof(*request));
        server->spare = request->next;
        server->spare_count--;
        request->next = NULL;
        return request;
}

static bool set_target(struct http_request *request, const char *target)
{
        size_t size = strlen(target) + 1;

        if (size > request->target_capacity) {
                char *grown = realloc(request->target, size);

                if (grown == NULL)
                        return false;
                request->target = grown;
                request->target_capacity = size;
        }
        memcpy(request->target, target, size);
        return true;
}

// A request of its own memory; NULL without any.
struct http_request *http_request_make(struct http_server *server, const char *target)
{
        struct http_request *request = create(server);

        if (request == NULL)
                return NULL;
        request->server = server;
        if (!set_target(request, target)) {
                http_request_destroy(request);
                return NULL;
        }
        return request;
}

// The daemon would take the parameters apart, too, and falls silent for good when some hundreds of
// them fill its memory. What it hands out is its own buffer, not yet taken apart: without the
// ampersands it sees one.
static void hide_params(const char *target)
{
        char *at = (char *)(uintptr_t)target + strcspn(target, "?");

        while ((at = strchr(at, '&')) != NULL)
                *at = '_';
}

void *http_request_begin(void *cls, const char *target, struct MHD_Connection *connection)
{
        struct http_daemon *daemon = cls;
        struct http_request **slot = http_connection_slot(connection);
        struct http_request *request =
            slot != NULL ? http_request_make(daemon->server, target) : NULL;

        if (request == NULL)
                return NULL;
        request->daemon = daemon;
        request->connection = connection;
        hide_params(target);
        if (*slot != NULL)
                http_request_destroy(*slot);
        *slot = request;
        return request;
}

// Where a path that is not clean, or lacks the slash at its end, is to be asked for instead.
static void redirect(struct http_request *request)
{
        const char *query = request->target + strcspn(request->target, "?");
        char *clean = uri_clean_path(request->uri.path);
        char *escaped = clean != NULL ? uri_escape_path(clean) : NULL;
        bool lacks_slash = clean != NULL && http_router_lacks_slash(request->server->router, clean);
        char *location = NULL, *page = NULL;
        int page_len = -1;

        if (escaped != NULL &&
            asprintf(&location, "%s%s%s", escaped, lacks_slash ? "/" : "", query) < 0)
                location = NULL;
        free(clean);
        free(escaped);
        if (location == NULL) {
                http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
                return;
        }
        http_reply_header(request, "Location", location);
        // A link for people; a query could hold anything and is not shown.
        if (request->method == HTTP_GET && *query == '\0')
                page_len = asprintf(&page, "<a href=\"%s\">Moved Permanently</a>.\n\n", location);
        if (page_len >= 0)
                http_reply_bytes(request, MHD_HTTP_MOVED_PERMANENTLY, "text/html; charset=utf-8",
                                 page, (size_t)page_len);
        else
                http_reply_empty(request, MHD_HTTP_MOVED_PERMANENTLY);
        free(location);
}

static void answer_wrong_method(struct http_request *request, const char *method)
{
        char allow[64];

        http_match_allow(&request->match, allow, sizeof(allow));
        http_reply_header(request, "Allow", allow);
        if (request->method == HTTP_OPTIONS)
                http_reply_empty(request, MHD_HTTP_OK);
        else
                http_reply_text(request, MHD_HTTP_METHOD_NOT_ALLOWED, "method %.40s not allowed",
                                method);
}

// Refuses before any byte of the body is looked at, or returns with no answer given.
static void check_target(struct http_request *request, const char *method)
{
        struct http_server *server = request->server;
        enum uri_verdict verdict = uri_parse(request->target, &request->uri);

        request->uri_parsed = verdict == URI_OK;
        if (verdict == URI_BAD_ESCAPE) {
                http_reply_text(request, MHD_HTTP_BAD_REQUEST, "400 Bad Request");
                return;
        }
        if (verdict != URI_OK) {
                http_reply_empty(request, verdict == URI_NO_MEMORY ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                                   : MHD_HTTP_BAD_REQUEST);
                return;
        }
        if (!request->uri.path_is_printable && !server->config.path_may_be_unprintable) {
                http_reply_empty(request, MHD_HTTP_BAD_REQUEST);
                return;
        }
        if (!request->uri.path_is_clean ||
            http_router_lacks_slash(server->router, request->uri.path)) {
                redirect(request);
                return;
        }
        if (http_router_match(server->router, request->uri.path, request->method, &request->match) <
            0) {
                http_reply_empty(request, MHD_HTTP_NOT_FOUND);
                return;
        }
        if (request->uri.query_is_broken) {
                http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
                return;
        }
        if (request->injected == NULL && http_guard_is_blocked(server, request->uri.path)) {
                http_reply_text(request, MHD_HTTP_FORBIDDEN,
                                "Endpoint is blocked by agent configuration");
                return;
        }
        if (request->match.route == NULL) {
                answer_wrong_method(request, method);
                return;
        }
        if (request->method != HTTP_GET && request->injected == NULL &&
            !http_guard_may_write(server, http_request_peer(request)))
                http_reply_text(request, MHD_HTTP_FORBIDDEN, "Access is restricted");
}

static void refuse_body(struct http_request *request, unsigned long long size)
{
        request->server->stats.bodies_too_large++;
        request->drain = true;
        free(request->body);
        request->body = NULL;
        request->body_len = request->body_capacity = 0;
        drop_spool(request);
        if (request->response == NULL)
                http_reply_text(request, MHD_HTTP_CONTENT_TOO_LARGE,
                                "Request body(%llu bytes) too large, max size: %zu bytes. "
                                "See the limits section of the configuration.",
                                size, request->body_limit);
}

static bool is_gzip_accepted(const char *accepted)
{
        const char *gzip = strstr(accepted, "gzip");
        float quality = 1.0f;

        if (gzip == NULL)
                return false;
        // RFC 9110, 12.5.3: a quality of zero means "not acceptable".
        return sscanf(gzip, "gzip ; q = %f", &quality) != 1 || quality > 0.0f;
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
        static const char *const deciding[] = {
            "Authorization", "Cache-Control",  "Content-Length",
            "Expect",        "X-Consul-Token", "Transfer-Encoding",
        };
        struct http_request *request = cls;

        (void)kind;
        if (strcasecmp(name, "Accept-Encoding") == 0 && value != NULL)
                request->takes_gzip = is_gzip_accepted(value);
        for (size_t i = 0; i < sizeof(deciding) / sizeof(deciding[0]); i++) {
                if (strcasecmp(name, deciding[i]) == 0)
                        request->is_plain = false;
        }
        return MHD_YES;
}

// Returns true when an earlier answer is given again.
static bool recall(struct http_request *request)
{
        const struct http_server_config *config = &request->server->config;
        struct http_answer *answer = NULL;

        request->is_plain = request->method == HTTP_GET;
        MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_header, request);
        if (request->is_plain && config->recall != NULL)
                answer = config->recall(config->app, request->target, request->takes_gzip);
        if (answer != NULL)
                http_reply_recalled(request, answer);
        return answer != NULL;
}

// The request line and headers are there. Returns true when the body is not worth waiting for.
static bool start_request(struct http_request *request, const char *method)
{
        unsigned long long length;
        const char *length_text;

        request->started = true;
        request->server->stats.requests++;
        request->method = http_method_parse(method);
        if (recall(request))
                return false;
        length_text = http_request_header(request, "Content-Length");
        length = length_text != NULL ? strtoull(length_text, NULL, 10) : 0;
        check_target(request, method);
        request->body_limit = request->server->config.body_limit;
        if (request->match.route != NULL && request->match.route->body_limit > 0)
                request->body_limit = request->match.route->body_limit;
        if (request->response != NULL)
                request->drain = true;
        else if (length > request->body_limit)
                refuse_body(request, length);
        else
                request->body_expected = (size_t)length;
        if (request->response == NULL)
                return false;
        // A client that asks first, or that has too much to say, hears the answer now.
        return length > HTTP_DRAIN_MAX || http_request_header(request, "Expect") != NULL;
}

static int append_spool(struct http_request *request, const char *data, size_t len)
{
        const char *dir = request->server->config.spool_dir;

        if (request->spool == NULL) {
                request->spool = malloc(sizeof(*request->spool));
                if (request->spool == NULL)
                        return -ENOMEM;
                *request->spool = (struct spool){.fd = -1};
                if (spool_open(request->spool, dir != NULL ? dir : "") < 0)
                        return -EIO;
        }
        request->body_len += len;
        return spool_append(request->spool, (const uint8_t *)data, len);
}

static int append_body(struct http_request *request, const char *data, size_t len)
{
        if (request->body_limit > HTTP_MEMORY_BODY_MAX)
                return append_spool(request, data, len);
        if (request->body_capacity - request->body_len < len) {
                size_t capacity = request->body_capacity;
                char *body;

                // What was announced comes; more than some bytes have to come before they count.
                if (capacity == 0 && request->body_expected >= len)
                        capacity = request->body_expected < BODY_AT_ONCE ? request->body_expected
                                                                         : BODY_AT_ONCE;
                if (capacity == 0)
                        capacity = 256;

                while (capacity - request->body_len < len)
                        capacity *= 2;
                body = realloc(request->body, capacity);
                if (body == NULL)
                        return -ENOMEM;
                request->body = body;
                request->body_capacity = capacity;
        }
        memcpy(request->body + request->body_len, data, len);
        request->body_len += len;
        return 0;
}

void http_request_suspend(struct http_request *request)
{
        struct http_server *server = request->server;

        request->suspended = true;
        request->next = server->waiting;
        request->link = &server->waiting;
        if (request->next != NULL)
                request->next->link = &request->next;
        server->waiting = request;
        MHD_suspend_connection(request->connection);
        http_gone_watch(request);
}

static void unlink_waiting(struct http_request *request)
{
        *request->link = request->next;
        if (request->next != NULL)
                request->next->link = request->link;
        request->link = NULL;
}

static void dispatch(struct http_request *request)
{
        struct http_server *server = request->server;

        if (server->stopping)
                http_reply_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "agent is shutting down");
        else if (server->config.dispatch != NULL)
                server->config.dispatch(request, request->match.route, server->config.app);
        else
                request->match.route->handler(request, server->config.app);
}

void http_request_take_injected(struct http_request *request, const char *method)
{
        request->started = true;
        request->server->stats.requests++;
        request->method = http_method_parse(method);
        check_target(request, method);
        if (!http_injected_is_answered(request))
                dispatch(request);
}

enum MHD_Result http_request_access(void *cls, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version,
                                    const char *upload_data, size_t *upload_data_size, void **state)
{
        struct http_request *request = *state;

        (void)cls;
        (void)connection;
        (void)url;
        (void)version;
        if (request == NULL)
                return MHD_NO;
        if (!request->started)
                return start_request(request, method) ? http_reply_queue(request) : MHD_YES;
        if (*upload_data_size > 0) {
                size_t len = *upload_data_size;

                *upload_data_size = 0;
                if (request->drain) {
                        request->drained += len;
                        return request->drained > HTTP_DRAIN_MAX ? MHD_NO : MHD_YES;
                }
                // Only a chunked body gets here without having announced its size.
                if (len > request->body_limit - request->body_len)
                        refuse_body(request, request->body_len + len);
                else if (append_body(request, upload_data, len) < 0)
                        return MHD_NO;
                return MHD_YES;
        }
        // Called again after a resume with the answer ready.
        if (request->response == NULL)
                dispatch(request);
        if (request->response != NULL)
                return http_reply_queue(request);
        http_request_suspend(request);
        return MHD_YES;
}

void http_request_completed(void *cls, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode why)
{
        struct http_request *request = *state;

        (void)cls;
        (void)why;
        if (request == NULL)
                return;
        *state = NULL;
        *http_connection_slot(connection) = NULL;
        http_request_destroy(request);
}

void http_request_resume(struct http_request *request)
{
        if (!request->suspended)
                return;
        unlink_waiting(request);
        http_gone_forget(request);
        request->suspended = false;
        MHD_resume_connection(request->connection);
        http_daemon_wake(request->daemon);
}

static void end_waiting(struct http_request *request)
{
        void (*callback)(void *arg) = request->cancel;

        request->cancel = NULL;
        if (callback != NULL)
                callback(request->cancel_arg);
        request->is_cancelled = request->is_stream;
        if (request->response == NULL && !request->is_stream)
                http_reply_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "agent is shutting down");
        else
                http_request_resume(request);
}

void http_request_cancel_all(struct http_server *server)
{
        while (server->waiting != NULL)
                end_waiting(server->waiting);
        http_injected_cancel_all(server);
}

void http_request_cancel(struct http_request *request)
{
        if (request->suspended)
                end_waiting(request);
}
