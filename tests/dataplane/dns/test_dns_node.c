#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/dataplane/dns/dns_world.h"

#define SOA "^ consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"

static struct world w;

static void open_world(void)
{
        static const struct lictor_meta meta[] = {{"role", "db"}, {"RFC1035-note", "raw text"}};
        static const struct lictor_meta odd[] = {{"eq=key", "v"},     {"tick`key", "tick`val"},
                                                 {" lead", "x"},      {"plain", ""},
                                                 {"\ttab \t", " y "}, {"  ", "=z="}};
        struct lictor_zone zone = world_defaults();
        struct lictor_node host = {.name = "ext2", .cname = "www.example.org"};

        zone.node_ttl_s = 7;
        world_open(&w, &zone);
        world_add_node(&w, "ext1", "10.9.9.9", meta, ARRAY_LEN(meta));
        world_add_node(&w, "six", "2001:db8::5", NULL, 0);
        world_add_node(&w, "Foo.Bar", "10.9.9.8", NULL, 0);
        world_add_node(&w, "odd", "10.9.9.6", odd, ARRAY_LEN(odd));
        cr_assert_eq(dns_compile_node(w.table, w.zone, &host), 0);
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_node, .init = open_world, .fini = close_world);

#define META(sign, name) sign " " name " 7 TXT \"raw text\"\n" sign " " name " 7 TXT \"role=db\"\n"

Test(dns_node, addresses_come_with_metadata)
{
        static const struct world_case cases[] = {
            {"ext1.node.consul", "A",
             "NOERROR qr aa rd\n? ext1.node.consul. A\n= ext1.node.consul. 7 A 10.9.9.9\n" META(
                 "+", "ext1.node.consul.")},
            {"ext1.node.consul", "AAAA",
             "NOERROR qr aa rd\n? ext1.node.consul. AAAA\n" META("+", "ext1.node.consul.")},
            {"ext1.node.consul", "ANY",
             "NOERROR qr aa rd\n? ext1.node.consul. ANY\n= ext1.node.consul. 7 A 10.9.9.9\n" META(
                 "=", "ext1.node.consul.")},
            {"Ext1.NODE.dc1.consul", "TXT",
             "NOERROR qr aa rd\n? Ext1.NODE.dc1.consul. TXT\n" META("=", "Ext1.NODE.dc1.consul.")},
            {"ext1.node.consul", "SRV", "NOERROR qr aa rd\n? ext1.node.consul. SRV\n"},
            {"ext1.node.consul", "MX", "NOERROR qr aa rd\n? ext1.node.consul. MX\n"},
            {"nope.node.consul", "MX", "NOERROR qr aa rd\n? nope.node.consul. MX\n"},
            {"nope.node.consul", "A", "NXDOMAIN qr aa rd\n? nope.node.consul. A\n" SOA},
            {"ext1.node.dc9.consul", "A", "NXDOMAIN qr aa rd\n? ext1.node.dc9.consul. A\n" SOA},
            {"ext1.node.dc1.x.consul", "A", "NXDOMAIN qr aa rd\n? ext1.node.dc1.x.consul. A\n" SOA},
            {"node.consul", "A", "NXDOMAIN qr aa rd\n? node.consul. A\n" SOA},
            {"six.node.consul", "AAAA",
             "NOERROR qr aa rd\n? six.node.consul. AAAA\n= six.node.consul. 7 AAAA 2001:db8::5\n"},
            {"six.node.consul", "A", "NOERROR qr aa rd\n? six.node.consul. A\n"},
            {"six.node.consul", "ANY",
             "NOERROR qr aa rd\n? six.node.consul. ANY\n= six.node.consul. 7 AAAA 2001:db8::5\n"},
            {"foo.BAR.node.consul", "A",
             "NOERROR qr aa rd\n? foo.BAR.node.consul. A\n= foo.BAR.node.consul. 7 A 10.9.9.8\n"},
            {"bar.node.consul", "A", "NXDOMAIN qr aa rd\n? bar.node.consul. A\n" SOA},
            {"ext2.node.consul", "A",
             "NOERROR qr aa rd\n? ext2.node.consul. A\n"
             "= ext2.node.consul. 7 CNAME www.example.org.\n"},
            {"ext2.node.consul", "ANY",
             "NOERROR qr aa rd\n? ext2.node.consul. ANY\n"
             "= ext2.node.consul. 7 CNAME www.example.org.\n"},
            {"ext2.node.consul", "TXT", "NOERROR qr aa rd\n? ext2.node.consul. TXT\n"},
        };

        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_node, metadata_is_quoted_as_rfc_1464_says)
{
        static const struct world_case odd = {"odd.node.consul", "TXT",
                                              "NOERROR qr aa rd\n? odd.node.consul. TXT\n"
                                              "= odd.node.consul. 7 TXT \"` lead=x\"\n"
                                              "= odd.node.consul. 7 TXT \"eq`=key=v\"\n"
                                              "= odd.node.consul. 7 TXT \"plain=\"\n"
                                              "= odd.node.consul. 7 TXT \"tick``key=tick``val\"\n"
                                              "= odd.node.consul. 7 TXT \"`\ttab` `\t= y \"\n"
                                              "= odd.node.consul. 7 TXT \"` ` ==z=\"\n"};

        w.env.transport = DNS_TCP;
        world_check(&w, &odd, 1);
}

