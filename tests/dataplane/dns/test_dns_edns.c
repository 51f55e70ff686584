#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/dataplane/dns/dns_world.h"

#define SOA "^ consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n"

static struct world w;

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 80);
        struct lictor_service query = {
            .kind = LICTOR_QUERY, .name = "webq", .instances = &web, .instance_count = 1};
        struct lictor_address address = world_address("10.0.1.1");

        world_open(&w, &zone);
        world_add_service(&w, "web", "", 0, &web, 1);
        world_add_node(&w, "alpha", "10.0.1.1", NULL, 0);
        cr_assert_eq(dns_compile_service(w.table, w.zone, &query), 0);
        cr_assert_eq(dns_compile_reverse(w.table, w.zone, &address, "alpha.node.dc1.consul"), 0);
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_edns, .init = open_world, .fini = close_world);

static const char *ask_edns(const char *name, const char *type, uint16_t size)
{
        struct dns_text_query query = {.name = name, .type = dns_text_type(type), .edns = size};

        return world_ask_with(&w, &query);
}

static const char *ask_option(const char *name, const uint8_t *options, size_t length)
{
        struct dns_text_query query = {.name = name,
                                       .type = DNS_TYPE_A,
                                       .edns = 4096,
                                       .options = options,
                                       .option_length = (uint16_t)length};

        return world_ask_with(&w, &query);
}

