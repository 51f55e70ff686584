#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/gossip/lzw.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void expect_round_trip(const uint8_t *bytes, size_t length, const char *what)
{
        struct byte_buffer packed = BYTE_BUFFER_INIT, plain = BYTE_BUFFER_INIT;

        lzw_compress(bytes, length, &packed);
        cr_assert_eq(lzw_expand(packed.bytes, packed.len, length, &plain), 0, "%s", what);
        cr_assert_eq(plain.len, length, "%s", what);
        cr_assert(length == 0 || memcmp(plain.bytes, bytes, length) == 0, "%s", what);
        if (length > 0)
                cr_expect_eq(lzw_expand(packed.bytes, packed.len, length - 1, &plain), -E2BIG);
        byte_buffer_fini(&packed);
        byte_buffer_fini(&plain);
}

Test(lzw, what_is_compressed_expands_to_the_same)
{
        static uint8_t bytes[200000];
        static const size_t lengths[] = {0,    1,    2,    3,    255,   256,   257,
                                         3838, 3839, 3840, 4096, 10000, 65536, sizeof(bytes)};
        char what[64];

        for (unsigned kind = 0; kind < 4; kind++) {
                unsigned seed = kind;

                for (size_t i = 0; i < sizeof(bytes); i++) {
                        unsigned any = (unsigned)rand_r(&seed);

                        bytes[i] = (uint8_t)(kind == 0   ? any
                                             : kind == 1 ? 'a'
                                             : kind == 2 ? any % 3
                                                         : i * i / 7);
                }
                for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
                        snprintf(what, sizeof(what), "kind %u, %zu bytes", kind, lengths[i]);
                        expect_round_trip(bytes, lengths[i], what);
                }
        }
}

Test(lzw, another_encoder_s_bytes_expand)
{
        static const uint8_t packed[] = {0x54, 0x9e, 0x08, 0x29, 0xf2, 0x44, 0x8a,
                                         0x93, 0x27, 0x54, 0x04, 0x12, 0x34, 0xb8,
                                         0xb0, 0xe0, 0xc1, 0x84, 0x01, 0x01};
        struct byte_buffer plain = BYTE_BUFFER_INIT;

        cr_assert_eq(lzw_expand(packed, sizeof(packed), 1000, &plain), 0);
        cr_expect_eq(plain.len, strlen("TOBEORNOTTOBEORTOBEORNOT"));
        cr_expect_eq(memcmp(plain.bytes, "TOBEORNOTTOBEORTOBEORNOT", plain.len), 0);
        byte_buffer_fini(&plain);
}

Test(lzw, damaged_bytes_are_refused_or_bounded)
{
        struct byte_buffer plain = BYTE_BUFFER_INIT;
        unsigned seed = 1;

        for (unsigned round = 0; round < 20000; round++) {
                uint8_t bytes[64];
                size_t length = (size_t)rand_r(&seed) % sizeof(bytes);

                for (size_t i = 0; i < length; i++)
                        bytes[i] = (uint8_t)rand_r(&seed);
                plain.len = 0;
                (void)lzw_expand(bytes, length, 1000, &plain);
                cr_assert_leq(plain.len, 1000);
        }
        cr_expect_eq(lzw_expand((const uint8_t *)"\0", 1, 10, &plain), -EBADMSG);
        cr_expect_eq(lzw_expand(NULL, 0, 10, &plain), -EBADMSG);
        byte_buffer_fini(&plain);
}
