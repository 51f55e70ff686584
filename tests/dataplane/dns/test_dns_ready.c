#include <criterion/criterion.h>
#include <stdio.h>

#include "dataplane/dns/dns_answer.h"
#include "dataplane/packet/checksum.h"
#include "lictor/random.h"
#include "tests/dataplane/dns/dns_world.h"

#define SEED     7u
#define ROUNDS   20000u
#define SERVICES 120u

static struct world w;
static uint64_t state;
static char names[SERVICES][64];

static unsigned below(unsigned n)
{
        return (unsigned)(random_next(&state) % n);
}

// Names of every length; nodes whose SRV answers are shorter and longer than one copy; every tenth
// service has two instances, every eleventh an IPv6 address.
static void add_services(void)
{
        for (unsigned i = 0; i < SERVICES; i++) {
                struct lictor_instance instances[2];
                char node[64] = {0}, other[64] = {0};

                memset(names[i], 'a' + (int)(i % 26), 1 + i / 2);
                snprintf(names[i] + i / 2, 4, "%u", i % 2);
                memset(node, 'n', 1 + i * 7 % 50);
                memset(other, 'o', 1 + i * 7 % 50);
                instances[0] =
                    world_instance(node, i % 11 == 10 ? "fd00::1" : "10.0.0.1", (uint16_t)(1 + i));
                instances[1] = world_instance(other, "10.0.0.2", (uint16_t)(1 + i));
                world_add_service(&w, names[i], "", i, instances, i % 10 == 9 ? 2 : 1);
        }
}

static void set_up(void)
{
        struct lictor_zone zone = world_defaults();

        state = SEED;
        world_open(&w, &zone);
        add_services();
}

static void tear_down(void)
{
        world_close(&w);
}

TestSuite(dns_ready, .init = set_up, .fini = tear_down);

static struct dns_text_query random_query(char text[128])
{
        static const uint16_t types[] = {DNS_TYPE_A,    DNS_TYPE_SRV, DNS_TYPE_A, DNS_TYPE_SRV,
                                         DNS_TYPE_AAAA, DNS_TYPE_ANY, DNS_TYPE_NS};

        snprintf(text, 128, "%s.service%s.consul", names[below(SERVICES)],
                 below(16) == 0 ? ".dc1" : "");
        for (char *c = text; *c != '\0'; c++)
                if (below(8) == 0 && *c >= 'a' && *c <= 'z')
                        *c = (char)(*c - 'a' + 'A');
        return (struct dns_text_query){.name = text, .type = types[below(ARRAY_LEN(types))]};
}

// The long way: parsed without the short one, so answered from the lists.
static void answer_from_lists(struct dns_message *message)
{
        const struct svc_entry *entry = NULL;
        struct dns_query query;
        struct svc_key key;

        dns_parse_any(w.zone, message, &query);
        if (query.action == DNS_LOOK_UP) {
                key = (struct svc_key){.bytes = dns_query_key(&query), .length = query.key_length};
                key.hash = svc_key_hash(key.bytes, key.length);
                svc_table_lookup_burst(w.table, &key, &entry, 1);
        }
        dns_answer(&w.env, message, &query, entry);
}

static uint16_t sum_of(const uint8_t *data, size_t length)
{
        return checksum_fold(checksum_add(0, data, length));
}

// Flip bits where headers, labels, types and classes are; now and then cut or lengthen.
static size_t mutate(uint8_t *message, size_t length, size_t room)
{
        message[2] = below(4) == 0 ? (uint8_t)random_next(&state) : (uint8_t)below(2);
        message[3] = (uint8_t)(below(2) << 4);
        for (unsigned n = below(8) == 0 ? 1 + below(2) : 0; n > 0; n--)
                message[below((unsigned)length)] ^= (uint8_t)(1u << below(8));
        if (below(32) == 0)
                length = below((unsigned)length);
        else if (below(32) == 0 && length + 8 < room)
                length += 1 + below(8);
        return length;
}

