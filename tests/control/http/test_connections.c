#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/http/http.h"
#include "control/http/peers.h"

// More than one daemon takes.
#define CLIENT_COUNT 700

struct fixture {
        uv_loop_t loop;
        struct http_server *server;
        struct http_request *waiting[CLIENT_COUNT]; // by the number that ends the target
        unsigned waiting_count;
        unsigned cancelled_count;
};

struct client {
        int fd;
        char text[1024];
};

static void on_cancel(void *arg)
{
        struct fixture *f = arg;

        f->cancelled_count++;
        f->waiting_count--;
}

static void answer_later(struct http_request *request, void *app)
{
        struct fixture *f = app;

        f->waiting[strtoul(http_request_rest(request), NULL, 10)] = request;
        f->waiting_count++;
        http_request_on_cancel(request, on_cancel, f);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/wait/", answer_later, HTTP_ALLOW_ANYONE, 0},
};

static struct fixture *start(unsigned connections_per_client)
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        struct sockaddr_storage storage = {0};
        struct fixture *f = calloc(1, sizeof(*f));
        const struct http_server_config config = {
            .addresses = &storage,
            .address_count = 1,
            .routes = routes,
            .route_count = 1,
            .app = f,
            .connections_per_client = connections_per_client,
        };
        char error[128];

        cr_assert_not_null(f);
        uv_loop_init(&f->loop);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        memcpy(&storage, &address, sizeof(address));
        cr_assert_eq(http_server_create(&f->server, &f->loop, &config, error, sizeof(error)), 0,
                     "%s", error);
        return f;
}

static void stop(struct fixture *f)
{
        http_server_destroy(f->server);
        uv_run(&f->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&f->loop), 0, "handles are left");
        free(f);
}

static void client_ask(struct client *c, struct fixture *f, unsigned number)
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        int len;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(http_server_port(f->server, 0));
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_geq(c->fd, 0);
        cr_assert_eq(connect(c->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        len =
            snprintf(c->text, sizeof(c->text), "GET /wait/%u HTTP/1.1\r\nHost: t\r\n\r\n", number);
        cr_assert_eq(send(c->fd, c->text, (size_t)len, 0), len);
        c->text[0] = '\0';
}

// What has come by now, or by the time something does.
static const char *client_read(struct client *c, struct fixture *f)
{
        ssize_t len;

        while ((len = recv(c->fd, c->text, sizeof(c->text) - 1, MSG_DONTWAIT)) < 0)
                uv_run(&f->loop, UV_RUN_ONCE);
        c->text[len] = '\0';
        return c->text;
}

static bool has_answer(struct client *c)
{
        return recv(c->fd, c->text, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

static void run_until_waiting(struct fixture *f, unsigned count)
{
        while (f->waiting_count != count)
                uv_run(&f->loop, UV_RUN_ONCE);
}

static void answer(struct fixture *f, unsigned number)
{
        f->waiting_count--;
        http_reply_text(f->waiting[number], 200, "number %u.", number);
}

Test(http_connections, many_that_wait_are_answered_one_by_one)
{
        static struct client clients[CLIENT_COUNT];
        static const unsigned order[] = {0, CLIENT_COUNT - 1, 255, 256, 257, 300, 512, 1};
        struct fixture *f = start(0);

        for (unsigned i = 0; i < CLIENT_COUNT; i++) {
                client_ask(&clients[i], f, i);
                run_until_waiting(f, i + 1);
        }
        cr_expect_eq(http_server_connections(f->server), CLIENT_COUNT);
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
                char want[32];

                answer(f, order[i]);
                snprintf(want, sizeof(want), "\r\n\r\nnumber %u.", order[i]);
                cr_expect_not_null(strstr(client_read(&clients[order[i]], f), want), "%u: %s",
                                   order[i], clients[order[i]].text);
        }
        cr_expect_not(has_answer(&clients[2]), "somebody else's answer: %s", clients[2].text);
        // A connection goes on in the daemon it is in.
        client_ask(&clients[0], f, 0);
        run_until_waiting(f, CLIENT_COUNT - 7);
        stop(f);
        for (unsigned i = 0; i < CLIENT_COUNT; i++)
                close(clients[i].fd);
}

Test(http_connections, places_are_used_again)
{
        static struct client clients[CLIENT_COUNT];
        struct fixture *f = start(0);

        for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < CLIENT_COUNT; i++)
                        client_ask(&clients[i], f, i);
                run_until_waiting(f, CLIENT_COUNT);
                for (unsigned i = 0; i < CLIENT_COUNT; i++)
                        close(clients[i].fd);
                while (http_server_connections(f->server) > 0)
                        uv_run(&f->loop, UV_RUN_ONCE);
                cr_expect_eq(f->cancelled_count, (round + 1) * CLIENT_COUNT);
        }
        stop(f);
}

