#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/dataplane/dns/dns_world.h"

static struct world w;

static void add_host(const char *service, uint32_t ttl_s, const char *host)
{
        struct lictor_instance instance = world_instance("alpha", "10.0.1.1", 1);

        instance.cname = host;
        world_add_service(&w, service, "", ttl_s, &instance, 1);
}

static void add_host_node(const char *name, const char *host)
{
        struct lictor_node node = {.name = name, .cname = host};

        cr_assert_eq(dns_compile_node(w.table, w.zone, &node), 0);
}

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 8080);
        struct lictor_instance mail[] = {world_instance("alpha", "10.7.7.7", 25),
                                         world_instance("alpha", "10.0.1.1", 25)};

        zone.node_ttl_s = 7;
        zone.alt_domain = "alt.test";
        world_open(&w, &zone);
        w.env.follow_aliases = true;
        mail[0].target_by_address = true;
        mail[1].cname = "mx.example.net";
        world_add_service(&w, "web", "", 60, &web, 1);
        world_add_service(&w, "mixed", "", 0, mail, 2);
        world_add_node(&w, "alpha", "10.0.1.1", NULL, 0);
        add_host("search", 5, "www.Example.org");
        add_host("alias", 1, "web.service.consul");
        add_host("alias2", 2, "Alias.service.alt.test.");
        add_host("alias3", 3, "alias2.service.consul");
        add_host("alias4", 4, "alias3.service.consul");
        add_host("dangling", 0, "nothing.service.consul");
        add_host("selfref", 0, "SelfRef.service.consul");
        add_host("loopa", 0, "loopb.service.consul");
        add_host("loopb", 0, "loopa.service.consul");
        add_host("tonode", 9, "alpha.node.dc1.consul");
        add_host("toaddr", 9, "0a000203.addr.consul");
        add_host("apex", 9, "consul");
        add_host("reversed", 9, "1.1.0.10.in-addr.arpa");
        add_host_node("external", "www.example.org");
        add_host_node("hosted", "web.service.consul");
        add_host_node("doubly", "hosted.node.consul");
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_alias, .init = open_world, .fini = close_world);

