// Arbitrary bytes as what the targets of checks answer: gRPC messages, HTTP/2 frames, Docker's
// stream, each whole and a piece at a time; the pieces must not matter.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/checks/docker_stream.h"
#include "control/checks/grpc_message.h"
#include "control/checks/h2_ping.h"
#include "control/grpc/grpc_wire.h"

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A sum over the events and where they were.
static uint64_t play_h2(const uint8_t *data, size_t size, size_t piece)
{
        struct h2_ping ping;
        uint8_t hello[H2_HELLO_LEN];
        uint64_t sum = 0;
        size_t at = 0, used;

        h2_ping_init(&ping, (const uint8_t *)"ABCDEFGH", hello);
        while (at < size) {
                size_t len = piece < size - at ? piece : size - at;
                enum h2_ping_event event = h2_ping_take(&ping, data + at, len, &used);

                CHECK(used > 0 && used <= len && (event != H2_PING_WAIT || used == len));
                at += used;
                if (event != H2_PING_WAIT)
                        sum = sum * 31 + at * 8 + event;
                if (event > H2_PING_SETTINGS)
                        break;
        }
        return sum;
}

static uint64_t play_docker(const uint8_t *data, size_t size, size_t piece)
{
        struct docker_stream stream = {0};
        uint64_t sum = 0;
        size_t at = 0, used;
        const uint8_t *found;

        while (at < size) {
                size_t len = piece < size - at ? piece : size - at;
                size_t got = docker_stream_take(&stream, data + at, len, &used, &found);

                CHECK(used > 0 && used <= len);
                CHECK(got == 0 || (found >= data + at && found + got == data + at + used));
                for (size_t i = 0; i < got; i++)
                        sum = sum * 31 + found[i];
                at += used;
        }
        return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char text[64];
        int status = 0;

        if (grpc_response_read(data, size, &status) == 0)
                CHECK(status >= 0 && status <= 127);
        snprintf(text, sizeof(text), "%.*s", (int)(size < 60 ? size : 60), (const char *)data);
        status = (int)strlen(text);
        grpc_status_text_decode(text);
        CHECK((int)strlen(text) <= status);
        for (size_t piece = 1; piece < 12; piece += 3) {
                CHECK(play_h2(data, size, piece) == play_h2(data, size, size + 1));
                CHECK(play_docker(data, size, piece) == play_docker(data, size, size + 1));
        }
        return 0;
}
