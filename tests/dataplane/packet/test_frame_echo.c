#include <criterion/criterion.h>

#include "lictor/bytes.h"
#include "tests/dataplane/packet/frame_builder.h"

static struct build echo4(uint8_t type, uint8_t code, const void *payload, size_t n)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x0800);
        build_ipv4(&b, CLIENT_IP, HOST_IP, 1);
        build_icmp(&b, type, code, 0x00010002);
        build_bytes(&b, payload, n);
        build_seal(&b);
        return b;
}

static struct build echo6(uint8_t type, uint8_t code, const char *to, const void *payload, size_t n)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x86dd);
        build_ipv6(&b, CLIENT_IP6, to, 58);
        build_icmp(&b, type, code, 0x00010002);
        build_bytes(&b, payload, n);
        build_seal(&b);
        return b;
}

Test(frame_echo, an_ipv4_echo_comes_back_with_exactly_these_bytes)
{
        static const uint8_t want[] = CLIENT_MAC HOST_MAC
            "\x08\0\x45\x08\0\x21\x12\x34\x40\0\x40\x01\x13\xd8" HOST_IP CLIENT_IP
            "\0\0\xd6\x35\0\1\0\2abcde";
        struct frame_host host = test_host(true);
        struct build b = echo4(8, 0, "abcde", 5);
        struct frame_info info;

        build_bytes(&b, "\0\0\0\0\0\0\0\0\0\0\0\0\0", 13);
        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_assert_eq(info.frame_length, sizeof(want) - 1);
        cr_expect(checksums_right(b.bytes, 14));
        cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
}

Test(frame_echo, an_ipv6_echo_comes_back_the_same)
{
        static const uint8_t want[] =
            CLIENT_MAC HOST_MAC "\x86\xdd\x60\1\2\3\0\x0d\x3a\x40" HOST_IP6 CLIENT_IP6 "\x81\0";
        struct frame_host host = test_host(true);
        struct build b = echo6(128, 0, HOST_IP6, "abcde", 5);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_assert_eq(info.frame_length, b.length);
        cr_expect(checksums_right(b.bytes, 14));
        cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
        cr_expect_arr_eq(b.bytes + 58, "\0\1\0\2abcde", 9);
}

Test(frame_echo, every_payload_length_has_right_checksums)
{
        struct frame_host host = test_host(false);
        uint8_t payload[1400];

        for (size_t i = 0; i < sizeof(payload); i++)
                payload[i] = (uint8_t)(i * 13 + 200);
        for (size_t n = 0; n <= sizeof(payload); n += 7) {
                struct build four = echo4(8, 0, payload, n);
                struct build six = echo6(128, 0, HOST_IP6, payload, n);
                struct frame_info info;

                cr_assert_eq(classify(&host, &four, &info), FRAME_REPLY);
                cr_assert(checksums_right(four.bytes, 14), "IPv4 length %zu", n);
                cr_assert_eq(classify(&host, &six, &info), FRAME_REPLY);
                cr_assert(checksums_right(six.bytes, 14), "IPv6 length %zu", n);
        }
}

Test(frame_echo, what_is_no_good_echo_for_us_is_not_answered)
{
        static const struct {
                const char *name;
                unsigned v6;
                uint16_t offset;
                const char *bytes;
                size_t n;
                enum frame_verdict want, want_exception;
        } cases[] = {
            {"reply", 4, 34, "\0", 1, FRAME_DROP_UNHANDLED, FRAME_EXCEPTION},
            {"unreachable", 4, 34, "\3", 1, FRAME_DROP_UNHANDLED, FRAME_EXCEPTION},
            {"code 1", 4, 35, "\1", 1, FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
            {"from loopback", 4, 26, "\x7f\0\0\1", 4, FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
            {"from broadcast", 4, 26, BROADCAST, 4, FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
            {"from us", 4, 26, HOST_IP, 4, FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
            {"to broadcast", 4, 30, BROADCAST, 4, FRAME_DROP_NOT_FOR_US, FRAME_EXCEPTION},
            {"in a broadcast frame", 4, 0, BROADCAST, 6, FRAME_DROP_NOT_FOR_US,
             FRAME_DROP_NOT_FOR_US},
            {"v6 reply", 6, 54, "\x81", 1, FRAME_DROP_UNHANDLED, FRAME_EXCEPTION},
            {"v6 advertisement", 6, 54, "\x88", 1, FRAME_DROP_UNHANDLED, FRAME_EXCEPTION},
            {"v6 code 1", 6, 55, "\1", 1, FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
            {"v6 from ::", 6, 22, ZERO6, 16, FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
            {"v6 from group", 6, 22, ALL_NODES6, 16, FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
            {"v6 to all nodes", 6, 38, ALL_NODES6, 16, FRAME_DROP_NOT_FOR_US, FRAME_EXCEPTION},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                for (unsigned exception = 0; exception < 2; exception++) {
                        struct frame_host host = test_host(exception);
                        struct build b = cases[i].v6 == 6 ? echo6(128, 0, HOST_IP6, "abcde", 5)
                                                          : echo4(8, 0, "abcde", 5);
                        struct frame_info info;

                        memcpy(b.bytes + cases[i].offset, cases[i].bytes, cases[i].n);
                        build_checksums(&b);
                        cr_expect_eq(classify(&host, &b, &info),
                                     exception ? cases[i].want_exception : cases[i].want, "%s %u",
                                     cases[i].name, exception);
                }
        }
}

Test(frame_echo, bad_checksums_and_stumps_are_bad)
{
        struct frame_host host = test_host(true);
        struct build four = echo4(8, 0, "abcde", 5), six = echo6(128, 0, HOST_IP6, "abcde", 5);
        struct frame_info info;

        four.bytes[44] ^= 1;
        cr_expect_eq(classify(&host, &four, &info), FRAME_DROP_BAD_ICMP);
        six.bytes[64] ^= 1;
        cr_expect_eq(classify(&host, &six, &info), FRAME_DROP_BAD_ICMP);

        six = echo6(128, 0, HOST_IP6, "", 0);
        six.length = (uint16_t)(six.length - 1);
        store_be16(six.bytes + 18, 7);
        cr_expect_eq(classify(&host, &six, &info), FRAME_DROP_BAD_ICMP);
        four = echo4(8, 0, "", 0);
        store_be16(four.bytes + 16, 27);
        build_checksums(&four);
        cr_expect_eq(classify(&host, &four, &info), FRAME_DROP_BAD_ICMP);
}
