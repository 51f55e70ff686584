#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/rpc/demux.h"

struct server {
        uv_loop_t loop;
        struct demux *demux;
        uv_tcp_t *handed;
        bool closed;
};

static void on_accept(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct server *s = arg;

        cr_expect_eq(strncmp(peer, "127.0.0.1:", 10), 0, "%s", peer);
        s->handed = take_connection;
}

static void on_beat(uv_timer_t *timer)
{
        (void)timer;
}

static void start(struct server *s, uint64_t timeout_ms, unsigned pending_max)
{
        struct demux_options options = {
            .loop = &s->loop, .timeout_ms = timeout_ms, .pending_max = pending_max};
        struct sockaddr_in address;

        memset(s, 0, sizeof(*s));
        cr_assert_eq(uv_loop_init(&s->loop), 0);
        cr_assert_eq(demux_create(&options, &s->demux), 0);
        demux_register(s->demux, DEMUX_RAFT, on_accept, s);
        uv_ip4_addr("127.0.0.1", 0, &address);
        cr_assert_eq(demux_listen(s->demux, (struct sockaddr *)&address), 0);
        cr_assert_neq(demux_port(s->demux), 0);
}

static void on_closed(void *arg)
{
        ((struct server *)arg)->closed = true;
}

static void stop(struct server *s)
{
        demux_close(s->demux, on_closed, s);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        cr_expect(s->closed);
        cr_expect_eq(uv_loop_close(&s->loop), 0, "nothing is left open");
}

static int connect_to(const struct server *s)
{
        struct sockaddr_in address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        uv_ip4_addr("127.0.0.1", demux_port(s->demux), &address);
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static struct demux_counters counters(const struct server *s)
{
        struct demux_counters now;

        demux_counters(s->demux, &now);
        return now;
}

// Turns of the loop until the counters add up to so many.
static void run_until(struct server *s, uint64_t events)
{
        uv_timer_t beat;

        uv_timer_init(&s->loop, &beat);
        uv_timer_start(&beat, on_beat, 2, 2);
        for (unsigned turn = 0; turn < 5000; turn++) {
                struct demux_counters now = counters(s);

                if (now.accepted + now.unknown + now.silent + now.too_many >= events)
                        break;
                uv_run(&s->loop, UV_RUN_ONCE);
        }
        uv_close((uv_handle_t *)&beat, NULL);
        uv_run(&s->loop, UV_RUN_NOWAIT);
}

static bool is_closed(int fd)
{
        char byte;

        return recv(fd, &byte, 1, 0) <= 0;
}

Test(demux, the_first_byte_chooses_and_the_rest_is_left_unread)
{
        struct server s;
        uv_os_fd_t fd;
        char rest[8] = "";
        int client;

        start(&s, 0, 0);
        client = connect_to(&s);
        cr_assert_eq(send(client, "Lrest", 5, 0), 5);
        run_until(&s, 1);
        cr_assert_not_null(s.handed);
        uv_fileno((uv_handle_t *)s.handed, &fd);
        cr_expect_eq(recv(fd, rest, sizeof(rest), 0), 4);
        cr_expect_str_eq(rest, "rest");
        cr_expect_eq(counters(&s).accepted, 1);
        uv_close((uv_handle_t *)s.handed, (uv_close_cb)free);
        stop(&s);
        close(client);
}

Test(demux, a_byte_nobody_has_registered_ends_the_connection)
{
        struct server s;
        int client;

        start(&s, 0, 0);
        client = connect_to(&s);
        cr_assert_eq(send(client, "\x16\x03\x01", 3, 0), 3);
        run_until(&s, 1);
        cr_expect_eq(counters(&s).unknown, 1);
        cr_expect(is_closed(client));
        cr_expect_null(s.handed);
        close(client);
        stop(&s);
}

Test(demux, silence_and_early_ends_are_cut_off)
{
        struct server s;
        int silent, early;

        start(&s, 20, 0);
        silent = connect_to(&s);
        early = connect_to(&s);
        close(early);
        run_until(&s, 2);
        cr_expect_eq(counters(&s).silent, 2);
        cr_expect(is_closed(silent));
        close(silent);
        stop(&s);
}

Test(demux, one_too_many_is_turned_away_and_the_others_stay)
{
        struct server s;
        int first, second, third;

        start(&s, 0, 2);
        first = connect_to(&s);
        second = connect_to(&s);
        third = connect_to(&s);
        run_until(&s, 1);
        cr_expect_eq(counters(&s).too_many, 1);
        cr_expect(is_closed(third));
        cr_assert_eq(send(first, "L", 1, 0), 1);
        run_until(&s, 2);
        cr_expect_eq(counters(&s).accepted, 1);
        cr_assert_not_null(s.handed);
        uv_close((uv_handle_t *)s.handed, (uv_close_cb)free);
        stop(&s);
        cr_expect(is_closed(second), "closing ends those that wait");
        close(first);
        close(second);
        close(third);
}

Test(demux, a_port_in_use_is_refused)
{
        struct server s;
        struct sockaddr_in address;
        struct demux_options options = {.loop = &s.loop};
        struct demux *other;

        start(&s, 0, 0);
        uv_ip4_addr("127.0.0.1", demux_port(s.demux), &address);
        cr_assert_eq(demux_create(&options, &other), 0);
        cr_expect_eq(demux_listen(other, (struct sockaddr *)&address), -EADDRINUSE);
        demux_close(other, NULL, NULL);
        stop(&s);
}
