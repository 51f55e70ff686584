#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/gossip/keyring.h"

static const uint8_t nonce[KEYRING_NONCE_BYTES] = {1, 2, 3};

static struct keyring_key key_of(uint8_t fill, size_t length)
{
        struct keyring_key key;
        uint8_t bytes[32];

        memset(bytes, fill, sizeof(bytes));
        cr_assert_eq(keyring_key_make(bytes, length, &key), 0);
        return key;
}

static struct keyring ring_of(uint8_t fill, size_t length)
{
        struct keyring ring = {0};
        struct keyring_key key = key_of(fill, length);

        cr_assert_eq(keyring_install(&ring, &key), 0);
        return ring;
}

static struct pack_slice slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

Test(keyring, what_is_sealed_opens_with_the_key_and_context)
{
        static const size_t lengths[] = {16, 24, 32};
        static uint8_t text[1000];

        for (unsigned version = 0; version <= 1; version++) {
                for (uint32_t size = 0; size < 50; size++) {
                        struct keyring ring = ring_of(7, lengths[size % 3]), other = ring_of(8, 16);
                        struct byte_buffer sealed = BYTE_BUFFER_INIT, plain = BYTE_BUFFER_INIT;
                        struct pack_slice context = pack_slice_of("context");

                        memset(text, (int)size, sizeof(text));
                        cr_assert_eq(keyring_seal(&ring, version, nonce,
                                                  (struct pack_slice){text, size}, context,
                                                  &sealed),
                                     0);
                        cr_expect_leq(sealed.len, size + KEYRING_OVERHEAD_MAX);
                        cr_assert_eq(keyring_open(&ring, slice_of(&sealed), context, &plain), 0);
                        cr_expect_eq(plain.len, size);
                        cr_expect(size == 0 || memcmp(plain.bytes, text, size) == 0);
                        cr_expect_eq(keyring_open(&other, slice_of(&sealed), context, &plain),
                                     -EBADMSG);
                        cr_expect_eq(
                            keyring_open(&ring, slice_of(&sealed), pack_slice_of(""), &plain),
                            -EBADMSG);
                        sealed.bytes[sealed.len / 2] ^= 1;
                        cr_expect_eq(keyring_open(&ring, slice_of(&sealed), context, &plain),
                                     -EBADMSG);
                        byte_buffer_fini(&sealed);
                        byte_buffer_fini(&plain);
                }
        }
}

Test(keyring, any_installed_key_opens_and_the_primary_one_seals)
{
        struct keyring ring = ring_of(1, 16), old = ring_of(1, 16), fresh = ring_of(2, 32);
        struct keyring_key second = key_of(2, 32);
        struct byte_buffer sealed = BYTE_BUFFER_INIT, plain = BYTE_BUFFER_INIT;
        struct pack_slice none = {0};

        cr_assert_eq(keyring_install(&ring, &second), 0);
        cr_assert_eq(keyring_seal(&fresh, 1, nonce, pack_slice_of("x"), none, &sealed), 0);
        cr_expect_eq(keyring_open(&ring, slice_of(&sealed), none, &plain), 0);
        cr_assert_eq(keyring_use(&ring, &second), 0);
        sealed.len = 0;
        cr_assert_eq(keyring_seal(&ring, 1, nonce, pack_slice_of("y"), none, &sealed), 0);
        cr_expect_eq(keyring_open(&old, slice_of(&sealed), none, &plain), -EBADMSG);
        cr_expect_eq(keyring_open(&fresh, slice_of(&sealed), none, &plain), 0);
        byte_buffer_fini(&sealed);
        byte_buffer_fini(&plain);
}

Test(keyring, rotation_keeps_its_rules)
{
        struct keyring ring = ring_of(1, 16);
        struct keyring_key first = key_of(1, 16), second = key_of(2, 16), third = key_of(3, 16);

        cr_expect_eq(keyring_install(&ring, &first), 0);
        cr_expect_eq(ring.key_count, 1);
        cr_expect_eq(keyring_use(&ring, &second), -ENOENT);
        cr_expect_eq(keyring_install(&ring, &second), 0);
        cr_expect_eq(keyring_remove(&ring, &first), -EBUSY);
        cr_expect_eq(keyring_use(&ring, &second), 0);
        cr_expect_eq(keyring_remove(&ring, &first), 0);
        cr_expect_eq(keyring_remove(&ring, &third), 0);
        cr_expect_eq(ring.key_count, 1);
        for (uint8_t fill = 10; ring.key_count < KEYRING_KEY_MAX; fill++) {
                struct keyring_key key = key_of(fill, 16);

                cr_expect_eq(keyring_install(&ring, &key), 0);
        }
        cr_expect_eq(keyring_install(&ring, &third), -ENOSPC);
        cr_expect_eq(keyring_key_make((const uint8_t *)"short", 5, &third), -EINVAL);
}

Test(keyring, nothing_opens_without_a_key)
{
        struct keyring none = {0};
        struct byte_buffer out = BYTE_BUFFER_INIT;

        cr_expect_eq(keyring_seal(&none, 1, nonce, pack_slice_of("x"), pack_slice_of(""), &out),
                     -EINVAL);
        cr_expect_eq(keyring_open(&none, pack_slice_of("\x01 some bytes that are long enough"),
                                  pack_slice_of(""), &out),
                     -EBADMSG);
        byte_buffer_fini(&out);
}
