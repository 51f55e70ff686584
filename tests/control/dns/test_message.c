#include <criterion/criterion.h>
#include <string.h>

#include "control/dns/message.h"
#include "dataplane/dns/dns_zone.h"
#include "lictor/bytes.h"

#define ALIAS_TTL 7u

struct builder {
        uint8_t bytes[1024];
        size_t len;
};

static void put_bytes(struct builder *b, const void *bytes, size_t len)
{
        memcpy(b->bytes + b->len, bytes, len);
        b->len += len;
}

static void put_16(struct builder *b, uint16_t value)
{
        store_be16(b->bytes + b->len, value);
        b->len += 2;
}

static void put_name(struct builder *b, const char *text)
{
        while (*text != '\0') {
                uint8_t length = (uint8_t)strcspn(text, ".");

                put_bytes(b, &length, 1);
                put_bytes(b, text, length);
                text += length + (text[length] == '.');
        }
        put_bytes(b, "", 1);
}

static void begin(struct builder *b, const char *name, uint16_t answers, bool edns)
{
        b->len = 0;
        put_bytes(b, "\0\0\x84\0\0\1", 6);
        put_16(b, answers);
        put_16(b, 0);
        put_16(b, edns);
        put_name(b, name);
        put_16(b, DNS_TYPE_A);
        put_16(b, DNS_CLASS_IN);
}

static void put_record(struct builder *b, const char *owner, uint16_t type, uint32_t ttl_s,
                       const void *data, uint16_t data_len)
{
        uint8_t fixed[10];

        put_name(b, owner);
        store_be16(fixed, type);
        store_be16(fixed + 2, DNS_CLASS_IN);
        store_be32(fixed + 4, ttl_s);
        store_be16(fixed + 8, data_len);
        put_bytes(b, fixed, sizeof(fixed));
        put_bytes(b, data, data_len);
}

// Our answer: an alias for a host elsewhere.
static void own_answer(struct builder *b, const char *name, bool edns)
{
        static const char host[] = "\3www\7example\3org";

        begin(b, name, 1, edns);
        put_record(b, name, DNS_TYPE_CNAME, ALIAS_TTL, host, sizeof(host));
        if (edns)
                put_bytes(b, "\0\0\x29\x10\0\0\0\0\0\0\0", 11);
}

// Another server's: its host's addresses.
static void their_answer(struct builder *b, uint16_t addresses)
{
        begin(b, "www.example.org", addresses, false);
        for (uint16_t i = 0; i < addresses; i++) {
                uint8_t address[4] = {192, 0, 2, (uint8_t)i};

                put_record(b, "www.example.org", DNS_TYPE_A, 300, address, sizeof(address));
        }
}

Test(dns_message, what_a_service_leads_to_lives_as_long_and_is_short_without_edns)
{
        static const struct {
                const char *name;
                bool edns;
                unsigned addresses, count;
                uint32_t ttl_s;
        } cases[] = {
            {"web.service.consul", false, 1, 1, ALIAS_TTL},
            {"web.service.consul", false, 12, 5, ALIAS_TTL},
            {"web.service.consul", true, 12, 12, ALIAS_TTL},
            {"v1.WEB.Service.dc1.Consul", false, 6, 5, ALIAS_TTL},
            {"q.query.consul", false, 6, 5, ALIAS_TTL},
            {"alpha.node.consul", false, 12, 12, 300},
            {"alpha.node.dc1.consul", true, 1, 1, 300},
        };
        static const struct lictor_zone settings = {.domain = "consul", .datacenter = "dc1"};
        struct dns_zone *zone = NULL;

        cr_assert_eq(dns_zone_create(&settings, &zone), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct dns_message_added added = {0};
                struct dns_message_taking taking;
                struct builder own, theirs;

                own_answer(&own, cases[i].name, cases[i].edns);
                their_answer(&theirs, (uint16_t)cases[i].addresses);
                dns_message_taking_init(zone, own.bytes, own.len, &taking);
                dns_message_gather(theirs.bytes, theirs.len, &taking, &added);
                cr_expect_eq(added.count, cases[i].count, "%s: %u", cases[i].name, added.count);
                for (unsigned n = 0; n < added.count; n++)
                        cr_expect_eq(load_be32(added.records + added.offsets[n] +
                                               sizeof("\3www\7example\3org") + 4),
                                     cases[i].ttl_s, "%s", cases[i].name);
        }
        dns_zone_destroy(zone);
}
