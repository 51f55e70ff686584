#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/dataplane/dns/dns_world.h"

#define SOA "^ consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"

static struct world w;

static void add_servers(size_t count)
{
        static const char *const names[] = {"Node1", "node2", "node3", "node4", "bad.name"};
        static const struct lictor_meta meta[] = {{"rack", "r7"}};
        struct lictor_node servers[5] = {0};

        for (size_t i = 0; i < count; i++) {
                char address[16];

                snprintf(address, sizeof(address), "127.0.0.%zu", i + 1);
                servers[i].name = names[i];
                servers[i].any = world_address(address);
        }
        servers[0].meta = meta;
        servers[0].meta_count = 1;
        cr_assert_eq(dns_compile_nameservers(w.table, w.zone, servers, count), 0);
}

static void add_reverse(const char *address, const char *target)
{
        struct lictor_address binary = world_address(address);

        cr_assert_eq(dns_compile_reverse(w.table, w.zone, &binary, target), 0);
}

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 80);

        world_open(&w, &zone);
        world_add_service(&w, "web", "", 0, &web, 1);
        add_servers(1);
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_zone, .init = open_world, .fini = close_world);

#define SERVER                                                                                     \
        "+ node1.node.dc1.consul. 0 A 127.0.0.1\n+ node1.node.dc1.consul. 0 TXT \"rack=r7\"\n"

Test(dns_zone, soa_and_ns_questions_get_the_zones_own_records)
{
        static const struct world_case cases[] = {
            {"consul", "SOA",
             "NOERROR qr aa rd\n? consul. SOA\n"
             "= consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"
             "^ consul. 0 NS node1.node.dc1.consul.\n" SERVER},
            {"CONSUL", "SOA",
             "NOERROR qr aa rd\n? CONSUL. SOA\n"
             "= consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"
             "^ consul. 0 NS node1.node.dc1.consul.\n" SERVER},
            {"any.thing.consul", "SOA",
             "NOERROR qr aa rd\n? any.thing.consul. SOA\n"
             "= consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"
             "^ consul. 0 NS node1.node.dc1.consul.\n" SERVER},
            {"consul", "NS",
             "NOERROR qr aa rd\n? consul. NS\n= consul. 0 NS node1.node.dc1.consul.\n" SERVER},
            {"web.service.consul", "NS",
             "NOERROR qr aa rd\n? web.service.consul. NS\n"
             "= consul. 0 NS node1.node.dc1.consul.\n" SERVER},
            {"consul", "AXFR", "NOTIMP qr aa rd\n? consul. AXFR\n"},
            {"consul", "A", "NXDOMAIN qr aa rd\n? consul. A\n" SOA},
            {"consul", "ANY", "NXDOMAIN qr aa rd\n? consul. ANY\n" SOA},
        };

        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_zone, at_most_three_name_servers_are_named)
{
        unsigned seen[4] = {0};

        add_servers(5);
        for (unsigned i = 0; i < 64; i++) {
                world_ask(&w, "consul", "NS");
                cr_expect_eq(world_count(&w, '='), 3);
                cr_expect(strstr(w.text, "bad") == NULL, "%s", w.text);
                for (unsigned n = 0; n < 4; n++) {
                        char name[32];

                        snprintf(name, sizeof(name), "NS node%u.node", n + 1);
                        seen[n] += strstr(w.text, name) != NULL;
                }
        }
        for (unsigned n = 0; n < 4; n++)
                cr_expect(seen[n] > 32 && seen[n] < 64, "node%u in %u of 64", n + 1, seen[n]);
}

Test(dns_zone, without_servers_the_soa_stands_alone)
{
        struct lictor_zone zone = world_defaults();

        world_close(&w);
        world_open(&w, &zone);
        cr_expect_str_eq(
            world_ask(&w, "consul", "SOA"),
            "NOERROR qr aa rd\n? consul. SOA\n"
            "= consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n");
        cr_expect_str_eq(world_ask(&w, "consul", "NS"), "NOERROR qr aa rd\n? consul. NS\n");
}

