#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "control/http/http.h"
#include "tests/control/http/exchange.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// What handlers get as their app: a place for the request that is to be answered later.
struct fixture {
        uv_loop_t loop;
        struct http_server *server;
        uint16_t port;
        uv_timer_t later;
        struct http_request *waiting;
        unsigned cancelled;
};

static void answer_hello(struct http_request *request, void *app)
{
        struct json_writer w;

        (void)app;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        json_writer_string(&w, "hello");
        json_writer_end_array(&w);
        http_reply_header_uint(request, "X-Number", 7);
        http_reply_json(request, 200, &w);
}

static void answer_rest(struct http_request *request, void *app)
{
        const char *second = http_request_param_at(request, "tag", 1);

        (void)app;
        http_reply_text(request, 200, "%s|%s|%s", http_request_rest(request),
                        second != NULL ? second : "-",
                        http_request_param_at(request, "tag", 2) != NULL ? "third" : "-");
}

static void answer_body(struct http_request *request, void *app)
{
        size_t len;
        const char *body = http_request_body(request, &len);

        (void)app;
        http_reply_text(request, 200, "%zu:%.*s", len, (int)(len < 32 ? len : 32), body);
}

static void answer_long(struct http_request *request, void *app)
{
        char *data = malloc(20000);

        (void)app;
        memset(data, 'x', 20000);
        http_reply_bytes(request, 200, "text/plain", data, 20000);
}

static void on_later(uv_timer_t *timer)
{
        struct fixture *f = timer->data;

        http_reply_text(f->waiting, 200, "at last");
        f->waiting = NULL;
}

static void answer_later(struct http_request *request, void *app)
{
        struct fixture *f = app;

        f->waiting = request;
        uv_timer_start(&f->later, on_later, 5, 0);
}

static void on_cancel(void *arg)
{
        struct fixture *f = arg;

        f->cancelled++;
}

static void answer_never(struct http_request *request, void *app)
{
        http_request_on_cancel(request, on_cancel, app);
        uv_stop(&((struct fixture *)app)->loop);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/hello", answer_hello, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/rest/", answer_rest, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT | HTTP_POST, "/body", answer_body, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/small", answer_body, HTTP_ALLOW_ANYONE, 10},
    {HTTP_GET, "/long", answer_long, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/later", answer_later, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/never", answer_never, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/blocked/one", answer_hello, HTTP_ALLOW_ANYONE, 0},
};

static void start(struct fixture *f, struct http_server_config *config)
{
        static const struct http_header headers[] = {{"X-Own", "yes"}};
        static const char *const blocked[] = {"/blocked"};
        struct sockaddr_in address = {.sin_family = AF_INET};
        struct sockaddr_storage storage = {0};
        char error[128];

        memset(f, 0, sizeof(*f));
        uv_loop_init(&f->loop);
        uv_timer_init(&f->loop, &f->later);
        f->later.data = f;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        memcpy(&storage, &address, sizeof(address));
        config->addresses = &storage;
        config->address_count = 1;
        config->routes = routes;
        config->route_count = ARRAY_LEN(routes);
        config->app = f;
        config->headers = headers;
        config->header_count = 1;
        config->blocked = blocked;
        config->blocked_count = 1;
        cr_assert_eq(http_server_create(&f->server, &f->loop, config, error, sizeof(error)), 0,
                     "%s", error);
        f->port = http_server_port(f->server, 0);
        cr_assert_neq(f->port, 0);
}

static void stop(struct fixture *f)
{
        http_server_destroy(f->server);
        uv_close((uv_handle_t *)&f->later, NULL);
        uv_run(&f->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&f->loop), 0, "handles are left");
}

