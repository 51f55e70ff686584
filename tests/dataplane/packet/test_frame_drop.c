#include <criterion/criterion.h>

#include "lictor/bytes.h"
#include "tests/dataplane/packet/frame_builder.h"

/* Each case spoils a good query; then lengths stay as they are and checksums are set right. */
struct spoilt {
        const char *name;
        uint16_t offset;
        const char *bytes;
        size_t n;
        enum frame_verdict want;           /* without a kernel interface */
        enum frame_verdict want_exception; /* with one */
};

static void expect_verdicts(const struct spoilt *c, struct build b)
{
        struct frame_host host = test_host(false);
        struct build copy = b;
        struct frame_info info;

        cr_expect_eq(classify(&host, &b, &info), c->want, "%s: %s", c->name,
                     frame_verdict_name(classify(&host, &b, &info)));
        host.has_exception = true;
        cr_expect_eq(classify(&host, &b, &info), c->want_exception, "%s, exception: %s", c->name,
                     frame_verdict_name(classify(&host, &b, &info)));
        cr_expect_arr_eq(b.bytes, copy.bytes, b.length, "%s: the frame was changed", c->name);
}

#define SAME(verdict) verdict, verdict
#define KERNEL        FRAME_EXCEPTION

static const struct spoilt spoilt4[] = {
    {"to another station", 0, OTHER_MAC, 6, SAME(FRAME_DROP_NOT_FOR_US)},
    {"our address in a broadcast frame", 0, BROADCAST, 6, SAME(FRAME_DROP_NOT_FOR_US)},
    {"from a group MAC", 6, "\x01\0\x5e\0\0\x01", 6, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from our own MAC", 6, HOST_MAC, 6, SAME(FRAME_DROP_BAD_SOURCE)},
    {"unknown ethertype", 12, "\x88\xcc", 2, FRAME_DROP_UNKNOWN_ETHERTYPE, KERNEL},
    {"802.3 length", 12, "\0\x40", 2, FRAME_DROP_UNKNOWN_ETHERTYPE, KERNEL},
    {"IP version 5", 14, "\x55", 1, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"header of four words", 14, "\x44", 1, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"total length under the header's", 16, "\0\x13", 2, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"total length past the frame", 16, "\0\x29", 2, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"total length 65535", 16, "\xff\xff", 2, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"first fragment", 20, "\x20\0", 2, SAME(FRAME_DROP_FRAGMENT)},
    {"last fragment", 20, "\0\x05", 2, FRAME_DROP_FRAGMENT, KERNEL},
    {"TCP", 23, "\x06", 1, FRAME_DROP_UNHANDLED, KERNEL},
    {"from 0.0.0.0", 26, "\0\0\0\0", 4, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from loopback", 26, "\x7f\0\0\x01", 4, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from multicast", 26, "\xe0\0\0\x01", 4, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from broadcast", 26, "\xff\xff\xff\xff", 4, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from our address", 26, HOST_IP, 4, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from our other address", 26, HOST_IP2, 4, SAME(FRAME_DROP_BAD_SOURCE)},
    {"to another address", 30, OTHER_IP, 4, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"to broadcast", 30, "\xff\xff\xff\xff", 4, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"to multicast", 30, "\xe0\0\0\xfb", 4, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"from port 0", 34, "\0\0", 2, SAME(FRAME_DROP_BAD_SOURCE)},
    {"to another port", 36, "\x01\xbb", 2, FRAME_DROP_UNHANDLED, KERNEL},
    {"datagram length 0", 38, "\0\0", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
    {"datagram length 7", 38, "\0\x07", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
    {"datagram length 1 past the packet", 38, "\0\x15", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
    {"datagram length 65535", 38, "\xff\xff", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
};

static void fix_header(struct build *b)
{
        store_be16(b->bytes + 24, 0);
        store_be16(b->bytes + 24, (uint16_t)~naive_sum(NULL, 0, b->bytes + 14, 20));
}

Test(frame_drop, spoilt_ipv4_queries_get_their_verdict)
{
        for (size_t i = 0; i < ARRAY_LEN(spoilt4); i++) {
                struct build b = query4("payload12345", 12);

                memcpy(b.bytes + spoilt4[i].offset, spoilt4[i].bytes, spoilt4[i].n);
                if (spoilt4[i].offset >= 34 && spoilt4[i].offset < 38)
                        build_checksums(&b);
                else
                        fix_header(&b);
                expect_verdicts(&spoilt4[i], b);
        }
}

static const struct spoilt spoilt6[] = {
    {"IP version 4", 14, "\x40", 1, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"payload past the frame", 18, "\0\x15", 2, SAME(FRAME_DROP_BAD_IP_HEADER)},
    {"payload length 0", 18, "\0\0", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
    {"TCP", 20, "\x06", 1, FRAME_DROP_UNHANDLED, KERNEL},
    {"no next header", 20, "\x3b", 1, FRAME_DROP_UNHANDLED, KERNEL},
    {"from the unspecified address", 22, ZERO6, 16, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from loopback", 22, LOOPBACK6, 16, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from multicast", 22, ALL_NODES6, 16, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from a mapped address", 22, MAPPED6, 16, SAME(FRAME_DROP_BAD_SOURCE)},
    {"from our address", 22, HOST_IP6, 16, SAME(FRAME_DROP_BAD_SOURCE)},
    {"to another address", 38, OTHER_IP6, 16, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"to all nodes", 38, ALL_NODES6, 16, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"from port 0", 54, "\0\0", 2, SAME(FRAME_DROP_BAD_SOURCE)},
    {"to another port", 56, "\x01\xbb", 2, FRAME_DROP_UNHANDLED, KERNEL},
    {"datagram length 0", 58, "\0\0", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
    {"datagram length past the packet", 58, "\0\x15", 2, SAME(FRAME_DROP_BAD_UDP_LENGTH)},
    {"no checksum", 60, "\0\0", 2, SAME(FRAME_DROP_BAD_UDP_CHECKSUM)},
    {"spoilt payload", 62, "x", 1, SAME(FRAME_DROP_BAD_UDP_CHECKSUM)},
    {"in a broadcast frame", 0, BROADCAST, 6, SAME(FRAME_DROP_NOT_FOR_US)},
};

Test(frame_drop, spoilt_ipv6_queries_get_their_verdict)
{
        for (size_t i = 0; i < ARRAY_LEN(spoilt6); i++) {
                struct build b = query6("payload12345", 12);

                memcpy(b.bytes + spoilt6[i].offset, spoilt6[i].bytes, spoilt6[i].n);
                if (spoilt6[i].offset >= 22 && spoilt6[i].offset < 58)
                        build_checksums(&b);
                expect_verdicts(&spoilt6[i], b);
        }
}

static struct build extended_query(const uint8_t *chain, size_t n, uint8_t first)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x86dd);
        build_ipv6(&b, CLIENT_IP6, HOST_IP6, first);
        build_bytes(&b, chain, n);
        build_udp(&b, CLIENT_PORT, DNS_PORT);
        build_bytes(&b, "payload12345", 12);
        build_seal(&b);
        return b;
}

Test(frame_drop, queries_behind_extension_headers_are_not_answered)
{
        static const struct {
                struct spoilt spoilt;
                uint8_t first;
        } cases[] = {
            {{"hop-by-hop", 0, "\x11\0\1\4\0\0\0\0", 8, SAME(FRAME_DROP_IP_OPTIONS)}, 0},
            {{"two options headers", 0, "\x3c\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", 16,
              SAME(FRAME_DROP_IP_OPTIONS)},
             0},
            {{"routing", 0, "\x11\0\0\0\0\0\0\0", 8, SAME(FRAME_DROP_IP_OPTIONS)}, 43},
            {{"authentication", 0, "\x11\1\0\0\0\0\0\1\0\0\0\0", 12, SAME(FRAME_DROP_IP_OPTIONS)},
             51},
            {{"first fragment", 0, "\x11\0\0\1\0\0\0\1", 8, SAME(FRAME_DROP_FRAGMENT)}, 44},
            {{"atomic fragment", 0, "\x11\0\0\0\0\0\0\1", 8, SAME(FRAME_DROP_FRAGMENT)}, 44},
            {{"later fragment", 0, "\x11\0\0\x08\0\0\0\1", 8, FRAME_DROP_FRAGMENT, KERNEL}, 44},
            {{"length past the packet", 0, "\x11\xff\1\4\0\0\0\0", 8,
              SAME(FRAME_DROP_BAD_IP_HEADER)},
             0},
            {{"TCP behind options", 0, "\x06\0\1\4\0\0\0\0", 8, FRAME_DROP_IP_OPTIONS, KERNEL}, 60},
            {{"mobility", 0, "\x3b\0\0\0\0\0\0\0", 8, FRAME_DROP_IP_OPTIONS, KERNEL}, 135},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct spoilt *c = &cases[i].spoilt;

                expect_verdicts(c, extended_query((const uint8_t *)c->bytes, c->n, cases[i].first));
        }
}

Test(frame_drop, an_endless_chain_of_extensions_ends)
{
        static const struct spoilt c = {"ten options", 0, NULL, 0, SAME(FRAME_DROP_IP_OPTIONS)};
        uint8_t chain[80] = {0};

        for (size_t i = 0; i < sizeof(chain); i += 8)
                chain[i] = 60;
        expect_verdicts(&c, extended_query(chain, sizeof(chain), 60));
}

Test(frame_drop, a_chain_cut_short_is_a_bad_header)
{
        static const struct spoilt c = {"cut", 0, NULL, 0, SAME(FRAME_DROP_BAD_IP_HEADER)};
        struct build b = extended_query((const uint8_t *)"\x3c\0\1\4\0\0\0\0", 8, 60);

        store_be16(b.bytes + 18, 12);
        expect_verdicts(&c, b);
}

static struct build with_options(uint8_t protocol, uint16_t port)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x0800);
        build_ipv4(&b, CLIENT_IP, HOST_IP, protocol);
        b.bytes[14] = 0x46;
        build_bytes(&b, "\x94\x04\0\0", 4);
        if (protocol == 1)
                build_icmp(&b, 8, 0, 1);
        else
                build_udp(&b, CLIENT_PORT, port);
        build_seal(&b);
        return b;
}

Test(frame_drop, packets_with_ipv4_options_are_not_answered)
{
        static const struct spoilt dns = {"query", 0, NULL, 0, SAME(FRAME_DROP_IP_OPTIONS)};
        static const struct spoilt other = {"other", 0, NULL, 0, FRAME_DROP_IP_OPTIONS, KERNEL};

        expect_verdicts(&dns, with_options(17, DNS_PORT));
        expect_verdicts(&other, with_options(17, 53));
        expect_verdicts(&other, with_options(1, 0));
}

Test(frame_drop, every_prefix_of_a_query_is_short_or_bad)
{
        struct frame_host host = test_host(true);

        for (unsigned v6 = 0; v6 < 2; v6++) {
                struct build whole = v6 ? query6("payload12345", 12) : query4("payload12345", 12);

                for (uint16_t n = 0; n < whole.length; n++) {
                        uint16_t header = v6 ? 54 : 34;
                        struct build b = whole;
                        struct frame_info info;

                        b.length = n;
                        cr_expect_eq(classify(&host, &b, &info),
                                     n < header ? FRAME_DROP_SHORT : FRAME_DROP_BAD_IP_HEADER,
                                     "%u of %u", n, whole.length);
                }
        }
}

Test(frame_drop, an_ip_packet_too_short_for_udp_has_a_bad_length)
{
        static const struct spoilt c = {"seven bytes", 0, NULL, 0, SAME(FRAME_DROP_BAD_UDP_LENGTH)};
        struct build b = query4("", 0);

        store_be16(b.bytes + 16, 27);
        fix_header(&b);
        expect_verdicts(&c, b);
}

Test(frame_drop, a_tag_cut_short_is_short)
{
        struct frame_host host = test_host(true);
        struct build b = {0};
        struct frame_info info;

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x8100);
        build_bytes(&b, "\0\1\x08", 3);
        cr_expect_eq(classify(&host, &b, &info), FRAME_DROP_SHORT);
}

Test(frame_drop, every_verdict_has_a_name_of_its_own)
{
        for (int i = 0; i < FRAME_VERDICT_COUNT; i++) {
                const char *name = frame_verdict_name((enum frame_verdict)i);

                cr_assert_not_null(name);
                for (int j = 0; j < i; j++)
                        cr_expect_str_neq(name, frame_verdict_name((enum frame_verdict)j));
        }
        cr_expect_str_eq(frame_verdict_name(FRAME_DROP_BAD_UDP_CHECKSUM), "bad_udp_checksum");
        cr_expect_str_eq(frame_verdict_name(FRAME_VERDICT_COUNT), "unknown");
}
