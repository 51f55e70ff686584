#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "dataplane/runtime/runtime.h"

static struct sockaddr_storage loopback(sa_family_t family)
{
        struct sockaddr_storage a = {.ss_family = family};

        if (family == AF_INET6)
                ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
        else
                ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return a;
}

static struct runtime *start(const struct sockaddr_storage listen[], size_t count, unsigned threads)
{
        struct runtime_config config = {
            .driver = RUNTIME_SOCKET,
            .listen = listen,
            .listen_count = count,
            .socket_worker_count = threads,
        };
        char error[256] = "";
        struct runtime *rt = NULL;

        cr_assert_eq(runtime_start(&config, NULL, &rt, error, sizeof(error)), 0, "%s", error);
        return rt;
}

static int client(const struct runtime *rt, size_t listen_index)
{
        struct timeval patience = {.tv_sec = 10};
        struct sockaddr_storage server;
        int fd;

        cr_assert_eq(runtime_listen_address(rt, listen_index, &server), 0);
        fd = socket(server.ss_family, SOCK_DGRAM, 0);
        cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
        return fd;
}

static void expect_answer(int fd, const char *query, const char *want)
{
        char text[64] = "";

        cr_assert_eq(send(fd, query, strlen(query), 0), (ssize_t)strlen(query));
        cr_assert_gt(recv(fd, text, sizeof(text) - 1, 0), 0, "%s: no answer", query);
        cr_expect_str_eq(text, want);
}

Test(runtime_socket, answers_on_every_address_with_every_number_of_threads)
{
        struct sockaddr_storage listen[] = {loopback(AF_INET), loopback(AF_INET6)};

        for (unsigned threads = 1; threads <= 3; threads++) {
                struct runtime *rt = start(listen, 2, threads);

                for (size_t i = 0; i < 2; i++) {
                        // Several clients, so that SO_REUSEPORT reaches several threads.
                        for (unsigned c = 0; c < 8; c++) {
                                int fd = client(rt, i);

                                expect_answer(fd, "a", "answer");
                                close(fd);
                        }
                }
                runtime_stop(rt);
        }
}

Test(runtime_socket, names_and_counts_its_workers)
{
        struct sockaddr_storage listen[] = {loopback(AF_INET)};
        struct runtime *rt = start(listen, 1, 1);
        struct runtime_worker_info info[4];
        struct sockaddr_storage bound;
        char name[80];
        int fd = client(rt, 0);

        expect_answer(fd, "a", "answer");
        expect_answer(fd, "n", "nothing");
        do // a query counts as received once all its burst has been dealt with
                cr_assert_eq(runtime_counters_read(rt, info, 4), 1);
        while (info[0].counters.received < 2);
        cr_expect_eq(info[0].counters.answered, 2);
        cr_expect_eq(info[0].counters.answered_by_rcode[3], 1);
        runtime_listen_address(rt, 0, &bound);
        snprintf(name, sizeof(name), "udp 127.0.0.1:%u #0",
                 ntohs(((struct sockaddr_in *)&bound)->sin_port));
        cr_expect_str_eq(info[0].name, name);
        cr_expect_eq(runtime_counters_read(rt, info, 0), 0);
        cr_expect_eq(runtime_listen_address(rt, 1, &bound), -EINVAL);
        close(fd);
        runtime_stop(rt);
}

Test(runtime_socket, hands_punted_queries_to_the_control_thread_and_sends_its_replies)
{
        struct sockaddr_storage listen[] = {loopback(AF_INET)}, me;
        struct runtime *rt = start(listen, 1, 1);
        struct pollfd wait = {.fd = runtime_slow_fd(rt), .events = POLLIN};
        struct runtime_slow_query *query;
        struct runtime_worker_info info;
        socklen_t length = sizeof(me);
        int fd = client(rt, 0);
        char text[64] = "";

        cr_expect_eq(runtime_slow_take(rt, &query, 1), 0);
        cr_assert_eq(send(fd, "please", 6, 0), 6);
        cr_assert_eq(poll(&wait, 1, 10000), 1);
        cr_assert_eq(runtime_slow_take(rt, &query, 1), 1);
        cr_expect_eq(query->message.length, 6);
        cr_expect_arr_eq(query->message.data, "please", 6);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&me, &length), 0);
        cr_expect_arr_eq(&query->client, &me, sizeof(struct sockaddr_in));
        memcpy(query->message.data, "there you are", 13);
        query->message.length = 13;
        query->message.verdict = DNS_ANSWERED;
        query->message.rcode = 0;
        runtime_slow_reply(rt, query);
        cr_assert_eq(recv(fd, text, sizeof(text), 0), 13);
        cr_expect_str_eq(text, "there you are");
        cr_expect_eq(poll(&wait, 1, 0), 0, "nothing waits any more");
        runtime_counters_read(rt, &info, 1);
        cr_expect_eq(info.counters.punted, 1);
        cr_expect_eq(info.counters.answered, 1);
        runtime_stop(rt);
}

Test(runtime_socket, stays_readable_while_more_queries_wait_than_were_taken)
{
        struct sockaddr_storage listen[] = {loopback(AF_INET)};
        struct runtime *rt = start(listen, 1, 1);
        struct pollfd wait = {.fd = runtime_slow_fd(rt), .events = POLLIN};
        struct runtime_slow_query *query;
        struct runtime_worker_info info = {0};
        int fd = client(rt, 0);

        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(send(fd, "p", 1, 0), 1);
        while (info.counters.punted < 3)
                runtime_counters_read(rt, &info, 1);
        for (unsigned i = 0; i < 3; i++) {
                cr_assert_eq(poll(&wait, 1, 0), 1, "%u taken", i);
                cr_assert_eq(runtime_slow_take(rt, &query, 1), 1);
                runtime_slow_reply(rt, query); // unanswered: dropped
        }
        cr_expect_eq(poll(&wait, 1, 0), 0);
        runtime_stop(rt);
}

Test(runtime_socket, says_which_address_is_in_use)
{
        struct sockaddr_storage listen[] = {loopback(AF_INET), loopback(AF_INET)};
        struct runtime *rt = start(listen, 1, 1), *second = NULL;
        struct runtime_config config = {
            .driver = RUNTIME_SOCKET,
            .listen = listen,
            .listen_count = 2,
            .socket_worker_count = 2,
        };
        char error[256] = "", address[64];

        runtime_listen_address(rt, 0, &listen[1]);
        cr_expect_eq(runtime_start(&config, NULL, &second, error, sizeof(error)), -EADDRINUSE);
        snprintf(address, sizeof(address), "127.0.0.1:%u",
                 ntohs(((struct sockaddr_in *)&listen[1])->sin_port));
        cr_expect_neq(strstr(error, address), NULL, "%s", error);
        cr_expect_null(second);
        runtime_stop(rt);
}
