#include <criterion/criterion.h>

#include "lictor/bytes.h"
#include "tests/dataplane/packet/frame_builder.h"

#define ZERO_MAC "\0\0\0\0\0\0"
#define ZERO_IP  "\0\0\0\0"
#define KERNEL   FRAME_EXCEPTION

Test(frame_arp, a_request_is_answered_with_exactly_these_bytes)
{
        static const uint8_t want[] = CLIENT_MAC HOST_MAC
            "\x08\x06\0\x01\x08\0\x06\x04\0\x02" HOST_MAC HOST_IP2 CLIENT_MAC CLIENT_IP;
        struct frame_host host = test_host(true);
        struct build b = {0};
        struct frame_info info;

        build_ether(&b, BROADCAST, CLIENT_MAC, 0x0806);
        build_arp(&b, 1, CLIENT_MAC, CLIENT_IP, ZERO_MAC, HOST_IP2);
        build_bytes(&b, "padpadpadpadpadpad", 18);
        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_assert_eq(info.frame_length, sizeof(want) - 1);
        cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
}

Test(frame_arp, a_tagged_request_keeps_its_tag)
{
        struct frame_host host = test_host(false);
        struct build b = {0};
        struct frame_info info;

        build_ether(&b, BROADCAST, CLIENT_MAC, 0x8100);
        build_vlan(&b, 100, 0x0806);
        build_arp(&b, 1, CLIENT_MAC, CLIENT_IP, ZERO_MAC, HOST_IP);
        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_expect_eq(info.frame_length, 46);
        cr_expect_arr_eq(b.bytes, CLIENT_MAC HOST_MAC "\x81\0\0\x64\x08\x06", 18);
}

static const struct {
        const char *name;
        uint16_t operation;
        const char *sender_mac, *sender_ip, *target_ip;
        enum frame_verdict want, want_exception;
} arp_cases[] = {
    {"request", 1, CLIENT_MAC, CLIENT_IP, HOST_IP, FRAME_REPLY, FRAME_REPLY},
    {"probe for our address", 1, CLIENT_MAC, ZERO_IP, HOST_IP, FRAME_REPLY, FRAME_REPLY},
    {"probe for another", 1, CLIENT_MAC, ZERO_IP, OTHER_IP, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"request for another", 1, CLIENT_MAC, CLIENT_IP, OTHER_IP, FRAME_DROP_NOT_FOR_US, KERNEL},
    {"announcement", 1, CLIENT_MAC, CLIENT_IP, CLIENT_IP, FRAME_DROP_UNHANDLED, KERNEL},
    {"announcement of our address", 1, CLIENT_MAC, HOST_IP, HOST_IP, FRAME_DROP_UNHANDLED, KERNEL},
    {"our address asks", 1, CLIENT_MAC, HOST_IP, HOST_IP2, FRAME_DROP_BAD_SOURCE, KERNEL},
    {"reply", 2, CLIENT_MAC, CLIENT_IP, HOST_IP, FRAME_DROP_UNHANDLED, KERNEL},
    {"reverse request", 3, CLIENT_MAC, CLIENT_IP, HOST_IP, FRAME_DROP_BAD_ARP, FRAME_DROP_BAD_ARP},
    {"operation 0", 0, CLIENT_MAC, CLIENT_IP, HOST_IP, FRAME_DROP_BAD_ARP, FRAME_DROP_BAD_ARP},
    {"group sender", 1, BROADCAST, CLIENT_IP, HOST_IP, FRAME_DROP_BAD_ARP, FRAME_DROP_BAD_ARP},
    {"zero sender", 1, ZERO_MAC, CLIENT_IP, HOST_IP, FRAME_DROP_BAD_ARP, FRAME_DROP_BAD_ARP},
    {"our MAC as sender", 1, HOST_MAC, CLIENT_IP, HOST_IP, FRAME_DROP_BAD_ARP, FRAME_DROP_BAD_ARP},
    {"broadcast sender", 1, CLIENT_MAC, BROADCAST, HOST_IP, FRAME_DROP_BAD_ARP, FRAME_DROP_BAD_ARP},
    {"loopback sender", 1, CLIENT_MAC, "\x7f\0\0\1", HOST_IP, FRAME_DROP_BAD_ARP,
     FRAME_DROP_BAD_ARP},
};

Test(frame_arp, only_requests_for_our_addresses_are_answered)
{
        for (size_t i = 0; i < ARRAY_LEN(arp_cases); i++) {
                for (unsigned exception = 0; exception < 2; exception++) {
                        struct frame_host host = test_host(exception);
                        struct build b = {0};
                        struct frame_info info;

                        build_ether(&b, BROADCAST, CLIENT_MAC, 0x0806);
                        build_arp(&b, arp_cases[i].operation, arp_cases[i].sender_mac,
                                  arp_cases[i].sender_ip, ZERO_MAC, arp_cases[i].target_ip);
                        cr_expect_eq(classify(&host, &b, &info),
                                     exception ? arp_cases[i].want_exception : arp_cases[i].want,
                                     "%s %u", arp_cases[i].name, exception);
                }
        }
}

