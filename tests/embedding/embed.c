/*
 * A DPDK program of its own that answers DNS with Lictor's responder. It is built against nothing
 * but an installed Lictor, and checks the bytes of what it answered.
 *
 * Packets come from one capture file and go to another, so that neither a NIC nor root is needed.
 */

#include <lictor/dataplane.h>
#include <lictor/responder.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 32

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);   \
                        exit(1);                                                                   \
                }                                                                                  \
        } while (0)

// clang-format off
// Who has 10.99.0.2? Tell 10.99.0.1.
static const uint8_t arp_request[] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06,
    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 99, 0, 1, 0, 0, 0, 0, 0, 0, 10, 99, 0, 2,
};
// web.service.consul A? from 10.99.0.1:40000; the UDP checksum is left out, as IPv4 allows.
static const uint8_t query[] = {
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
    0x45, 0, 0, 64, 0, 1, 0, 0, 64, 17, 0x65, 0xe4, 10, 99, 0, 1, 10, 99, 0, 2,
    0x9c, 0x40, 0x21, 0x98, 0, 44, 0, 0,
    0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
    3, 'w', 'e', 'b', 7, 's', 'e', 'r', 'v', 'i', 'c', 'e', 6, 'c', 'o', 'n', 's', 'u', 'l', 0,
    0, 1, 0, 1,
};
static const uint8_t arp_reply[] = {
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06,
    0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 99, 0, 2, 2, 0, 0, 0, 0, 1, 10, 99, 0, 1,
};
// The DNS message alone: the question again, and one A record pointing back to its name.
static const uint8_t answer[] = {
    0xab, 0xcd, 0x85, 0, 0, 1, 0, 1, 0, 0, 0, 0,
    3, 'w', 'e', 'b', 7, 's', 'e', 'r', 'v', 'i', 'c', 'e', 6, 'c', 'o', 'n', 's', 'u', 'l', 0,
    0, 1, 0, 1,
    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 1, 2, 3,
};
// clang-format on

static void put_u32(FILE *file, uint32_t value)
{
        CHECK(fwrite(&value, sizeof(value), 1, file) == 1);
}

static void put_frame(FILE *file, const uint8_t *bytes, uint32_t length)
{
        put_u32(file, 1);
        put_u32(file, 0);
        put_u32(file, length);
        put_u32(file, length);
        CHECK(fwrite(bytes, length, 1, file) == 1);
}

static void write_questions(const char *path)
{
        static const uint32_t header[] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1};
        uint8_t tcp[sizeof(query)];
        FILE *file = fopen(path, "wb");

        CHECK(file != NULL);
        for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
                put_u32(file, header[i]);
        put_frame(file, arp_request, sizeof(arp_request));
        put_frame(file, query, sizeof(query));
        memcpy(tcp, query, sizeof(query));
        tcp[23] = 6;   // protocol TCP
        tcp[25] += 11; // and the header checksum that goes with it
        put_frame(file, tcp, sizeof(tcp));
        put_frame(file, query, 20);
        CHECK(fclose(file) == 0);
}

static struct lictor_dataplane *fill_dataplane(void)
{
        struct lictor_zone zone = {
            .domain = "consul",
            .datacenter = "dc1",
            .soa = {.refresh_s = 3600, .retry_s = 600, .expire_s = 86400},
            .udp_answer_limit = 3,
        };
        struct lictor_instance instance = {
            .node = "node1",
            .ipv4 = {.family = 4, .bytes = {10, 1, 2, 3}},
            .any = {.family = 4, .bytes = {10, 1, 2, 3}},
            .port = 8080,
            .weight = 1,
        };
        struct lictor_service service = {
            .kind = LICTOR_SERVICE,
            .name = "web",
            .tag = "",
            .ttl_s = 30,
            .instances = &instance,
            .instance_count = 1,
        };
        struct lictor_dataplane *dp;

        CHECK(lictor_dataplane_create(&zone, &dp) == 0);
        CHECK(lictor_service_set(dp, &service) == 0);
        lictor_commit(dp);
        return dp;
}

static struct lictor_responder *make_responder(const struct lictor_dataplane *dp)
{
        struct lictor_address address = {.family = 4, .bytes = {10, 99, 0, 2}};
        struct lictor_identity identity = {
            .mac = {2, 0, 0, 0, 0, 2},
            .mtu = 1500,
            .dns_port = 8600,
            .addresses = &address,
            .address_count = 1,
            .forwards = true,
        };
        struct lictor_responder *responder;

        CHECK(lictor_responder_create(dp, &identity, 42, &responder) == 0);
        identity.address_count = 0;
        CHECK(lictor_responder_create(dp, &identity, 42, &responder) < 0);
        return responder;
}