static const struct {
        const char *method, *target, *headers, *body;
        unsigned status;
        const char *text;
} cases[] = {
    {"GET", "/hello", "", NULL, 200, "[\"hello\"]"},
    {"GET", "/hello?pretty", "", NULL, 200, "[\n    \"hello\"\n]\n"},
    {"GET", "/rest/", "", NULL, 200, "|-|-"},
    {"GET", "/rest/a%2Fb%20c?tag=x&tag=y", "", NULL, 200, "a/b c|y|-"},
    {"PUT", "/body", "", "some text", 200, "9:some text"},
    {"POST", "/body", "", "", 200, "0:"},
    {"PUT", "/small", "", "0123456789", 200, "10:0123456789"},
    {"PUT", "/small", "", "0123456789a", 413,
     "Request body(11 bytes) too large, max size: 10 bytes. "
     "See the limits section of the configuration."},
    {"GET", "/later", "", NULL, 200, "at last"},
    {"GET", "/unknown", "", NULL, 404, ""},
    {"PUT", "/hello", "", "x", 405, "method PUT not allowed"},
    {"BREW", "/hello", "", NULL, 405, "method BREW not allowed"},
    {"OPTIONS", "/body", "", NULL, 200, ""},
    {"OPTIONS", "/unknown", "", NULL, 404, ""},
    {"GET", "/blocked/one", "", NULL, 403, "Endpoint is blocked by agent configuration"},
    {"GET", "/rest//a", "", NULL, 301, "<a href=\"/rest/a\">Moved Permanently</a>.\n\n"},
    {"GET", "/rest/a%01", "", NULL, 400, ""},
    {"GET", "/rest/a%zz", "", NULL, 400, "400 Bad Request"},
};

Test(http_server, requests_get_their_status_and_text)
{
        struct http_server_config config = {0};
        struct fixture f;

        start(&f, &config);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct exchange got;

                exchange_request(&f.loop, f.port, cases[i].method, cases[i].target,
                                 cases[i].headers, cases[i].body, &got);
                cr_expect_eq(got.status, cases[i].status, "%s %s: %u", cases[i].method,
                             cases[i].target, got.status);
                cr_expect_str_eq(got.body, cases[i].text, "%s %s: %s", cases[i].method,
                                 cases[i].target, got.body);
                cr_expect_str_eq(exchange_header(&got, "X-Own"), "yes");
                cr_expect_str_eq(exchange_header(&got, "Vary"), "Accept-Encoding");
                exchange_fini(&got);
        }
        stop(&f);
}

Test(http_server, headers_say_what_they_should)
{
        struct http_server_config config = {0};
        struct exchange got;
        struct fixture f;

        start(&f, &config);
        exchange_request(&f.loop, f.port, "GET", "/hello", "", NULL, &got);
        cr_expect_str_eq(exchange_header(&got, "Content-Type"), "application/json");
        cr_expect_str_eq(exchange_header(&got, "X-Number"), "7");
        exchange_fini(&got);
        exchange_request(&f.loop, f.port, "HEAD", "/hello", "", NULL, &got);
        cr_expect_eq(got.status, 405);
        cr_expect_str_eq(exchange_header(&got, "Allow"), "OPTIONS,GET");
        exchange_fini(&got);
        exchange_request(&f.loop, f.port, "OPTIONS", "/body", "", NULL, &got);
        cr_expect_str_eq(exchange_header(&got, "Allow"), "OPTIONS,PUT,POST");
        exchange_fini(&got);
        exchange_request(&f.loop, f.port, "GET", "/rest//a%20b?x=y", "", NULL, &got);
        cr_expect_str_eq(exchange_header(&got, "Location"), "/rest/a%20b?x=y");
        exchange_fini(&got);
        stop(&f);
}

