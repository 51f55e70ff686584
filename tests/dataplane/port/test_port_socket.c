#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "dataplane/port/port_socket.h"
#include "lictor/bytes.h"

static struct sockaddr_storage address(const char *text)
{
        struct sockaddr_storage a = {0};

        if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) == 1)
                a.ss_family = AF_INET;
        else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) == 1)
                a.ss_family = AF_INET6;
        cr_assert_neq(a.ss_family, 0);
        return a;
}

static in_port_t port_be(const struct sockaddr_storage *a)
{
        return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                        : ((const struct sockaddr_in *)a)->sin_port;
}

static socklen_t length_of(const struct sockaddr_storage *a)
{
        return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

// A client connected to `to` at the queue's port: it hears only answers from there.
static int client(const struct port_queue *q, const char *to)
{
        struct sockaddr_storage bound, server = address(to);
        struct timeval patience = {.tv_sec = 10};
        int fd = socket(server.ss_family, SOCK_DGRAM, 0);

        cr_assert_eq(socket_queue_address(q, &bound), 0);
        if (server.ss_family == AF_INET6)
                ((struct sockaddr_in6 *)&server)->sin6_port = port_be(&bound);
        else
                ((struct sockaddr_in *)&server)->sin_port = port_be(&bound);
        cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&server, length_of(&server)), 0);
        return fd;
}

static struct port_queue *open_one(const char *text, bool dual_stack)
{
        struct sockaddr_storage a = address(text);
        struct port_queue *q;

        cr_assert_eq(socket_port_open(&a, dual_stack, &q, 1), 0);
        return q;
}

static unsigned receive(struct port_queue *q, struct port_packet packets[])
{
        return q->operations->receive(q, packets, PORT_BURST_MAX);
}

static void expect_echo(struct port_queue *q, const char *to)
{
        struct port_packet packet;
        char text[64];
        int fd = client(q, to);

        cr_assert_eq(send(fd, "ping", 4, 0), 4);
        cr_assert_eq(receive(q, &packet), 1);
        cr_assert_eq(packet.length, 4);
        cr_expect_arr_eq(packet.data, "ping", 4);
        memcpy(packet.data, "answered", 8);
        packet.length = 8;
        cr_expect_eq(q->operations->send(q, &packet, 1), 1);
        cr_expect_eq(recv(fd, text, sizeof(text), 0), 8, "%s", to);
        cr_expect_arr_eq(text, "answered", 8);
        close(fd);
}

static const struct {
        const char *bind, *ask;
        bool dual_stack;
} pairs[] = {
    {"127.0.0.1", "127.0.0.1", false}, {"::1", "::1", false}, {"0.0.0.0", "127.0.0.1", false},
    {"0.0.0.0", "127.0.0.9", false},   {"::", "::1", false},  {"::", "127.0.0.9", true},
};

Test(port_socket, answers_from_the_address_that_was_asked)
{
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
                struct port_queue *q = open_one(pairs[i].bind, pairs[i].dual_stack);

                // Twice: headers the kernel wrote to must be ready again.
                expect_echo(q, pairs[i].ask);
                expect_echo(q, pairs[i].ask);
                socket_queue_destroy(q);
        }
}

Test(port_socket, receives_a_burst_and_sends_a_part_of_it_in_any_order)
{
        struct port_queue *q = open_one("127.0.0.1", false);
        struct port_packet packets[PORT_BURST_MAX], answers[2];
        int clients[3];
        char text[64];

        for (unsigned i = 0; i < 3; i++) {
                char name[] = {(char)('a' + i)};

                clients[i] = client(q, "127.0.0.1");
                cr_assert_eq(send(clients[i], name, 1, 0), 1);
        }
        cr_assert_eq(receive(q, packets), 3);
        answers[0] = packets[2];
        answers[1] = packets[0];
        q->operations->drop(q, &packets[1], 1);
        cr_expect_eq(q->operations->send(q, answers, 2), 2);
        for (unsigned i = 0; i < 3; i += 2) {
                cr_assert_eq(recv(clients[i], text, sizeof(text), 0), 1);
                cr_expect_eq(text[0], (char)('a' + i));
        }
        cr_expect_eq(recv(clients[1], text, sizeof(text), MSG_DONTWAIT), -1);
        socket_queue_destroy(q);
}

Test(port_socket, takes_the_empty_and_the_largest_datagram)
{
        struct port_queue *q = open_one("127.0.0.1", false);
        struct port_packet packets[PORT_BURST_MAX];
        uint8_t *large = calloc(1, SOCKET_MESSAGE_MAX);
        int fd = client(q, "127.0.0.1");

        cr_assert_eq(send(fd, large, 0, 0), 0);
        cr_assert_eq(receive(q, packets), 1);
        cr_expect_eq(packets[0].length, 0);
        cr_assert_eq(send(fd, large, SOCKET_MESSAGE_MAX, 0), SOCKET_MESSAGE_MAX);
        cr_assert_eq(receive(q, packets), 1);
        cr_expect_eq(packets[0].length, SOCKET_MESSAGE_MAX);
        cr_expect_eq(q->operations->send(q, packets, 1), 1);
        cr_expect_eq(recv(fd, large, SOCKET_MESSAGE_MAX, 0), SOCKET_MESSAGE_MAX);
        free(large);
        socket_queue_destroy(q);
}