Test(dns_edns, every_answer_to_an_edns_query_has_one)
{
        static const struct world_case cases[] = {
            {"web.service.consul", "A",
             "NOERROR qr aa rd\n? web.service.consul. A\n= web.service.consul. 0 A 10.0.1.1\n"
             "+ . OPT 1400\n"},
            {"web.service.consul", "SRV",
             "NOERROR qr aa rd\n? web.service.consul. SRV\n"
             "= web.service.consul. 0 SRV 1 1 80 alpha.node.dc1.consul.\n+ . OPT 1400\n"
             "+ alpha.node.dc1.consul. 0 A 10.0.1.1\n"},
            {"web.service.consul", "AAAA",
             "NOERROR qr aa rd\n? web.service.consul. AAAA\n" SOA "+ . OPT 1400\n"},
            {"nope.service.consul", "A",
             "NXDOMAIN qr aa rd\n? nope.service.consul. A\n" SOA "+ . OPT 1400\n"},
            {"alpha.node.consul", "A",
             "NOERROR qr aa rd\n? alpha.node.consul. A\n= alpha.node.consul. 0 A 10.0.1.1\n"
             "+ . OPT 1400\n"},
            {"0a000101.addr.consul", "A",
             "NOERROR qr aa rd\n? 0a000101.addr.consul. A\n= 0a000101.addr.consul. 0 A 10.0.1.1\n"
             "+ . OPT 1400\n"},
            {"1.1.0.10.in-addr.arpa", "PTR",
             "NOERROR qr aa rd\n? 1.1.0.10.in-addr.arpa. PTR\n"
             "= 1.1.0.10.in-addr.arpa. 0 PTR alpha.node.dc1.consul.\n+ . OPT 1400\n"},
            {"2.1.0.10.in-addr.arpa", "PTR",
             "SERVFAIL qr rd ra\n? 2.1.0.10.in-addr.arpa. PTR\n+ . OPT 1400\n"},
            {"example.com", "A", "REFUSED qr rd\n? example.com. A\n"},
            {"consul", "AXFR", "NOTIMP qr aa rd\n? consul. AXFR\n+ . OPT 1400\n"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                cr_expect_str_eq(ask_edns(cases[i].name, cases[i].type, 1400), cases[i].want, "%s",
                                 w.text);
}

Test(dns_edns, the_size_comes_back_as_asked)
{
        static const uint16_t sizes[] = {1, 511, 512, 513, 1232, 4096, 65535};

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                char want[32];

                snprintf(want, sizeof(want), "+ . OPT %u\n", sizes[i]);
                cr_expect_not_null(strstr(ask_edns("web.service.consul", "A", sizes[i]), want),
                                   "%s", w.text);
        }
}

#define ECHO "NOERROR qr aa rd\n? web.service.consul. A\n= web.service.consul. 0 A 10.0.1.1\n"

Test(dns_edns, of_the_options_only_the_client_subnet_comes_back)
{
        static const struct {
                const char *name;
                uint8_t options[64];
                size_t length;
                const char *want;
        } cases[] = {
            {"cookie", {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 12, ECHO "+ . OPT 4096\n"},
            {"nsid", {0, 3, 0, 0}, 4, ECHO "+ . OPT 4096\n"},
            {"IPv4 subnet",
             {0, 8, 0, 7, 0, 1, 24, 0, 203, 0, 113},
             11,
             ECHO "+ . OPT 4096 0008000700011800cb0071\n"},
            {"IPv6 subnet",
             {0, 8, 0, 10, 0, 2, 48, 0, 0x20, 1, 0x0d, 0xb8, 0, 1},
             14,
             ECHO "+ . OPT 4096 0008000a0002300020010db80001\n"},
            {"odd prefix",
             {0, 8, 0, 7, 0, 1, 20, 0, 198, 51, 96},
             11,
             ECHO "+ . OPT 4096 0008000700011400c63360\n"},
            {"bits beyond the prefix",
             {0, 8, 0, 7, 0, 1, 20, 0, 198, 51, 111},
             11,
             ECHO "+ . OPT 4096 0008000700011400c63360\n"},
            {"bytes beyond the prefix",
             {0, 8, 0, 8, 0, 1, 8, 0, 10, 9, 8, 7},
             12,
             ECHO "+ . OPT 4096 00080005000108000a\n"},
            {"a scope is dropped",
             {0, 8, 0, 7, 0, 1, 24, 24, 203, 0, 113},
             11,
             ECHO "+ . OPT 4096 0008000700011800cb0071\n"},
            {"no prefix", {0, 8, 0, 4, 0, 1, 0, 0}, 8, ECHO "+ . OPT 4096 0008000400010000\n"},
            {"no family", {0, 8, 0, 4, 0, 0, 0, 0}, 8, ECHO "+ . OPT 4096 0008000400000000\n"},
            {"subnet behind a cookie",
             {0, 10, 0, 1, 9, 0, 8, 0, 5, 0, 1, 8, 0, 10},
             14,
             ECHO "+ . OPT 4096 00080005000108000a\n"},
            {"two subnets",
             {0, 8, 0, 5, 0, 1, 8, 0, 10, 0, 8, 0, 5, 0, 1, 8, 0, 11},
             18,
             ECHO "+ . OPT 4096 00080005000108000a\n"},
            {"unknown family", {0, 8, 0, 5, 0, 3, 8, 0, 10}, 9, "FORMERR qr rd\n"},
            {"prefix over 32", {0, 8, 0, 9, 0, 1, 33, 0, 1, 2, 3, 4, 5}, 13, "FORMERR qr rd\n"},
            {"address too short", {0, 8, 0, 6, 0, 1, 24, 0, 203, 0}, 10, "FORMERR qr rd\n"},
            {"subnet without prefix", {0, 8, 0, 3, 0, 1, 24}, 7, "FORMERR qr rd\n"},
            {"option cut in its header", {0, 8, 0}, 3, "FORMERR qr rd\n"},
            {"option longer than the record", {0, 10, 0, 9, 1}, 5, "FORMERR qr rd\n"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                cr_expect_str_eq(
                    ask_option("web.service.consul", cases[i].options, cases[i].length),
                    cases[i].want, "%s: %s", cases[i].name, w.text);
}

Test(dns_edns, a_prepared_querys_answer_is_for_the_subnet_only)
{
        static const uint8_t subnet[] = {0, 8, 0, 7, 0, 1, 24, 0, 203, 0, 113};

        cr_expect_not_null(strstr(ask_option("webq.query.consul", subnet, sizeof(subnet)),
                                  "OPT 4096 0008000700011818cb0071\n"),
                           "%s", w.text);
        cr_expect_not_null(strstr(ask_option("nopeq.query.consul", subnet, sizeof(subnet)),
                                  "OPT 4096 0008000700011800cb0071\n"),
                           "%s", w.text);
}

// A query and its records behind the question, in bytes.
static const char *ask_records(uint16_t count, const uint8_t *records, size_t length)
{
        struct dns_text_query query = {.name = "web.service.consul", .type = DNS_TYPE_A};
        uint8_t message[512];
        size_t size = dns_text_encode(&query, message, sizeof(message));

        store_be16(message + 10, count);
        memcpy(message + size, records, length);
        cr_assert_eq(world_respond(&w, message, size + length), DNS_ANSWERED);
        dns_text_decode(w.last.data, w.last.length, w.text, DNS_TEXT_MAX);
        return w.text;
}

Test(dns_edns, versions_and_flags_do_not_matter_and_one_record_is_enough)
{
        static const uint8_t version_9[] = {0, 0, 41, 16, 0, 1, 9, 0x80, 0, 0, 0};
        static const uint8_t second[] = {0, 0, 1,  0,  1, 0, 0, 0, 0, 0, 0,
                                         0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0};
        static const uint8_t twice[] = {0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0,
                                        0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0};
        static const uint8_t named[] = {1, 'x', 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0};

        cr_expect_str_eq(ask_records(1, version_9, sizeof(version_9)), ECHO "+ . OPT 4096\n");
        cr_expect_str_eq(ask_records(2, second, sizeof(second)), ECHO "+ . OPT 4096\n");
        cr_expect_str_eq(ask_records(2, twice, sizeof(twice)), "FORMERR qr rd\n");
        cr_expect_str_eq(ask_records(1, named, sizeof(named)), "FORMERR qr rd\n");
}
