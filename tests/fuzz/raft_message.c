// The first byte of the input says what the rest claims to be: a frame as it is, or a body that
// gets a right header first, so that the checksum does not keep the fuzzer out.

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "raft/transport/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
        for (unsigned i = 0; i < bytes; i++)
                at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

// What decodes must encode to the same bytes.
static void decode(const uint8_t *frame, size_t length)
{
        struct codec_entries room = {0};
        struct raft_message message;
        struct codec_hello hello;
        size_t total;

        if (codec_frame_length(frame, length, &total) == 0 && total == length) {
                if (codec_decode_message(frame, length, &room, &message) == 0) {
                        uint8_t *again;

                        if (codec_message_length(&message) != length)
                                abort();
                        again = malloc(length);
                        if (again == NULL)
                                abort();
                        codec_encode_message(&message, again);
                        if (memcmp(again, frame, length) != 0)
                                abort();
                        free(again);
                }
                codec_decode_hello(frame, length, &hello);
        }
        codec_entries_fini(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *frame;

        if (size < 1 || size > 65536)
                return 0;
        frame = malloc(CODEC_HEADER + size);
        if (frame == NULL)
                return 0;
        if (data[0] == 0) {
                memcpy(frame, data + 1, size - 1);
                decode(frame, size - 1);
        } else {
                memcpy(frame + CODEC_HEADER, data + 1, size - 1);
                put(frame, size - 1, 4);
                put(frame + 4, XXH3_64bits(frame + CODEC_HEADER, size - 1), 8);
                decode(frame, CODEC_HEADER + size - 1);
        }
        free(frame);
        return 0;
}
