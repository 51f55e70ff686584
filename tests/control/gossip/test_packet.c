#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/gossip/message.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct seen {
        unsigned count;
        uint8_t types[300];
        struct pack_slice bodies[300];
};

static void note(void *arg, uint8_t type, struct pack_slice body)
{
        struct seen *seen = arg;

        seen->types[seen->count] = type;
        seen->bodies[seen->count++] = body;
}

static struct pack_slice slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

static struct byte_buffer ping_of(uint32_t sequence)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        gossip_put_ping(&b, &(struct gossip_ping){.sequence = sequence,
                                                  .node = pack_slice_of("a node with a name long "
                                                                        "enough to be worth it: "
                                                                        "aaaaaaaaaaaaaaaaaaaa")});
        return b;
}

static void expect_pings(struct pack_slice packet, unsigned count, const char *name)
{
        struct byte_buffer scratch = BYTE_BUFFER_INIT;
        struct seen seen = {0};

        cr_assert_eq(gossip_unpack(packet, &scratch, note, &seen), 0, "%s", name);
        cr_assert_eq(seen.count, count, "%s", name);
        for (unsigned i = 0; i < count; i++) {
                struct msgpack_reader r = {seen.bodies[i].bytes,
                                           seen.bodies[i].bytes + seen.bodies[i].length};
                struct gossip_ping ping;

                cr_expect_eq(seen.types[i], GOSSIP_PING, "%s", name);
                cr_expect_eq(gossip_get_ping(&r, &ping), 0, "%s", name);
                cr_expect_eq(ping.sequence, i + 1, "%s", name);
        }
        byte_buffer_fini(&scratch);
}

Test(gossip_packet, every_layer_comes_off_again)
{
        static const unsigned counts[] = {1, 2, GOSSIP_COMPOUND_MAX};

        for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
                struct byte_buffer pings[GOSSIP_COMPOUND_MAX];
                struct pack_slice messages[GOSSIP_COMPOUND_MAX];
                struct byte_buffer compound = BYTE_BUFFER_INIT, compressed = BYTE_BUFFER_INIT,
                                   whole = BYTE_BUFFER_INIT, plain = BYTE_BUFFER_INIT;

                for (unsigned i = 0; i < counts[c]; i++) {
                        pings[i] = ping_of(i + 1);
                        messages[i] = slice_of(&pings[i]);
                }
                gossip_put_compound(&compound, messages, counts[c]);
                gossip_put_compressed(&compressed, slice_of(&compound));
                gossip_put_checksummed(&whole, slice_of(&compressed));
                gossip_put_checksummed(&plain, slice_of(&compound));
                expect_pings(slice_of(&compound), counts[c], "bare");
                expect_pings(slice_of(&compressed), counts[c], "compressed");
                expect_pings(slice_of(&whole), counts[c], "compressed and checksummed");
                expect_pings(slice_of(&plain), counts[c], "checksummed");
                cr_expect_eq(compressed.bytes[0] == GOSSIP_COMPRESS, counts[c] > 1);
                for (unsigned i = 0; i < counts[c]; i++)
                        byte_buffer_fini(&pings[i]);
                byte_buffer_fini(&compound);
                byte_buffer_fini(&compressed);
                byte_buffer_fini(&whole);
                byte_buffer_fini(&plain);
        }
}

Test(gossip_packet, what_compression_would_lengthen_stays)
{
        struct byte_buffer out = BYTE_BUFFER_INIT;

        gossip_put_compressed(&out, (struct pack_slice){(const uint8_t *)"\x08xyz", 4});
        cr_expect_eq(out.len, 4);
        cr_expect_eq(out.bytes[0], GOSSIP_USER);
        byte_buffer_fini(&out);
}

Test(gossip_packet, damaged_wrappers_are_refused)
{
        static const struct {
                const char *name, *bytes;
                uint32_t length;
        } cases[] = {
            {"nothing", "", 0},
            {"a checksum without a message", "\x0c\0\0\0\0", 5},
            {"a wrong checksum", "\x0c\0\0\0\0\x00", 6},
            {"a checksum cut short", "\x0c\0\0", 3},
            {"a compound without a count", "\x07", 1},
            {"a compound without its lengths", "\x07\x02\x00\x01", 4},
            {"a compound with an empty message", "\x07\x01\x00\x00", 4},
            {"a compound that ends early", "\x07\x01\x00\x02\x00", 5},
            {"a compound in a compound", "\x07\x01\x00\x02\x07\x00", 6},
            {"a compressed message in a compound", "\x07\x01\x00\x02\x09\x80", 6},
            {"compressed nothing", "\x09", 1},
            {"an unknown algorithm",
             "\x09\x82\xa4"
             "Algo\x01\xa3"
             "Buf\xa0",
             13},
            {"an encrypted message inside", "\x0a\x00", 2},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct byte_buffer scratch = BYTE_BUFFER_INIT;
                struct seen seen = {0};

                cr_expect_eq(gossip_unpack((struct pack_slice){(const uint8_t *)cases[i].bytes,
                                                               cases[i].length},
                                           &scratch, note, &seen),
                             -EBADMSG, "%s", cases[i].name);
                cr_expect_eq(seen.count, 0, "%s", cases[i].name);
                byte_buffer_fini(&scratch);
        }
}

Test(gossip_packet, a_compressed_message_in_a_compressed_one_is_refused)
{
        struct byte_buffer ping = ping_of(1), inner = BYTE_BUFFER_INIT, outer = BYTE_BUFFER_INIT,
                           scratch = BYTE_BUFFER_INIT;
        uint8_t zeros[2000] = {GOSSIP_COMPRESS};
        struct seen seen = {0};

        gossip_put_compressed(&outer, (struct pack_slice){zeros, sizeof(zeros)});
        cr_expect_eq(outer.bytes[0], GOSSIP_COMPRESS);
        cr_expect_eq(gossip_unpack(slice_of(&outer), &scratch, note, &seen), -EBADMSG);
        byte_buffer_fini(&ping);
        byte_buffer_fini(&inner);
        byte_buffer_fini(&outer);
        byte_buffer_fini(&scratch);
}
