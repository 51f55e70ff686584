#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/dataplane/dns/dns_world.h"

#define SOA "^ consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"

static struct world w;

static void add_web(void)
{
        struct lictor_instance web[] = {
            world_instance("alpha", "10.0.1.1", 8080),
            world_instance("Beta", "10.0.1.2", 8081),
            world_instance("gamma", "10.0.2.3", 8082),
        };
        struct lictor_instance six = world_instance("alpha", "2001:db8::7", 9000);
        struct lictor_instance multi[] = {
            world_instance("alpha", "10.0.1.1", 1001),
            world_instance("alpha", "10.0.1.1", 1002),
            world_instance("alpha", "10.0.1.1", 1002),
        };

        web[0].weight = 10;
        web[2].target_by_address = true;
        six.target_by_address = true;
        world_add_service(&w, "Web", "", 5, web, 3);
        world_add_service(&w, "web", "V1", 5, web, 1);
        world_add_service(&w, "web", "a.dotted.tag", 5, web + 1, 1);
        world_add_service(&w, "six", "", 0, &six, 1);
        world_add_service(&w, "multi", "", 0, multi, 3);
}

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();

        world_open(&w, &zone);
        add_web();
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_service, .init = open_world, .fini = close_world);

#define ANSWERS(owner)                                                                             \
        "= " owner " 5 A 10.0.1.1\n= " owner " 5 A 10.0.1.2\n= " owner " 5 A 10.0.2.3\n"

#define SRV_ANSWERS(owner)                                                                         \
        "= " owner " 5 SRV 1 10 8080 alpha.node.dc1.consul.\n"                                     \
        "= " owner " 5 SRV 1 1 8081 Beta.node.dc1.consul.\n"                                       \
        "= " owner " 5 SRV 1 1 8082 0a000203.addr.dc1.consul.\n"                                   \
        "+ alpha.node.dc1.consul. 5 A 10.0.1.1\n"                                                  \
        "+ Beta.node.dc1.consul. 5 A 10.0.1.2\n"                                                   \
        "+ 0a000203.addr.dc1.consul. 5 A 10.0.2.3\n"

#define V1_SRV(owner)                                                                              \
        "= " owner " 5 SRV 1 10 8080 alpha.node.dc1.consul.\n"                                     \
        "+ alpha.node.dc1.consul. 5 A 10.0.1.1\n"

