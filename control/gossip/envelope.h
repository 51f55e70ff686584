#ifndef CONTROL_GOSSIP_ENVELOPE_H
#define CONTROL_GOSSIP_ENVELOPE_H

/**
 * What goes around messages on the network: a packet's checksum, compression and encryption, and a
 * stream's. With keys in the ring everything sent is encrypted and everything received has to be;
 * without, nothing may be. Pure.
 */

#include "control/gossip/keyring.h"
#include "control/gossip/message.h"

struct envelope {
        const struct keyring *keyring; /* borrowed; may be empty or NULL */
        bool compress;
        bool plain_in, plain_out; /* take, or send, plain bytes although there are keys */
};

/** Bytes that encryption adds to a packet; 0 without keys. */
size_t envelope_overhead(const struct envelope *e);

/**
 * Wrap a packet's content for one receiver.
 * @checksum  the receiver understands one.
 * @nonce     KEYRING_NONCE_BYTES, never used before.
 * @out       appended to.
 * returns    0 or -EIO.
 */
int envelope_put_packet(const struct envelope *e, bool checksum, const uint8_t *nonce,
                        struct pack_slice content, struct byte_buffer *out);

/**
 * Take the encryption off a packet; gossip_unpack does the rest.
 * @scratch  holds what was encrypted.
 * returns   0; -EBADMSG for what no key opens; -EACCES for plain bytes where there are keys.
 */
int envelope_open_packet(const struct envelope *e, struct pack_slice packet,
                         struct byte_buffer *scratch, struct pack_slice *content);

/** Wrap a message for a stream. returns 0 or -EIO. */
int envelope_put_stream(const struct envelope *e, const uint8_t *nonce, struct pack_slice message,
                        struct byte_buffer *out);

/**
 * Take a stream's first message out of its wrappers, once all of it is there.
 * @scratch  two of them, which hold what was encrypted and what was compressed.
 * @message  its type byte, and what is behind it.
 * returns   1; 0 for more bytes are needed; -EBADMSG; -EACCES for plain bytes where there are keys
 * or the reverse; -E2BIG beyond GOSSIP_EXPAND_MAX.
 */
int envelope_open_stream(const struct envelope *e, struct pack_slice bytes,
                         struct byte_buffer scratch[2], struct pack_slice *message);

#endif
