#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "dataplane/port/net_address.h"
#include "lictor/bytes.h"

static const struct {
        const char *text;
        int want;
        uint8_t family, prefix_length;
} addresses[] = {
    {"10.99.0.2/24", 0, 4, 24},
    {"10.99.0.2", 0, 4, 32},
    {"10.99.0.2/0", 0, 4, 0},
    {"10.99.0.2/32", 0, 4, 32},
    {"fd00::2/64", 0, 6, 64},
    {"fd00::2", 0, 6, 128},
    {"64:ff9b::10.0.0.1/128", 0, 6, 128},
    {"223.255.255.255", 0, 4, 32},
    {"::2", 0, 6, 128},
    {"0.0.0.0/0", -EINVAL, 0, 0},
    {"127.0.0.1", -EINVAL, 0, 0},
    {"224.0.0.1", -EINVAL, 0, 0},
    {"255.255.255.255", -EINVAL, 0, 0},
    {"::/0", -EINVAL, 0, 0},
    {"::1", -EINVAL, 0, 0},
    {"ff02::1", -EINVAL, 0, 0},
    {"::ffff:10.0.0.1/128", -EINVAL, 0, 0},
    {"", -EINVAL, 0, 0},
    {"/24", -EINVAL, 0, 0},
    {"10.99.0.2/", -EINVAL, 0, 0},
    {"10.99.0.2/33", -EINVAL, 0, 0},
    {"10.99.0.2/-1", -EINVAL, 0, 0},
    {"10.99.0.2/ 8", -EINVAL, 0, 0},
    {"10.99.0.2/24x", -EINVAL, 0, 0},
    {"10.99.0.2/99999999999999999999", -EINVAL, 0, 0},
    {"10.99.0", -EINVAL, 0, 0},
    {"10.99.0.256", -EINVAL, 0, 0},
    {"fd00::2/129", -EINVAL, 0, 0},
    {"fd00::g", -EINVAL, 0, 0},
    {"localhost", -EINVAL, 0, 0},
    {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64", -EINVAL, 0, 0},
};

Test(net_address, reads_addresses_with_and_without_prefix)
{
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
                struct net_address a;

                cr_expect_eq(net_address_parse(addresses[i].text, &a), addresses[i].want, "%s",
                             addresses[i].text);
                if (addresses[i].want < 0)
                        continue;
                cr_expect_eq(a.family, addresses[i].family, "%s", addresses[i].text);
                cr_expect_eq(a.prefix_length, addresses[i].prefix_length, "%s", addresses[i].text);
        }
}

Test(net_address, keeps_network_byte_order)
{
        struct net_address a;

        cr_assert_eq(net_address_parse("10.99.0.2/24", &a), 0);
        cr_expect_arr_eq(a.bytes, "\x0a\x63\0\x02", 4);
        cr_assert_eq(net_address_parse("fd00::2/64", &a), 0);
        cr_expect_arr_eq(a.bytes, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
}

static const struct {
        const char *text;
        int want;
} macs[] = {
    {"02:00:00:00:00:02", 0},        {"aB:Cd:Ef:00:11:22", -EINVAL},
    {"aA:Cd:Ef:00:11:22", 0},        {"ff:ff:ff:ff:ff:ff", -EINVAL},
    {"00:00:00:00:00:00", -EINVAL},  {"02:00:00:00:00", -EINVAL},
    {"02:00:00:00:00:02:", -EINVAL}, {"02-00-00-00-00-02", -EINVAL},
    {"02:00:00:00:00:0g", -EINVAL},  {"", -EINVAL},
};

Test(net_mac, reads_addresses_of_one_host_only)
{
        for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
                uint8_t mac[6];

                cr_expect_eq(net_mac_parse(macs[i].text, mac), macs[i].want, "\"%s\"",
                             macs[i].text);
        }
}

Test(net_mac, reads_both_cases)
{
        uint8_t mac[6];

        cr_assert_eq(net_mac_parse("aA:Cd:eF:00:19:2f", mac), 0);
        cr_expect_arr_eq(mac, "\xaa\xcd\xef\0\x19\x2f", 6);
}
