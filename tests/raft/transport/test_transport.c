#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/transport/transport.h"

#define BULK_BYTES (1u << 20)

/* A server that sends, and a port that takes its connections: the first one is read, unless told
   otherwise; the others are left waiting. */
struct pair {
        uv_loop_t loop;
        uv_tcp_t listener;
        struct raft_transport *sender;
        struct raft_transport *receiver;
        uv_tcp_t *unread[16];
        unsigned unread_count;
        unsigned accepted;
        unsigned accept_max;
        const char *verdict;
        unsigned received;
        unsigned closed;
};

struct newcomer {
        uv_tcp_t tcp;
        struct pair *pair;
        char first;
};

static const char *admit(void *arg, const struct codec_hello *hello)
{
        const struct pair *p = arg;

        cr_expect_eq(hello->cluster_id, 77);
        return p->verdict;
}

static bool receive(void *arg, const struct raft_message *message)
{
        struct pair *p = arg;

        (void)message;
        p->received++;
        return true;
}

static uint64_t cluster_id(void *arg)
{
        (void)arg;
        return 77;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        (void)suggested;
        *out = uv_buf_init(&((struct newcomer *)handle)->first, 1);
}

static void on_first_byte(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct newcomer *newcomer = (struct newcomer *)stream;

        (void)buffer;
        if (count == 0)
                return;
        uv_read_stop(stream);
        if (count < 0) {
                uv_close((uv_handle_t *)stream, (uv_close_cb)free);
                return;
        }
        cr_expect_eq(newcomer->first, 'L');
        raft_transport_accept(newcomer->pair->receiver, &newcomer->tcp);
}

static void on_connection(uv_stream_t *listener, int status)
{
        struct pair *p = listener->data;
        struct newcomer *newcomer = malloc(sizeof(*newcomer));

        cr_assert_eq(status, 0);
        cr_assert_not_null(newcomer);
        newcomer->pair = p;
        uv_tcp_init(&p->loop, &newcomer->tcp);
        cr_assert_eq(uv_accept(listener, (uv_stream_t *)&newcomer->tcp), 0);
        if (p->accepted++ < p->accept_max)
                uv_read_start((uv_stream_t *)&newcomer->tcp, on_allocate, on_first_byte);
        else
                p->unread[p->unread_count++] = &newcomer->tcp;
}

static void start(struct pair *p, unsigned accept_max, const char *verdict)
{
        struct raft_transport_options options = {.loop = &p->loop,
                                                 .id = 1,
                                                 .address = "127.0.0.1:1",
                                                 .first_byte = 'L',
                                                 .dead_after_ms = 60000,
                                                 .seed = 1,
                                                 .arg = p,
                                                 .admit = admit,
                                                 .receive = receive,
                                                 .cluster_id = cluster_id};
        struct raft_configuration servers = {.server_count = 1, .servers[0].id = 2};
        struct sockaddr_in address;
        int length = sizeof(address);

        memset(p, 0, sizeof(*p));
        p->accept_max = accept_max;
        p->verdict = verdict;
        cr_assert_eq(uv_loop_init(&p->loop), 0);
        uv_tcp_init(&p->loop, &p->listener);
        p->listener.data = p;
        uv_ip4_addr("127.0.0.1", 0, &address);
        cr_assert_eq(uv_tcp_bind(&p->listener, (struct sockaddr *)&address, 0), 0);
        cr_assert_eq(uv_listen((uv_stream_t *)&p->listener, 16, on_connection), 0);
        uv_tcp_getsockname(&p->listener, (struct sockaddr *)&address, &length);
        snprintf(servers.servers[0].address, RAFT_ADDRESS_MAX, "127.0.0.1:%u",
                 ntohs(address.sin_port));
        cr_assert_eq(raft_transport_create(&options, &p->sender), 0);
        options.id = 2;
        cr_assert_eq(raft_transport_create(&options, &p->receiver), 0);
        raft_transport_set_servers(p->sender, &servers);
}