Test(frame_arp, strange_formats_are_bad)
{
        static const uint8_t wrong[6] = {9, 9, 9, 9, 9, 9};

        for (uint16_t i = 0; i < 6; i++) {
                struct frame_host host = test_host(true);
                struct build b = {0};
                struct frame_info info;

                build_ether(&b, BROADCAST, CLIENT_MAC, 0x0806);
                build_arp(&b, 1, CLIENT_MAC, CLIENT_IP, ZERO_MAC, HOST_IP);
                b.bytes[14 + i] = wrong[i];
                cr_expect_eq(classify(&host, &b, &info), FRAME_DROP_BAD_ARP, "byte %u", i);
        }
}

Test(frame_arp, a_packet_one_byte_short_is_short)
{
        struct frame_host host = test_host(true);
        struct build b = {0};
        struct frame_info info;

        build_ether(&b, BROADCAST, CLIENT_MAC, 0x0806);
        build_arp(&b, 1, CLIENT_MAC, CLIENT_IP, ZERO_MAC, HOST_IP);
        b.length--;
        cr_expect_eq(classify(&host, &b, &info), FRAME_DROP_SHORT);
}

#define SOURCE_OPTION "\x01\x01" CLIENT_MAC
#define NONCE_OPTION  "\x0e\x01\1\2\3\4\5\6"

static struct build solicitation(const char *from, const char *to, const char *target,
                                 const char *options, size_t n)
{
        struct build b = {0};

        build_ether(&b, to[0] == '\xff' ? "\x33\x33\xff\xab\xcd\xef" : HOST_MAC, CLIENT_MAC,
                    0x86dd);
        build_ipv6(&b, from, to, 58);
        b.bytes[21] = 255;
        build_icmp(&b, 135, 0, 0);
        build_bytes(&b, target, 16);
        build_bytes(&b, options, n);
        build_seal(&b);
        return b;
}

Test(frame_ndp, a_solicitation_is_answered_with_exactly_these_bytes)
{
        static const uint8_t want[] =
            CLIENT_MAC HOST_MAC "\x86\xdd\x60\1\2\3\0\x20\x3a\xff" HOST_IP6 CLIENT_IP6
                                "\x88\0\0\0\x60\0\0\0" HOST_IP6 "\x02\x01" HOST_MAC;
        struct frame_host host = test_host(true);
        struct build b = solicitation(CLIENT_IP6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_assert_eq(info.frame_length, sizeof(want) - 1);
        cr_expect(checksums_right(b.bytes, 14));
        memset(b.bytes + 56, 0, 2);
        cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
}

Test(frame_ndp, duplicate_address_detection_is_answered_to_all_nodes)
{
        static const uint8_t want[] =
            "\x33\x33\0\0\0\1" HOST_MAC "\x86\xdd\x60\1\2\3\0\x20\x3a\xff" HOST_IP6 ALL_NODES6
            "\x88\0\0\0\x20\0\0\0" HOST_IP6 "\x02\x01" HOST_MAC;
        struct frame_host host = test_host(true);

        for (size_t n = 0; n <= 8; n += 8) {
                struct build b = solicitation(ZERO6, SOLICITED6, HOST_IP6, NONCE_OPTION, n);
                struct frame_info info;

                cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
                cr_assert_eq(info.frame_length, sizeof(want) - 1);
                cr_expect(checksums_right(b.bytes, 14));
                memset(b.bytes + 56, 0, 2);
                cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
        }
}

Test(frame_ndp, a_unicast_solicitation_without_options_is_answered_without_growing)
{
        struct frame_host host = test_host(true);
        struct build b = solicitation(CLIENT_IP6, HOST_IP6, HOST_IP6, "", 0);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_expect_eq(info.frame_length, b.length);
        cr_expect(checksums_right(b.bytes, 14));
        cr_expect_arr_eq(b.bytes + 54, "\x88\0", 2);
        cr_expect_arr_eq(b.bytes + 58, "\x60\0\0\0" HOST_IP6, 20);
}

Test(frame_ndp, the_source_option_names_whom_to_answer)
{
        struct frame_host host = test_host(true);
        struct build b = solicitation(CLIENT_IP6, SOLICITED6, HOST_IP6, "\x01\x01" OTHER_MAC, 8);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_REPLY);
        cr_expect_arr_eq(b.bytes, OTHER_MAC HOST_MAC, 12);
}

