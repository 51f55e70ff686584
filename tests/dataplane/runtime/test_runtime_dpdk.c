#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/runtime/runtime.h"
#include "tests/dataplane/packet/frame_builder.h"

// The classic pcap file format, in host byte order.
struct pcap_header {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, snapshot, link;
};
struct pcap_record {
        uint32_t seconds, microseconds, captured, length;
};

static char folder[] = "/tmp/lictor-test-XXXXXX";
static char in_path[64], out_path[64], device[192];
static FILE *in;

static void set_up(void)
{
        const struct pcap_header header = {0xa1b2c3d4, 2, 4, 0, 0, 65535, 1};

        cr_assert_not_null(mkdtemp(folder));
        snprintf(in_path, sizeof(in_path), "%s/in.pcap", folder);
        snprintf(out_path, sizeof(out_path), "%s/out.pcap", folder);
        snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s,tx_pcap=%s", in_path, out_path);
        in = fopen(in_path, "wb");
        cr_assert_not_null(in);
        fwrite(&header, sizeof(header), 1, in);
}

static void tear_down(void)
{
        unlink(in_path);
        unlink(out_path);
        rmdir(folder);
}

TestSuite(runtime_dpdk, .init = set_up, .fini = tear_down);

static void put(const struct build *b)
{
        const struct pcap_record record = {1, 0, b->length, b->length};

        fwrite(&record, sizeof(record), 1, in);
        fwrite(b->bytes, b->length, 1, in);
}

static unsigned some_cpu(void)
{
        cpu_set_t cpus;
        unsigned cpu = 0;

        CPU_ZERO(&cpus);
        cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
        while (!CPU_ISSET(cpu, &cpus))
                cpu++;
        return cpu;
}

static struct runtime *start_queues(const char *devargs, unsigned queue_count)
{
        static const char *const eal[] = {"--no-huge", "--no-pci", "--no-telemetry", "-m", "64"};
        static const char *const addresses[] = {"10.99.0.2/24", "fd00::ab:cdef/64"};
        unsigned lcore = some_cpu();
        struct runtime_port_config port = {
            .device = devargs,
            .mac = "02:00:00:00:00:02",
            .addresses = addresses,
            .address_count = 2,
            .queue_count = queue_count,
        };
        struct runtime_config config = {
            .driver = RUNTIME_DPDK,
            .dns_port = DNS_PORT,
            .eal_arguments = eal,
            .eal_argument_count = 5,
            .lcores = &lcore,
            .lcore_count = 1,
            .ports = &port,
            .port_count = 1,
        };
        struct runtime *rt = NULL;
        char error[512] = "";

        fflush(in);
        cr_assert_eq(runtime_start(&config, NULL, &rt, error, sizeof(error)), 0, "%s", error);
        return rt;
}

static struct runtime *start(void)
{
        return start_queues(device, 1);
}

static struct runtime_counters wait_for(const struct runtime *rt, uint64_t received)
{
        struct runtime_worker_info info = {0};

        while (info.counters.received < received)
                cr_assert_eq(runtime_counters_read(rt, &info, 1), 1);
        return info.counters;
}

static unsigned read_answers(struct build out[], unsigned max)
{
        FILE *file = fopen(out_path, "rb");
        struct pcap_header header;
        struct pcap_record record;
        unsigned n = 0;

        cr_assert_not_null(file);
        cr_assert_eq(fread(&header, sizeof(header), 1, file), 1);
        for (; n < max && fread(&record, sizeof(record), 1, file) == 1; n++) {
                cr_assert_leq(record.captured, BUILD_CAPACITY);
                out[n].length = (uint16_t)record.captured;
                cr_assert_eq(fread(out[n].bytes, record.captured, 1, file), 1);
        }
        fclose(file);
        return n;
}

static void expect_payload(struct build *frame, const char *want)
{
        struct frame_host client = test_client();
        struct frame_info info;

        cr_assert_eq(classify(&client, frame, &info), FRAME_DNS);
        cr_expect_eq(info.message_length, strlen(want));
        cr_expect_arr_eq(frame->bytes + info.message_offset, want, strlen(want));
        cr_expect(checksums_right(frame->bytes, 14));
}

Test(runtime_dpdk, answers_queries_of_a_port_in_their_order)
{
        struct build four = query4("a", 1), six = query6("n", 1), out[4];
        struct runtime_counters c;
        struct runtime *rt;

        put(&four);
        put(&six);
        rt = start();
        c = wait_for(rt, 2);
        runtime_stop(rt);
        cr_expect_eq(c.frames[FRAME_DNS], 2);
        cr_assert_eq(read_answers(out, 4), 2);
        expect_payload(&out[0], "answer");
        expect_payload(&out[1], "nothing");
}

Test(runtime_dpdk, serves_more_packets_than_it_has_buffers)
{
        struct build b = query4("a", 1), out;
        struct runtime_counters c;
        struct runtime *rt;

        for (unsigned i = 0; i < 20000; i++)
                put(&b);
        rt = start();
        c = wait_for(rt, 20000);
        runtime_stop(rt);
        cr_expect_eq(c.frames[FRAME_DNS], 20000);
        cr_expect_eq(read_answers(&out, 1), 1);
        expect_payload(&out, "answer");
}