Test(http_server, long_answers_are_compressed_for_those_who_accept_it)
{
        static const struct {
                const char *target, *headers;
                bool compressed;
        } rows[] = {
            {"/long", "Accept-Encoding: gzip, deflate\r\n", true},
            {"/long", "Accept-Encoding: gzip;q=0\r\n", false},
            {"/long", "", false},
            {"/hello", "Accept-Encoding: gzip\r\n", false},
        };
        struct http_server_config config = {0};
        struct fixture f;

        start(&f, &config);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct exchange got;

                exchange_request(&f.loop, f.port, "GET", rows[i].target, rows[i].headers, NULL,
                                 &got);
                cr_expect_eq(exchange_header(&got, "Content-Encoding") != NULL, rows[i].compressed,
                             "row %zu", i);
                if (rows[i].compressed) {
                        z_stream stream = {.next_in = (Bytef *)got.body,
                                           .avail_in = (uInt)got.body_len};
                        char plain[20001];

                        stream.next_out = (Bytef *)plain;
                        stream.avail_out = sizeof(plain);
                        inflateInit2(&stream, 31);
                        cr_expect_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
                        cr_expect_eq(stream.total_out, 20000);
                        inflateEnd(&stream);
                }
                exchange_fini(&got);
        }
        stop(&f);
}

Test(http_server, a_chunked_body_beyond_the_limit_is_refused)
{
        static const char bytes[] = "PUT /small HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n"
                                    "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n";
        struct http_server_config config = {0};
        struct exchange got;
        struct fixture f;

        start(&f, &config);
        exchange_bytes(&f.loop, f.port, bytes, sizeof(bytes) - 1, &got);
        cr_expect_eq(got.status, 413, "%u %s", got.status, got.body);
        exchange_fini(&got);
        stop(&f);
}

Test(http_server, a_big_refused_body_is_read_so_that_the_answer_arrives)
{
        struct http_server_config config = {.body_limit = 1000};
        size_t len = 3 << 20;
        char *body = malloc(len + 1);
        struct exchange got;
        struct fixture f;

        memset(body, 'x', len);
        body[len] = '\0';
        start(&f, &config);
        exchange_request(&f.loop, f.port, "PUT", "/body", "", body, &got);
        cr_expect_eq(got.status, 413);
        exchange_fini(&got);
        free(body);
        stop(&f);
}

Test(http_server, garbage_is_answered_or_closed)
{
        static const char *const inputs[] = {
            "\r\n\r\n\r\n\r\n",
            "GET\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            "PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        };
        struct http_server_config config = {.idle_timeout_s = 1};
        struct exchange got;
        struct fixture f;

        start(&f, &config);
        for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
                exchange_bytes(&f.loop, f.port, inputs[i], strlen(inputs[i]), &got);
                cr_expect(got.status == 0 || got.status >= 400, "%s: %u", inputs[i], got.status);
                exchange_fini(&got);
        }
        exchange_request(&f.loop, f.port, "GET", "/hello", "", NULL, &got);
        cr_expect_eq(got.status, 200);
        exchange_fini(&got);
        stop(&f);
}

static void connect_to(const struct fixture *f, int *fd, const char *bytes)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(*fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(send(*fd, bytes, strlen(bytes), 0), (ssize_t)strlen(bytes));
}

Test(http_server, stopping_cancels_those_who_wait)
{
        struct http_server_config config = {0};
        char text[512] = "";
        struct fixture f;
        int fd;

        start(&f, &config);
        connect_to(&f, &fd, "GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
        uv_run(&f.loop, UV_RUN_DEFAULT); // answer_never stops the loop
        cr_expect_eq(f.cancelled, 0);
        stop(&f);
        cr_expect_eq(f.cancelled, 1);
        cr_expect_gt(recv(fd, text, sizeof(text) - 1, 0), 0);
        cr_expect_not_null(strstr(text, " 503 "), "%s", text);
        close(fd);
}

// More parameters than the daemon has memory for: it gives up by itself after having announced the
// request, which must not be lost (the sanitizer tells).
Test(http_server, what_the_daemon_refuses_by_itself_is_freed)
{
        struct http_server_config config = {.idle_timeout_s = 1};
        char bytes[20000];
        struct exchange got;
        struct fixture f;
        size_t len = (size_t)snprintf(bytes, sizeof(bytes), "GET /hello?");

        for (; len < 16000; len += 2)
                memcpy(bytes + len, "a&", 2);
        len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, " HTTP/1.1\r\nHost: t\r\n\r\n");
        start(&f, &config);
        exchange_bytes(&f.loop, f.port, bytes, len, &got);
        cr_expect(got.status == 0 || got.status >= 400, "%u", got.status);
        exchange_fini(&got);
        exchange_request(&f.loop, f.port, "GET", "/hello", "", NULL, &got);
        cr_expect_eq(got.status, 200);
        exchange_fini(&got);
        stop(&f);
}

