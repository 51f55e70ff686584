#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dataplane/dns/dns_world.h"

#define BIG 40u

static struct world w;

static char (*node_names)[16];

// A service of many instances, each on a node and at an address of its own.
static void add_service(const char *name, unsigned count, unsigned ports)
{
        struct lictor_instance *instances = calloc(count, sizeof(*instances));

        free(node_names);
        node_names = calloc(count, sizeof(*node_names));
        for (unsigned i = 0; i < count; i++) {
                unsigned host = i / ports;
                char address[24];

                snprintf(node_names[i], sizeof(node_names[i]), "%s%u", name, host);
                snprintf(address, sizeof(address), "10.%u.%u.%u", host >> 16 & 255, host >> 8 & 255,
                         host & 255);
                instances[i] = world_instance(node_names[i], address, (uint16_t)(1000 + i % ports));
        }
        world_add_service(&w, name, "", 0, instances, count);
        free(instances);
}

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();

        world_open(&w, &zone);
        add_service("big", BIG, 1);
}

static void close_world(void)
{
        free(node_names);
        world_close(&w);
}

TestSuite(dns_limits, .init = open_world, .fini = close_world);

static bool truncated(void)
{
        return (w.last.data[2] & DNS_FLAG_TC >> 8) != 0;
}

static void ask(const char *name, uint16_t type, uint16_t edns)
{
        struct dns_text_query query = {.name = name, .type = type, .edns = edns};

        world_ask_with(&w, &query);
}

Test(dns_limits, plain_udp_is_limited_by_count)
{
        static const struct {
                uint16_t limit;
                unsigned want;
        } cases[] = {{0, 0}, {1, 1}, {2, 2}, {3, 3}, {7, 7}, {8, 8}, {9, 8}, {20, 8}, {65535, 8}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct lictor_zone zone = world_defaults();

                for (unsigned truncate = 0; truncate < 2; truncate++) {
                        static const uint16_t types[] = {DNS_TYPE_A, DNS_TYPE_ANY, DNS_TYPE_TXT,
                                                         DNS_TYPE_SRV};

                        zone.udp_answer_limit = cases[i].limit;
                        zone.enable_truncate = truncate == 1;
                        world_set_zone(&w, &zone);
                        for (size_t t = 0; t < ARRAY_LEN(types); t++) {
                                static const uint16_t plain_sizes[] = {0, 1, 512};

                                for (size_t s = 0; s < ARRAY_LEN(plain_sizes); s++) {
                                        unsigned opt = plain_sizes[s] != 0;

                                        ask("big.service.consul", types[t], plain_sizes[s]);
                                        cr_expect_eq(world_count(&w, '='), cases[i].want);
                                        cr_expect_eq(truncated(), truncate == 1);
                                        cr_expect_leq(w.last.length, 512);
                                        cr_expect_eq(
                                            world_count(&w, '+'),
                                            opt + (types[t] == DNS_TYPE_SRV ? cases[i].want : 0));
                                }
                        }
                }
        }
}

