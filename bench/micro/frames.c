// Whole frames through the worker's pipeline with no I/O: random A and SRV questions, half and
// half, for 100 k one-instance services (or as many as the argument says), bursts of frames in and
// frames to send out. Writes one JSON object a line on standard output, and what a person wants to
// see on standard error.
//
// The frames rotate through more buffers than the first-level cache holds, and new ones are written
// into all of them before each round, so that a burst finds its frames as far away as a NIC leaves
// them. Rounds are short: being scheduled away spoils few of them, and the median none.

#include "bench/micro/questions.h"
#include "dataplane/dns/dns_zone.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/table/svc_table.h"
#include "dataplane/worker/burst.h"

enum {
        ROUNDS = 1500,
        BUFFERS = 1024,
        SERVICES = 100000,
        IPV4_AT = 14,
        UDP_AT = 34,
        MESSAGE_AT = 42,
        CAPACITY = 2048
};

static const struct frame_host host = {
    .mac = {2, 0, 0, 0, 0, 2},
    .mtu = 1500,
    .dns_port = 53,
    .ipv4_count = 1,
    .ipv4 = {{10, 99, 0, 2}},
};

struct bench {
        struct svc_table *table;
        struct dns_zone *zone;
        struct dns_random random;
        uint64_t names;
        uint64_t draw;
        struct runtime_counters counters;
        struct burst burst;
        struct dns_message messages[BUFFERS];
        struct frame_info infos[BUFFERS];
        uint16_t lengths[BUFFERS];
        _Alignas(64) uint8_t buffers[BUFFERS * BUFFER_STRIDE];
};

static struct slices slices;

static uint8_t *frame_at(struct bench *b, size_t i)
{
        return b->buffers + i * BUFFER_STRIDE + BUFFER_HEADROOM;
}

static uint16_t put_frame(uint8_t *frame, uint64_t drawn, uint64_t names)
{
        static const uint8_t headers[MESSAGE_AT] = {
            2, 0,    0, 0,  0,  2, 2, 0,  0,  0, 0, 1,  8,  0, 0x45, 0, 0, 0, 0,
            0, 0x40, 0, 64, 17, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2,    0, 0, 0, 53};
        uint8_t *ip = frame + IPV4_AT, *udp = frame + UDP_AT;
        uint16_t length;

        memcpy(frame, headers, sizeof(headers));
        length =
            (uint16_t)(8 + put_question(frame + MESSAGE_AT, (drawn >> 8) % names,
                                        drawn >> 63 != 0 ? TYPE_SRV : TYPE_A, (uint16_t)drawn));
        store_be16(ip + 2, (uint16_t)(20 + length));
        store_be16(ip + 4, (uint16_t)(drawn >> 16));
        checksum_store(ip + 10, (uint16_t)~checksum_fold(checksum_ipv4_header(ip)));
        store_be16(udp, (uint16_t)(1024 + (drawn >> 32) % 60000));
        store_be16(udp + 4, length);
        checksum_store(udp + 6, (uint16_t)~checksum_fold(checksum_add(
                                    checksum_pseudo_header(ip, 4, 17, length), udp, length)));
        return (uint16_t)(UDP_AT + length);
}

static void receive(struct bench *b)
{
        for (size_t i = 0; i < BUFFERS; i++)
                b->lengths[i] = put_frame(frame_at(b, i), random_next(&b->draw), b->names);
}

static struct dns_env env_of(struct bench *b)
{
        return (struct dns_env){.zone = b->zone,
                                .table = b->table,
                                .random = &b->random,
                                .now_s = 1700000000,
                                .transport = DNS_UDP};
}

// The stages apart from each other, then all of a burst at once as the worker runs them.

static void classify(struct bench *b)
{
        const struct frame_checksums unknown = {0};

        for (size_t i = 0; i < BUFFERS; i++)
                if (frame_classify(&host, frame_at(b, i), b->lengths[i], CAPACITY, unknown,
                                   &b->infos[i]) != FRAME_DNS)
                        die("classifying every frame as a question");
}

static void respond(struct bench *b)
{
        const struct dns_env env = env_of(b);

        for (size_t i = 0; i < BUFFERS; i += SVC_BURST_MAX) {
                dns_respond_burst(&env, &b->messages[i], SVC_BURST_MAX);
                svc_reader_quiescent();
        }
}

static void finish(struct bench *b)
{
        for (size_t i = 0; i < BUFFERS; i++)
                b->lengths[i] =
                    frame_finish_changed(&host, frame_at(b, i), &b->infos[i], b->messages[i].length,
                                         b->messages[i].sum_change);
}