Test(http_server, a_client_that_went_away_does_not_keep_waiting)
{
        struct http_server_config config = {0};
        struct fixture f;
        int fd;

        start(&f, &config);
        connect_to(&f, &fd, "GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
        uv_run(&f.loop, UV_RUN_DEFAULT); // answer_never stops the loop
        close(fd);
        while (f.cancelled == 0 || http_server_connections(f.server) > 0)
                uv_run(&f.loop, UV_RUN_ONCE);
        cr_expect_eq(f.cancelled, 1);
        stop(&f);
        cr_expect_eq(f.cancelled, 1);
}

Test(http_server, only_configured_networks_may_write)
{
        struct sockaddr_in network = {.sin_family = AF_INET};
        struct http_prefix writers[2] = {{.bits = 9}, {.bits = 8}};
        struct http_server_config config = {.writers = writers, .writer_count = 1};
        struct exchange got;
        struct fixture f;

        inet_pton(AF_INET, "127.128.0.0", &network.sin_addr);
        memcpy(&writers[0].address, &network, sizeof(network));
        inet_pton(AF_INET, "127.0.0.0", &network.sin_addr);
        memcpy(&writers[1].address, &network, sizeof(network));
        for (config.writer_count = 1; config.writer_count <= 2; config.writer_count++) {
                start(&f, &config);
                exchange_request(&f.loop, f.port, "PUT", "/body", "", "x", &got);
                cr_expect_eq(got.status, config.writer_count == 1 ? 403 : 200);
                exchange_fini(&got);
                exchange_request(&f.loop, f.port, "GET", "/hello", "", NULL, &got);
                cr_expect_eq(got.status, 200);
                exchange_fini(&got);
                stop(&f);
        }
}

Test(http_server, a_port_in_use_is_reported_in_one_line)
{
        struct http_server_config config = {0};
        struct sockaddr_in address = {.sin_family = AF_INET};
        struct sockaddr_storage storage = {0};
        struct http_server *second;
        char error[128];
        struct fixture f;

        start(&f, &config);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(f.port);
        memcpy(&storage, &address, sizeof(address));
        config.addresses = &storage;
        cr_expect_lt(http_server_create(&second, &f.loop, &config, error, sizeof(error)), 0);
        cr_expect_not_null(strstr(error, "127.0.0.1:"), "%s", error);
        cr_expect_not_null(strstr(error, "in use"), "%s", error);
        stop(&f);
}

Test(http_server, connections_beyond_the_limit_wait_their_turn)
{
        struct http_server_config config = {.connection_limit = 2, .idle_timeout_s = 1};
        struct exchange got;
        struct fixture f;
        int idle[2];

        start(&f, &config);
        connect_to(&f, &idle[0], "GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
        connect_to(&f, &idle[1], "GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
        while (http_server_connections(f.server) < 2)
                uv_run(&f.loop, UV_RUN_ONCE);
        // Served once an idle one has timed out.
        exchange_request(&f.loop, f.port, "GET", "/hello", "", NULL, &got);
        cr_expect_eq(got.status, 200);
        exchange_fini(&got);
        close(idle[0]);
        close(idle[1]);
        stop(&f);
}