Test(dns_limits, a_bigger_size_or_tcp_lifts_it)
{
        struct lictor_zone zone = world_defaults();

        zone.enable_truncate = true;
        world_set_zone(&w, &zone);
        ask("big.service.consul", DNS_TYPE_A, 1232);
        cr_expect_eq(world_count(&w, '='), BIG);
        cr_expect_not(truncated());
        ask("big.service.consul", DNS_TYPE_SRV, 4096);
        cr_expect_eq(world_count(&w, '='), BIG);
        cr_expect_eq(world_count(&w, '+'), BIG + 1);
        cr_expect_not(truncated());
        w.env.transport = DNS_TCP;
        ask("big.service.consul", DNS_TYPE_A, 512);
        cr_expect_eq(world_count(&w, '='), BIG);
        ask("big.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_eq(world_count(&w, '='), BIG);
        cr_expect_eq(world_count(&w, '+'), BIG);
}

// An answer as long as size and buffer allow, and no longer.
static void check_fit(uint16_t type, uint16_t size, uint16_t capacity)
{
        unsigned limit = size < 512 ? 512 : size;
        unsigned answers, additionals, room;

        w.capacity = capacity;
        ask("big.service.consul", type, size);
        answers = world_count(&w, '=');
        additionals = world_count(&w, '+') - 1;
        room = limit < capacity ? limit : capacity;
        cr_expect_leq(w.last.length, room, "size %u capacity %u", size, capacity);
        if (type == DNS_TYPE_SRV)
                cr_expect(additionals == answers || (answers == 1 && additionals == 0));
        if (size > 512) {
                cr_expect_eq(truncated(), answers < BIG, "size %u", size);
                // No more room wasted than one record and its glue may need.
                cr_expect(answers == BIG || w.last.length + 18u + 28 + 16 > room,
                          "%u of %u bytes, size %u", w.last.length, room, size);
        }
}

Test(dns_limits, answers_fill_every_size_and_never_pass_it)
{
        struct lictor_zone zone = world_defaults();
        struct dns_text_query query = {.name = "big.service.consul", .edns = 1};
        uint8_t message[512];
        uint16_t asked = (uint16_t)dns_text_encode(&query, message, sizeof(message));

        for (unsigned full = 0; full < 2; full++) {
                zone.enable_truncate = true;
                zone.disable_compression = full == 1;
                world_set_zone(&w, &zone);
                for (unsigned size = 500; size < 3000; size += 7) {
                        check_fit(DNS_TYPE_A, (uint16_t)size, UINT16_MAX);
                        if (full == 0)
                                check_fit(DNS_TYPE_SRV, (uint16_t)size, UINT16_MAX);
                }
        }
        zone.disable_compression = false;
        world_set_zone(&w, &zone);
        for (uint16_t capacity = asked; capacity < 800; capacity++) {
                check_fit(DNS_TYPE_A, 1232, capacity);
                check_fit(DNS_TYPE_SRV, 1232, capacity);
        }
}

Test(dns_limits, a_record_limit_cuts_addresses_on_every_transport_and_is_no_truncation)
{
        static const uint16_t limits[] = {1, 2, 39, 40, 41, 65535};
        struct lictor_zone zone = world_defaults();

        zone.enable_truncate = true;
        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
                unsigned want = limits[i] < BIG ? limits[i] : BIG;

                zone.a_record_limit = limits[i];
                world_set_zone(&w, &zone);
                w.env.transport = DNS_UDP;
                ask("big.service.consul", DNS_TYPE_A, 4096);
                cr_expect_eq(world_count(&w, '='), want);
                cr_expect_not(truncated());
                ask("big.service.consul", DNS_TYPE_A, 0);
                cr_expect_eq(world_count(&w, '='), want < 3 ? want : 3);
                cr_expect_eq(truncated(), want > 3);
                w.env.transport = DNS_TCP;
                ask("big.service.consul", DNS_TYPE_ANY, 0);
                cr_expect_eq(world_count(&w, '='), want);
                cr_expect_not(truncated());
                ask("big.service.consul", DNS_TYPE_SRV, 0);
                cr_expect_eq(world_count(&w, '='), BIG);
        }
}

