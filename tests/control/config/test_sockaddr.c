#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/sockaddr/sockaddr.h"
#include "lictor/bytes.h"

#define UP (SOCKADDR_UP | SOCKADDR_BROADCAST | SOCKADDR_MULTICAST)
#define LO (SOCKADDR_UP | SOCKADDR_LOOPBACK)

static const struct sockaddr_entry host[] = {
    {"lo", {127, 0, 0, 1}, 4, 8, LO, false},
    {"lo", {[15] = 1}, 16, 128, LO, false},
    {"eth1", {10, 1, 2, 3}, 4, 24, UP, false},
    {"eth0", {192, 168, 0, 9}, 4, 16, UP, true},
    {"eth0", {0xfe, 0x80, [15] = 9}, 16, 64, UP, true},
    {"eth0", {0x20, 0x01, 0x48, 0x60, [15] = 9}, 16, 64, UP, true},
    {"wan0", {8, 8, 4, 4}, 4, 30, UP, false},
    {"down0", {10, 9, 9, 9}, 4, 8, SOCKADDR_BROADCAST, false},
};

static const struct {
        const char *text, *expected;
} expanded[] = {
    {"", ""},
    {"127.0.0.1", "127.0.0.1"},
    {"{{ GetPrivateIP }}", "192.168.0.9"},
    {"{{GetPrivateIP}}", "192.168.0.9"},
    {"{{- GetPrivateIP -}}", "192.168.0.9"},
    {"{{ GetPrivateIPs }}", "192.168.0.9 10.1.2.3"},
    {"{{ GetPublicIP }}", "2001:4860::9"},
    {"{{ GetPublicIPs }}", "2001:4860::9 8.8.4.4"},
    {"{{ GetInterfaceIP \"eth0\" }}", "192.168.0.9"},
    {"{{ GetInterfaceIP `eth[01]` }}", "192.168.0.9"},
    {"{{ GetInterfaceIPs \"eth0\" }}", "192.168.0.9 2001:4860::9"},
    {"{{ GetInterfaceIP \"none\" }}", ""},
    {"{{ GetInterfaceIP \"lo\" }}", ""},
    {"a {{ GetInterfaceIP \"eth1\" }} b {{ GetPrivateIP }}", "a 10.1.2.3 b 192.168.0.9"},
    {"{{ GetAllInterfaces | include \"name\" \"^lo$\" | attr \"address\" }}", "127.0.0.1"},
    {"{{ GetAllInterfaces | include \"network\" \"10.0.0.0/8\" | join \"address\" \",\" }}",
     "10.1.2.3,10.9.9.9"},
    {"{{ GetAllInterfaces | include \"network\" \"2001:4860::/32\" | attr \"string\" }}",
     "2001:4860::9/64"},
    {"{{ GetAllInterfaces | exclude \"flags\" \"up\" | attr \"name\" }}", "down0"},
    {"{{ GetAllInterfaces | include \"flag\" \"loopback\" | include \"type\" \"ipv6\" | attr "
     "\"address\" }}",
     "::1"},
    {"{{ GetAllInterfaces | include \"rfc\" \"1918\" | sort \"-address\" | limit 2 | join "
     "\"address\" \" \" }}",
     "192.168.0.9 10.9.9.9"},
    {"{{ GetAllInterfaces | include \"RFC\" \"1918\" | sort \"size,address\" | offset 1 | attr "
     "\"address\" }}",
     "192.168.0.9"},
    {"{{ GetAllInterfaces | sort \"name\" | unique \"name\" | join \"name\" \" \" }}",
     "down0 eth0 eth1 lo wan0"},
    {"{{ GetAllInterfaces | include \"size\" \"/30\" | attr \"network\" }}", "8.8.4.4/30"},
    {"{{ GetDefaultInterfaces | sort \"-type\" | attr \"name\" }}", "eth0"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"network\" }}", "192.168.0.0/16"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"broadcast\" }}", "192.168.255.255"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"netmask\" }}", "255.255.0.0"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"mask_bits\" }}", "16"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"size\" }}", "65536"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"flags\" }}", "up|broadcast|multicast"},
    {"{{ GetPrivateInterfaces | limit 1 | attr \"type\" }}", "IPv4"},
    {"{{ GetPrivateInterfaces | math \"address\" \"+2\" | attr \"address\" }}", "192.168.0.11"},
    {"{{ GetPrivateInterfaces | math \"network\" \"+2\" | attr \"address\" }}", "192.168.0.2"},
    {"{{ GetPrivateInterfaces | math \"network\" \"-2\" | attr \"address\" }}", "192.168.255.254"},
    {"{{ GetPrivateInterfaces | math \"mask\" \"24\" | attr \"string\" }}", "192.168.0.0/24"},
    {"{{ GetPrivateInterfaces | limit 0 | join \"address\" \" \" }}", ""},
    {"{{ GetAllInterfaces | include \"address\" \"^8\\\\.\" | attr \"address\" }}", "8.8.4.4"},
};