Test(port_socket, goes_on_past_an_answer_the_kernel_refuses)
{
        struct port_queue *q = open_one("127.0.0.1", false);
        struct port_packet packets[PORT_BURST_MAX];
        struct msghdr *header;
        int fd = client(q, "127.0.0.1");
        char text[8];

        cr_assert_eq(send(fd, "a", 1, 0), 1);
        cr_assert_eq(send(fd, "b", 1, 0), 1);
        cr_assert_eq(receive(q, packets), 2);
        header = packets[0].handle;
        ((struct sockaddr_in *)header->msg_name)->sin_port = 0; // EINVAL
        cr_expect_eq(q->operations->send(q, packets, 2), 1);
        cr_assert_eq(recv(fd, text, sizeof(text), 0), 1);
        cr_expect_eq(text[0], 'b');
        socket_queue_destroy(q);
}

Test(port_socket, keeps_a_retained_query_past_the_next_receive)
{
        struct port_queue *q = open_one("0.0.0.0", false);
        struct port_packet packets[PORT_BURST_MAX];
        uint8_t buffer[64];
        struct port_retained slot = {.buffer = buffer, .buffer_size = sizeof(buffer)};
        int fd = client(q, "127.0.0.7");
        char text[64];

        cr_assert_eq(send(fd, "first", 5, 0), 5);
        cr_assert_eq(receive(q, packets), 1);
        cr_assert(q->operations->retain(q, &packets[0], &slot));
        cr_assert_eq(send(fd, "other", 5, 0), 5);
        cr_assert_eq(receive(q, packets), 1);
        cr_expect_arr_eq(slot.packet.data, "first", 5);
        cr_expect_eq(slot.packet.capacity, sizeof(buffer));
        cr_expect(q->operations->send_retained(q, &slot));
        cr_assert_eq(recv(fd, text, sizeof(text), 0), 5);
        cr_expect_arr_eq(text, "first", 5);
        socket_queue_destroy(q);
}

Test(port_socket, retains_nothing_that_does_not_fit)
{
        struct port_queue *q = open_one("127.0.0.1", false);
        struct port_packet packets[PORT_BURST_MAX];
        uint8_t buffer[4];
        struct port_retained slot = {.buffer = buffer, .buffer_size = sizeof(buffer)};
        int fd = client(q, "127.0.0.1");

        cr_assert_eq(send(fd, "12345", 5, 0), 5);
        cr_assert_eq(receive(q, packets), 1);
        cr_expect_not(q->operations->retain(q, &packets[0], &slot));
        socket_queue_destroy(q);
}

static void *receive_once(void *argument)
{
        struct port_packet packets[PORT_BURST_MAX];

        return (void *)(uintptr_t)receive(argument, packets);
}

Test(port_socket, a_sleeping_receive_ends_when_woken)
{
        struct port_queue *q = open_one("127.0.0.1", false);
        pthread_t thread;
        void *received = q;

        cr_assert_eq(pthread_create(&thread, NULL, receive_once, q), 0);
        q->operations->wake(q);
        pthread_join(thread, &received);
        cr_expect_null(received);
        socket_queue_destroy(q);
}

Test(port_socket, several_queues_share_one_port)
{
        struct sockaddr_storage a = address("127.0.0.1"), first, other;
        struct port_queue *queues[3];

        cr_assert_eq(socket_port_open(&a, false, queues, 3), 0);
        cr_assert_eq(socket_queue_address(queues[0], &first), 0);
        cr_assert_eq(socket_queue_address(queues[2], &other), 0);
        cr_expect_eq(port_be(&first), port_be(&other));
        for (unsigned i = 0; i < 3; i++)
                socket_queue_destroy(queues[i]);
}

Test(port_socket, refuses_a_port_in_use_even_by_one_who_shares)
{
        struct sockaddr_storage a = address("127.0.0.1");
        struct port_queue *queues[2], *more[2];

        cr_assert_eq(socket_port_open(&a, false, queues, 2), 0);
        cr_assert_eq(socket_queue_address(queues[0], &a), 0);
        cr_expect_eq(socket_port_open(&a, false, more, 2), -EADDRINUSE);
        cr_expect_eq(socket_port_open(&a, false, more, 1), -EADDRINUSE);
        socket_queue_destroy(queues[0]);
        socket_queue_destroy(queues[1]);
        cr_expect_eq(socket_port_open(&a, false, more, 1), 0);
        socket_queue_destroy(more[0]);
}

Test(port_socket, refuses_an_address_this_host_has_not)
{
        struct sockaddr_storage a = address("192.0.2.1");
        struct port_queue *q;

        cr_expect_eq(socket_port_open(&a, false, &q, 1), -EADDRNOTAVAIL);
}
