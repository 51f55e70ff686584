// Arbitrary bytes as a message to the responder, against a table with an entry of every shape.
//
// The first byte chooses transport, zone and buffer; the rest is the message.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_compile.h"
#include "dataplane/dns/dns_query.h"
#include "dataplane/dns/dns_wire.h"
#include "dataplane/packet/checksum.h"
#include "lictor/bytes.h"
#include "tests/dataplane/dns/dns_text.h"

enum {
        OPTION_TCP = 1,
        OPTION_BARE = 2, // no compression, TC on, limits of one
        OPTION_RECURSION = 4,
        OPTION_ALIASES = 8,
        OPTION_TIGHT = 16, // the buffer ends with the query
};

static struct {
        struct svc_table *table;
        struct dns_zone *zones[4]; // by OPTION_BARE and OPTION_RECURSION
        char *text;
} fixture;

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

static struct lictor_address address_of(uint8_t family, uint8_t last)
{
        struct lictor_address address = {.family = family, .bytes = {10, 0, 1}};

        address.bytes[family == 4 ? 3 : 15] = last;
        return address;
}

static void add_service(const char *name, const char *tag, unsigned count, const char *host)
{
        static const struct lictor_meta meta[] = {{"role", "db"}, {"rfc1035-note", "raw"}};
        struct lictor_instance instances[100] = {0};
        struct lictor_service service = {
            .name = name, .tag = tag, .ttl_s = 9, .instances = instances, .instance_count = count};
        char nodes[100][8];

        for (unsigned i = 0; i < count; i++) {
                struct lictor_instance *instance = &instances[i];

                snprintf(nodes[i], sizeof(nodes[i]), "n%u", i / 2);
                instance->node = nodes[i];
                instance->ipv4 = address_of(4, (uint8_t)i);
                instance->ipv6 = address_of(i % 3 == 0 ? 6 : 0, (uint8_t)i);
                instance->any = i % 3 == 0 ? instance->ipv6 : instance->ipv4;
                instance->cname = i == 0 ? host : NULL;
                instance->target_by_address = i % 4 == 0;
                instance->port = (uint16_t)(1000 + i);
                instance->weight = 1;
                instance->meta = meta;
                instance->meta_count = i % 3;
        }
        CHECK(dns_compile_service(fixture.table, fixture.zones[0], &service) == 0);
        service.kind = LICTOR_QUERY;
        CHECK(dns_compile_service(fixture.table, fixture.zones[0], &service) == 0);
}

static void add_names(void)
{
        static const struct lictor_meta meta[] = {{"role", "db"}, {"rfc1035-note", "raw"}};
        struct lictor_node nodes[] = {
            {.name = "alpha", .ipv4 = address_of(4, 1), .any = address_of(4, 1), .meta = meta},
            {.name = "a.b", .ipv6 = address_of(6, 1), .any = address_of(6, 1)},
            {.name = "ext", .cname = "web.service.consul", .meta = meta},
        };
        struct lictor_address reverse[] = {address_of(4, 1), address_of(6, 1)};

        nodes[0].meta_count = nodes[2].meta_count = ARRAY_LEN(meta);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
                CHECK(dns_compile_node(fixture.table, fixture.zones[0], &nodes[i]) == 0);
        for (size_t i = 0; i < ARRAY_LEN(reverse); i++)
                CHECK(dns_compile_reverse(fixture.table, fixture.zones[0], &reverse[i],
                                          "alpha.node.dc1.consul") == 0);
        CHECK(dns_compile_nameservers(fixture.table, fixture.zones[0], nodes, 2) == 0);
}

static void build_fixture(void)
{
        rcu_register_thread();
        CHECK(svc_table_create(64, &fixture.table) == 0);
        for (unsigned i = 0; i < ARRAY_LEN(fixture.zones); i++) {
                struct lictor_zone zone = {
                    .domain = "consul",
                    .alt_domain = "alt.test",
                    .datacenter = "dc1",
                    .udp_answer_limit = i % 2 == 1 ? 1 : 3,
                    .a_record_limit = i % 2 == 1 ? 4 : 0,
                    .enable_truncate = i % 2 == 1,
                    .disable_compression = i % 2 == 1,
                    .node_meta_txt = true,
                    .recursion = i >= 2,
                };

                CHECK(dns_zone_create(&zone, &fixture.zones[i]) == 0);
        }
        add_service("web", "", 1, NULL);
        add_service("big", "", 100, NULL);
        add_service("mix", "v1", 5, "mx.example.net");
        add_service("host", "", 1, "www.example.net");
        add_service("a", "", 1, "b.service.consul");
        add_service("b", "", 1, "a.service.consul");
        add_service("c", "", 3, "ext.node.alt.test");
        add_names();
        fixture.text = malloc(DNS_TEXT_MAX);
        CHECK(fixture.text != NULL);
}