Test(dns_ready, a_ready_answer_is_the_one_made_from_the_lists)
{
        unsigned ready_count = 0;

        for (unsigned round = 0; round < ROUNDS; round++) {
                char text[128];
                uint8_t asked[512] = {0}, ready[1500], listed[1500];
                struct dns_text_query query = random_query(text);
                size_t length = dns_text_encode(&query, asked, sizeof(asked));
                struct dns_message fast, slow;
                struct dns_random random = w.random;

                length = mutate(asked, length, sizeof(asked));
                memcpy(ready, asked, sizeof(asked));
                memcpy(listed, asked, sizeof(asked));
                fast = (struct dns_message){.data = ready, .length = (uint16_t)length};
                fast.capacity = below(4) == 0 ? (uint16_t)(length + below(200)) : sizeof(ready);
                slow = fast;
                slow.data = listed;
                dns_respond_burst(&w.env, &fast, 1);
                w.random = random;
                answer_from_lists(&slow);
                cr_assert_eq(fast.verdict, slow.verdict, "seed %u round %u", SEED, round);
                if (fast.verdict != DNS_ANSWERED)
                        continue;
                cr_assert_eq(fast.rcode, slow.rcode);
                cr_assert_eq(fast.length, slow.length, "seed %u round %u: %s", SEED, round, text);
                cr_assert_arr_eq(ready, listed, fast.length, "seed %u round %u: %s", SEED, round,
                                 text);
                cr_assert_eq(slow.sum_change, 0);
                if (fast.sum_change == 0)
                        continue;
                ready_count++;
                cr_assert_eq(checksum_fold((uint64_t)sum_of(asked, length) + fast.sum_change),
                             sum_of(ready, fast.length), "seed %u round %u: %s", SEED, round, text);
        }
        cr_expect_gt(ready_count, ROUNDS / 4);
}

static bool is_ready(const char *name, uint16_t type, uint16_t edns)
{
        struct dns_text_query query = {.name = name, .type = type, .edns = edns};

        world_ask_with(&w, &query);
        return w.last.verdict == DNS_ANSWERED && w.last.sum_change != 0;
}

Test(dns_ready, plain_questions_for_one_instance_are_ready)
{
        cr_expect(is_ready("a0.service.consul", DNS_TYPE_A, 0) == false, "no such name");
        cr_expect(is_ready("0.service.consul", DNS_TYPE_A, 0));
        cr_expect(is_ready("0.service.consul", DNS_TYPE_SRV, 0));
        cr_expect(is_ready("0.SERVICE.Consul", DNS_TYPE_SRV, 0));
}

Test(dns_ready, other_questions_are_not)
{
        struct lictor_zone zone = world_defaults();

        cr_expect_not(is_ready("0.service.consul", DNS_TYPE_AAAA, 0));
        cr_expect_not(is_ready("0.service.consul", DNS_TYPE_A, 1232));
        cr_expect_not(is_ready("0.service.dc1.consul", DNS_TYPE_A, 0));
        cr_expect_not(is_ready(names[9], DNS_TYPE_A, 0));
        w.env.transport = DNS_TCP;
        cr_expect_not(is_ready("0.service.consul", DNS_TYPE_A, 0));
        w.env.transport = DNS_UDP;
        zone.disable_compression = true;
        world_set_zone(&w, &zone);
        cr_expect_not(is_ready("0.service.consul", DNS_TYPE_A, 0));
        zone = world_defaults();
        zone.udp_answer_limit = 0;
        world_set_zone(&w, &zone);
        cr_expect_not(is_ready("0.service.consul", DNS_TYPE_A, 0));
}

Test(dns_ready, a_longer_domain_is_asked_first)
{
        struct lictor_zone zone = world_defaults();

        // Under the longer domain "0" is no service's name but a kind, and unknown.
        zone.alt_domain = "service.consul";
        world_set_zone(&w, &zone);
        cr_expect_not(is_ready("0.service.consul", DNS_TYPE_A, 0));
        cr_expect_eq(w.last.rcode, DNS_NXDOMAIN);
        zone.alt_domain = "alt.test";
        world_set_zone(&w, &zone);
        cr_expect(is_ready("0.service.consul", DNS_TYPE_A, 0));
        cr_expect_not(is_ready("0.service.alt.test", DNS_TYPE_A, 0));
}