Test(dns_service, every_type_answers_as_consul_does)
{
        static const struct world_case cases[] = {
            {"web.service.consul", "A",
             "NOERROR qr aa rd\n? web.service.consul. A\n" ANSWERS("web.service.consul.")},
            {"web.service.consul", "ANY",
             "NOERROR qr aa rd\n? web.service.consul. ANY\n" ANSWERS("web.service.consul.")},
            {"web.service.consul", "TXT",
             "NOERROR qr aa rd\n? web.service.consul. TXT\n" ANSWERS("web.service.consul.")},
            {"web.service.consul", "SRV",
             "NOERROR qr aa rd\n? web.service.consul. SRV\n" SRV_ANSWERS("web.service.consul.")},
            {"web.service.consul", "AAAA", "NOERROR qr aa rd\n? web.service.consul. AAAA\n" SOA},
            {"web.service.consul", "MX", "NOERROR qr aa rd\n? web.service.consul. MX\n" SOA},
            {"web.service.consul", "CNAME", "NOERROR qr aa rd\n? web.service.consul. CNAME\n" SOA},
            {"web.service.consul", "TYPE65280",
             "NOERROR qr aa rd\n? web.service.consul. TYPE65280\n" SOA},
            {"web.service.consul", "AXFR", "NOTIMP qr aa rd\n? web.service.consul. AXFR\n"},
            {"six.service.consul", "AAAA",
             "NOERROR qr aa rd\n? six.service.consul. AAAA\n"
             "= six.service.consul. 0 AAAA 2001:db8::7\n"},
            {"six.service.consul", "ANY",
             "NOERROR qr aa rd\n? six.service.consul. ANY\n"
             "= six.service.consul. 0 AAAA 2001:db8::7\n"},
            {"six.service.consul", "A", "NOERROR qr aa rd\n? six.service.consul. A\n" SOA},
            {"six.service.consul", "SRV",
             "NOERROR qr aa rd\n? six.service.consul. SRV\n"
             "= six.service.consul. 0 SRV 1 1 9000 "
             "20010db8000000000000000000000007.addr.dc1.consul.\n"
             "+ 20010db8000000000000000000000007.addr.dc1.consul. 0 AAAA 2001:db8::7\n"},
        };

        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_service, every_spelling_of_a_name_finds_it)
{
        static const struct world_case cases[] = {
            {"WeB.SerVice.CoNsul", "A",
             "NOERROR qr aa rd\n? WeB.SerVice.CoNsul. A\n" ANSWERS("WeB.SerVice.CoNsul.")},
            {"web.service.dc1.consul", "A",
             "NOERROR qr aa rd\n? web.service.dc1.consul. A\n" ANSWERS("web.service.dc1.consul.")},
            {"web.service.DC1.consul", "A",
             "NOERROR qr aa rd\n? web.service.DC1.consul. A\n" ANSWERS("web.service.DC1.consul.")},
            {"V1.web.service.consul", "SRV",
             "NOERROR qr aa rd\n? V1.web.service.consul. SRV\n" V1_SRV("V1.web.service.consul.")},
            {"v1.web.service.dc1.consul", "SRV",
             "NOERROR qr aa rd\n? v1.web.service.dc1.consul. SRV\n" V1_SRV(
                 "v1.web.service.dc1.consul.")},
            {"A.Dotted.Tag.web.service.consul", "A",
             "NOERROR qr aa rd\n? A.Dotted.Tag.web.service.consul. A\n"
             "= A.Dotted.Tag.web.service.consul. 5 A 10.0.1.2\n"},
            {"_web._tcp.service.consul", "SRV",
             "NOERROR qr aa rd\n? _web._tcp.service.consul. SRV\n" SRV_ANSWERS(
                 "_web._tcp.service.consul.")},
            {"_web._TCP.service.dc1.consul", "SRV",
             "NOERROR qr aa rd\n? _web._TCP.service.dc1.consul. SRV\n" SRV_ANSWERS(
                 "_web._TCP.service.dc1.consul.")},
            {"_web._v1.service.consul", "SRV",
             "NOERROR qr aa rd\n? _web._v1.service.consul. SRV\n" V1_SRV(
                 "_web._v1.service.consul.")},
            {"_web._v1.service.consul", "A",
             "NOERROR qr aa rd\n? _web._v1.service.consul. A\n"
             "= _web._v1.service.consul. 5 A 10.0.1.1\n"},
            {"_web._tcp.consul", "SRV",
             "NOERROR qr aa rd\n? _web._tcp.consul. SRV\n" SRV_ANSWERS("_web._tcp.consul.")},
            {"_WEB._Tcp.dc1.consul", "SRV",
             "NOERROR qr aa rd\n? _WEB._Tcp.dc1.consul. SRV\n" SRV_ANSWERS(
                 "_WEB._Tcp.dc1.consul.")},
            {"_web._.service.consul", "SRV",
             "NOERROR qr aa rd\n? _web._.service.consul. SRV\n" SRV_ANSWERS(
                 "_web._.service.consul.")},
        };

        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_service, names_that_lead_nowhere_are_nxdomain)
{
        static const char *const names[] = {
            "nope.service.consul",
            "v9.web.service.consul",
            "web.service.dc9.consul",
            "web.service.dc1.more.consul",
            "service.consul",
            "service.dc1.consul",
            "_web.service.consul",
            "_web._udp.service.consul",
            "x._web._tcp.service.consul",
            "__._tcp.service.consul",
            "_._tcp.service.consul",
            "_tcp.consul",
            "web.dc1.consul",
            "web.consul",
            "consul",
            "web.connect.consul",
            "web.ingress.consul",
            "web.service.connect.consul",
            "web.virtual.consul",
            "services.consul",
            "web.servic.consul",
            "web.query.consul",
        };

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char want[512];

                snprintf(want, sizeof(want), "NXDOMAIN qr aa rd\n? %s. SRV\n" SOA, names[i]);
                cr_expect_str_eq(world_ask(&w, names[i], "SRV"), want, "%s: %s", names[i], w.text);
        }
        // Only SRV questions may leave out the kind.
        cr_expect_str_eq(world_ask(&w, "_web._tcp.consul", "A"),
                         "NXDOMAIN qr aa rd\n? _web._tcp.consul. A\n" SOA);
}