Test(dns_zone, soa_settings_reach_negative_answers)
{
        struct lictor_zone zone = world_defaults();

        zone.soa = (struct lictor_soa){
            .refresh_s = 1800, .retry_s = 300, .expire_s = 43200, .min_ttl_s = 60};
        world_set_zone(&w, &zone);
        cr_expect_str_eq(
            world_ask(&w, "nope.service.consul", "A"),
            "NXDOMAIN qr aa rd\n? nope.service.consul. A\n"
            "^ consul. 60 SOA ns.consul. hostmaster.consul. 1700000000 1800 300 43200 60\n");
}

Test(dns_zone, who_has_not_caught_up_tells_what_it_has_and_fails_on_the_rest)
{
        static const struct world_case cases[] = {
            {"web.service.consul", "A",
             "NOERROR qr aa rd\n? web.service.consul. A\n= web.service.consul. 0 A 10.0.1.1\n"},
            {"consul", "NS",
             "NOERROR qr aa rd\n? consul. NS\n= consul. 0 NS node1.node.dc1.consul.\n" SERVER},
            {"none.service.consul", "A", "SERVFAIL qr aa rd\n? none.service.consul. A\n"},
            {"none.node.consul", "A", "SERVFAIL qr aa rd\n? none.node.consul. A\n"},
            {"none.query.consul", "A", "SERVFAIL qr aa rd\n? none.query.consul. A\n"},
            {"web.service.dc2.consul", "A", "SERVFAIL qr aa rd\n? web.service.dc2.consul. A\n"},
            {"no.such.kind.consul", "A", "NXDOMAIN qr aa rd\n? no.such.kind.consul. A\n" SOA},
        };
        static const struct world_case later[] = {
            {"none.service.consul", "A", "NXDOMAIN qr aa rd\n? none.service.consul. A\n" SOA},
        };
        struct lictor_zone zone = world_defaults();

        zone.unready = true;
        world_set_zone(&w, &zone);
        world_check(&w, cases, sizeof(cases) / sizeof(cases[0]));
        zone.unready = false;
        world_set_zone(&w, &zone);
        world_check(&w, later, 1);
}

Test(dns_zone, another_datacenter_that_was_asked_in_vain_is_a_failure)
{
        static const struct world_case cases[] = {
            {"web.service.dc2.consul", "A", "SERVFAIL qr aa rd\n? web.service.dc2.consul. A\n"},
        };
        struct lictor_zone zone = world_defaults();

        zone.datacenters = true;
        world_set_zone(&w, &zone);
        cr_expect_str_eq(world_ask(&w, "web.service.dc2.consul", "A"), "[punt]");
        w.env.answer_all = w.env.unreached = true;
        world_check(&w, cases, 1);
}

Test(dns_zone, foreign_names_are_refused)
{
        static const char *const names[] = {
            "example.com",
            ".",
            "notconsul",
            "web.service.xconsul",
            "web.service.consul.example.com",
            "org",
            "onsul",
            "consu",
            "com",
            "web.service.consulx",
            "in-addr.com",
        };

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                static const char *const types[] = {"A", "ANY", "NS", "SOA", "AXFR"};

                for (size_t t = 0; t < ARRAY_LEN(types); t++) {
                        char want[512];

                        snprintf(want, sizeof(want), "REFUSED qr rd\n? %s%s %s\n", names[i],
                                 strcmp(names[i], ".") == 0 ? "" : ".", types[t]);
                        cr_expect_str_eq(world_ask(&w, names[i], types[t]), want);
                }
        }
}

