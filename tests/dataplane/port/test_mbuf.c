#include <criterion/criterion.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/port/ethdev_queue.h"
#include "lictor/bytes.h"
#include "tests/dataplane/packet/frame_builder.h"

static struct rte_mempool *pool;

static void set_up(void)
{
        static char *eal[] = {
            "test", "--no-huge",      "--no-pci", "--no-shconf",       "-m",
            "64",   "--no-telemetry", "--vdev",   "net_null0,no-rx=1", "--log-level=*:error"};
        struct rte_eth_conf conf = {0};

        cr_assert_geq(rte_eal_init(ARRAY_LEN(eal), eal), 0);
        pool = rte_pktmbuf_pool_create("test", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
        cr_assert_not_null(pool);
        cr_assert_eq(rte_eth_dev_configure(0, 1, 1, &conf), 0);
        cr_assert_eq(rte_eth_rx_queue_setup(0, 0, 64, 0, NULL, pool), 0);
        cr_assert_eq(rte_eth_tx_queue_setup(0, 0, 64, 0, NULL), 0);
        cr_assert_eq(rte_eth_dev_start(0), 0);
}

static void tear_down(void)
{
        rte_eth_dev_stop(0);
        rte_eth_dev_close(0);
        rte_eal_cleanup();
}

TestSuite(mbuf, .init = set_up, .fini = tear_down);

static struct rte_mbuf *received(const struct build *b, uint64_t flags)
{
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

        cr_assert_not_null(m);
        memcpy(rte_pktmbuf_append(m, b->length), b->bytes, b->length);
        m->ol_flags = flags;
        return m;
}

static void given_back(void *address, void *opaque)
{
        (void)address;
        ++*(unsigned *)opaque;
}

Test(mbuf, buffers_of_a_device_are_given_back_when_their_packets_are_sent)
{
        static uint8_t memory[2048];
        static struct rte_mbuf_ext_shared_info shared;
        unsigned back = 0;

        for (unsigned forwards = 0; forwards < 2; forwards++) {
                struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
                struct port_packet packet = {.data = memory, .handle = m, .length = 60};
                struct ethdev_queue q;

                cr_assert_not_null(m);
                shared.free_cb = given_back;
                shared.fcb_opaque = &back;
                rte_mbuf_ext_refcnt_set(&shared, 1);
                rte_pktmbuf_attach_extbuf(m, memory, RTE_BAD_IOVA, sizeof(memory), &shared);
                m->data_len = 60;
                m->pkt_len = 60;
                m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
                ethdev_queue_init(&q, 0, 0, false, forwards);
                cr_expect_eq(q.base.operations->send(&q.base, &packet, 1), 1);
                cr_expect_eq(back, forwards + 1, "forwards %u", forwards);
        }
        cr_expect_eq(rte_mempool_avail_count(pool), 255);
}

// TCP has no builder: the least of a header, its checksum left as a device leaves it.
static struct build segment(bool ip6)
{
        static const uint8_t tcp[20] = {0x9c, 0x40, 0x21, 0x98, [12] = 0x50, 0x02};
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x8100);
        build_vlan(&b, 7, ip6 ? 0x86dd : 0x0800);
        if (ip6)
                build_ipv6(&b, CLIENT_IP6, HOST_IP6, 6);
        else
                build_ipv4(&b, CLIENT_IP, HOST_IP, 6);
        b.l4 = b.length;
        build_bytes(&b, tcp, sizeof(tcp));
        build_bytes(&b, "odd", 3);
        build_seal(&b);
        b.bytes[b.l4 + 16] = 0x12;
        b.bytes[b.l4 + 17] = 0x34;
        return b;
}

static uint16_t sum_of_segment(const struct build *b, const uint8_t *frame, bool ip6)
{
        uint8_t pseudo[40] = {0};
        const uint16_t length = (uint16_t)(b->length - b->l4);
        const size_t addresses = ip6 ? 32 : 8;

        memcpy(pseudo, frame + b->l4 - addresses, addresses);
        pseudo[addresses + 1] = 6;
        store_be16(pseudo + addresses + 2, length);
        return naive_sum(pseudo, addresses + 4, frame + b->l4, length);
}

Test(mbuf, a_checksum_left_to_the_device_is_written_before_the_kernel_looks)
{
        for (unsigned ip6 = 0; ip6 < 2; ip6++) {
                const struct build b = segment(ip6 != 0);
                struct rte_mbuf *m = received(&b, RTE_MBUF_F_RX_L4_CKSUM_NONE);

                ethdev_complete_checksum(m);
                cr_expect_eq(sum_of_segment(&b, rte_pktmbuf_mtod(m, uint8_t *), ip6 != 0), 0xffff,
                             "ip6 %u", ip6);
                rte_pktmbuf_free(m);
        }
}

Test(mbuf, a_udp_checksum_left_to_the_device_is_written_too)
{
        for (unsigned ip6 = 0; ip6 < 2; ip6++) {
                struct build b = ip6 != 0 ? query6("abc", 3) : query4("abc", 3);
                struct rte_mbuf *m;

                b.bytes[b.l4 + 6] ^= 0x55;
                m = received(&b, RTE_MBUF_F_RX_L4_CKSUM_NONE);
                ethdev_complete_checksum(m);
                cr_expect(checksums_right(rte_pktmbuf_mtod(m, uint8_t *), 14), "ip6 %u", ip6);
                rte_pktmbuf_free(m);
        }
}

Test(mbuf, checksums_nobody_vouched_for_stay_as_they_came)
{
        static const uint64_t flags[] = {0, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
                                         RTE_MBUF_F_RX_L4_CKSUM_BAD};
        const struct build b = segment(false);

        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
                struct rte_mbuf *m = received(&b, flags[i]);

                ethdev_complete_checksum(m);
                cr_expect_arr_eq(rte_pktmbuf_mtod(m, uint8_t *), b.bytes, b.length, "case %zu", i);
                rte_pktmbuf_free(m);
        }
}

Test(mbuf, a_packet_cut_in_its_header_is_not_written_behind_its_end)
{
        const struct build whole = segment(false);

        for (uint16_t length = 14; length < whole.l4 + 20; length++) {
                struct build cut = whole;
                struct rte_mbuf *m;

                cut.length = length;
                m = received(&cut, RTE_MBUF_F_RX_L4_CKSUM_NONE);
                memset(rte_pktmbuf_mtod_offset(m, uint8_t *, length), 0xa5, 64);
                ethdev_complete_checksum(m);
                for (unsigned i = 0; i < 64; i++)
                        cr_assert_eq(*rte_pktmbuf_mtod_offset(m, uint8_t *, length + i), 0xa5,
                                     "length %u byte %u", length, i);
                rte_pktmbuf_free(m);
        }
}
