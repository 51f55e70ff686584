#include <criterion/criterion.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"
#include "lictor/bytes.h"
#include "lictor/random.h"
#include "tests/dataplane/packet/frame_builder.h"

#define SEED   1u
#define FRAMES 200000u

static uint64_t state = SEED;

static uint64_t below(uint64_t n)
{
        return random_next(&state) % n;
}

// A query or its like: addresses and ports now and then not those of a query for us.
static struct build random_query(void)
{
        static const char *const macs[] = {HOST_MAC, HOST_MAC, HOST_MAC, OTHER_MAC, BROADCAST};
        static const char *const sources[] = {CLIENT_IP, CLIENT_IP,    OTHER_IP,
                                              HOST_IP,   "\x7f\0\0\1", "\xe0\0\0\1"};
        static const char *const targets[] = {HOST_IP, HOST_IP2, HOST_IP, OTHER_IP};
        struct build b = {0};
        uint8_t payload[300];
        const size_t length = below(8) == 0 ? below(sizeof(payload)) : 12 + below(60);

        for (size_t i = 0; i < length; i++)
                payload[i] = (uint8_t)random_next(&state);
        build_ether(&b, macs[below(ARRAY_LEN(macs))], below(16) == 0 ? HOST_MAC : CLIENT_MAC,
                    below(16) == 0 ? 0x86dd : 0x0800);
        build_ipv4(&b, sources[below(ARRAY_LEN(sources))], targets[below(ARRAY_LEN(targets))],
                   below(16) == 0 ? 1 : 17);
        build_udp(&b, (uint16_t)below(3), below(8) == 0 ? 53 : DNS_PORT);
        build_bytes(&b, payload, length);
        build_seal(&b);
        return b;
}

// Some bytes of the headers changed, most often with checksums that are right again.
static void mutate(struct build *b)
{
        for (uint64_t n = below(3); n > 0; n--)
                b->bytes[below(b->length < 44u ? b->length : 44u)] = (uint8_t)random_next(&state);
        if (below(4) != 0 && b->bytes[b->l3] >> 4 == 4 && (b->bytes[b->l3] & 15) == 5 &&
            load_be16(b->bytes + b->l4 + 4) <= b->length - b->l4)
                build_checksums(b);
        if (below(8) == 0)
                store_be16(b->bytes + b->l4 + UDP_CHECKSUM, 0);
        if (below(16) == 0)
                b->length = (uint16_t)below(b->length + 1u);
        else if (below(8) == 0)
                b->length = (uint16_t)(b->length + below(18));
}

Test(frame_plain, a_known_change_of_the_sum_gives_the_checksum_summing_gives)
{
        struct frame_host host = test_host(false);

        for (unsigned i = 0; i < FRAMES / 10; i++) {
                uint8_t question[200], answer[400];
                const uint16_t asked = (uint16_t)below(sizeof(question));
                const uint16_t length = (uint16_t)below(sizeof(answer));
                const uint8_t fill = below(4) == 0 ? 0xff : (uint8_t)below(2);
                struct build b, summed;
                struct frame_info info;
                uint16_t change;

                for (size_t k = 0; k < sizeof(question); k++)
                        question[k] = below(2) == 0 ? fill : (uint8_t)random_next(&state);
                for (size_t k = 0; k < sizeof(answer); k++)
                        answer[k] = below(2) == 0 ? fill : (uint8_t)random_next(&state);
                b = query4(question, asked);
                cr_assert_eq(classify(&host, &b, &info), FRAME_DNS);
                cr_assert(info.sum_known);
                change = checksum_fold(
                    (uint64_t)(uint16_t)~checksum_fold(checksum_add(0, question, asked)) +
                    checksum_fold(checksum_add(0, answer, length)));
                memcpy(b.bytes + info.message_offset, answer, length);
                summed = b;
                cr_assert_eq(frame_finish_changed(&host, b.bytes, &info, length, change),
                             frame_finish_answer(&host, summed.bytes, &info, length, false));
                cr_assert_arr_eq(b.bytes, summed.bytes, sizeof(b.bytes), "seed %u round %u", SEED,
                                 i);
                cr_assert(checksums_right(b.bytes, 14));
        }
}

Test(frame_plain, the_short_way_takes_exactly_the_plain_queries_and_says_the_same)
{
        unsigned plain_count = 0;

        for (unsigned i = 0; i < FRAMES; i++) {
                struct frame_host host = test_host(below(2) == 0);
                struct build b = random_query(), before;
                struct frame_checksums told = {0};
                struct frame_info plain, any;
                uint16_t capacity;
                bool is_plain, is_expected;

                mutate(&b);
                before = b;
                capacity = (uint16_t)(b.length + below(64));
                if (below(8) == 0)
                        told = (struct frame_checksums){(uint8_t)below(3), (uint8_t)below(3)};
                is_plain = frame_classify_plain(&host, b.bytes, b.length, capacity, told, &plain);
                cr_assert_arr_eq(b.bytes, before.bytes, sizeof(b.bytes));
                is_expected = frame_classify_any(&host, b.bytes, b.length, capacity, told, &any) ==
                                  FRAME_DNS &&
                              any.l2_length == 14 && any.ip_version == 4;
                cr_assert_eq(is_plain, is_expected, "seed %u frame %u", SEED, i);
                if (!is_plain)
                        continue;
                plain_count++;
                cr_assert_eq(plain.sum_known,
                             told.udp == FRAME_CHECKSUM_UNKNOWN && load_be16(b.bytes + 40) != 0);
                plain.sum_known = false;
                cr_assert_arr_eq((uint8_t *)&plain, (uint8_t *)&any, sizeof(any),
                                 "seed %u frame %u", SEED, i);
        }
        cr_expect_gt(plain_count, FRAMES / 50);
        cr_expect_lt(plain_count, FRAMES / 2);
}
