#include "control/gossip/keyring.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#define TAG_BYTES   16u
#define BLOCK_BYTES 16u

int keyring_key_make(const uint8_t *bytes, size_t length, struct keyring_key *out)
{
        if (length != 16 && length != 24 && length != 32)
                return -EINVAL;
        *out = (struct keyring_key){.length = (uint8_t)length};
        memcpy(out->bytes, bytes, length);
        return 0;
}

static bool same_key(const struct keyring_key *a, const struct keyring_key *b)
{
        return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static unsigned find_key(const struct keyring *ring, const struct keyring_key *key)
{
        unsigned i = 0;

        while (i < ring->key_count && !same_key(&ring->keys[i], key))
                i++;
        return i;
}

int keyring_install(struct keyring *ring, const struct keyring_key *key)
{
        if (find_key(ring, key) < ring->key_count)
                return 0;
        if (ring->key_count == KEYRING_KEY_MAX)
                return -ENOSPC;
        ring->keys[ring->key_count++] = *key;
        return 0;
}

int keyring_use(struct keyring *ring, const struct keyring_key *key)
{
        struct keyring_key primary = *key;
        unsigned at = find_key(ring, key);

        if (at == ring->key_count)
                return -ENOENT;
        memmove(&ring->keys[1], &ring->keys[0], at * sizeof(ring->keys[0]));
        ring->keys[0] = primary;
        return 0;
}

int keyring_remove(struct keyring *ring, const struct keyring_key *key)
{
        unsigned at = find_key(ring, key);

        if (at == ring->key_count)
                return 0;
        if (at == 0)
                return -EBUSY;
        ring->key_count--;
        memmove(&ring->keys[at], &ring->keys[at + 1],
                (ring->key_count - at) * sizeof(ring->keys[0]));
        return 0;
}

static int open_cipher(const struct keyring_key *key, gnutls_aead_cipher_hd_t *out)
{
        gnutls_cipher_algorithm_t algorithm = key->length == 16   ? GNUTLS_CIPHER_AES_128_GCM
                                              : key->length == 24 ? GNUTLS_CIPHER_AES_192_GCM
                                                                  : GNUTLS_CIPHER_AES_256_GCM;
        gnutls_datum_t datum = {(unsigned char *)key->bytes, key->length};

        return gnutls_aead_cipher_init(out, algorithm, &datum) < 0 ? -EIO : 0;
}

/* Room at a buffer's end; the caller accounts for what it fills. */
static uint8_t *reserve(struct byte_buffer *b, size_t length)
{
        static const uint8_t zeros[256];
        size_t before = b->len;

        for (size_t left = length; left > 0;) {
                size_t part = left < sizeof(zeros) ? left : sizeof(zeros);

                byte_buffer_append(b, zeros, part);
                left -= part;
        }
        b->len = before;
        return b->bytes == NULL ? NULL : b->bytes + before;
}

static void append_padding(struct byte_buffer *b, uint32_t plain_length)
{
        uint8_t padding[BLOCK_BYTES];
        unsigned count = BLOCK_BYTES - plain_length % BLOCK_BYTES;

        memset(padding, (int)count, sizeof(padding));
        byte_buffer_append(b, padding, count);
}

static int encrypt(const struct keyring *ring, const uint8_t *nonce, struct pack_slice plain,
                   struct pack_slice context, struct byte_buffer *out)
{
        gnutls_aead_cipher_hd_t cipher;
        size_t sealed_length = plain.length + TAG_BYTES;
        uint8_t *sealed = reserve(out, sealed_length);
        int ret;

        if (open_cipher(&ring->keys[0], &cipher) < 0)
                return -EIO;
        ret = gnutls_aead_cipher_encrypt(cipher, nonce, KEYRING_NONCE_BYTES, context.bytes,
                                         context.length, TAG_BYTES, plain.bytes, plain.length,
                                         sealed, &sealed_length);
        gnutls_aead_cipher_deinit(cipher);
        if (ret < 0)
                return -EIO;
        out->len += sealed_length;
        return 0;
}

int keyring_seal(const struct keyring *ring, unsigned version, const uint8_t *nonce,
                 struct pack_slice plain, struct pack_slice context, struct byte_buffer *out)
{
        struct byte_buffer padded = BYTE_BUFFER_INIT;
        uint8_t version_byte = (uint8_t)version;
        size_t before = out->len;
        int ret;

        if (ring->key_count == 0 || version > 1)
                return -EINVAL;
        if (version == 0) {
                byte_buffer_append(&padded, plain.bytes, plain.length);
                append_padding(&padded, plain.length);
                plain = (struct pack_slice){padded.bytes, (uint32_t)padded.len};
        }
        byte_buffer_append(out, &version_byte, 1);
        byte_buffer_append(out, nonce, KEYRING_NONCE_BYTES);
        ret = encrypt(ring, nonce, plain, context, out);
        if (ret < 0)
                out->len = before;
        byte_buffer_fini(&padded);
        return ret;
}

static int decrypt(const struct keyring_key *key, struct pack_slice sealed,
                   struct pack_slice context, uint8_t *plain, size_t *plain_length)
{
        const uint8_t *nonce = sealed.bytes + 1;
        gnutls_aead_cipher_hd_t cipher;
        int ret;

        if (open_cipher(key, &cipher) < 0)
                return -EBADMSG;
        ret = gnutls_aead_cipher_decrypt(cipher, nonce, KEYRING_NONCE_BYTES, context.bytes,
                                         context.length, TAG_BYTES, nonce + KEYRING_NONCE_BYTES,
                                         sealed.length - 1 - KEYRING_NONCE_BYTES, plain,
                                         plain_length);
        gnutls_aead_cipher_deinit(cipher);
        return ret < 0 ? -EBADMSG : 0;
}

static int strip_padding(const uint8_t *plain, size_t *length)
{
        unsigned count = *length > 0 ? plain[*length - 1] : 0;

        if (count == 0 || count > BLOCK_BYTES || count > *length)
                return -EBADMSG;
        *length -= count;
        return 0;
}

int keyring_open(const struct keyring *ring, struct pack_slice sealed, struct pack_slice context,
                 struct byte_buffer *out)
{
        size_t room, length;
        uint8_t *plain;

        if (sealed.length < 1 + KEYRING_NONCE_BYTES + TAG_BYTES || sealed.bytes[0] > 1)
                return -EBADMSG;
        room = sealed.length - 1 - KEYRING_NONCE_BYTES;
        plain = reserve(out, room);
        for (unsigned i = 0; i < ring->key_count; i++) {
                length = room;
                if (decrypt(&ring->keys[i], sealed, context, plain, &length) < 0)
                        continue;
                if (sealed.bytes[0] == 0 && strip_padding(plain, &length) < 0)
                        return -EBADMSG;
                out->len += length;
                return 0;
        }
        return -EBADMSG;
}
