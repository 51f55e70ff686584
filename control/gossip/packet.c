#include "control/gossip/message.h"

#include <errno.h>
#include <zlib.h>

#include "control/gossip/lzw.h"

#define NESTING_MAX    4u /* checksum, compression, compound, message */
#define CHECKSUM_BYTES 4u

/* The one algorithm there is. */
#define ALGORITHM_LZW 0u

struct compressed {
        uint8_t algorithm;
        struct pack_slice bytes;
};

static const struct pack_field compressed_fields[] = {
    PACK_FIELD(struct compressed, algorithm, "Algo", PACK_U8),
    PACK_FIELD(struct compressed, bytes, "Buf", PACK_RAW),
};

#define COMPRESSED_FIELDS (sizeof(compressed_fields) / sizeof(compressed_fields[0]))

static void put_type(struct byte_buffer *b, enum gossip_type type)
{
        uint8_t byte = (uint8_t)type;

        byte_buffer_append(b, &byte, 1);
}

static void put_big_endian(struct byte_buffer *b, uint32_t value, unsigned width)
{
        uint8_t bytes[4];

        for (unsigned i = 0; i < width; i++)
                bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
        byte_buffer_append(b, bytes, width);
}

static uint32_t big_endian(const uint8_t *bytes, unsigned width)
{
        uint32_t value = 0;

        for (unsigned i = 0; i < width; i++)
                value = value << 8 | bytes[i];
        return value;
}

void gossip_put_compound(struct byte_buffer *b, const struct pack_slice messages[], size_t count)
{
        uint8_t count_byte = (uint8_t)count;

        if (count > 1) {
                put_type(b, GOSSIP_COMPOUND);
                byte_buffer_append(b, &count_byte, 1);
                for (size_t i = 0; i < count; i++)
                        put_big_endian(b, messages[i].length, 2);
        }
        for (size_t i = 0; i < count; i++)
                byte_buffer_append(b, messages[i].bytes, messages[i].length);
}

void gossip_put_compressed(struct byte_buffer *b, struct pack_slice message)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct compressed compressed = {.algorithm = ALGORITHM_LZW};
        size_t before = b->len;

        lzw_compress(message.bytes, message.length, &bytes);
        compressed.bytes = (struct pack_slice){bytes.bytes, (uint32_t)bytes.len};
        put_type(b, GOSSIP_COMPRESS);
        pack_put_struct(b, compressed_fields, COMPRESSED_FIELDS, &compressed);
        if (b->len - before >= message.length) {
                b->len = before;
                byte_buffer_append(b, message.bytes, message.length);
        }
        byte_buffer_fini(&bytes);
}

static uint32_t checksum(const uint8_t *bytes, size_t length)
{
        return (uint32_t)crc32_z(0, bytes, length);
}

void gossip_put_checksummed(struct byte_buffer *b, struct pack_slice message)
{
        put_type(b, GOSSIP_CHECKSUM);
        put_big_endian(b, checksum(message.bytes, message.length), CHECKSUM_BYTES);
        byte_buffer_append(b, message.bytes, message.length);
}

int gossip_expand(struct pack_slice body, struct byte_buffer *out)
{
        struct msgpack_reader reader = pack_reader_of(body);
        struct compressed compressed = {0};

        if (pack_get_struct(&reader, compressed_fields, COMPRESSED_FIELDS, &compressed) < 0 ||
            compressed.algorithm != ALGORITHM_LZW)
                return -EBADMSG;
        return lzw_expand(compressed.bytes.bytes, compressed.bytes.length, GOSSIP_EXPAND_MAX, out);
}

/* Takes off the layers that wrap the whole packet. returns 0 with what is inside, or -EBADMSG. */
static int unwrap(struct pack_slice *packet, struct byte_buffer *scratch)
{
        for (unsigned depth = 0; depth < NESTING_MAX && packet->length > 0; depth++) {
                const uint8_t *bytes = packet->bytes;
                uint32_t length = packet->length;

                if (bytes[0] == GOSSIP_CHECKSUM) {
                        if (length <= 1 + CHECKSUM_BYTES ||
                            big_endian(bytes + 1, CHECKSUM_BYTES) !=
                                checksum(bytes + 1 + CHECKSUM_BYTES, length - 1 - CHECKSUM_BYTES))
                                return -EBADMSG;
                        *packet = (struct pack_slice){bytes + 1 + CHECKSUM_BYTES,
                                                      length - 1 - CHECKSUM_BYTES};
                } else if (bytes[0] == GOSSIP_COMPRESS && scratch->len == 0) {
                        if (gossip_expand((struct pack_slice){bytes + 1, length - 1}, scratch) < 0)
                                return -EBADMSG;
                        *packet = (struct pack_slice){scratch->bytes, (uint32_t)scratch->len};
                } else {
                        return bytes[0] == GOSSIP_COMPRESS ? -EBADMSG : 0;
                }
        }
        return -EBADMSG;
}

static bool is_wrapper(uint8_t type)
{
        return type == GOSSIP_COMPOUND || type == GOSSIP_COMPRESS || type == GOSSIP_CHECKSUM ||
               type == GOSSIP_ENCRYPT;
}

int gossip_unpack(struct pack_slice packet, struct byte_buffer *scratch, gossip_message_fn fn,
                  void *arg)
{
        size_t count, at;

        scratch->len = 0;
        if (unwrap(&packet, scratch) < 0)
                return -EBADMSG;
        if (packet.bytes[0] != GOSSIP_COMPOUND) {
                if (is_wrapper(packet.bytes[0]))
                        return -EBADMSG;
                fn(arg, packet.bytes[0], (struct pack_slice){packet.bytes + 1, packet.length - 1});
                return 0;
        }
        count = packet.length > 1 ? packet.bytes[1] : 0;
        at = 2 + 2 * count;
        if (packet.length < 2 || at > packet.length)
                return -EBADMSG;
        for (size_t i = 0; i < count; i++) {
                uint32_t length = big_endian(packet.bytes + 2 + 2 * i, 2);
                const uint8_t *message = packet.bytes + at;

                if (length == 0 || length > packet.length - at || is_wrapper(message[0]))
                        return -EBADMSG;
                fn(arg, message[0], (struct pack_slice){message + 1, length - 1});
                at += length;
        }
        return 0;
}