Test(dns_alias, host_names_outside_the_zone_become_cnames)
{
        static const struct world_case cases[] = {
            {"search.service.consul", "A",
             "NOERROR qr aa rd\n? search.service.consul. A\n"
             "= search.service.consul. 5 CNAME www.Example.org.\n"},
            {"search.service.consul", "AAAA",
             "NOERROR qr aa rd\n? search.service.consul. AAAA\n"
             "= search.service.consul. 5 CNAME www.Example.org.\n"},
            {"search.service.consul", "ANY",
             "NOERROR qr aa rd\n? search.service.consul. ANY\n"
             "= search.service.consul. 5 CNAME www.Example.org.\n"},
            {"search.service.consul", "MX",
             "NOERROR qr aa rd\n? search.service.consul. MX\n"
             "= search.service.consul. 5 CNAME www.Example.org.\n"},
            {"search.service.consul", "SRV",
             "NOERROR qr aa rd\n? search.service.consul. SRV\n"
             "= search.service.consul. 5 SRV 1 1 1 www.Example.org.\n"},
            {"external.node.consul", "A",
             "NOERROR qr aa rd\n? external.node.consul. A\n"
             "= external.node.consul. 7 CNAME www.example.org.\n"},
            {"apex.service.consul", "A",
             "NOERROR qr aa rd\n? apex.service.consul. A\n"
             "= apex.service.consul. 9 CNAME consul.\n"},
            {"reversed.service.consul", "A",
             "NOERROR qr aa rd\n? reversed.service.consul. A\n"
             "= reversed.service.consul. 9 CNAME 1.1.0.10.in-addr.arpa.\n"},
        };

        w.env.follow_aliases = false;
        world_check(&w, cases, ARRAY_LEN(cases));
        w.env.follow_aliases = true;
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_alias, an_address_is_preferred_to_a_cname)
{
        static const struct world_case cases[] = {
            {"mixed.service.consul", "A",
             "NOERROR qr aa rd\n? mixed.service.consul. A\n= mixed.service.consul. 0 A 10.7.7.7\n"},
            {"mixed.service.consul", "AAAA",
             "NOERROR qr aa rd\n? mixed.service.consul. AAAA\n"
             "= mixed.service.consul. 0 CNAME mx.example.net.\n"},
            {"mixed.service.consul", "SRV",
             "NOERROR qr aa rd\n? mixed.service.consul. SRV\n"
             "= mixed.service.consul. 0 SRV 1 1 25 0a070707.addr.dc1.consul.\n"
             "= mixed.service.consul. 0 SRV 1 1 25 mx.example.net.\n"
             "+ 0a070707.addr.dc1.consul. 0 A 10.7.7.7\n"},
        };

        w.env.follow_aliases = false;
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_alias, names_in_the_zone_are_followed)
{
        static const struct world_case cases[] = {
            {"alias.service.consul", "A",
             "NOERROR qr aa rd\n? alias.service.consul. A\n"
             "= alias.service.consul. 1 CNAME web.service.consul.\n"
             "= web.service.consul. 1 A 10.0.1.1\n"},
            {"alias.service.consul", "SRV",
             "NOERROR qr aa rd\n? alias.service.consul. SRV\n"
             "= alias.service.consul. 1 SRV 1 1 1 web.service.consul.\n"
             "+ web.service.consul. 1 A 10.0.1.1\n"},
            {"alias2.service.consul", "A",
             "NOERROR qr aa rd\n? alias2.service.consul. A\n"
             "= alias2.service.consul. 2 CNAME Alias.service.alt.test.\n"
             "= Alias.service.alt.test. 2 CNAME web.service.consul.\n"
             "= web.service.consul. 2 A 10.0.1.1\n"},
            {"dangling.service.consul", "A",
             "NOERROR qr aa rd\n? dangling.service.consul. A\n"
             "= dangling.service.consul. 0 CNAME nothing.service.consul.\n"},
            {"tonode.service.consul", "A",
             "NOERROR qr aa rd\n? tonode.service.consul. A\n"
             "= tonode.service.consul. 9 CNAME alpha.node.dc1.consul.\n"
             "= alpha.node.dc1.consul. 9 A 10.0.1.1\n"},
            {"toaddr.service.consul", "A",
             "NOERROR qr aa rd\n? toaddr.service.consul. A\n"
             "= toaddr.service.consul. 9 CNAME 0a000203.addr.consul.\n"
             "= 0a000203.addr.consul. 9 A 10.0.2.3\n"},
            {"hosted.node.consul", "A",
             "NOERROR qr aa rd\n? hosted.node.consul. A\n"
             "= hosted.node.consul. 7 CNAME web.service.consul.\n"
             "= web.service.consul. 60 A 10.0.1.1\n"},
            {"doubly.node.consul", "ANY",
             "NOERROR qr aa rd\n? doubly.node.consul. ANY\n"
             "= doubly.node.consul. 7 CNAME hosted.node.consul.\n"
             "= hosted.node.consul. 7 CNAME web.service.consul.\n"
             "= web.service.consul. 60 A 10.0.1.1\n"},
        };

        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_alias, metadata_of_the_node_does_not_keep_a_name_from_being_followed)
{
        static const struct lictor_meta meta = {"rack", "r7"};
        static const struct world_case cases[] = {
            {"noted.service.consul", "SRV",
             "NOERROR qr aa rd\n? noted.service.consul. SRV\n"
             "= noted.service.consul. 3 SRV 1 1 1 web.service.consul.\n"
             "+ web.service.consul. 3 A 10.0.1.1\n"
             "+ alpha.node.dc1.consul. 3 TXT \"rack=r7\"\n"},
        };
        struct lictor_instance instance = world_instance("alpha", "10.0.1.1", 1);

        instance.cname = "web.service.consul";
        instance.meta = &meta;
        instance.meta_count = 1;
        world_add_service(&w, "noted", "", 3, &instance, 1);
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_alias, a_service_that_names_itself_stands_on_its_nodes_address)
{
        static const struct world_case cases[] = {
            {"selfref.service.consul", "A",
             "NOERROR qr aa rd\n? selfref.service.consul. A\n"
             "= selfref.service.consul. 0 A 10.0.1.1\n"},
            {"selfref.service.consul", "SRV",
             "NOERROR qr aa rd\n? selfref.service.consul. SRV\n"
             "= selfref.service.consul. 0 SRV 1 1 1 alpha.node.dc1.consul.\n"
             "+ alpha.node.dc1.consul. 0 A 10.0.1.1\n"},
        };

        w.env.follow_aliases = false;
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_alias, chains_end_at_the_third_name_and_loops_where_they_close)
{
        static const struct world_case cases[] = {
            {"alias3.service.consul", "A",
             "NOERROR qr aa rd\n? alias3.service.consul. A\n"
             "= alias3.service.consul. 3 CNAME alias2.service.consul.\n"
             "= alias2.service.consul. 3 CNAME Alias.service.alt.test.\n"
             "= Alias.service.alt.test. 3 CNAME web.service.consul.\n"
             "= web.service.consul. 3 A 10.0.1.1\n"},
            {"alias4.service.consul", "A",
             "NOERROR qr aa rd\n? alias4.service.consul. A\n"
             "= alias4.service.consul. 4 CNAME alias3.service.consul.\n"
             "= alias3.service.consul. 4 CNAME alias2.service.consul.\n"
             "= alias2.service.consul. 4 CNAME Alias.service.alt.test.\n"
             "= Alias.service.alt.test. 4 CNAME web.service.consul.\n"},
            {"loopa.service.consul", "A",
             "NOERROR qr aa rd\n? loopa.service.consul. A\n"
             "= loopa.service.consul. 0 CNAME loopb.service.consul.\n"
             "= loopb.service.consul. 0 CNAME loopa.service.consul.\n"},
        };

        w.env.transport = DNS_TCP;
        world_check(&w, cases, ARRAY_LEN(cases));
}

