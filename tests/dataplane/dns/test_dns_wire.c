#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dataplane/dns/dns_world.h"

static struct world w;

static void open_world(void)
{
        struct lictor_zone zone = world_defaults();
        struct lictor_instance web = world_instance("alpha", "10.0.1.1", 80);

        world_open(&w, &zone);
        world_add_service(&w, "web", "", 0, &web, 1);
}

static void close_world(void)
{
        world_close(&w);
}

TestSuite(dns_wire, .init = open_world, .fini = close_world);

// Messages in hexadecimal without their first two bytes, the ID.
static size_t from_hex(const char *hex, uint8_t *message)
{
        size_t length = 2;

        store_be16(message, DNS_TEXT_ID);
        for (; hex[0] != '\0'; hex += 2) {
                char digits[3] = {hex[0], hex[1], '\0'};

                message[length++] = (uint8_t)strtoul(digits, NULL, 16);
        }
        return length;
}

static const char *ask_hex(const char *hex)
{
        static const char *const verdicts[] = {"", "[punt]", "[short]", "[not a query]",
                                               "[no room]"};
        uint8_t message[1024];
        size_t length = from_hex(hex, message);
        enum dns_verdict verdict;

        // Nothing behind the message may be touched, nor is there room for a longer answer.
        verdict = world_respond(&w, message, length);
        if (verdict != DNS_ANSWERED)
                return verdicts[verdict];
        cr_expect_eq(load_be16(w.last.data), DNS_TEXT_ID);
        dns_text_decode(w.last.data, w.last.length, w.text, DNS_TEXT_MAX);
        return w.text;
}

#define WEB "03776562077365727669636506636f6e73756c00"
#define QUERY                                                                                      \
        "010000010000000000000377656207736572766963"                                               \
        "6506636f6e73756c0000010001"
#define ANSWER "? web.service.consul. A\n= web.service.consul. 0 A 10.0.1.1\n"
#define LABEL_64                                                                                   \
        "40616161616161616161616161616161616161616161616161616161616161616161616161616161616161"   \
        "6161616161616161616161616161616161616161616161"

static const struct {
        const char *name, *hex, *want;
} wire_cases[] = {
    {"plain", QUERY, "NOERROR qr aa rd\n" ANSWER},
    {"rd off", "00000001000000000000" WEB "00010001", "NOERROR qr aa\n" ANSWER},
    {"cd copied", "01100001000000000000" WEB "00010001", "NOERROR qr aa rd cd\n" ANSWER},
    {"ad dropped", "01200001000000000000" WEB "00010001", "NOERROR qr aa rd\n" ANSWER},
    {"tc, aa, ra, z, rcode dropped", "07cf0001000000000000" WEB "00010001",
     "NOERROR qr aa rd\n" ANSWER},
    {"class chaos", "01000001000000000000" WEB "00010003", "NOERROR qr aa rd\n" ANSWER},
    {"class any", "01000001000000000000" WEB "000100ff", "NOERROR qr aa rd\n" ANSWER},
    {"trailing bytes", QUERY "ffffff", "NOERROR qr aa rd\n" ANSWER},
    {"notify is a query", "21000001000000000000" WEB "00010001", "NOERROR opcode4 qr aa\n" ANSWER},
    {"iquery", "09000001000000000000" WEB "00010001", "NOTIMP opcode1 qr rd\n"},
    {"status", "11000001000000000000" WEB "00010001", "NOTIMP opcode2 qr rd\n"},
    {"update", "28000001000000000000" WEB "00010001", "NOTIMP opcode5 qr\n"},
    {"opcode 15", "78000001000000000000" WEB "00010001", "NOTIMP opcode15 qr\n"},
    {"no question", "01000000000000000000" WEB "00010001", "FORMERR qr rd\n"},
    {"two questions", "01000002000000000000" WEB "00010001" WEB "00210001", "FORMERR qr rd\n"},
    {"header only", "01000001000000000000", "FORMERR qr rd\n"},
    {"cut in a label", "0100000100000000000003776562077365727669", "FORMERR qr rd\n"},
    {"cut before the root", "0100000100000000000003776562", "FORMERR qr rd\n"},
    {"no type", "01000001000000000000" WEB, "FORMERR qr rd\n"},
    {"half a type", "01000001000000000000" WEB "00", "FORMERR qr rd\n"},
    {"no class", "01000001000000000000" WEB "0001", "FORMERR qr rd\n"},
    {"half a class", "01000001000000000000" WEB "000100", "FORMERR qr rd\n"},
    {"long label", "01000001000000000000" LABEL_64 "0000010001", "FORMERR qr rd\n"},
    {"extended label",
     "01000001000000000000"
     "8161"
     "0000010001",
     "FORMERR qr rd\n"},
    {"pointer loop",
     "01000001000000000000"
     "c00c00010001",
     "FORMERR qr rd\n"},
    {"pointer at the end",
     "01000001000000000000"
     "03776562c0",
     "FORMERR qr rd\n"},
    {"two answers", "01000001000200000000" WEB "00010001", "FORMERR qr rd\n"},
    {"two authorities", "01000001000000020000" WEB "00010001", "FORMERR qr rd\n"},
    {"three additionals", "01000001000000000003" WEB "00010001", "FORMERR qr rd\n"},
    {"a counted record that is not there", "01000001000000000001" WEB "00010001",
     "NOERROR qr aa rd\n" ANSWER},
    {"a record cut in its name",
     "01000001000000000001" WEB "00010001"
     "0361",
     "FORMERR qr rd\n"},
    {"a record cut in its header",
     "01000001000000000001" WEB "00010001"
     "0000290000",
     "FORMERR qr rd\n"},
    {"a record cut in its data",
     "01000001000000000001" WEB "00010001"
     "0000010001000000000004"
     "0a0000",
     "FORMERR qr rd\n"},
    {"an answer and an authority that do no harm",
     "01000001000100010000" WEB "00010001"
     "c00c00010001000000000004"
     "0a000001"
     "c00c00060001000000000000",
     "NOERROR qr aa rd\n" ANSWER},
    {"an answer is no query", "81000001000000000000" WEB "00010001", "[not a query]"},
    {"nor is one of another opcode", "a8000001000000000000" WEB "00010001", "[not a query]"},
    {"nor a broken one", "8100000100", "[short]"},
    {"a short message", "0100000100", "[short]"},
    {"eleven bytes", "010000010000000000", "[short]"},
    {"an ID", "", "[short]"},
};