static uint16_t start_port(struct rte_mempool *pool)
{
        struct rte_eth_conf conf = {0};
        uint16_t port = 0;

        CHECK(rte_eth_dev_configure(port, 1, 1, &conf) == 0);
        CHECK(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, pool) == 0);
        CHECK(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL) == 0);
        CHECK(rte_eth_dev_start(port) == 0);
        return port;
}

// The program's main loop, until it has seen everything the capture held.
static void serve(uint16_t port, struct lictor_responder *responder)
{
        struct rte_mbuf *rx[BURST], *tx[BURST];
        struct lictor_rest rest[BURST];
        unsigned seen = 0, exceptions = 0, drops = 0;

        lictor_reader_register();
        while (seen < 4) {
                unsigned n = rte_eth_rx_burst(port, 0, rx, BURST), rest_count, tx_count;

                tx_count =
                    lictor_responder_process(responder, rx, n, 1700000000, tx, rest, &rest_count);
                CHECK(tx_count + rest_count == n);
                CHECK(rte_eth_tx_burst(port, 0, tx, (uint16_t)tx_count) == tx_count);
                for (unsigned i = 0; i < rest_count; i++) {
                        exceptions += rest[i].fate == LICTOR_EXCEPTION;
                        drops += rest[i].fate == LICTOR_DROP;
                        rte_pktmbuf_free(rest[i].mbuf);
                }
                lictor_reader_quiescent();
                seen += n;
        }
        lictor_reader_unregister();
        CHECK(exceptions == 1);
        CHECK(drops == 1);
}

static size_t next_frame(FILE *file, uint8_t *bytes, size_t room)
{
        uint32_t record[4];

        CHECK(fread(record, sizeof(record), 1, file) == 1);
        CHECK(record[2] <= room);
        CHECK(fread(bytes, record[2], 1, file) == 1);
        return record[2];
}

static void check_answers(const char *path)
{
        FILE *file = fopen(path, "rb");
        uint8_t bytes[2048];

        CHECK(file != NULL);
        CHECK(fseek(file, 24, SEEK_SET) == 0);
        CHECK(next_frame(file, bytes, sizeof(bytes)) >= sizeof(arp_reply));
        CHECK(memcmp(bytes, arp_reply, sizeof(arp_reply)) == 0);
        CHECK(next_frame(file, bytes, sizeof(bytes)) == 42 + sizeof(answer));
        CHECK(memcmp(bytes, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14) == 0);
        CHECK(memcmp(bytes + 26, "\x0a\x63\0\2\x0a\x63\0\1\x21\x98\x9c\x40", 12) == 0);
        CHECK(memcmp(bytes + 42, answer, sizeof(answer)) == 0);
        CHECK(fgetc(file) == EOF);
        fclose(file);
}

static void check_counters(const struct lictor_responder *responder)
{
        struct lictor_counter counters[64];
        size_t n = lictor_responder_counters(responder, counters, 64);
        unsigned found = 0;

        CHECK(n <= 64);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(counters[i].name, "received") == 0)
                        found += counters[i].value == 4;
                if (strcmp(counters[i].name, "answered") == 0 ||
                    strcmp(counters[i].name, "rcode_noerror") == 0 ||
                    strcmp(counters[i].name, "reply") == 0 ||
                    strcmp(counters[i].name, "short") == 0)
                        found += counters[i].value == 1;
        }
        CHECK(found == 5);
}

int main(int argc, char **argv)
{
        char vdev[512], *eal[] = {argv[0],  "--no-huge", "--no-pci",       "--no-shconf",
                                  "-m",     "64",        "--no-telemetry", "--log-level=*:error",
                                  "--vdev", vdev};
        struct lictor_responder *responder;
        struct lictor_dataplane *dp;
        struct rte_mempool *pool;
        uint16_t port;

        CHECK(argc == 3);
        write_questions(argv[1]);
        snprintf(vdev, sizeof(vdev), "net_pcap0,rx_pcap=%s,tx_pcap=%s", argv[1], argv[2]);
        CHECK(rte_eal_init(sizeof(eal) / sizeof(eal[0]), eal) >= 0);
        pool = rte_pktmbuf_pool_create("packets", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
        CHECK(pool != NULL);
        dp = fill_dataplane();
        responder = make_responder(dp);
        port = start_port(pool);
        serve(port, responder);
        check_counters(responder);
        lictor_responder_destroy(responder);
        CHECK(rte_eth_dev_stop(port) == 0);
        CHECK(rte_eth_dev_close(port) == 0);
        lictor_dataplane_destroy(dp);
        check_answers(argv[2]);
        rte_eal_cleanup();
        puts("answered as expected");
        return 0;
}