Test(dns_node, metadata_may_be_left_out_of_address_answers)
{
        struct lictor_zone zone = world_defaults();
        static const struct world_case cases[] = {
            {"ext1.node.consul", "A",
             "NOERROR qr aa rd\n? ext1.node.consul. A\n= ext1.node.consul. 7 A 10.9.9.9\n"},
            {"ext1.node.consul", "TXT",
             "NOERROR qr aa rd\n? ext1.node.consul. TXT\n" META("=", "ext1.node.consul.")},
        };

        zone.node_meta_txt = false;
        world_set_zone(&w, &zone);
        world_check(&w, cases, ARRAY_LEN(cases));
}

// A metadata value of so many bytes comes back in strings of 255.
static void check_long_value(size_t length)
{
        static char value[70000];
        struct lictor_meta meta = {"rfc1035-long", value};
        size_t found = 0, strings = 0;
        const char *at;

        memset(value, 'x', length);
        value[length] = '\0';
        world_add_node(&w, "long", "10.0.0.1", &meta, 1);
        world_ask(&w, "long.node.consul", "TXT");
        at = strstr(w.text, "TXT \"");
        cr_assert_not_null(at, "length %zu: %s", length, w.text);
        for (at += 4; *at != '\n'; at++) {
                found += *at == 'x';
                strings += *at == '"';
        }
        cr_expect_eq(found, length);
        cr_expect_eq(strings / 2, length == 0 ? 1 : (length + 254) / 255, "length %zu", length);
}

Test(dns_node, long_metadata_is_split_into_strings)
{
        static const size_t lengths[] = {0, 1, 254, 255, 256, 510, 511, 5000, 65000};

        w.env.transport = DNS_TCP;
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
                check_long_value(lengths[i]);
}

Test(dns_node, metadata_too_long_for_any_record_is_left_out)
{
        static char value[66000];
        struct lictor_meta meta[] = {{"long", value}, {"short", "1"}};

        memset(value, 'x', sizeof(value) - 1);
        world_add_node(&w, "long", "10.0.0.1", meta, 2);
        cr_expect_str_eq(world_ask(&w, "long.node.consul", "TXT"),
                         "NOERROR qr aa rd\n? long.node.consul. TXT\n"
                         "= long.node.consul. 7 TXT \"short=1\"\n");
}

Test(dns_node, replaced_and_removed_nodes_answer_so)
{
        world_add_node(&w, "EXT1", "10.1.1.1", NULL, 0);
        cr_expect_str_eq(
            world_ask(&w, "ext1.node.consul", "A"),
            "NOERROR qr aa rd\n? ext1.node.consul. A\n= ext1.node.consul. 7 A 10.1.1.1\n");
        cr_expect_eq(dns_remove_node(w.table, "Ext1"), 0);
        cr_expect_neq(dns_remove_node(w.table, "Ext1"), 0);
        cr_expect_str_eq(world_ask(&w, "ext1.node.consul", "A"),
                         "NXDOMAIN qr aa rd\n? ext1.node.consul. A\n" SOA);
}