Test(dns_wire, messages_are_accepted_or_refused_as_consul_does)
{
        for (size_t i = 0; i < ARRAY_LEN(wire_cases); i++)
                cr_expect_str_eq(ask_hex(wire_cases[i].hex), wire_cases[i].want, "%s: %s",
                                 wire_cases[i].name, w.text);
}

Test(dns_wire, nothing_at_all_is_short)
{
        struct dns_message message = {.data = NULL};

        dns_respond_burst(&w.env, &message, 1);
        cr_expect_eq(message.verdict, DNS_DROP_SHORT);
        dns_respond_burst(&w.env, NULL, 0);
}

// A name of one-byte labels and a last one that fills it up to a length on the wire.
static void name_of(size_t wire_length, char *name)
{
        size_t length = 0, domain = strlen("consul") + 2;

        while (length + 2 + domain < wire_length - 2) {
                *name++ = 'a';
                *name++ = '.';
                length += 2;
        }
        for (length = wire_length - domain - length - 1; length > 0; length--)
                *name++ = 'b';
        memcpy(name, ".consul", sizeof(".consul"));
}

Test(dns_wire, names_of_255_bytes_pass_and_longer_ones_do_not)
{
        for (size_t length = 250; length <= 258; length++) {
                struct dns_text_query query = {.type = DNS_TYPE_A};
                uint8_t message[600];
                char name[300];
                size_t size;

                name_of(length, name);
                query.name = name;
                size = dns_text_encode(&query, message, sizeof(message));
                cr_assert_eq(size, 12 + length + 4);
                cr_expect_eq(world_respond(&w, message, size), DNS_ANSWERED);
                cr_expect_eq(w.last.rcode, length <= 255 ? DNS_NXDOMAIN : DNS_FORMERR,
                             "length %zu: %u", length, w.last.rcode);
        }
}

Test(dns_wire, every_prefix_of_a_query_is_survived)
{
        uint8_t message[1024];
        size_t length = from_hex("01000001000000000001" WEB "00010001"
                                 "0000291000000000000000",
                                 message);

        for (size_t cut = 0; cut <= length; cut++) {
                // As little room as there can be.
                w.capacity = (uint16_t)(cut > 0 ? cut : 1);
                world_respond(&w, message, cut);
                if (cut < 12) {
                        cr_expect_eq(w.last.verdict, DNS_DROP_SHORT);
                        continue;
                }
                cr_expect_eq(w.last.verdict, DNS_ANSWERED);
                cr_expect_leq(w.last.length, cut);
                cr_expect(dns_text_decode(w.last.data, w.last.length, w.text, DNS_TEXT_MAX),
                          "%zu: %s", cut, w.text);
        }
}

Test(dns_wire, a_message_longer_than_its_buffer_is_dropped)
{
        struct dns_message message = {.capacity = 20, .length = 40};
        uint8_t data[40] = {0};

        message.data = data;
        dns_respond_burst(&w.env, &message, 1);
        cr_expect_eq(message.verdict, DNS_DROP_NO_ROOM);
}

Test(dns_wire, a_full_burst_answers_each_message_for_itself)
{
        static const char *const names[] = {"web.service.consul", "nope.service.consul",
                                            "example.com", "0a000001.addr.consul"};
        static const uint8_t rcodes[] = {DNS_NOERROR, DNS_NXDOMAIN, DNS_REFUSED, DNS_NOERROR};
        struct dns_message messages[SVC_BURST_MAX];
        uint8_t data[SVC_BURST_MAX][512];

        for (unsigned n = 0; n <= SVC_BURST_MAX; n++) {
                for (unsigned i = 0; i < n; i++) {
                        struct dns_text_query query = {.name = names[i % 4], .type = DNS_TYPE_A};
                        size_t length = dns_text_encode(&query, data[i], sizeof(data[i]));

                        store_be16(data[i], (uint16_t)i);
                        messages[i] = (struct dns_message){
                            .data = data[i], .length = (uint16_t)length, .capacity = 512};
                }
                dns_respond_burst(&w.env, messages, n);
                for (unsigned i = 0; i < n; i++) {
                        cr_expect_eq(messages[i].verdict, DNS_ANSWERED);
                        cr_expect_eq(messages[i].rcode, rcodes[i % 4]);
                        cr_expect_eq(load_be16(data[i]), i);
                        cr_expect(
                            dns_text_decode(data[i], messages[i].length, w.text, DNS_TEXT_MAX));
                        cr_expect_not_null(strstr(w.text, names[i % 4]));
                }
        }
}