Test(dns_service, doubles_are_left_out)
{
        static const struct world_case cases[] = {
            {"multi.service.consul", "A",
             "NOERROR qr aa rd\n? multi.service.consul. A\n= multi.service.consul. 0 A 10.0.1.1\n"},
            {"multi.service.consul", "SRV",
             "NOERROR qr aa rd\n? multi.service.consul. SRV\n"
             "= multi.service.consul. 0 SRV 1 1 1001 alpha.node.dc1.consul.\n"
             "= multi.service.consul. 0 SRV 1 1 1002 alpha.node.dc1.consul.\n"
             "+ alpha.node.dc1.consul. 0 A 10.0.1.1\n"},
        };

        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_service, families_answer_their_own_questions)
{
        struct lictor_instance dual = world_instance("dual", "10.0.1.1", 80);
        static const struct world_case cases[] = {
            {"dual.service.consul", "A",
             "NOERROR qr aa rd\n? dual.service.consul. A\n= dual.service.consul. 0 A 10.0.1.1\n"},
            {"dual.service.consul", "AAAA",
             "NOERROR qr aa rd\n? dual.service.consul. AAAA\n"
             "= dual.service.consul. 0 AAAA 2001:db8::1\n"},
            {"dual.service.consul", "ANY",
             "NOERROR qr aa rd\n? dual.service.consul. ANY\n"
             "= dual.service.consul. 0 AAAA 2001:db8::9\n"},
            {"dual.service.consul", "SRV",
             "NOERROR qr aa rd\n? dual.service.consul. SRV\n"
             "= dual.service.consul. 0 SRV 1 1 80 dual.node.dc1.consul.\n"
             "+ dual.node.dc1.consul. 0 AAAA 2001:db8::9\n"},
        };

        dual.ipv6 = world_address("2001:db8::1");
        dual.any = world_address("2001:db8::9");
        world_add_service(&w, "dual", "", 0, &dual, 1);
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_service, node_metadata_stands_beside_srv_records)
{
        static const struct lictor_meta meta[] = {{"role", "db"}, {"rfc1035-x", "plain"}};
        struct lictor_instance instances[] = {
            world_instance("n1", "10.0.0.1", 80),
            world_instance("n2", "10.0.0.2", 80),
        };
        struct lictor_zone zone = world_defaults();
        static const struct world_case cases[] = {
            {"meta.service.consul", "SRV",
             "NOERROR qr aa rd\n? meta.service.consul. SRV\n"
             "= meta.service.consul. 7 SRV 1 1 80 n1.node.dc1.consul.\n"
             "= meta.service.consul. 7 SRV 1 1 80 0a000002.addr.dc1.consul.\n"
             "+ n1.node.dc1.consul. 7 A 10.0.0.1\n"
             "+ n1.node.dc1.consul. 7 TXT \"role=db\"\n"
             "+ n1.node.dc1.consul. 7 TXT \"plain\"\n"
             "+ 0a000002.addr.dc1.consul. 7 A 10.0.0.2\n"
             "+ n2.node.dc1.consul. 7 TXT \"role=db\"\n"
             "+ n2.node.dc1.consul. 7 TXT \"plain\"\n"},
            {"meta.service.consul", "A",
             "NOERROR qr aa rd\n? meta.service.consul. A\n"
             "= meta.service.consul. 7 A 10.0.0.1\n= meta.service.consul. 7 A 10.0.0.2\n"},
        };
        static const struct world_case without = {
            "meta.service.consul", "SRV",
            "NOERROR qr aa rd\n? meta.service.consul. SRV\n"
            "= meta.service.consul. 7 SRV 1 1 80 n1.node.dc1.consul.\n"
            "= meta.service.consul. 7 SRV 1 1 80 0a000002.addr.dc1.consul.\n"
            "+ n1.node.dc1.consul. 7 A 10.0.0.1\n"
            "+ 0a000002.addr.dc1.consul. 7 A 10.0.0.2\n"};

        for (size_t i = 0; i < 2; i++) {
                instances[i].meta = meta;
                instances[i].meta_count = 2;
        }
        instances[1].target_by_address = true;
        world_add_service(&w, "meta", "", 7, instances, 2);
        world_check(&w, cases, ARRAY_LEN(cases));
        zone.node_meta_txt = false;
        world_set_zone(&w, &zone);
        world_add_service(&w, "meta", "", 7, instances, 2);
        world_check(&w, &without, 1);
}