Test(dns_zone, with_recursion_foreign_names_are_punted_and_ra_is_set)
{
        struct lictor_zone zone = world_defaults();
        static const struct world_case cases[] = {
            {"example.com", "A", "[punt]"},
            {".", "NS", "[punt]"},
            {"4.3.2.1.in-addr.arpa", "PTR", "[punt]"},
            {"foo.in-addr.arpa", "PTR", "[punt]"},
            {"1.1.0.10.in-addr.arpa", "PTR",
             "NOERROR qr aa rd ra\n? 1.1.0.10.in-addr.arpa. PTR\n"
             "= 1.1.0.10.in-addr.arpa. 0 PTR alpha.node.dc1.consul.\n"},
            {"web.service.consul", "A",
             "NOERROR qr aa rd ra\n? web.service.consul. A\n= web.service.consul. 0 A 10.0.1.1\n"},
            {"nope.service.consul", "A", "NXDOMAIN qr aa rd ra\n? nope.service.consul. A\n" SOA},
        };

        zone.recursion = true;
        world_set_zone(&w, &zone);
        add_reverse("10.0.1.1", "alpha.node.dc1.consul");
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_zone, a_domain_of_many_labels_and_an_alternative_one)
{
        struct lictor_zone zone = world_defaults();
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 80);
        static const struct world_case cases[] = {
            {"web.service.example.org", "A",
             "NOERROR qr aa rd\n? web.service.example.org. A\n"
             "= web.service.example.org. 0 A 10.0.1.1\n"},
            {"WEB.SERVICE.ALT.TEST", "A",
             "NOERROR qr aa rd\n? WEB.SERVICE.ALT.TEST. A\n"
             "= WEB.SERVICE.ALT.TEST. 0 A 10.0.1.1\n"},
            {"web.service.dc1.alt.test", "SRV",
             "NOERROR qr aa rd\n? web.service.dc1.alt.test. SRV\n"
             "= web.service.dc1.alt.test. 0 SRV 1 1 80 alpha.node.dc1.example.org.\n"
             "+ alpha.node.dc1.example.org. 0 A 10.0.1.1\n"},
            {"nope.service.alt.test", "A",
             "NXDOMAIN qr aa rd\n? nope.service.alt.test. A\n"
             "^ example.org. 0 SOA ns.example.org. hostmaster.example.org. 1700000000 3600 600 "
             "86400 0\n"},
            {"alt.test", "NS",
             "NOERROR qr aa rd\n? alt.test. NS\n= example.org. 0 NS node1.node.dc1.example.org.\n"
             "+ node1.node.dc1.example.org. 0 A 127.0.0.1\n"
             "+ node1.node.dc1.example.org. 0 TXT \"rack=r7\"\n"},
            {"0a000101.addr.alt.test", "A",
             "NOERROR qr aa rd\n? 0a000101.addr.alt.test. A\n"
             "= 0a000101.addr.example.org. 0 A 10.0.1.1\n"},
            {"org", "A", "REFUSED qr rd\n? org. A\n"},
            {"test", "A", "REFUSED qr rd\n? test. A\n"},
            {"web.service.consul", "A", "REFUSED qr rd\n? web.service.consul. A\n"},
        };

        zone.domain = "Example.Org.";
        zone.alt_domain = "alt.test";
        world_set_zone(&w, &zone);
        world_add_service(&w, "web", "", 0, &web, 1);
        add_servers(1);
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_zone, the_longer_of_two_nested_domains_decides)
{
        struct lictor_zone zone = world_defaults();

        zone.domain = "consul";
        zone.alt_domain = "service.consul";
        world_set_zone(&w, &zone);
        // Below "service.consul" this is "web", which is no kind; below "consul" it would be found.
        cr_expect_str_eq(world_ask(&w, "web.service.consul", "A"),
                         "NXDOMAIN qr aa rd\n? web.service.consul. A\n" SOA);
        cr_expect_str_eq(world_ask(&w, "web.service.service.consul", "A"),
                         "NOERROR qr aa rd\n? web.service.service.consul. A\n"
                         "= web.service.service.consul. 0 A 10.0.1.1\n");
}