static void on_closed(void *arg)
{
        ((struct pair *)arg)->closed++;
}

static void stop(struct pair *p)
{
        raft_transport_close(p->sender, on_closed, p);
        raft_transport_close(p->receiver, on_closed, p);
        uv_close((uv_handle_t *)&p->listener, NULL);
        for (unsigned i = 0; i < p->unread_count; i++)
                uv_close((uv_handle_t *)p->unread[i], (uv_close_cb)free);
        uv_run(&p->loop, UV_RUN_DEFAULT);
        cr_expect_eq(p->closed, 2);
        cr_expect_eq(uv_loop_close(&p->loop), 0, "nothing is left open");
}

static void send_heartbeat(struct pair *p)
{
        struct raft_message m = {.type = RAFT_APPEND_REQUEST, .from = 1, .to = 2, .term = 1};

        raft_transport_send(p->sender, &m);
        raft_transport_flush(p->sender);
}

static void send_chunk(struct pair *p, const uint8_t *bytes)
{
        struct raft_message m = {.type = RAFT_SNAPSHOT_REQUEST,
                                 .from = 1,
                                 .to = 2,
                                 .term = 1,
                                 .bytes = bytes,
                                 .length = BULK_BYTES};

        raft_transport_send(p->sender, &m);
        raft_transport_flush(p->sender);
}

static void run_until_received(struct pair *p, unsigned wanted)
{
        uint64_t end_ns = uv_hrtime() + 10000000000u;

        while (p->received < wanted && uv_hrtime() < end_ns)
                uv_run(&p->loop, UV_RUN_ONCE);
}

Test(raft_transport, heartbeats_pass_while_bulk_is_stuck_and_its_queue_is_bounded)
{
        struct raft_transport_counters counters;
        uint8_t *bytes = calloc(1, BULK_BYTES);
        struct pair p;

        cr_assert_not_null(bytes);
        start(&p, 1, NULL);
        send_heartbeat(&p);
        run_until_received(&p, 1);
        for (unsigned i = 0; i < 100; i++)
                send_chunk(&p, bytes);
        for (unsigned i = 2; i <= 50; i++) {
                send_heartbeat(&p);
                run_until_received(&p, i);
                cr_assert_eq(p.received, i);
        }
        cr_expect_eq(p.unread_count, 1, "the bulk connection is not read");
        raft_transport_counters(p.sender, &counters);
        cr_expect(counters.dropped >= 50, "%llu", (unsigned long long)counters.dropped);
        stop(&p);
        free(bytes);
}

static void on_pause_over(uv_timer_t *timer)
{
        *(bool *)timer->data = true;
}

Test(raft_transport, whoever_is_refused_comes_back_ever_more_slowly)
{
        struct raft_transport_counters counters;
        bool over = false;
        uv_timer_t end;
        struct pair p;

        start(&p, 1000, "is not wanted");
        uv_timer_init(&p.loop, &end);
        end.data = &over;
        uv_timer_start(&end, on_pause_over, 400, 0);
        while (!over) {
                send_heartbeat(&p);
                uv_run(&p.loop, UV_RUN_ONCE);
        }
        uv_close((uv_handle_t *)&end, NULL);
        raft_transport_counters(p.receiver, &counters);
        cr_expect(counters.refused >= 1);
        cr_expect(counters.refused <= 20, "%llu", (unsigned long long)counters.refused);
        cr_expect_eq(p.received, 0);
        stop(&p);
}

Test(raft_transport, nobody_is_reached_without_an_address)
{
        struct raft_message m = {.type = RAFT_VOTE_REQUEST, .from = 1, .to = 3, .term = 1};
        struct raft_transport_counters counters;
        struct pair p;

        start(&p, 1, NULL);
        raft_transport_send(p.sender, &m);
        raft_transport_counters(p.sender, &counters);
        cr_expect_eq(counters.dropped, 1);
        stop(&p);
}