static void check_answer(const struct dns_message *message, const uint8_t *query, size_t length,
                         uint8_t options)
{
        const uint8_t *data = message->data;
        unsigned questions = load_be16(data + 4);

        CHECK(message->length >= DNS_HEADER_LENGTH && message->length <= message->capacity);
        CHECK(load_be16(data) == load_be16(query));
        CHECK((data[2] & 0x80) != 0 && (data[2] & 0x78) == (query[2] & 0x78));
        CHECK(message->rcode == (data[3] & 15));
        CHECK(dns_text_decode(data, message->length, fixture.text, DNS_TEXT_MAX));
        CHECK(questions <= 1);
        if (questions == 1) {
                size_t end = DNS_HEADER_LENGTH;

                while (data[end] != 0)
                        end += data[end] + 1u;
                end += 5;
                CHECK(end <= length);
                CHECK(memcmp(data + DNS_HEADER_LENGTH, query + DNS_HEADER_LENGTH,
                             end - DNS_HEADER_LENGTH) == 0);
        }
        if ((options & OPTION_TCP) == 0) {
                const char *opt = strstr(fixture.text, "+ . OPT ");
                unsigned long size = opt == NULL ? 0 : strtoul(opt + 8, NULL, 10);

                CHECK(message->length <= (size > 512 ? size : 512));
        }
}

// What the short way in understands, the long one understands alike.
static void check_parsed(const struct dns_env *env, const struct dns_message *message)
{
        struct dns_query query, any;

        dns_parse(env->zone, message, &query);
        if (query.ready == DNS_NOT_READY)
                return;
        dns_parse_any(env->zone, message, &any);
        CHECK(any.action == DNS_LOOK_UP && query.action == any.action && query.kind == any.kind);
        CHECK(query.type == any.type && query.end == any.end);
        CHECK(query.name_length == any.name_length && query.domain_offset == any.domain_offset);
        CHECK(query.main_domain == any.main_domain && !any.has_edns && !any.has_ecs);
        CHECK(query.key_length == any.key_length &&
              memcmp(dns_query_key(&query), dns_query_key(&any), any.key_length) == 0);
}

// The sum of an answer whose change is known is the query's and that.
static void check_sum(const struct dns_message *message, const uint8_t *query, size_t length)
{
        const uint64_t sum = checksum_fold(checksum_add(0, query, length));

        if (message->sum_change != 0)
                CHECK(checksum_fold(sum + message->sum_change) ==
                      checksum_fold(checksum_add(0, message->data, message->length)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct dns_random random = {size};
        struct dns_message message;
        struct dns_env env;
        size_t length;
        uint8_t options;

        if (fixture.table == NULL)
                build_fixture();
        if (size == 0 || size - 1 > UINT16_MAX)
                return 0;
        options = data[0];
        length = size - 1;
        env = (struct dns_env){
            .zone = fixture.zones[options >> 1 & 3],
            .table = fixture.table,
            .random = &random,
            .transport = (options & OPTION_TCP) != 0 ? DNS_TCP : DNS_UDP,
            .follow_aliases = (options & OPTION_ALIASES) != 0,
        };
        message = (struct dns_message){.length = (uint16_t)length, .capacity = UINT16_MAX};
        if ((options & OPTION_TIGHT) != 0)
                message.capacity = (uint16_t)length;
        message.data = malloc(message.capacity > 0 ? message.capacity : 1);
        CHECK(message.data != NULL);
        memcpy(message.data, data + 1, length);
        check_parsed(&env, &message);
        dns_respond_burst(&env, &message, 1);
        check_sum(&message, data + 1, length);
        if (message.verdict == DNS_ANSWERED)
                check_answer(&message, data + 1, length, options);
        else if (message.verdict == DNS_PUNT)
                CHECK(memcmp(message.data, data + 1, length) == 0);
        else
                CHECK(message.verdict == (length < 12 ? DNS_DROP_SHORT : DNS_DROP_NOT_QUERY));
        free(message.data);
        rcu_quiescent_state();
        return 0;
}
