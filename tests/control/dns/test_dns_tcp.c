#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/dns/dns_tcp.h"
#include "lictor/bytes.h"

#define ANSWER_TIMEOUT_MS 5000
#define INSTANCES         2000

static uv_loop_t loop;
static struct lictor_dataplane *plane;
static struct dns_tcp *tcp;

static const struct lictor_zone zone = {
    .domain = "consul",
    .datacenter = "dc1",
    .udp_answer_limit = 3,
};

static void add_service(const char *name, size_t count)
{
        struct lictor_instance *instances = calloc(count, sizeof(*instances));
        struct lictor_service service = {.kind = LICTOR_SERVICE,
                                         .name = name,
                                         .tag = "",
                                         .instances = instances,
                                         .instance_count = count};

        for (size_t i = 0; i < count; i++) {
                struct lictor_address address = {4, {10, 1, (uint8_t)(i >> 8), (uint8_t)i}};

                instances[i] = (struct lictor_instance){
                    .node = "n", .ipv4 = address, .any = address, .port = 80, .weight = 1};
        }
        cr_assert_eq(lictor_service_set(plane, &service), 0);
        lictor_commit(plane);
        free(instances);
}

static void start_bounded(unsigned connection_limit, unsigned idle_timeout_ms, size_t unsent_limit)
{
        struct sockaddr_storage address = {0};
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
        struct dns_tcp_config config = {.addresses = &address,
                                        .address_count = 1,
                                        .connection_limit = connection_limit,
                                        .idle_timeout_ms = idle_timeout_ms,
                                        .unsent_limit = unsent_limit};
        char error[256];

        v4->sin_family = AF_INET;
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        uv_loop_init(&loop);
        lictor_reader_register();
        lictor_reader_offline();
        cr_assert_eq(lictor_dataplane_create(&zone, &plane), 0);
        add_service("web", 1);
        add_service("big", INSTANCES);
        cr_assert_eq(dns_tcp_start(&loop, plane, &config, &tcp, error, sizeof(error)), 0, "%s",
                     error);
}

static void start(unsigned connection_limit, unsigned idle_timeout_ms)
{
        start_bounded(connection_limit, idle_timeout_ms, 0);
}

static void stop(void)
{
        dns_tcp_stop(tcp);
        uv_run(&loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&loop), 0);
        lictor_reader_unregister();
        lictor_dataplane_destroy(plane);
}

