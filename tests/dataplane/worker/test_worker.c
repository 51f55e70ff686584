#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/worker/worker.h"
#include "fake_port.h"
#include "fake_responder.h"
#include "tests/dataplane/packet/frame_builder.h"

// The linker sends every allocation of this program through here.
static _Thread_local bool is_on_hot_path;
static _Thread_local unsigned hot_allocation_count;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
        hot_allocation_count += is_on_hot_path;
        return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
        hot_allocation_count += is_on_hot_path;
        return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
        hot_allocation_count += is_on_hot_path;
        return __real_realloc(old, size);
}

static struct worker *w;
static struct fake_port wire, kernel;
static struct frame_host host;
static int wake_fd;

static void set_up(void)
{
        wake_fd = eventfd(0, EFD_NONBLOCK);
        w = aligned_alloc(LICTOR_CACHE_LINE, sizeof(*w));
        memset(w, 0, sizeof(*w));
        cr_assert_eq(slow_path_create(0, wake_fd, &w->slow), 0);
        host = test_host(true);
        fake_port_init(&wire, true);
        fake_port_init(&kernel, true);
        w->units[0] = (struct worker_unit){&wire.base, &kernel.base, &host};
        w->unit_count = 1;
}

static void tear_down(void)
{
        slow_path_destroy(w->slow);
        free(w);
        close(wake_fd);
}

TestSuite(worker, .init = set_up, .fini = tear_down);

static unsigned turn(void)
{
        unsigned moved;

        is_on_hot_path = true;
        moved = worker_turn(w);
        is_on_hot_path = false;
        cr_expect_eq(hot_allocation_count, 0, "a turn allocated memory");
        return moved;
}

static void put_query(const char *payload)
{
        struct build b = query4(payload, strlen(payload));

        fake_port_put(&wire, b.bytes, b.length);
}

static struct runtime_counters counters(void)
{
        struct runtime_counters c;

        worker_counters_read(w, &c);
        return c;
}

Test(worker, does_nothing_without_packets)
{
        cr_expect_eq(turn(), 0);
        cr_expect_eq(counters().bursts, 0);
        cr_expect_eq(counters().received, 0);
}

Test(worker, answers_queries_in_their_own_frames)
{
        struct frame_host client = test_client();
        struct frame_info info;
        struct build answer = {0};

        put_query("a");
        put_query("n");
        cr_expect_eq(turn(), 2);
        cr_assert_eq(wire.sent_count, 2);
        cr_expect_eq(wire.held, 0);
        memcpy(answer.bytes, wire.sent[0].bytes, wire.sent[0].length);
        answer.length = wire.sent[0].length;
        cr_assert_eq(classify(&client, &answer, &info), FRAME_DNS);
        cr_expect_eq(info.message_length, 6);
        cr_expect_arr_eq(answer.bytes + info.message_offset, "answer", 6);
        cr_expect_eq(counters().received, 2);
        cr_expect_eq(counters().answered, 2);
        cr_expect_eq(counters().answered_by_rcode[0], 1);
        cr_expect_eq(counters().answered_by_rcode[3], 1);
        cr_expect_eq(counters().frames[FRAME_DNS], 2);
        cr_expect_eq(counters().bursts, 1);
}

Test(worker, serves_any_number_of_packets_up_to_several_bursts)
{
        for (unsigned n = 0; n <= FAKE_PACKET_MAX; n++) {
                fake_port_init(&wire, true);
                for (unsigned i = 0; i < n; i++)
                        put_query(i % 3 == 0 ? "q" : "a");
                while (turn() > 0)
                        ;
                cr_assert_eq(wire.sent_count, n - (n + 2) / 3, "%u packets", n);
                cr_assert_eq(wire.drop_count, (n + 2) / 3, "%u packets", n);
                cr_assert_eq(wire.held, 0, "%u packets", n);
        }
}

Test(worker, marks_answers_for_a_port_that_fills_checksums)
{
        wire.base.fills_checksums = true;
        put_query("a");
        turn();
        cr_assert_eq(wire.sent_count, 1);
        cr_expect_eq(wire.sent_packets[0].l2_length, 14);
        cr_expect_eq(wire.sent_packets[0].l3_length, 20);
        cr_expect_eq(wire.sent_packets[0].ip_version, 4);
}

Test(worker, leaves_answers_unmarked_for_a_port_that_does_not)
{
        put_query("a");
        turn();
        cr_expect_eq(wire.sent_packets[0].l2_length, 0);
}

