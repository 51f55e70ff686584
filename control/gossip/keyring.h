#ifndef CONTROL_GOSSIP_KEYRING_H
#define CONTROL_GOSSIP_KEYRING_H

/**
 * Gossip encryption as memberlist does it: AES-GCM (RFC 5116 AEAD_AES_*_GCM) with a nonce of 12
 * bytes and a tag of 16 behind a version byte; version 0 pads to 16 bytes (PKCS #7), version 1 does
 * not. Every installed key is tried on what arrives; the primary one encrypts. Keys are of 16, 24
 * or 32 bytes.
 */

#include "control/pack/pack.h"

#define KEYRING_KEY_MAX      8u
#define KEYRING_NONCE_BYTES  12u
#define KEYRING_OVERHEAD_MAX 45u /* version, nonce, tag, and a full block of padding */

struct keyring_key {
        uint8_t length;
        uint8_t bytes[32];
};

/* keys[0] is the primary one. Zeroed it is an empty ring: encryption is off. */
struct keyring {
        unsigned key_count;
        struct keyring_key keys[KEYRING_KEY_MAX];
};

/** returns 0 with a key made of these bytes, or -EINVAL: 16, 24 or 32 bytes are needed. */
int keyring_key_make(const uint8_t *bytes, size_t length, struct keyring_key *out);

/** Add a key behind the others; one that is there stays where it is. returns 0 or -ENOSPC. */
int keyring_install(struct keyring *ring, const struct keyring_key *key);
/** Make an installed key the primary one. returns 0 or -ENOENT. */
int keyring_use(struct keyring *ring, const struct keyring_key *key);
/** Remove a key. returns 0, also when it is not there; -EBUSY for the primary one. */
int keyring_remove(struct keyring *ring, const struct keyring_key *key);

/**
 * Append the encrypted bytes.
 * @version  0 or 1.
 * @nonce    KEYRING_NONCE_BYTES that were never used with this key before.
 * @context  authenticated too, not sent.
 * returns   0; -EINVAL for an empty ring; -EIO when the cipher fails.
 */
int keyring_seal(const struct keyring *ring, unsigned version, const uint8_t *nonce,
                 struct pack_slice plain, struct pack_slice context, struct byte_buffer *out);

/**
 * Append the decrypted bytes.
 * returns  0; -EBADMSG for what no key opens.
 */
int keyring_open(const struct keyring *ring, struct pack_slice sealed, struct pack_slice context,
                 struct byte_buffer *out);

#endif
