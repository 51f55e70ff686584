#include <criterion/criterion.h>
#include <stdlib.h>

#include "dataplane/packet/checksum.h"
#include "tests/dataplane/packet/frame_builder.h"

static uint32_t next_random(uint32_t *state)
{
        *state = *state * 1664525u + 1013904223u;
        return *state >> 8;
}

// Word by word, high byte first: the definition.
static uint16_t plain_sum(const uint8_t *data, size_t n)
{
        uint32_t sum = 0;

        for (size_t i = 0; i < n; i++) {
                sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
                if (sum > 0xffff)
                        sum -= 0xffff;
        }
        return (uint16_t)sum;
}

Test(checksum, the_example_of_rfc_1071_sums_to_ddf2)
{
        static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

        cr_expect_eq(checksum_fold(checksum_add(0, data, sizeof(data))), checksum_word(0xddf2));
}

Test(checksum, every_length_and_alignment_agrees_with_the_plain_sum)
{
        uint8_t data[260];
        uint32_t seed = 1;

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)next_random(&seed);
        for (size_t start = 0; start < 4; start++) {
                for (size_t n = 0; n <= sizeof(data) - start; n++)
                        cr_expect_eq(checksum_fold(checksum_add(0, data + start, n)),
                                     checksum_word(plain_sum(data + start, n)),
                                     "start %zu length %zu", start, n);
        }
}

Test(checksum, the_largest_packet_of_ones_loses_no_carry)
{
        uint8_t *data = malloc(65535);

        cr_assert_not_null(data);
        memset(data, 0xff, 65535);
        cr_expect_eq(checksum_fold(checksum_add(0, data, 65534)), 0xffff);
        cr_expect_eq(checksum_fold(checksum_add(0, data, 65535)),
                     checksum_word(plain_sum(data, 65535)));
        free(data);
}

Test(checksum, replacing_a_word_equals_summing_anew)
{
        uint8_t data[24];
        uint32_t seed = 7;

        for (unsigned round = 0; round < 100000; round++) {
                uint16_t before, from, to = (uint16_t)next_random(&seed);

                for (size_t i = 0; i < sizeof(data); i++)
                        data[i] = round % 3 == 0 ? 0 : (uint8_t)next_random(&seed);
                data[5] = 1; // a sum of all zeros has two spellings
                before = (uint16_t)~checksum_fold(checksum_add(0, data, sizeof(data)));
                from = checksum_load(data);
                checksum_store(data, to);
                cr_assert_eq(checksum_replace(before, from, to),
                             (uint16_t)~checksum_fold(checksum_add(0, data, sizeof(data))),
                             "seed 7 round %u", round);
        }
}

Test(checksum, pseudo_headers_are_those_of_the_rfcs)
{
        static const uint8_t v4[] = {10, 99, 0, 1, 10, 99, 0, 2, 0, 17, 0, 83};
        uint8_t ip4[20] = {0}, ip6[40], v6[40] = {0};

        memcpy(ip4 + 12, v4, 8);
        cr_expect_eq(checksum_fold(checksum_pseudo_header(ip4, 4, 17, 83)),
                     checksum_word(plain_sum(v4, sizeof(v4))));
        for (size_t i = 0; i < sizeof(ip6); i++)
                ip6[i] = (uint8_t)(i * 7);
        memcpy(v6, ip6 + 8, 32);
        v6[34] = 0x12;
        v6[35] = 0x34;
        v6[39] = 58;
        cr_expect_eq(checksum_fold(checksum_pseudo_header(ip6, 6, 58, 0x1234)),
                     checksum_word(plain_sum(v6, sizeof(v6))));
}