Test(worker, never_gives_an_answer_more_room_than_buffer_or_mtu)
{
        put_query("f");
        turn();
        cr_assert_eq(wire.sent_count, 1);
        cr_expect_eq(wire.sent[0].length, FAKE_ROOM);
        host.mtu = 300;
        put_query("f");
        turn();
        cr_assert_eq(wire.sent_count, 2);
        cr_expect_eq(wire.sent[1].length, 14 + 300);
}

Test(worker, counts_drops_by_reason)
{
        struct build b = query4("a", 1);

        put_query("q");
        fake_port_put(&wire, b.bytes, 10);
        b.bytes[0] ^= 0x40;
        fake_port_put(&wire, b.bytes, b.length);
        turn();
        cr_expect_eq(wire.drop_count, 3);
        cr_expect_eq(wire.held, 0);
        cr_expect_eq(counters().dns_dropped[DNS_DROP_NOT_QUERY], 1);
        cr_expect_eq(counters().frames[FRAME_DROP_SHORT], 1);
        cr_expect_eq(counters().frames[FRAME_DROP_NOT_FOR_US], 1);
        cr_expect_eq(counters().answered, 0);
}

static void put_tcp(void)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x0800);
        build_ipv4(&b, CLIENT_IP, HOST_IP, 6);
        build_bytes(&b, "0123456789abcdefghij", 20);
        build_seal(&b);
        fake_port_put(&wire, b.bytes, b.length);
}

Test(worker, passes_what_it_does_not_own_to_the_kernel)
{
        put_tcp();
        put_query("a");
        turn();
        cr_expect_eq(kernel.sent_count, 1);
        cr_expect_eq(wire.sent_count, 1);
        cr_expect_eq(counters().exception_to_kernel, 1);
        cr_expect_eq(counters().exception_dropped, 0);
}

Test(worker, counts_what_the_kernel_does_not_take)
{
        kernel.send_room = 1;
        put_tcp();
        put_tcp();
        put_tcp();
        turn();
        cr_expect_eq(counters().exception_to_kernel, 1);
        cr_expect_eq(counters().exception_dropped, 2);
}

Test(worker, sends_the_kernels_frames_as_they_are)
{
        fake_port_put(&kernel, "from the kernel", 15);
        cr_expect_eq(turn(), 1);
        cr_assert_eq(wire.sent_count, 1);
        cr_expect_arr_eq(wire.sent[0].bytes, "from the kernel", 15);
        cr_expect_eq(counters().exception_from_kernel, 1);
        cr_expect_eq(counters().received, 0, "only the wire's packets are received ones");
}

Test(worker, counts_answers_the_port_does_not_send)
{
        wire.send_room = 1;
        put_query("a");
        put_query("a");
        put_query("a");
        turn();
        cr_expect_eq(wire.sent_count, 1);
        cr_expect_eq(wire.held, 0);
        cr_expect_eq(counters().send_dropped, 2);
        cr_expect_eq(counters().answered, 3);
}

static struct slow_item *take_punt(void)
{
        slow_path_drain(w->slow, 0);
        return slow_path_take(w->slow);
}

Test(worker, punts_and_sends_the_reply_on_a_later_turn)
{
        struct frame_host client = test_client();
        struct build answer = {0};
        struct slow_item *item;
        struct frame_info info;
        const struct sockaddr_in *from;

        put_query("punt me");
        put_query("a");
        turn();
        cr_expect_eq(wire.sent_count, 1);
        cr_expect_eq(wire.held, 1, "the slow path keeps the buffer");
        cr_expect_eq(counters().punted, 1);
        item = take_punt();
        cr_assert_not_null(item);
        cr_expect_eq(item->query.message.length, 7);
        cr_expect_arr_eq(item->query.message.data, "punt me", 7);
        from = (const struct sockaddr_in *)&item->query.client;
        cr_expect_eq(from->sin_family, AF_INET);
        cr_expect_arr_eq(&from->sin_addr, CLIENT_IP, 4);
        cr_expect_eq(ntohs(from->sin_port), CLIENT_PORT);
        item->query.message.verdict = DNS_ANSWERED;
        item->query.message.rcode = 2;
        item->query.message.length = 4;
        memcpy(item->query.message.data, "slow", 4);
        worker_reply(w, item);
        cr_expect_eq(turn(), 1);
        cr_assert_eq(wire.sent_count, 2);
        cr_expect_eq(wire.held, 0);
        memcpy(answer.bytes, wire.sent[1].bytes, wire.sent[1].length);
        answer.length = wire.sent[1].length;
        cr_assert_eq(classify(&client, &answer, &info), FRAME_DNS);
        cr_expect_arr_eq(answer.bytes + info.message_offset, "slow", 4);
        cr_expect_eq(counters().answered_by_rcode[2], 1);
}

