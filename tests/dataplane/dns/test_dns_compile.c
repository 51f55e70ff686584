#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dns/dns_key.h"
#include "tests/dataplane/dns/dns_world.h"

static struct world w;

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();

        world_open(&w, &zone);
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_compile, .init = open_world, .fini = close_world);

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define LABEL_64 LABEL_63 "4"

Test(dns_compile, names_no_question_can_have_are_rejected)
{
        static const struct {
                const char *name, *tag;
                int service, query;
        } cases[] = {
            {"web", "", 0, 0},
            {"web", NULL, 0, 0},
            {"web", "v1", 0, 0},
            {"web", "a.b.c", 0, 0},
            {"", "", -EINVAL, -EINVAL},
            {"a.b", "", -EINVAL, 0},
            {"a..b", "", -EINVAL, -EINVAL},
            {".a", "", -EINVAL, -EINVAL},
            {".", "", -EINVAL, -EINVAL},
            {"web", "a..b", -EINVAL, 0},
            {"web", ".a", -EINVAL, 0},
            {LABEL_63, LABEL_63, 0, 0},
            {LABEL_64, "", -EINVAL, -EINVAL},
            {"web", LABEL_64, -EINVAL, 0},
            {"web", LABEL_63 "." LABEL_63 "." LABEL_63, 0, 0},
            {LABEL_63, LABEL_63 "." LABEL_63 "." LABEL_63, -EINVAL, 0},
            // With "service.consul" behind it just at, and just over, 255 bytes.
            {"a234567890123456789012345678901234567890123", LABEL_63 "." LABEL_63 "." LABEL_63, 0,
             0},
            {"a23456789012345678901234567890123456789012345678", LABEL_63 "." LABEL_63 "." LABEL_63,
             -EINVAL, 0},
        };
        struct lictor_instance instance = world_instance("n", "10.0.0.1", 1);

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct lictor_service service = {.kind = LICTOR_SERVICE,
                                                 .name = cases[i].name,
                                                 .tag = cases[i].tag,
                                                 .instances = &instance,
                                                 .instance_count = 1};

                cr_expect_eq(dns_compile_service(w.table, w.zone, &service), cases[i].service,
                             "service %zu", i);
                cr_expect_eq(
                    dns_remove_service(w.table, LICTOR_SERVICE, cases[i].name, cases[i].tag),
                    cases[i].service == 0 ? 0 : -ENOENT, "service %zu", i);
                service.kind = LICTOR_QUERY;
                cr_expect_eq(dns_compile_service(w.table, w.zone, &service), cases[i].query,
                             "query %zu", i);
                cr_expect_eq(dns_remove_service(w.table, LICTOR_QUERY, cases[i].name, NULL),
                             cases[i].query == 0 ? 0 : -ENOENT, "query %zu", i);
        }
}

Test(dns_compile, nodes_and_addresses_are_checked_too)
{
        static const struct {
                const char *name;
                int want;
        } nodes[] = {{"a", 0},
                     {"a.b", 0},
                     {"", -EINVAL},
                     {"a..b", -EINVAL},
                     {LABEL_63, 0},
                     {LABEL_64, -EINVAL},
                     {LABEL_63 "." LABEL_63 "." LABEL_63, 0},
                     {LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, -EINVAL}};
        struct lictor_address address = world_address("10.0.0.1");

        for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
                struct lictor_node node = {.name = nodes[i].name, .any = address};

                cr_expect_eq(dns_compile_node(w.table, w.zone, &node), nodes[i].want, "%zu", i);
                cr_expect_eq(dns_remove_node(w.table, nodes[i].name),
                             nodes[i].want == 0 ? 0 : -ENOENT);
        }
        cr_expect_eq(dns_compile_reverse(w.table, w.zone, &address, "a..b"), -EINVAL);
        cr_expect_eq(dns_compile_reverse(w.table, w.zone, &address, ""), -EINVAL);
        cr_expect_eq(dns_remove_reverse(w.table, &address), -ENOENT);
        cr_expect_eq(dns_compile_reverse(w.table, w.zone, &address, "a.b"), 0);
        cr_expect_eq(dns_remove_reverse(w.table, &address), 0);
        address.family = 0;
        cr_expect_eq(dns_compile_reverse(w.table, w.zone, &address, "a.b"), -EINVAL);
        cr_expect_eq(dns_remove_reverse(w.table, &address), -ENOENT);
}

Test(dns_compile, keys_tell_kinds_and_parts_apart)
{
        struct dns_key keys[8];
        struct lictor_address ip4 = world_address("1.2.3.4"), ip6 = world_address("102:304::");

        cr_assert_eq(dns_key_service(&keys[0], LICTOR_SERVICE, "b", "a"), 0);
        cr_assert_eq(dns_key_service(&keys[1], LICTOR_SERVICE, "a", "b"), 0);
        cr_assert_eq(dns_key_service(&keys[2], LICTOR_SERVICE, "ab", ""), 0);
        cr_assert_eq(dns_key_service(&keys[3], LICTOR_QUERY, "a.b", ""), 0);
        cr_assert_eq(dns_key_node(&keys[4], "a.b"), 0);
        cr_assert_eq(dns_key_reverse(&keys[5], &ip4), 0);
        cr_assert_eq(dns_key_reverse(&keys[6], &ip6), 0);
        dns_key_nameservers(&keys[7]);
        for (unsigned i = 0; i < 8; i++)
                for (unsigned j = 0; j < i; j++)
                        cr_expect(keys[i].length != keys[j].length ||
                                      memcmp(keys[i].bytes, keys[j].bytes, keys[i].length) != 0,
                                  "%u and %u", i, j);
        cr_assert_eq(dns_key_service(&keys[1], LICTOR_SERVICE, "B", "A"), 0);
        cr_expect_eq(keys[0].length, keys[1].length);
        cr_expect_arr_eq(keys[0].bytes, keys[1].bytes, keys[0].length);
}