Test(dns_service, a_node_that_cannot_be_named_spares_the_others)
{
        struct lictor_instance instances[] = {
            world_instance("two..dots", "10.0.0.1", 80),
            world_instance("", "10.0.0.2", 80),
            world_instance("good", "10.0.0.3", 80),
        };
        static const struct world_case cases[] = {
            {"odd.service.consul", "SRV",
             "NOERROR qr aa rd\n? odd.service.consul. SRV\n"
             "= odd.service.consul. 0 SRV 1 1 80 good.node.dc1.consul.\n"
             "+ good.node.dc1.consul. 0 A 10.0.0.3\n"},
            {"odd.service.consul", "A",
             "NOERROR qr aa rd\n? odd.service.consul. A\n= odd.service.consul. 0 A 10.0.0.1\n"
             "= odd.service.consul. 0 A 10.0.0.2\n= odd.service.consul. 0 A 10.0.0.3\n"},
        };

        world_add_service(&w, "odd", "", 0, instances, 3);
        world_check(&w, cases, ARRAY_LEN(cases));
}

Test(dns_service, a_service_without_instances_is_nxdomain)
{
        struct lictor_instance none = world_instance("n", "10.0.0.1", 1);

        world_add_service(&w, "web", "", 0, &none, 0);
        cr_expect_str_eq(world_ask(&w, "web.service.consul", "A"),
                         "NXDOMAIN qr aa rd\n? web.service.consul. A\n" SOA);
        cr_expect_str_eq(world_ask(&w, "v1.web.service.consul", "A"),
                         "NOERROR qr aa rd\n? v1.web.service.consul. A\n"
                         "= v1.web.service.consul. 5 A 10.0.1.1\n");
}

Test(dns_service, prepared_queries_answer_like_services)
{
        struct lictor_instance instance = world_instance("alpha", "10.0.1.1", 8080);
        struct lictor_service query = {.kind = LICTOR_QUERY,
                                       .name = "some.Query.we.like",
                                       .ttl_s = 9,
                                       .instances = &instance,
                                       .instance_count = 1};
        static const struct world_case cases[] = {
            {"some.query.we.like.query.consul", "A",
             "NOERROR qr aa rd\n? some.query.we.like.query.consul. A\n"
             "= some.query.we.like.query.consul. 9 A 10.0.1.1\n"},
            {"Some.query.we.like.QUERY.dc1.consul", "AAAA",
             "NOERROR qr aa rd\n? Some.query.we.like.QUERY.dc1.consul. AAAA\n" SOA},
            {"we.like.query.consul", "A", "NXDOMAIN qr aa rd\n? we.like.query.consul. A\n" SOA},
            {"some.query.we.like.query.dc9.consul", "A",
             "NXDOMAIN qr aa rd\n? some.query.we.like.query.dc9.consul. A\n" SOA},
        };

        cr_assert_eq(dns_compile_service(w.table, w.zone, &query), 0);
        world_check(&w, cases, ARRAY_LEN(cases));
}