Test(http_connections, a_client_with_too_many_is_told_so_until_it_has_fewer)
{
        struct fixture *f = start(2);
        struct client clients[3], late;
        struct http_stats stats;

        client_ask(&clients[0], f, 0);
        client_ask(&clients[1], f, 1);
        run_until_waiting(f, 2);
        client_ask(&clients[2], f, 2);
        cr_expect_eq(strncmp(client_read(&clients[2], f), "HTTP/1.1 429 Too Many Requests\r\n", 32),
                     0, "%s", clients[2].text);
        cr_expect_not_null(strstr(clients[2].text,
                                  "\r\n\r\nYour IP is issuing too many concurrent connections, "
                                  "please rate limit your calls\n"),
                           "%s", clients[2].text);
        close(clients[2].fd);
        http_server_stats(f->server, &stats);
        cr_expect_eq(stats.refused, 1);
        close(clients[0].fd);
        run_until_waiting(f, 1);
        while (http_server_connections(f->server) > 1)
                uv_run(&f->loop, UV_RUN_ONCE);
        client_ask(&late, f, 0);
        run_until_waiting(f, 2);
        close(clients[1].fd);
        close(late.fd);
        stop(f);
}

static int take(struct http_peers *peers, const char *text, struct http_peer **out)
{
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        struct sockaddr_in v4 = {.sin_family = AF_INET};

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                return http_peers_take(peers, (const struct sockaddr *)&v4, 2, out);
        cr_assert_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        return http_peers_take(peers, (const struct sockaddr *)&v6, 2, out);
}

Test(http_peers, each_address_is_counted_for_itself)
{
        static const struct {
                const char *address;
                int want;
        } cases[] = {
            {"10.0.0.1", 0},        {"10.0.0.1", 0},       {"10.0.0.1", -EUSERS}, {"10.0.0.2", 0},
            {"::ffff:10.0.0.2", 0}, {"10.0.0.2", -EUSERS}, {"fd00::1", 0},        {"fd00::1", 0},
            {"fd00::1", -EUSERS},   {"fd00::1:0:0:1", 0},
        };
        struct http_peer *taken[sizeof(cases) / sizeof(cases[0])];
        const struct sockaddr unix_socket = {.sa_family = AF_UNIX};
        struct http_peers peers = {0};
        struct http_peer *again;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_expect_eq(take(&peers, cases[i].address, &taken[i]), cases[i].want, "%zu", i);
        http_peers_release(&peers, taken[0]);
        cr_expect_eq(take(&peers, "10.0.0.1", &again), 0);
        cr_expect_eq(take(&peers, "10.0.0.1", &taken[0]), -EUSERS);
        cr_expect_null(taken[0]);
        http_peers_release(&peers, again);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                http_peers_release(&peers, taken[i]);
        cr_expect_null(peers.root, "somebody is left");
        for (unsigned i = 0; i < 3; i++) {
                cr_expect_eq(http_peers_take(&peers, &unix_socket, 2, &again), 0);
                cr_expect_null(again);
        }
}