Test(dns_zone, a_stale_table_is_punted_answered_or_failed)
{
        static const char *const looked_up[] = {"web.service.consul", "none.service.consul",
                                                "n.node.consul", "q.query.consul"};
        struct lictor_zone zone = world_defaults();

        zone.stale = true;
        world_set_zone(&w, &zone);
        for (size_t i = 0; i < sizeof(looked_up) / sizeof(looked_up[0]); i++) {
                w.env.when_stale = DNS_STALE_PUNT;
                cr_expect_str_eq(world_ask(&w, looked_up[i], "A"), "[punt]", "%s", looked_up[i]);
                w.env.when_stale = DNS_STALE_FAIL;
                cr_expect_not_null(strstr(world_ask(&w, looked_up[i], "A"), "SERVFAIL"), "%s",
                                   looked_up[i]);
        }
        w.env.when_stale = DNS_STALE_ANSWER;
        cr_expect_not_null(strstr(world_ask(&w, "web.service.consul", "A"), "10.0.1.1"));
        // What needs no table is answered all the same.
        w.env.when_stale = DNS_STALE_PUNT;
        cr_expect_not_null(strstr(world_ask(&w, "0a000102.addr.consul", "A"), "10.0.1.2"));
        cr_expect_not_null(strstr(world_ask(&w, "www.example.org", "A"), "REFUSED"));
}