Test(dns_limits, ten_thousand_instances_fill_a_tcp_message)
{
        struct lictor_zone zone = world_defaults();

        zone.enable_truncate = true;
        world_set_zone(&w, &zone);
        add_service("huge", 10000, 1);
        w.env.transport = DNS_TCP;
        ask("huge.service.consul", DNS_TYPE_A, 0);
        cr_expect_eq(world_count(&w, '='), (65535 - 12 - 21 - 4 + 1) / 16);
        cr_expect(truncated());
        ask("huge.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_gt(world_count(&w, '='), 700);
        cr_expect_eq(world_count(&w, '='), world_count(&w, '+'));
        cr_expect(truncated());
        zone.disable_compression = true;
        world_set_zone(&w, &zone);
        ask("huge.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_gt(world_count(&w, '='), 500);
        cr_expect_eq(world_count(&w, '='), world_count(&w, '+'));
        w.env.transport = DNS_UDP;
        ask("huge.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_eq(world_count(&w, '='), 3);
}

// Distinct lines of the additional section; they come sorted.
static unsigned distinct_glue(void)
{
        unsigned count = 0;
        size_t length = 0;

        for (const char *line = strstr(w.text, "\n+ "); line != NULL; line = strstr(line, "\n+ ")) {
                const char *end = strchr(++line, '\n');
                bool same =
                    length == (size_t)(end - line) + 1 && strncmp(line - length, line, length) == 0;

                count += !same;
                length = (size_t)(end - line) + 1;
                line = end;
        }
        return count;
}

Test(dns_limits, instances_of_one_node_share_their_glue)
{
        static const struct {
                unsigned instances, ports;
        } cases[] = {{2, 2}, {9, 3}, {30, 10}, {9000, 9000}, {9000, 3}, {5000, 2}};

        w.env.transport = DNS_TCP;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                add_service("ports", cases[i].instances, cases[i].ports);
                ask("ports.service.consul", DNS_TYPE_SRV, 0);
                cr_expect_eq(distinct_glue(), world_count(&w, '+'), "case %zu", i);
                cr_expect_leq(world_count(&w, '+'),
                              (cases[i].instances + cases[i].ports - 1) / cases[i].ports);
                cr_expect_gt(world_count(&w, '='), 1);
                if (cases[i].instances <= 30)
                        cr_expect_eq(world_count(&w, '='), cases[i].instances);
        }
}

Test(dns_limits, the_first_record_goes_without_glue_rather_than_not_at_all)
{
        struct lictor_instance instances[] = {world_instance("n1", "10.0.0.1", 1),
                                              world_instance("n2", "10.0.0.2", 1)};
        struct lictor_zone zone = world_defaults();

        zone.enable_truncate = true;
        world_set_zone(&w, &zone);
        world_add_service(&w, "two", "", 0, instances, 2);
        w.capacity = 36 + 38 + 15;
        ask("two.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_eq(world_count(&w, '='), 1, "%s", w.text);
        cr_expect_eq(world_count(&w, '+'), 0, "%s", w.text);
        cr_expect(truncated());
        w.capacity++;
        ask("two.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_eq(world_count(&w, '+'), 1, "%s", w.text);
}

Test(dns_limits, records_that_answer_come_before_metadata)
{
        static char value[400];
        struct lictor_meta meta[] = {{"rfc1035-a", value}, {"rfc1035-b", value}};
        struct lictor_instance instances[] = {world_instance("n1", "10.0.0.1", 1),
                                              world_instance("n2", "10.0.0.2", 1)};
        struct lictor_zone zone = world_defaults();

        memset(value, 'x', sizeof(value) - 1);
        for (size_t i = 0; i < 2; i++) {
                instances[i].meta = meta;
                instances[i].meta_count = 2;
        }
        zone.enable_truncate = true;
        world_set_zone(&w, &zone);
        world_add_service(&w, "fat", "", 0, instances, 2);
        ask("fat.service.consul", DNS_TYPE_SRV, 0);
        cr_expect_eq(world_count(&w, '='), 2, "%s", w.text);
        cr_expect_eq(world_count(&w, '+'), 2, "%s", w.text);
        cr_expect_null(strstr(w.text, " TXT "), "%s", w.text);
        cr_expect_not(truncated());
        ask("fat.service.consul", DNS_TYPE_SRV, 4096);
        cr_expect_eq(world_count(&w, '+'), 2 + 4 + 1, "%s", w.text);
        world_add_node(&w, "fat", "10.0.0.1", meta, 2);
        ask("fat.node.consul", DNS_TYPE_A, 0);
        cr_expect_eq(world_count(&w, '='), 1);
        cr_expect_eq(world_count(&w, '+'), 1);
        // Only additional records are missing.
        cr_expect_not(truncated());
        ask("fat.node.consul", DNS_TYPE_TXT, 0);
        cr_expect_eq(world_count(&w, '='), 1);
        cr_expect(truncated());
}

Test(dns_limits, without_compression_owners_are_written_out)
{
        struct lictor_zone zone = world_defaults();
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 80);
        static const char srv[] = "NOERROR qr aa rd\n? web.service.consul. SRV\n"
                                  "= web.service.consul. 0 SRV 1 1 80 alpha.node.dc1.consul.\n"
                                  "+ alpha.node.dc1.consul. 0 A 10.0.1.1\n";
        uint16_t compressed;

        world_add_service(&w, "web", "", 0, &web, 1);
        cr_expect_str_eq(world_ask(&w, "web.service.consul", "SRV"), srv);
        compressed = w.last.length;
        zone.disable_compression = true;
        world_set_zone(&w, &zone);
        cr_expect_str_eq(world_ask(&w, "web.service.consul", "SRV"), srv);
        cr_expect_eq(w.last.length, compressed - 2 + 20 - 2 + 23);
        cr_expect_str_eq(
            world_ask(&w, "nope.service.consul", "A"),
            "NXDOMAIN qr aa rd\n? nope.service.consul. A\n"
            "^ consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0\n");
        cr_expect_eq(memchr(w.last.data + 12, 0xC0, w.last.length - 12u), NULL);
}