Test(worker, tells_the_slow_path_who_asked_over_ipv6)
{
        struct build b = query6("punt", 4);
        const struct sockaddr_in6 *from;
        struct slow_item *item;

        fake_port_put(&wire, b.bytes, b.length);
        turn();
        item = take_punt();
        cr_assert_not_null(item);
        from = (const struct sockaddr_in6 *)&item->query.client;
        cr_expect_eq(from->sin6_family, AF_INET6);
        cr_expect_arr_eq(&from->sin6_addr, CLIENT_IP6, 16);
        cr_expect_eq(ntohs(from->sin6_port), CLIENT_PORT);
        worker_reply(w, item);
}

Test(worker, drops_slow_queries_that_were_not_answered)
{
        struct slow_item *item;

        put_query("p");
        turn();
        item = take_punt();
        cr_assert_not_null(item);
        worker_reply(w, item);
        turn();
        cr_expect_eq(wire.sent_count, 0);
        cr_expect_eq(wire.drop_count, 1);
        cr_expect_eq(wire.held, 0);
}

Test(worker, counts_punts_for_which_there_is_no_room)
{
        wire.refuses_retain = true;
        put_query("p");
        turn();
        cr_expect_eq(counters().punted, 0);
        cr_expect_eq(counters().punt_dropped_full, 1);
        cr_expect_eq(wire.drop_count, 1);
}

Test(worker, drops_punts_when_all_slow_items_are_out)
{
        while (slow_path_reserve(w->slow) != NULL)
                ;
        put_query("p");
        turn();
        cr_expect_eq(counters().punt_dropped_full, 1);
        cr_expect_eq(wire.held, 0);
}

Test(worker, answers_bare_datagrams)
{
        fake_port_init(&wire, false);
        w->units[0] = (struct worker_unit){.queue = &wire.base};
        fake_port_put(&wire, "a", 1);
        fake_port_put(&wire, "q", 1);
        fake_port_put(&wire, "", 0);
        fake_port_put(&wire, "n", 1);
        turn();
        cr_assert_eq(wire.sent_count, 2);
        cr_expect_arr_eq(wire.sent[0].bytes, "answer", 6);
        cr_expect_arr_eq(wire.sent[1].bytes, "nothing", 7);
        cr_expect_eq(wire.drop_count, 2);
        cr_expect_eq(counters().dns_dropped[DNS_DROP_SHORT], 1);
        cr_expect_eq(counters().frames[FRAME_DNS], 0);
}

Test(worker, is_offline_while_a_receive_may_sleep_and_online_after)
{
        fake_port_init(&wire, false);
        wire.base.blocks = true;
        w->units[0] = (struct worker_unit){.queue = &wire.base};
        fake_online = 1;
        turn();
        cr_expect_eq(wire.online_in_receive, 0);
        cr_expect_eq(fake_online, 1);
        wire.base.blocks = false;
        turn();
        cr_expect_eq(wire.online_in_receive, 1, "a receive that polls costs no barrier");
}

// What the worker's thread was to RCU when it had run.
static unsigned online_at_end, quiescent_at_end;

static void *run(void *argument)
{
        worker_run(argument);
        online_at_end = fake_online;
        quiescent_at_end = fake_quiescent_count;
        return NULL;
}

Test(worker, runs_until_it_is_stopped_and_sleeps_when_idle)
{
        struct runtime_counters c = {0};
        pthread_t thread;

        cr_assert_eq(pthread_create(&thread, NULL, run, w), 0);
        while (c.sleeps < 3)
                c = counters();
        worker_stop(w);
        pthread_join(thread, NULL);
        cr_expect_gt(c.total_cycles, c.busy_cycles);
        cr_expect_eq(online_at_end, 0, "unregistered, and online after each sleep");
        cr_expect_geq(quiescent_at_end, c.sleeps, "one quiescent state a turn at least");
        cr_expect_eq(wire.online_in_receive, 1);
}
