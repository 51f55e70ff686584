#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/rpc/dial.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
        const char *text;
        int family; /* 0: refused */
} addresses[] = {
    {"127.0.0.1:8300", AF_INET},
    {"[::1]:8300", AF_INET6},
    {"127.0.0.1:65535", AF_INET},
    {"127.0.0.1:65536", 0},
    {"127.0.0.1:0", 0},
    {"127.0.0.1:", 0},
    {"127.0.0.1:83x", 0},
    {"127.0.0.1", 0},
    {"::1:8300", 0},
    {"[::1:8300", 0},
    {"[127.0.0.1]:8300", 0},
    {"localhost:8300", 0},
    {"[]:1", 0},
    {":1", 0},
    {"", 0},
    {"[0123:4567:89ab:cdef:0123:4567:89ab:cdef:0123:4567:89ab:cdef]:1", 0},
};

Test(dial, addresses_are_read_or_refused)
{
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
                struct sockaddr_storage out = {0};
                bool wanted = addresses[i].family != 0;

                cr_expect_eq(dial_address_parse(addresses[i].text, &out) == 0, wanted, "\"%s\"",
                             addresses[i].text);
                if (wanted)
                        cr_expect_eq(out.ss_family, addresses[i].family, "%s", addresses[i].text);
        }
}

struct caller {
        uv_loop_t loop;
        uv_tcp_t listener;
        char address[32];
        unsigned called;
        int error;
        bool connected;
};

static void on_connection(uv_stream_t *listener, int status)
{
        (void)listener;
        (void)status;
}

static void free_tcp(uv_handle_t *handle)
{
        free(handle);
}

static void on_done(void *arg, uv_tcp_t *take_tcp, int error)
{
        struct caller *c = arg;

        c->called++;
        c->error = error;
        c->connected = take_tcp != NULL;
        if (take_tcp != NULL)
                uv_close((uv_handle_t *)take_tcp, free_tcp);
        if (!uv_is_closing((uv_handle_t *)&c->listener))
                uv_close((uv_handle_t *)&c->listener, NULL);
}

static void start(struct caller *c, bool listening)
{
        struct sockaddr_in bound;
        int length = sizeof(bound);

        *c = (struct caller){.error = 1};
        cr_assert_eq(uv_loop_init(&c->loop), 0);
        cr_assert_eq(uv_tcp_init(&c->loop, &c->listener), 0);
        uv_ip4_addr("127.0.0.1", 0, &bound);
        cr_assert_eq(uv_tcp_bind(&c->listener, (struct sockaddr *)&bound, 0), 0);
        cr_assert_eq(uv_tcp_getsockname(&c->listener, (struct sockaddr *)&bound, &length), 0);
        snprintf(c->address, sizeof(c->address), "127.0.0.1:%u", ntohs(bound.sin_port));
        // A port that is bound and not listened on refuses.
        if (listening)
                cr_assert_eq(uv_listen((uv_stream_t *)&c->listener, 1, on_connection), 0);
}

static void finish(struct caller *c)
{
        uv_run(&c->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&c->loop), 0, "nothing is left open");
}

Test(dial, a_connection_is_handed_over)
{
        struct caller c;

        start(&c, true);
        cr_assert_not_null(dial_start(&c.loop, c.address, on_done, &c));
        cr_expect_eq(c.called, 0, "never before return");
        finish(&c);
        cr_expect_eq(c.called, 1);
        cr_expect_eq(c.error, 0);
        cr_expect(c.connected);
}

Test(dial, a_refusal_is_told)
{
        struct caller c;

        start(&c, false);
        cr_assert_not_null(dial_start(&c.loop, c.address, on_done, &c));
        finish(&c);
        cr_expect_eq(c.called, 1);
        cr_expect_eq(c.error, UV_ECONNREFUSED);
        cr_expect_not(c.connected);
}

Test(dial, who_gave_up_hears_nothing)
{
        struct caller c;

        start(&c, true);
        dial_cancel(dial_start(&c.loop, c.address, on_done, &c));
        dial_cancel(NULL);
        uv_close((uv_handle_t *)&c.listener, NULL);
        finish(&c);
        cr_expect_eq(c.called, 0);
}

Test(dial, what_is_no_address_is_not_begun)
{
        struct caller c;

        start(&c, true);
        cr_expect_null(dial_start(&c.loop, "nowhere", on_done, &c));
        uv_close((uv_handle_t *)&c.listener, NULL);
        finish(&c);
        cr_expect_eq(c.called, 0);
}
