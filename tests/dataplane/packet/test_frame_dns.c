#include <criterion/criterion.h>

#include "lictor/bytes.h"
#include "tests/dataplane/packet/frame_builder.h"

static const uint8_t question[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\3web\7service\6consul\0\0\1\0\1";
#define QUESTION_LENGTH ((uint16_t)(sizeof(question) - 1))

Test(frame_dns, an_ipv4_query_is_found_where_it_lies)
{
        struct frame_host host = test_host(false);
        struct build b = query4(question, QUESTION_LENGTH), before = b;
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        cr_expect_eq(info.l2_length, 14);
        cr_expect_eq(info.l3_length, 20);
        cr_expect_eq(info.ip_version, 4);
        cr_expect_eq(info.message_offset, 42);
        cr_expect_eq(info.message_length, QUESTION_LENGTH);
        cr_expect_eq(info.message_max, 1500 - 28);
        cr_expect_arr_eq(b.bytes, before.bytes, b.length);
}

Test(frame_dns, an_ipv6_query_is_found_where_it_lies)
{
        struct frame_host host = test_host(false);
        struct build b = query6(question, QUESTION_LENGTH);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        cr_expect_eq(info.l3_length, 40);
        cr_expect_eq(info.ip_version, 6);
        cr_expect_eq(info.message_offset, 62);
        cr_expect_eq(info.message_length, QUESTION_LENGTH);
        cr_expect_eq(info.message_max, 1500 - 48);
}

Test(frame_dns, the_second_address_is_ours_too)
{
        struct frame_host host = test_host(false);
        struct build b = query4(question, QUESTION_LENGTH);
        struct frame_info info;

        memcpy(b.bytes + 30, HOST_IP2, 4);
        build_seal(&b);
        cr_expect_eq(classify(&host, &b, &info), FRAME_DNS);
}

Test(frame_dns, the_largest_answer_is_bounded_by_mtu_and_by_room)
{
        static const struct {
                uint16_t mtu, capacity, want;
        } cases[] = {{1500, 2048, 1472}, {1500, 1514, 1472},   {1500, 1513, 1471},
                     {9000, 2048, 2006}, {68, 2048, 40},       {28, 2048, 0},
                     {0, 2048, 0},       {65535, 65535, 65493}};
        struct frame_checksums unknown = {0};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct frame_host host = test_host(false);
                struct build b = query4(question, QUESTION_LENGTH);
                struct frame_info info;

                host.mtu = cases[i].mtu;
                cr_expect_eq(
                    frame_classify(&host, b.bytes, b.length, cases[i].capacity, unknown, &info),
                    FRAME_DNS);
                cr_expect_eq(info.message_max, cases[i].want, "case %zu: %u", i, info.message_max);
        }
}

Test(frame_dns, an_ipv4_answer_has_exactly_these_bytes)
{
        static const uint8_t want[] =
            CLIENT_MAC HOST_MAC "\x08\0"
                                // tos 0, length 33, the query's id, no flags, ttl 64
                                "\x45\0\0\x21\x12\x34\0\0\x40\x11\x53\xd0" HOST_IP CLIENT_IP
                                "\x21\x98\x9c\x40\0\x0d\xe9\x60"
                                "hello";
        struct frame_host host = test_host(false);
        struct build b = query4(question, QUESTION_LENGTH);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        memcpy(b.bytes + info.message_offset, "hello", 5);
        cr_assert_eq(frame_finish_answer(&host, b.bytes, &info, 5, false), sizeof(want) - 1);
        cr_expect(checksums_right(b.bytes, 14));
        cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
}

Test(frame_dns, an_ipv6_answer_has_exactly_these_bytes)
{
        static const uint8_t want[] = CLIENT_MAC HOST_MAC
            "\x86\xdd\x60\0\0\0\0\x0d\x11\x40" HOST_IP6 CLIENT_IP6 "\x21\x98\x9c\x40\0\x0d\0\0"
            "hello";
        struct frame_host host = test_host(false);
        struct build b = query6(question, QUESTION_LENGTH);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        memcpy(b.bytes + info.message_offset, "hello", 5);
        cr_assert_eq(frame_finish_answer(&host, b.bytes, &info, 5, false), sizeof(want) - 1);
        cr_expect(checksums_right(b.bytes, 14));
        cr_expect_neq(load_be16(b.bytes + 60), 0);
        memset(b.bytes + 60, 0, 2);
        cr_expect_arr_eq(b.bytes, want, sizeof(want) - 1);
}

Test(frame_dns, answers_of_every_length_have_right_checksums_and_please_the_client)
{
        struct frame_host host = test_host(false), client = test_client();

        for (uint16_t n = 0; n <= 1400; n++) {
                for (unsigned v6 = 0; v6 < 2; v6++) {
                        struct build b = v6 ? query6(question, QUESTION_LENGTH)
                                            : query4(question, QUESTION_LENGTH);
                        struct frame_info info;

                        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
                        for (uint16_t i = 0; i < n; i++)
                                b.bytes[info.message_offset + i] = (uint8_t)(i * 31 + n);
                        b.length = frame_finish_answer(&host, b.bytes, &info, n, false);
                        cr_assert(checksums_right(b.bytes, 14), "v6 %u length %u", v6, n);
                        cr_assert_eq(classify(&client, &b, &info), FRAME_DNS);
                        cr_assert_eq(info.message_length, n);
                }
        }
}