Test(sockaddr, templates_become_addresses)
{
        for (size_t i = 0; i < ARRAY_LEN(expanded); i++) {
                char error[256] = "";
                char *text = sockaddr_template_expand(expanded[i].text, host, ARRAY_LEN(host),
                                                      error, sizeof(error));

                cr_expect_not_null(text, "%s: %s", expanded[i].text, error);
                if (text != NULL)
                        cr_expect_str_eq(text, expanded[i].expected, "%s: got \"%s\"",
                                         expanded[i].text, text);
                free(text);
        }
}

static const struct {
        const char *text, *error;
} refused[] = {
    {"{{", "unclosed action"},
    {"{{ }}", "missing value for command"},
    {"{{ GetPrivateIP", "unclosed action"},
    {"{{ GetPrivateIP }", "unexpected \"}\" in command"},
    {"{{ GetPrivateIP | }}", "missing value for command"},
    {"{{ Bogus }}", "function \"Bogus\" not defined"},
    {"{{ GetAllInterfaces }}", "ends with a list"},
    {"{{ GetAllInterfaces | bogus }}", "function \"bogus\" not defined"},
    {"{{ GetInterfaceIP }}", "wrong number of args for GetInterfaceIP: want 1 got 0"},
    {"{{ GetInterfaceIP \"x }}", "unterminated quoted string"},
    {"{{ GetInterfaceIP \"(\" }}", "invalid regular expression"},
    {"{{ GetPrivateIP | limit 1 }}", "limit needs a list of addresses before it"},
    {"{{ GetAllInterfaces | limit x }}", "limit needs a number"},
    {"{{ GetAllInterfaces | include \"bogus\" \"x\" }}", "invalid filter argument: \"bogus\""},
    {"{{ GetAllInterfaces | include \"flags\" \"x\" }}", "invalid flags: \"x\""},
    {"{{ GetAllInterfaces | include \"type\" \"x\" }}", "invalid type: \"x\""},
    {"{{ GetAllInterfaces | include \"rfc\" \"1\" }}", "invalid rfc: \"1\""},
    {"{{ GetAllInterfaces | include \"network\" \"10.0.0.0/33\" }}", "invalid network"},
    {"{{ GetAllInterfaces | include \"network\" \"1:::2\" }}", "invalid network"},
    {"{{ GetAllInterfaces | include \"size\" \"x\" }}", "invalid mask size"},
    {"{{ GetAllInterfaces | sort \"bogus\" }}", "unknown sort type: \"bogus\""},
    {"{{ GetAllInterfaces | unique \"size\" }}", "unsupported unique constraint"},
    {"{{ GetAllInterfaces | attr \"bogus\" }}", "unsupported attribute: \"bogus\""},
    {"{{ GetAllInterfaces | math \"x\" \"1\" }}", "unsupported math operation"},
    {"{{ GetAllInterfaces | math \"address\" \"x\" }}", "unable to convert \"x\""},
    {"{{ GetAllInterfaces | math \"address\" \"-999999999\" }}", "address out of range"},
    {"{{ GetAllInterfaces | math \"mask\" \"33\" }}", "invalid mask size"},
    {"{{ a b c d e }}", "too many arguments for a"},
};

Test(sockaddr, mistakes_in_templates_are_told)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                char error[256] = "";
                char *text = sockaddr_template_expand(refused[i].text, host, ARRAY_LEN(host), error,
                                                      sizeof(error));

                cr_expect_null(text, "%s: got \"%s\"", refused[i].text, text);
                cr_expect(strstr(error, refused[i].error) != NULL, "%s: got \"%s\"",
                          refused[i].text, error);
                free(text);
        }
}

Test(sockaddr, a_host_without_addresses_has_none_to_give)
{
        char error[256];
        char *text = sockaddr_template_expand("{{ GetPrivateIP }}", NULL, 0, error, sizeof(error));

        cr_assert_not_null(text);
        cr_expect_str_eq(text, "");
        free(text);
}
