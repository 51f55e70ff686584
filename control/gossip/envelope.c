#include "control/gossip/envelope.h"

#include <errno.h>

#define ENCRYPTION_VERSION 1u
#define STREAM_HEAD_BYTES  5u /* GOSSIP_ENCRYPT and a length, which are authenticated too */

static bool has_keys(const struct envelope *e)
{
        return e->keyring != NULL && e->keyring->key_count > 0;
}

static bool seals(const struct envelope *e)
{
        return has_keys(e) && !e->plain_out;
}

static struct pack_slice slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

size_t envelope_overhead(const struct envelope *e)
{
        return has_keys(e) ? KEYRING_OVERHEAD_MAX : 0;
}

int envelope_put_packet(const struct envelope *e, bool checksum, const uint8_t *nonce,
                        struct pack_slice content, struct byte_buffer *out)
{
        struct byte_buffer compressed = BYTE_BUFFER_INIT, checked = BYTE_BUFFER_INIT;
        int ret = 0;

        if (e->compress) {
                gossip_put_compressed(&compressed, content);
                content = slice_of(&compressed);
        }
        if (checksum) {
                gossip_put_checksummed(&checked, content);
                content = slice_of(&checked);
        }
        if (seals(e))
                ret = keyring_seal(e->keyring, ENCRYPTION_VERSION, nonce, content,
                                   (struct pack_slice){0}, out);
        else
                byte_buffer_append(out, content.bytes, content.length);
        byte_buffer_fini(&compressed);
        byte_buffer_fini(&checked);
        return ret;
}

int envelope_open_packet(const struct envelope *e, struct pack_slice packet,
                         struct byte_buffer *scratch, struct pack_slice *content)
{
        *content = packet;
        if (!has_keys(e))
                return 0;
        scratch->len = 0;
        if (keyring_open(e->keyring, packet, (struct pack_slice){0}, scratch) < 0) {
                if (e->plain_in)
                        return 0;
                return packet.length > 0 && packet.bytes[0] > ENCRYPTION_VERSION ? -EACCES
                                                                                 : -EBADMSG;
        }
        *content = slice_of(scratch);
        return 0;
}

static void put_head(uint8_t head[STREAM_HEAD_BYTES], size_t length)
{
        head[0] = GOSSIP_ENCRYPT;
        for (unsigned i = 0; i < 4; i++)
                head[1 + i] = (uint8_t)(length >> (8 * (3 - i)));
}

int envelope_put_stream(const struct envelope *e, const uint8_t *nonce, struct pack_slice message,
                        struct byte_buffer *out)
{
        struct byte_buffer compressed = BYTE_BUFFER_INIT;
        uint8_t head[STREAM_HEAD_BYTES];
        int ret = 0;

        if (e->compress) {
                gossip_put_compressed(&compressed, message);
                message = slice_of(&compressed);
        }
        if (seals(e)) {
                // Version, nonce and tag; version 1 does not pad.
                put_head(head, message.length + 1 + KEYRING_NONCE_BYTES + 16);
                byte_buffer_append(out, head, sizeof(head));
                ret = keyring_seal(e->keyring, ENCRYPTION_VERSION, nonce, message,
                                   (struct pack_slice){head, sizeof(head)}, out);
        } else {
                byte_buffer_append(out, message.bytes, message.length);
        }
        byte_buffer_fini(&compressed);
        return ret;
}

/* Passes over a push/pull's rows and user state. */
static bool skip_push_pull(struct msgpack_reader *r)
{
        struct gossip_push_pull head;

        if (gossip_get_push_pull(r, &head) < 0)
                return false;
        for (uint32_t i = 0; i < head.node_count; i++)
                if (pack_skip(r) < 0)
                        return false;
        if (head.user_state_length > (size_t)(r->end - r->at))
                return false;
        r->at += head.user_state_length;
        return true;
}

static bool skip_user_message(struct msgpack_reader *r)
{
        static const struct pack_field fields[] = {{"UserMsgLen", PACK_U32, 0}};
        uint32_t length = 0;

        if (pack_get_struct(r, fields, 1, &length) < 0 || length > (size_t)(r->end - r->at))
                return false;
        r->at += length;
        return true;
}

/* Whether the whole message is there: damage looks like bytes still missing, and runs into the
 * connection's bounds of time and size. */
static bool is_whole(struct pack_slice message)
{
        struct msgpack_reader r = {message.bytes + 1, message.bytes + message.length};

        if (message.length < 2)
                return false;
        if (message.bytes[0] == GOSSIP_PUSH_PULL)
                return skip_push_pull(&r);
        if (message.bytes[0] == GOSSIP_USER)
                return skip_user_message(&r);
        return pack_skip(&r) == 0;
}

static int decrypt(const struct envelope *e, struct pack_slice bytes, struct byte_buffer *scratch,
                   struct pack_slice *message)
{
        uint32_t length;

        if (!has_keys(e))
                return -EACCES;
        if (bytes.length < STREAM_HEAD_BYTES)
                return 0;
        length = (uint32_t)bytes.bytes[1] << 24 | (uint32_t)bytes.bytes[2] << 16 |
                 (uint32_t)bytes.bytes[3] << 8 | bytes.bytes[4];
        if (length > GOSSIP_EXPAND_MAX)
                return -E2BIG;
        if (bytes.length - STREAM_HEAD_BYTES < length)
                return 0;
        scratch->len = 0;
        if (keyring_open(e->keyring, (struct pack_slice){bytes.bytes + STREAM_HEAD_BYTES, length},
                         (struct pack_slice){bytes.bytes, STREAM_HEAD_BYTES}, scratch) < 0)
                return -EBADMSG;
        *message = slice_of(scratch);
        return 1;
}

int envelope_open_stream(const struct envelope *e, struct pack_slice bytes,
                         struct byte_buffer scratch[2], struct pack_slice *message)
{
        bool encrypted;
        int ret;

        if (bytes.length == 0)
                return 0;
        if (bytes.length > GOSSIP_EXPAND_MAX)
                return -E2BIG;
        encrypted = bytes.bytes[0] == GOSSIP_ENCRYPT;
        if (encrypted) {
                ret = decrypt(e, bytes, &scratch[0], &bytes);
                if (ret <= 0)
                        return ret;
        } else if (has_keys(e) && !e->plain_in) {
                return -EACCES;
        }
        if (bytes.length == 0)
                return -EBADMSG;
        if (bytes.bytes[0] == GOSSIP_COMPRESS) {
                if (!is_whole(bytes))
                        return encrypted ? -EBADMSG : 0;
                scratch[1].len = 0;
                ret = gossip_expand((struct pack_slice){bytes.bytes + 1, bytes.length - 1},
                                    &scratch[1]);
                if (ret < 0)
                        return ret;
                bytes = slice_of(&scratch[1]);
                encrypted = true;
        }
        *message = bytes;
        if (is_whole(bytes))
                return 1;
        return encrypted ? -EBADMSG : 0;
}