static void answer(struct bench *b)
{
        const struct dns_env env = env_of(b);

        for (size_t i = 0; i < BUFFERS; i += PORT_BURST_MAX) {
                b->burst.count = PORT_BURST_MAX;
                for (size_t k = 0; k < PORT_BURST_MAX; k++)
                        b->burst.packets[k] = (struct port_packet){.data = frame_at(b, i + k),
                                                                   .length = b->lengths[i + k],
                                                                   .capacity = CAPACITY};
                burst_answer_frames(&b->burst, &host, &env, false, &b->counters);
                if (b->burst.send_count != PORT_BURST_MAX)
                        die("answering every frame");
                for (size_t k = 0; k < PORT_BURST_MAX; k++)
                        b->lengths[i + k] = b->burst.packets[k].length;
                svc_reader_quiescent();
        }
}

static void set_messages(struct bench *b)
{
        for (size_t i = 0; i < BUFFERS; i++)
                b->messages[i] = (struct dns_message){
                    .data = frame_at(b, i) + b->infos[i].message_offset,
                    .length = b->infos[i].message_length,
                    .capacity = b->infos[i].message_max,
                };
}

static void time_stage(struct bench *b, void (*stage)(struct bench *b), bool timed)
{
        const uint64_t start = cycles_now();

        stage(b);
        if (timed)
                slices_add(&slices, cycles_now() - start);
}

// Cycles a frame of one stage; those before it run too, but out of the count.
static struct cycles measure_stage(struct bench *b, unsigned stage)
{
        for (unsigned round = 0; round < ROUNDS; round++) {
                receive(b);
                time_stage(b, classify, stage == 0);
                if (stage > 0) {
                        set_messages(b);
                        time_stage(b, respond, stage == 1);
                }
                if (stage > 1)
                        time_stage(b, finish, true);
        }
        return slices_result(&slices, BUFFERS);
}

static struct cycles measure_all(struct bench *b)
{
        for (unsigned round = 0; round < 2 * ROUNDS; round++) {
                receive(b);
                time_stage(b, answer, true);
        }
        return slices_result(&slices, BUFFERS);
}

// Were answers wrong, the figures would say nothing: a receiver must accept every frame.
static void check_answers(struct bench *b)
{
        const struct frame_checksums unknown = {0};

        receive(b);
        answer(b);
        for (size_t i = 0; i < BUFFERS; i++) {
                uint8_t *frame = frame_at(b, i);
                struct frame_host client = {.mtu = 1500, .ipv4_count = 1};
                struct frame_info info;

                memcpy(client.mac, frame, 6);
                memcpy(client.ipv4, frame + IPV4_AT + 16, 4);
                client.dns_port = load_be16(frame + UDP_AT + 2);
                if (frame_classify(&client, frame, b->lengths[i], CAPACITY, unknown, &info) !=
                        FRAME_DNS ||
                    load_be16(frame + MESSAGE_AT + 6) != 1)
                        die("sending right answers");
        }
}

static void print_case(const struct bench *b, const char *stage, struct cycles cycles)
{
        printf("{\"bench\":\"frames\",\"names\":%" PRIu64
               ",\"stage\":\"%s\",\"cycles\":%.1f,\"cycles_p05\":%.1f}\n",
               b->names, stage, cycles.median, cycles.p05);
        fprintf(stderr, "%10" PRIu64 " names  %-10s %7.1f cycles a frame (p05 %.1f)\n", b->names,
                stage, cycles.median, cycles.p05);
}

int main(int argc, char **argv)
{
        static const char *const stages[] = {"classify", "respond", "finish"};
        static const struct lictor_zone zone = {.domain = "consul",
                                                .datacenter = "dc1",
                                                .soa = {3600, 600, 86400, 0},
                                                .udp_answer_limit = 3};
        static struct bench bench = {.draw = 88172645463325252u};

        bench.names = argc > 1 ? strtoull(argv[1], NULL, 10) : SERVICES;
        svc_reader_register();
        if (dns_zone_create(&zone, &bench.zone) < 0 || svc_table_create(0, &bench.table) < 0)
                die("creating the table");
        add_services(bench.table, bench.zone, 0, bench.names);
        check_answers(&bench);
        print_case(&bench, "all", measure_all(&bench));
        for (unsigned i = 0; i < ARRAY_LEN(stages); i++)
                print_case(&bench, stages[i], measure_stage(&bench, i));
        svc_table_destroy(bench.table);
        dns_zone_destroy(bench.zone);
        svc_reader_unregister();
        return 0;
}