Test(frame_dns, a_checksum_that_comes_out_zero_is_sent_as_ffff)
{
        struct frame_host host = test_host(false);
        struct build b = query4(question, QUESTION_LENGTH);
        struct frame_info info;
        uint16_t checksum;

        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        memset(b.bytes + 42, 0, 2);
        frame_finish_answer(&host, b.bytes, &info, 2, false);
        checksum = load_be16(b.bytes + 40);
        // Adding its own checksum to the data makes the sum all ones, its complement zero.
        b = query4(question, QUESTION_LENGTH);
        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        store_be16(b.bytes + 42, checksum);
        frame_finish_answer(&host, b.bytes, &info, 2, false);
        cr_expect_eq(load_be16(b.bytes + 40), 0xffff);
        cr_expect(checksums_right(b.bytes, 14));
}

Test(frame_dns, offload_leaves_the_port_what_it_expects)
{
        static const uint8_t pseudo4[] = HOST_IP CLIENT_IP "\0\x11\0\x0d";
        static const uint8_t pseudo6[] = HOST_IP6 CLIENT_IP6 "\0\0\0\x0d\0\0\0\x11";
        struct frame_host host = test_host(false);
        struct build b = query4(question, QUESTION_LENGTH);
        struct frame_info info;

        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        frame_finish_answer(&host, b.bytes, &info, 5, true);
        cr_expect_eq(load_be16(b.bytes + 24), 0);
        cr_expect_eq(load_be16(b.bytes + 40), naive_sum(pseudo4, sizeof(pseudo4) - 1, NULL, 0));

        b = query6(question, QUESTION_LENGTH);
        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        frame_finish_answer(&host, b.bytes, &info, 5, true);
        cr_expect_eq(load_be16(b.bytes + 60), naive_sum(pseudo6, sizeof(pseudo6) - 1, NULL, 0));
}

static struct build tagged_query(unsigned tags)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, tags == 0 ? 0x0800 : tags == 1 ? 0x8100 : 0x88a8);
        for (unsigned i = 0; i < tags; i++)
                build_vlan(&b, (uint16_t)(0x6000 + 100 + i), i + 1 == tags ? 0x0800 : 0x8100);
        build_ipv4(&b, CLIENT_IP, HOST_IP, 17);
        build_udp(&b, CLIENT_PORT, DNS_PORT);
        build_bytes(&b, question, QUESTION_LENGTH);
        build_seal(&b);
        return b;
}

Test(frame_dns, vlan_tags_are_kept_in_the_answer)
{
        struct frame_host host = test_host(false);

        for (uint16_t tags = 1; tags <= 2; tags++) {
                struct build b = tagged_query(tags), before = b;
                uint16_t l2_length = (uint16_t)(14 + tags * 4);
                struct frame_info info;

                cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
                cr_expect_eq(info.l2_length, l2_length);
                cr_expect_eq(info.message_offset, l2_length + 28);
                cr_expect_eq(frame_finish_answer(&host, b.bytes, &info, 20, false), l2_length + 48);
                cr_expect_arr_eq(b.bytes + 12, before.bytes + 12, (size_t)tags * 4 + 2);
                cr_expect_arr_eq(b.bytes, CLIENT_MAC HOST_MAC, 12);
                cr_expect(checksums_right(b.bytes, l2_length));
        }
}

Test(frame_dns, a_third_tag_is_too_many)
{
        struct frame_host host = test_host(false);
        struct build b = tagged_query(3);
        struct frame_info info;

        cr_expect_eq(classify(&host, &b, &info), FRAME_DROP_UNKNOWN_ETHERTYPE);
        host.has_exception = true;
        cr_expect_eq(classify(&host, &b, &info), FRAME_EXCEPTION);
}

Test(frame_dns, ethernet_padding_and_udp_options_are_not_the_message)
{
        struct frame_host host = test_host(false);
        struct build b = query4("x", 1);
        struct frame_info info;

        build_bytes(&b, "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa", 17);
        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        cr_expect_eq(info.message_length, 1);

        // The IP packet longer than the datagram.
        store_be16(b.bytes + 16, (uint16_t)(b.length - 14));
        build_checksums(&b);
        cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
        cr_expect_eq(info.message_length, 1);
        cr_expect_eq(frame_finish_answer(&host, b.bytes, &info, 1, false), 43);
        cr_expect(checksums_right(b.bytes, 14));
}

Test(frame_dns, what_the_port_says_of_checksums_is_believed)
{
        static const struct {
                const char *name;
                struct frame_checksums told;
                bool spoil_ip, spoil_udp, zero_udp;
                enum frame_verdict want;
        } cases[] = {
            {"all good as told", {1, 1}, true, true, false, FRAME_DNS},
            {"bad header as told", {2, 1}, false, false, false, FRAME_DROP_BAD_IP_CHECKSUM},
            {"bad datagram as told", {1, 2}, false, false, false, FRAME_DROP_BAD_UDP_CHECKSUM},
            {"no checksum told as bad", {1, 2}, false, false, true, FRAME_DNS},
            {"no checksum told as good", {1, 1}, false, false, true, FRAME_DNS},
            {"bad header found", {0, 0}, true, false, false, FRAME_DROP_BAD_IP_CHECKSUM},
            {"bad datagram found", {0, 0}, false, true, false, FRAME_DROP_BAD_UDP_CHECKSUM},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct frame_host host = test_host(false);
                struct build b = query4(question, QUESTION_LENGTH);
                struct frame_info info;

                b.bytes[24] ^= cases[i].spoil_ip;
                b.bytes[40] ^= cases[i].spoil_udp;
                if (cases[i].zero_udp)
                        store_be16(b.bytes + 40, 0);
                cr_expect_eq(
                    frame_classify(&host, b.bytes, b.length, BUILD_CAPACITY, cases[i].told, &info),
                    cases[i].want, "%s", cases[i].name);
        }
}