static int dial(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(dns_tcp_port(tcp, 0)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

// "NAME.service.consul" as a query with its length before it. returns the whole length.
static size_t make_query(uint8_t out[static 64], uint16_t id, const char *name, uint16_t type)
{
        const char *const labels[] = {name, "service", "consul"};
        size_t at = 14;

        memset(out, 0, 64);
        store_be16(out + 2, id);
        store_be16(out + 6, 1);
        for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
                out[at] = (uint8_t)strlen(labels[i]);
                memcpy(out + at + 1, labels[i], out[at]);
                at += 1u + out[at];
        }
        store_be16(out + at + 1, type);
        store_be16(out + at + 3, 1);
        at += 5;
        store_be16(out, (uint16_t)(at - 2));
        return at;
}

static void turn(void)
{
        uv_run(&loop, UV_RUN_NOWAIT);
}

// Read exactly n bytes while the loop turns. returns 0, or -1 when the connection ends.
static int receive(int fd, uint8_t *out, size_t n)
{
        uint64_t deadline_ms = uv_hrtime() / 1000000 + ANSWER_TIMEOUT_MS;
        size_t got = 0;

        while (got < n) {
                ssize_t count = recv(fd, out + got, n - got, MSG_DONTWAIT);

                if (count > 0)
                        got += (size_t)count;
                else if (count == 0 || errno != EAGAIN)
                        return -1;
                else
                        turn();
                cr_assert_lt(uv_hrtime() / 1000000, deadline_ms, "no answer in time");
        }
        return 0;
}

static uint16_t receive_answer(int fd, uint8_t *out)
{
        uint8_t prefix[2];

        cr_assert_eq(receive(fd, prefix, 2), 0);
        cr_assert_eq(receive(fd, out, load_be16(prefix)), 0);
        return load_be16(prefix);
}

static bool is_closed(int fd)
{
        uint8_t byte;

        return receive(fd, &byte, 1) < 0;
}

Test(dns_tcp, pipelined_queries_are_answered_in_order)
{
        uint8_t queries[50 * 64], answer[65535];
        size_t length = 0;
        int fd;

        start(0, 0);
        fd = dial();
        for (uint16_t i = 0; i < 50; i++)
                length += make_query(queries + length, i, "web", 1);
        cr_assert_eq(send(fd, queries, length, 0), (ssize_t)length);
        for (uint16_t i = 0; i < 50; i++) {
                receive_answer(fd, answer);
                cr_expect_eq(load_be16(answer), i);
                cr_expect_eq(load_be16(answer + 6), 1, "one address");
        }
        close(fd);
        stop();
}

Test(dns_tcp, a_query_in_single_bytes_is_answered)
{
        uint8_t query[64], answer[65535];
        size_t length = make_query(query, 7, "web", 1);
        int fd;

        start(0, 0);
        fd = dial();
        for (size_t i = 0; i < length; i++) {
                cr_assert_eq(send(fd, query + i, 1, 0), 1);
                turn();
        }
        receive_answer(fd, answer);
        cr_expect_eq(load_be16(answer), 7);
        close(fd);
        stop();
}

Test(dns_tcp, an_answer_may_be_large)
{
        uint8_t query[64], *answer = malloc(65535);
        size_t length = make_query(query, 1, "big", 1);
        int fd;

        start(0, 0);
        fd = dial();
        cr_assert_eq(send(fd, query, length, 0), (ssize_t)length);
        cr_expect_gt(receive_answer(fd, answer), INSTANCES * 16);
        cr_expect_eq(load_be16(answer + 6), INSTANCES);
        free(answer);
        close(fd);
        stop();
}

Test(dns_tcp, a_client_that_has_said_all_still_gets_its_answers)
{
        uint8_t queries[2 * 64], *answer = malloc(65535);
        size_t length = make_query(queries, 1, "big", 1);
        int fd;

        start(0, 0);
        fd = dial();
        length += make_query(queries + length, 2, "big", 1);
        cr_assert_eq(send(fd, queries, length, 0), (ssize_t)length);
        shutdown(fd, SHUT_WR);
        receive_answer(fd, answer);
        receive_answer(fd, answer);
        cr_expect_eq(load_be16(answer), 2);
        cr_expect(is_closed(fd));
        free(answer);
        close(fd);
        stop();
}

Test(dns_tcp, what_is_no_query_ends_the_connection)
{
        static const struct {
                const char *name, *bytes;
                size_t length;
        } rows[] = {
            {"an empty message", "\0\0", 2},
            {"less than a header",
             "\0\x05"
             "abcde",
             7},
            {"an answer", "\0\x0c\0\1\x80\0\0\0\0\0\0\0\0\0", 14},
        };

        start(0, 0);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int fd = dial();

                cr_assert_eq(send(fd, rows[i].bytes, rows[i].length, 0), (ssize_t)rows[i].length);
                cr_expect(is_closed(fd), "%s", rows[i].name);
                close(fd);
        }
        stop();
}

Test(dns_tcp, a_query_of_the_largest_size_is_taken)
{
        uint8_t *query = calloc(1, 2 + 65535), answer[65535];
        size_t sent = 0;
        int fd;

        start(0, 0);
        fd = dial();
        make_query(query, 9, "web", 1);
        store_be16(query, 65535);
        while (sent < 2 + 65535) {
                ssize_t count = send(fd, query + sent, 2 + 65535 - sent, MSG_DONTWAIT);

                if (count > 0)
                        sent += (size_t)count;
                turn();
        }
        receive_answer(fd, answer);
        cr_expect_eq(load_be16(answer), 9);
        // The buffer shrinks again: a small query still fits behind it.
        sent = make_query(query, 10, "web", 1);
        cr_assert_eq(send(fd, query, sent, 0), (ssize_t)sent);
        receive_answer(fd, answer);
        cr_expect_eq(load_be16(answer), 10);
        free(query);
        close(fd);
        stop();
}

