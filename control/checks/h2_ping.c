#include "control/checks/h2_ping.h"

#include <string.h>

#include "lictor/bytes.h"

#define FRAME_SETTINGS 4
#define FRAME_PING     6
#define FRAME_GOAWAY   7
#define FLAG_ACK       1

static void write_header(uint8_t *out, uint32_t len, uint8_t type, uint8_t flags)
{
        out[0] = (uint8_t)(len >> 16);
        out[1] = (uint8_t)(len >> 8);
        out[2] = (uint8_t)len;
        out[3] = type;
        out[4] = flags;
        store_be32(out + 5, 0);
}

void h2_ping_init(struct h2_ping *ping, const uint8_t payload[8], uint8_t hello[H2_HELLO_LEN])
{
        static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

        *ping = (struct h2_ping){0};
        memcpy(ping->payload, payload, 8);
        memcpy(hello, preface, 24);
        write_header(hello + 24, 0, FRAME_SETTINGS, 0);
        write_header(hello + 33, 8, FRAME_PING, 0);
        memcpy(hello + 42, payload, 8);
}

void h2_settings_ack(uint8_t out[H2_ACK_LEN])
{
        write_header(out, 0, FRAME_SETTINGS, FLAG_ACK);
}

static enum h2_ping_event check_header(struct h2_ping *ping)
{
        ping->body_len =
            (uint32_t)ping->header[0] << 16 | (uint32_t)ping->header[1] << 8 | ping->header[2];
        ping->body_at = 0;
        if (ping->body_len > H2_FRAME_LEN_MAX)
                return H2_PING_BROKEN;
        if (!ping->has_settings &&
            (ping->header[3] != FRAME_SETTINGS || (ping->header[4] & FLAG_ACK) != 0))
                return H2_PING_BROKEN;
        if (ping->header[3] == FRAME_PING && ping->body_len != 8)
                return H2_PING_BROKEN;
        return H2_PING_WAIT;
}

static enum h2_ping_event end_frame(struct h2_ping *ping)
{
        bool is_ack = (ping->header[4] & FLAG_ACK) != 0;

        ping->header_len = 0;
        switch (ping->header[3]) {
        case FRAME_SETTINGS:
                ping->has_settings = true;
                return is_ack ? H2_PING_WAIT : H2_PING_SETTINGS;
        case FRAME_PING:
                return is_ack && memcmp(ping->answer, ping->payload, 8) == 0 ? H2_PING_ANSWERED
                                                                             : H2_PING_WAIT;
        case FRAME_GOAWAY:
                return H2_PING_REFUSED;
        default:
                return H2_PING_WAIT;
        }
}

enum h2_ping_event h2_ping_take(struct h2_ping *ping, const uint8_t *bytes, size_t len,
                                size_t *used)
{
        enum h2_ping_event event = H2_PING_WAIT;
        size_t at = 0;

        while (at < len && event == H2_PING_WAIT) {
                size_t part;

                if (ping->header_len < sizeof(ping->header)) {
                        ping->header[ping->header_len++] = bytes[at++];
                        if (ping->header_len < sizeof(ping->header))
                                continue;
                        event = check_header(ping);
                } else {
                        part = ping->body_len - ping->body_at;
                        part = part < len - at ? part : len - at;
                        if (ping->header[3] == FRAME_PING)
                                memcpy(ping->answer + ping->body_at, bytes + at, part);
                        ping->body_at += (uint32_t)part;
                        at += part;
                }
                if (event == H2_PING_WAIT && ping->body_at == ping->body_len)
                        event = end_frame(ping);
        }
        *used = at;
        return event;
}