Test(dns_compile, a_one_instance_service_is_small)
{
        struct lictor_instance instance = world_instance("node-000123", "10.0.0.1", 8080);
        struct svc_table_stats before, after;

        svc_table_stats(w.table, &before);
        world_add_service(&w, "service-000123", "", 0, &instance, 1);
        svc_table_stats(w.table, &after);
        cr_expect_leq(after.entry_bytes - before.entry_bytes, 256, "%lu bytes",
                      after.entry_bytes - before.entry_bytes);
}

Test(dns_compile, order_and_doubles_of_instances_do_not_matter)
{
        struct lictor_instance instances[64];
        struct lictor_service service = {.name = "web", .tag = "", .instances = instances};
        char names[8][8], text[2][8192];

        w.env.transport = DNS_TCP;
        for (unsigned i = 0; i < 8; i++)
                snprintf(names[i], sizeof(names[i]), "n%u", i);
        for (unsigned pass = 0; pass < 2; pass++) {
                service.instance_count = pass == 0 ? 8 : 64;
                for (unsigned i = 0; i < service.instance_count; i++) {
                        unsigned which = pass == 0 ? i : (i * 5 + 3) % 8;
                        char address[16];

                        snprintf(address, sizeof(address), "10.0.0.%u", which / 2);
                        instances[i] = world_instance(names[which], address, 80);
                        // What lies behind an IPv4 address means nothing.
                        memset(instances[i].ipv4.bytes + 4, (int)i, 12);
                        memset(instances[i].any.bytes + 4, (int)i + 1, 12);
                }
                cr_assert_eq(dns_compile_service(w.table, w.zone, &service), 0);
                snprintf(text[pass], sizeof(text[pass]), "%s%s",
                         world_ask(&w, "web.service.consul", "SRV"), "");
                cr_expect_eq(world_count(&w, '='), 8);
                world_ask(&w, "web.service.consul", "A");
                cr_expect_eq(world_count(&w, '='), 4);
        }
        cr_expect_str_eq(text[0], text[1]);
}

Test(dns_compile, the_first_of_doubles_decides_the_weight)
{
        struct lictor_instance instances[] = {world_instance("n", "10.0.0.1", 80),
                                              world_instance("n", "10.0.0.1", 80)};

        instances[0].weight = 10;
        instances[1].weight = 3;
        world_add_service(&w, "web", "", 0, instances, 2);
        cr_expect_not_null(strstr(world_ask(&w, "web.service.consul", "SRV"), "SRV 1 10 80"));
}

Test(dns_compile, targets_name_the_datacenter_the_instances_are_in)
{
        struct lictor_instance instance = world_instance("n", "10.0.0.1", 80);
        struct lictor_service service = {.kind = LICTOR_QUERY,
                                         .name = "q",
                                         .tag = "",
                                         .instances = &instance,
                                         .instance_count = 1,
                                         .datacenter = "DC2"};

        cr_assert_eq(dns_compile_service(w.table, w.zone, &service), 0);
        cr_expect_not_null(strstr(world_ask(&w, "q.query.consul", "SRV"), "n.node.dc2.consul"));
        service.datacenter = NULL;
        cr_assert_eq(dns_compile_service(w.table, w.zone, &service), 0);
        cr_expect_not_null(strstr(world_ask(&w, "q.query.consul", "SRV"), "n.node.dc1.consul"));
        service.datacenter = "no.label";
        cr_expect_eq(dns_compile_service(w.table, w.zone, &service), -EINVAL);
}

Test(dns_compile, an_instance_without_addresses_has_no_records)
{
        struct lictor_instance instance = {.node = "n", .port = 80};

        world_add_service(&w, "web", "", 0, &instance, 1);
        cr_expect_str_eq(
            world_ask(&w, "web.service.consul", "SRV"),
            "NOERROR qr aa rd\n? web.service.consul. SRV\n"
            "^ consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n");
}

// Random services against what a plain reading of the instances says.
Test(dns_compile, random_services_hold_exactly_what_they_were_given)
{
        unsigned seed = 12345;

        w.env.transport = DNS_TCP;
        for (unsigned round = 0; round < 300; round++) {
                struct lictor_instance instances[12];
                unsigned count = 1 + (unsigned)rand_r(&seed) % 12;
                unsigned want_a = 0, want_srv = 0;
                static const char *const nodes[] = {"x", "y", "z"};

                for (unsigned i = 0; i < count; i++) {
                        unsigned host = (unsigned)rand_r(&seed) % 5;
                        unsigned port = (unsigned)rand_r(&seed) % 3;
                        bool new_address = true, new_srv = true;
                        char address[16];

                        snprintf(address, sizeof(address), "10.0.0.%u", host);
                        instances[i] = world_instance(nodes[host % 3], address, (uint16_t)port);
                        instances[i].target_by_address = true;
                        for (unsigned j = 0; j < i; j++) {
                                bool same = instances[j].any.bytes[3] == host;

                                new_address &= !same;
                                new_srv &= !(same && instances[j].port == port);
                        }
                        want_a += new_address;
                        want_srv += new_srv;
                }
                world_add_service(&w, "web", "", 0, instances, count);
                world_ask(&w, "web.service.consul", "A");
                cr_assert_eq(world_count(&w, '='), want_a, "seed 12345 round %u", round);
                world_ask(&w, "web.service.consul", "SRV");
                cr_assert_eq(world_count(&w, '='), want_srv, "seed 12345 round %u", round);
                cr_assert_eq(world_count(&w, '+'), want_a, "seed 12345 round %u", round);
        }
}