Test(dns_tcp, the_longest_waiting_makes_room_when_all_places_are_taken)
{
        uint8_t query[64], answer[65535];
        size_t length = make_query(query, 1, "web", 1);
        struct dns_tcp_stats stats;
        int fds[3];

        start(2, 0);
        for (int i = 0; i < 3; i++) {
                fds[i] = dial();
                cr_assert_eq(send(fds[i], query, length, 0), (ssize_t)length);
                receive_answer(fds[i], answer);
        }
        cr_expect(is_closed(fds[0]));
        cr_expect_eq(dns_tcp_connections(tcp), 2);
        dns_tcp_stats(tcp, &stats);
        cr_expect_eq(stats.evicted, 1);
        for (int i = 0; i < 3; i++)
                close(fds[i]);
        stop();
}

Test(dns_tcp, bytes_that_complete_no_query_do_not_prolong_a_connection)
{
        uint8_t query[64];
        struct dns_tcp_stats stats;
        size_t length = make_query(query, 1, "web", 1), sent = 0;
        int fd;

        start(0, 1);
        fd = dial();
        do {
                if (sent + 1 < length && send(fd, query + sent, 1, MSG_NOSIGNAL) == 1)
                        sent++;
                uv_run(&loop, UV_RUN_ONCE);
                dns_tcp_stats(tcp, &stats);
        } while (stats.timed_out == 0);
        cr_expect(is_closed(fd));
        close(fd);
        stop();
}

Test(dns_tcp, a_client_that_does_not_read_is_not_read_from)
{
        uint8_t queries[64];
        size_t length = make_query(queries, 1, "big", 1);
        struct dns_tcp_stats before, after;
        unsigned idle_turns = 0;
        int fd, small = 4096;

        start(0, 0);
        fd = dial();
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        // Send until the server has taken nothing new for many turns.
        dns_tcp_stats(tcp, &before);
        while (idle_turns < 1000) {
                (void)!send(fd, queries, length, MSG_DONTWAIT | MSG_NOSIGNAL);
                turn();
                dns_tcp_stats(tcp, &after);
                idle_turns = after.received == before.received ? idle_turns + 1 : 0;
                before = after;
                cr_assert_lt(after.received, 10000, "reading has no end");
        }
        cr_expect_gt(after.received, 0);
        close(fd);
        stop();
}

Test(dns_tcp, who_reads_nothing_is_closed_when_too_much_is_unsent)
{
        uint8_t queries[64], answer[65537];
        size_t length = make_query(queries, 1, "big", 1);
        struct dns_tcp_stats stats = {0};
        int fd, small = 4096;

        start_bounded(0, 0, 1000);
        fd = dial();
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        for (unsigned i = 0; i < 10000 && stats.overrun == 0; i++) {
                (void)!send(fd, queries, length, MSG_DONTWAIT | MSG_NOSIGNAL);
                turn();
                dns_tcp_stats(tcp, &stats);
        }
        cr_expect_eq(stats.overrun, 1);
        turn();
        cr_expect_eq(dns_tcp_connections(tcp), 0);
        close(fd);
        // Those who read are served as before.
        fd = dial();
        cr_assert_eq(send(fd, queries, make_query(queries, 2, "web", 1), 0) > 0, 1);
        cr_expect_eq(receive_answer(fd, answer) > 0, 1);
        close(fd);
        stop();
}

Test(dns_tcp, a_port_in_use_is_named)
{
        struct sockaddr_storage address = {0};
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
        struct dns_tcp_config config = {.addresses = &address, .address_count = 1};
        struct dns_tcp *second;
        char error[256], expected[64];

        start(0, 0);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(dns_tcp_port(tcp, 0));
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_expect_lt(dns_tcp_start(&loop, plane, &config, &second, error, sizeof(error)), 0);
        snprintf(expected, sizeof(expected), "127.0.0.1:%u: bind: address already in use",
                 dns_tcp_port(tcp, 0));
        cr_expect_not_null(strstr(error, expected), "%s", error);
        stop();
}