static void add_many(const char *name, unsigned count)
{
        struct lictor_instance instances[16];

        for (unsigned i = 0; i < count; i++) {
                char address[16];

                snprintf(address, sizeof(address), "10.1.0.%u", i);
                instances[i] = world_instance("n", address, 1);
        }
        world_add_service(&w, name, "", 60, instances, count);
}

Test(dns_alias, without_edns_five_records_are_added)
{
        struct dns_text_query query = {
            .name = "tomany.service.consul", .type = DNS_TYPE_A, .edns = 4096};

        add_many("many", 16);
        add_host("tomany", 1, "many.service.consul");
        world_ask_with(&w, &query);
        cr_expect_eq(world_count(&w, '='), 17, "%s", w.text);
        query.edns = 0;
        w.env.transport = DNS_TCP;
        world_ask_with(&w, &query);
        cr_expect_eq(world_count(&w, '='), 6, "%s", w.text);
        query.type = DNS_TYPE_SRV;
        world_ask_with(&w, &query);
        cr_expect_eq(world_count(&w, '+'), 5, "%s", w.text);
        w.env.transport = DNS_UDP;
        query.type = DNS_TYPE_A;
        world_ask_with(&w, &query);
        cr_expect_eq(world_count(&w, '='), 3, "%s", w.text);
}

Test(dns_alias, the_fast_path_punts_only_what_needs_it)
{
        static const struct {
                const char *name, *type;
                bool punt, punt_with_recursion;
        } cases[] = {
            {"alias.service.consul", "A", true, true},
            {"alias.service.consul", "SRV", true, true},
            {"alias.service.consul", "MX", true, true},
            {"dangling.service.consul", "A", true, true},
            {"hosted.node.consul", "A", true, true},
            {"hosted.node.consul", "ANY", true, true},
            {"hosted.node.consul", "TXT", false, false},
            {"hosted.node.consul", "SRV", false, false},
            {"search.service.consul", "A", false, true},
            {"search.service.consul", "SRV", false, true},
            {"external.node.consul", "A", false, true},
            {"mixed.service.consul", "A", false, false},
            {"mixed.service.consul", "SRV", false, true},
            {"web.service.consul", "SRV", false, false},
        };
        struct lictor_zone zone = world_defaults();

        w.env.follow_aliases = false;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                cr_expect_eq(strcmp(world_ask(&w, cases[i].name, cases[i].type), "[punt]") == 0,
                             cases[i].punt, "%s %s", cases[i].name, cases[i].type);
        zone.recursion = true;
        world_set_zone(&w, &zone);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                cr_expect_eq(strcmp(world_ask(&w, cases[i].name, cases[i].type), "[punt]") == 0,
                             cases[i].punt_with_recursion, "%s %s", cases[i].name, cases[i].type);
}