Test(frame_ndp, without_room_for_the_option_there_is_no_answer)
{
        struct frame_host host = test_host(true);
        struct build b = solicitation(ZERO6, SOLICITED6, HOST_IP6, "", 0);
        struct frame_checksums unknown = {0};
        struct frame_info info;

        cr_expect_eq(
            frame_classify(&host, b.bytes, b.length, (uint16_t)(b.length + 7), unknown, &info),
            FRAME_DROP_UNHANDLED);
        cr_expect_eq(
            frame_classify(&host, b.bytes, b.length, (uint16_t)(b.length + 8), unknown, &info),
            FRAME_REPLY);
}

static const struct {
        const char *name;
        const char *from, *to, *target, *options;
        size_t options_length;
        uint16_t offset; /* of a byte set to value, when not 0 */
        uint8_t value;
        enum frame_verdict want, want_exception;
} ndp_cases[] = {
    {"other target", CLIENT_IP6, SOLICITED6, OTHER_IP6, SOURCE_OPTION, 8, 0, 0,
     FRAME_DROP_NOT_FOR_US, KERNEL},
    {"our target in another group", CLIENT_IP6, ALL_NODES6, HOST_IP6, SOURCE_OPTION, 8, 0, 0,
     FRAME_DROP_NOT_FOR_US, KERNEL},
    {"hop limit 254", CLIENT_IP6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8, 21, 254,
     FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
    {"code 1", CLIENT_IP6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8, 55, 1, FRAME_DROP_BAD_ICMP,
     FRAME_DROP_BAD_ICMP},
    {"group target", CLIENT_IP6, SOLICITED6, ALL_NODES6, SOURCE_OPTION, 8, 0, 0,
     FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
    {"option of length 0", CLIENT_IP6, SOLICITED6, HOST_IP6, "\x01\0" CLIENT_MAC, 8, 0, 0,
     FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
    {"option past the packet", CLIENT_IP6, SOLICITED6, HOST_IP6, "\x01\x02" CLIENT_MAC, 8, 0, 0,
     FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
    {"option stump", CLIENT_IP6, SOLICITED6, HOST_IP6, SOURCE_OPTION "\x01", 9, 0, 0,
     FRAME_DROP_BAD_ICMP, FRAME_DROP_BAD_ICMP},
    {"from :: with a MAC", ZERO6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8, 0, 0, FRAME_DROP_BAD_ICMP,
     FRAME_DROP_BAD_ICMP},
    {"from :: to us alone", ZERO6, HOST_IP6, HOST_IP6, "", 0, 0, 0, FRAME_DROP_BAD_ICMP,
     FRAME_DROP_BAD_ICMP},
    {"from a group", ALL_NODES6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8, 0, 0,
     FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
    {"from our address", HOST_IP6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8, 0, 0,
     FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
    {"group MAC in the option", CLIENT_IP6, SOLICITED6, HOST_IP6, "\x01\x01" BROADCAST, 8, 0, 0,
     FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
    {"our MAC in the option", CLIENT_IP6, SOLICITED6, HOST_IP6, "\x01\x01" HOST_MAC, 8, 0, 0,
     FRAME_DROP_BAD_SOURCE, FRAME_DROP_BAD_SOURCE},
    {"advertisement", CLIENT_IP6, SOLICITED6, HOST_IP6, "", 0, 54, 136, FRAME_DROP_UNHANDLED,
     KERNEL},
    {"router solicitation", CLIENT_IP6, ALL_NODES6, HOST_IP6, "", 0, 54, 133, FRAME_DROP_UNHANDLED,
     KERNEL},
};

Test(frame_ndp, invalid_and_foreign_solicitations_are_not_answered)
{
        for (size_t i = 0; i < ARRAY_LEN(ndp_cases); i++) {
                for (unsigned exception = 0; exception < 2; exception++) {
                        struct frame_host host = test_host(exception);
                        struct build b =
                            solicitation(ndp_cases[i].from, ndp_cases[i].to, ndp_cases[i].target,
                                         ndp_cases[i].options, ndp_cases[i].options_length);
                        struct frame_info info;

                        if (ndp_cases[i].offset != 0)
                                b.bytes[ndp_cases[i].offset] = ndp_cases[i].value;
                        build_checksums(&b);
                        cr_expect_eq(classify(&host, &b, &info),
                                     exception ? ndp_cases[i].want_exception : ndp_cases[i].want,
                                     "%s %u", ndp_cases[i].name, exception);
                }
        }
}

Test(frame_ndp, a_bad_checksum_or_a_stump_is_bad)
{
        struct frame_host host = test_host(true);
        struct build b = solicitation(CLIENT_IP6, SOLICITED6, HOST_IP6, SOURCE_OPTION, 8);
        struct frame_info info;

        b.bytes[80] ^= 1;
        cr_expect_eq(classify(&host, &b, &info), FRAME_DROP_BAD_ICMP);
        b = solicitation(CLIENT_IP6, SOLICITED6, HOST_IP6, "", 0);
        b.length--;
        build_seal(&b);
        cr_expect_eq(classify(&host, &b, &info), FRAME_DROP_BAD_ICMP);
}