Test(dns_zone, addr_names_are_computed)
{
        struct lictor_zone zone = world_defaults();
        static const struct world_case cases[] = {
            {"0a000101.addr.consul", "A",
             "NOERROR qr aa rd\n? 0a000101.addr.consul. A\n= 0a000101.addr.consul. 8 A 10.0.1.1\n"},
            {"0A000101.Addr.consul", "ANY",
             "NOERROR qr aa rd\n? 0A000101.Addr.consul. ANY\n"
             "= 0a000101.addr.consul. 8 A 10.0.1.1\n"},
            {"0a000101.addr.dc1.consul", "AAAA",
             "NOERROR qr aa rd\n? 0a000101.addr.dc1.consul. AAAA\n"
             "= 0a000101.addr.dc1.consul. 8 A 10.0.1.1\n"},
            {"20010db8000000000000000000000007.addr.dc1.consul", "AAAA",
             "NOERROR qr aa rd\n? 20010db8000000000000000000000007.addr.dc1.consul. AAAA\n"
             "= 20010db8000000000000000000000007.addr.dc1.consul. 8 AAAA 2001:db8::7\n"},
            {"20010db8000000000000000000000007.addr.dc1.consul", "A",
             "NOERROR qr aa rd\n? 20010db8000000000000000000000007.addr.dc1.consul. A\n"
             "= 20010db8000000000000000000000007.addr.dc1.consul. 8 AAAA 2001:db8::7\n"},
            {"addr.consul", "A", "NXDOMAIN qr aa rd\n? addr.consul. A\n" SOA},
            {"0a00010.addr.consul", "A", "NOERROR qr aa rd\n? 0a00010.addr.consul. A\n"},
            {"zz.addr.consul", "SRV", "NOERROR qr aa rd\n? zz.addr.consul. SRV\n"},
            {"0a0001011.addr.consul", "A", "NXDOMAIN qr aa rd\n? 0a0001011.addr.consul. A\n" SOA},
            {"0a00010g.addr.consul", "A", "NXDOMAIN qr aa rd\n? 0a00010g.addr.consul. A\n" SOA},
            {"x.0a000101.addr.consul", "A", "NXDOMAIN qr aa rd\n? x.0a000101.addr.consul. A\n" SOA},
        };

        zone.node_ttl_s = 8;
        world_set_zone(&w, &zone);
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_zone, the_root_may_be_the_domain)
{
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 80);
        struct lictor_zone zone = world_defaults();
        static const struct world_case cases[] = {
            {"web.service", "A",
             "NOERROR qr aa rd\n? web.service. A\n= web.service. 0 A 10.0.1.1\n"},
            {"Web.Service.dc1", "SRV",
             "NOERROR qr aa rd\n? Web.Service.dc1. SRV\n"
             "= Web.Service.dc1. 0 SRV 1 1 80 alpha.node.dc1.\n+ alpha.node.dc1. 0 A 10.0.1.1\n"},
            {"0a000101.addr", "A",
             "NOERROR qr aa rd\n? 0a000101.addr. A\n= 0a000101.addr. 0 A 10.0.1.1\n"},
            {"org", "A",
             "NXDOMAIN qr aa rd\n? org. A\n"
             "^  0 SOA ns. hostmaster. 1700000000 3600 600 86400 0\n"},
            {"4.3.2.1.in-addr.arpa", "PTR", "SERVFAIL qr rd ra\n? 4.3.2.1.in-addr.arpa. PTR\n"},
        };

        zone.domain = ".";
        world_set_zone(&w, &zone);
        world_add_service(&w, "web", "", 0, &web, 1);
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_zone, reverse_names_find_their_target)
{
        static const struct world_case cases[] = {
            {"1.1.0.10.IN-addr.Arpa", "PTR",
             "NOERROR qr aa rd\n? 1.1.0.10.IN-addr.Arpa. PTR\n"
             "= 1.1.0.10.IN-addr.Arpa. 0 PTR alpha.node.dc1.consul.\n"},
            {"1.1.0.10.in-addr.arpa", "ANY",
             "NOERROR qr aa rd\n? 1.1.0.10.in-addr.arpa. ANY\n"
             "= 1.1.0.10.in-addr.arpa. 0 PTR alpha.node.dc1.consul.\n"},
            {"1.1.0.10.in-addr.arpa", "SOA",
             "NOERROR qr aa rd\n? 1.1.0.10.in-addr.arpa. SOA\n"
             "= 1.1.0.10.in-addr.arpa. 0 PTR alpha.node.dc1.consul.\n" SOA},
            {"5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2.ip6.arpa", "PTR",
             "NOERROR qr aa rd\n"
             "? 5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2.ip6.arpa. PTR\n"
             "= 5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2.ip6.arpa. 0 PTR "
             "six.node.dc1.consul.\n"},
        };
        static const char *const unknown[] = {
            "2.1.0.10.in-addr.arpa",
            "foo.in-addr.arpa",
            "in-addr.arpa",
            "1.0.10.in-addr.arpa",
            "1.1.1.0.10.in-addr.arpa",
            "01.1.0.10.in-addr.arpa",
            "1.1.0.256.in-addr.arpa",
            "1.1.0.1000.in-addr.arpa",
            "1.1.0.x.in-addr.arpa",
            "1.1.0.10.in-addx.arpa",
            "ip6.arpa",
            "arpa",
            "1.1.0.10.ip6.arpa",
            "1.1.0.10.in-addr.foo.arpa",
            "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "50.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip7.arpa",
        };

        add_reverse("10.0.1.1", "alpha.node.dc1.consul");
        add_reverse("2001:db8::5", "six.node.dc1.consul.");
        world_check(&w, cases, ARRAY_LEN(cases));
        for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
                char want[512];

                snprintf(want, sizeof(want), "SERVFAIL qr rd ra\n? %s. PTR\n", unknown[i]);
                cr_expect_str_eq(world_ask(&w, unknown[i], "PTR"), want, "%s", w.text);
        }
}

Test(dns_zone, bad_settings_are_rejected)
{
        static const struct {
                const char *domain, *alt_domain, *datacenter;
                int want;
        } cases[] = {
            {"consul", NULL, "dc1", 0},
            {"consul.", "", "dc1", 0},
            {".", NULL, "dc1", 0},
            {"", NULL, "dc1", 0},
            {"a..b", NULL, "dc1", -EINVAL},
            {".consul", NULL, "dc1", -EINVAL},
            {"consul", ".", "dc1", -EINVAL},
            {"consul", "x..y", "dc1", -EINVAL},
            {"consul", NULL, "", -EINVAL},
            {"consul", NULL, "dc.1", -EINVAL},
            {"a2345678901234567890123456789012345678901234567890123456789012x", NULL, "dc1", 0},
            {"a2345678901234567890123456789012345678901234567890123456789012xy", NULL, "dc1",
             -EINVAL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct lictor_zone config = world_defaults();
                struct dns_zone *zone = NULL;

                config.domain = cases[i].domain;
                config.alt_domain = cases[i].alt_domain;
                config.datacenter = cases[i].datacenter;
                cr_expect_eq(dns_zone_create(&config, &zone), cases[i].want, "case %zu", i);
                dns_zone_destroy(zone);
        }
}