Test(runtime_dpdk, drops_frames_larger_than_a_buffer_and_counts_them)
{
        static uint8_t huge[8000]; // an Ethernet header and zeros
        const struct pcap_record record = {1, 0, sizeof(huge), sizeof(huge)};
        struct build b = query4("a", 1), out[8];
        struct runtime_counters c;
        struct runtime *rt;

        memcpy(huge, b.bytes, 14);
        fwrite(&record, sizeof(record), 1, in);
        fwrite(huge, sizeof(huge), 1, in);
        put(&b);
        rt = start();
        c = wait_for(rt, 2);
        runtime_stop(rt);
        cr_expect_eq(c.frames[FRAME_DNS], 1);
        cr_expect_eq(c.frames[FRAME_DROP_BAD_IP_HEADER], 1);
        cr_expect_eq(read_answers(out, 8), 1);
}

Test(runtime_dpdk, polls_every_queue_of_a_port)
{
        struct build b = query4("a", 1);
        char devargs[512];
        struct runtime_counters c;
        struct runtime *rt;

        put(&b);
        snprintf(devargs, sizeof(devargs),
                 "net_pcap0,rx_pcap=%s,rx_pcap=%s,tx_pcap=%s,tx_pcap=%s/two.pcap", in_path, in_path,
                 out_path, folder);
        rt = start_queues(devargs, 2);
        c = wait_for(rt, 2);
        runtime_stop(rt);
        snprintf(devargs, sizeof(devargs), "%s/two.pcap", folder);
        unlink(devargs);
        cr_expect_eq(c.answered, 2);
}

Test(runtime_dpdk, sends_slow_replies_through_the_port)
{
        struct build b = query4("please", 6), out[2];
        struct runtime_slow_query *query;
        struct runtime_counters c;
        struct runtime *rt;

        put(&b);
        rt = start();
        while (runtime_slow_take(rt, &query, 1) == 0)
                ;
        cr_expect_eq(query->message.length, 6);
        memcpy(query->message.data, "slowly", 6);
        query->message.verdict = DNS_ANSWERED;
        query->message.rcode = 0;
        runtime_slow_reply(rt, query);
        do
                c = wait_for(rt, 1);
        while (c.answered == 0);
        runtime_stop(rt);
        cr_assert_eq(read_answers(out, 2), 1);
        expect_payload(&out[0], "slowly");
}

Test(runtime_dpdk, starts_again_in_the_same_process)
{
        struct build b = query4("a", 1), out[2];
        struct runtime *rt;

        put(&b);
        rt = start();
        wait_for(rt, 1);
        runtime_stop(rt);
        rt = start();
        wait_for(rt, 1);
        runtime_stop(rt);
        cr_expect_eq(read_answers(out, 2), 1);
}

struct bystander {
        pthread_t thread;
        pthread_barrier_t meeting; // of the two threads
};

static void *stand_by(void *argument)
{
        struct bystander *b = argument;

        pthread_barrier_wait(&b->meeting);
        return NULL;
}

static cpu_set_t cpus_of(pthread_t thread)
{
        cpu_set_t cpus;

        CPU_ZERO(&cpus);
        cr_assert_eq(pthread_getaffinity_np(thread, sizeof(cpus), &cpus), 0);
        return cpus;
}

Test(runtime_dpdk, listens_on_the_socket_of_a_vhost_user_port_and_removes_it)
{
        char devargs[128], path[64];

        snprintf(path, sizeof(path), "%s/vhost", folder);
        snprintf(devargs, sizeof(devargs), "net_vhost0,iface=%s,queues=2", path);
        for (unsigned i = 0; i < 2; i++) {
                struct runtime *rt = start_queues(devargs, 2);

                cr_expect_str_eq(runtime_port_driver(rt, 0), "lictor_vhost");
                cr_expect_eq(access(path, F_OK), 0, "start %u", i);
                runtime_stop(rt);
                cr_expect_neq(access(path, F_OK), 0, "start %u", i);
        }
}

Test(runtime_dpdk, keeps_all_other_threads_off_the_polling_cpu_until_it_stops)
{
        const cpu_set_t before = cpus_of(pthread_self());
        const unsigned polling = some_cpu();
        struct bystander bystander;
        pthread_t threads[2];
        struct runtime *rt;

        pthread_barrier_init(&bystander.meeting, NULL, 2);
        cr_assert_eq(pthread_create(&bystander.thread, NULL, stand_by, &bystander), 0);
        threads[0] = bystander.thread;
        threads[1] = pthread_self();
        rt = start();
        for (size_t i = 0; i < 2 && CPU_COUNT(&before) > 1; i++) {
                const cpu_set_t during = cpus_of(threads[i]);

                cr_expect_eq(CPU_COUNT(&during), CPU_COUNT(&before) - 1, "thread %zu", i);
                cr_expect_not(CPU_ISSET(polling, &during), "thread %zu", i);
        }
        runtime_stop(rt);
        for (size_t i = 0; i < 2; i++) {
                const cpu_set_t after = cpus_of(threads[i]);

                cr_expect(CPU_EQUAL(&before, &after), "thread %zu", i);
        }
        pthread_barrier_wait(&bystander.meeting);
        pthread_join(bystander.thread, NULL);
        pthread_barrier_destroy(&bystander.meeting);
}
