#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>

#include "control/pool/network.h"
#include "lictor/bytes.h"

Test(pool_network, an_address_is_in_a_network_or_not)
{
        static const struct {
                const char *network, *address;
                bool want;
        } cases[] = {
            {"10.0.0.0/8", "10.255.255.255", true},
            {"10.0.0.0/8", "11.0.0.0", false},
            {"10.1.2.3/8", "10.9.9.9", true}, // bits behind the prefix do not count
            {"192.0.2.128/25", "192.0.2.128", true},
            {"192.0.2.128/25", "192.0.2.127", false},
            {"192.0.2.7/32", "192.0.2.7", true},
            {"192.0.2.7/32", "192.0.2.6", false},
            {"192.0.2.6/31", "192.0.2.7", true},
            {"0.0.0.0/0", "203.0.113.1", true},
            {"0.0.0.0/0", "2001:db8::1", false},
            {"::/0", "2001:db8::1", true},
            {"::/0", "203.0.113.1", false},
            {"2001:db8::/33", "2001:db8:7fff::1", true},
            {"2001:db8::/33", "2001:db8:8000::1", false},
            {"::1/128", "::1", true},
            {"::1/128", "::2", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct pool_network network;
                uint8_t address[16];
                size_t length = 4;

                cr_assert_eq(pool_network_parse(cases[i].network, &network), 0);
                if (inet_pton(AF_INET, cases[i].address, address) != 1) {
                        length = 16;
                        cr_assert_eq(inet_pton(AF_INET6, cases[i].address, address), 1);
                }
                cr_expect_eq(pool_networks_have(&network, 1, address, length), cases[i].want,
                             "%s in %s", cases[i].address, cases[i].network);
                cr_expect_not(pool_networks_have(&network, 0, address, length));
        }
}

Test(pool_network, what_is_none_is_refused)
{
        static const char *const texts[] = {
            "",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "/8",
            "10.0.0.0/8x",
            "2001:db8::/129",
            "10.0.0/8",
            "10.0.0.0/ 8",
            "10.0.0.0/+8",
            "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/1"};
        struct pool_network network;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                cr_expect_eq(pool_network_parse(texts[i], &network), -EINVAL, "%s", texts[i]);
}
