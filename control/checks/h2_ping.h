#ifndef CONTROL_CHECKS_H2_PING_H
#define CONTROL_CHECKS_H2_PING_H

// As much of HTTP/2 (RFC 9113) as a PING takes: the preface, our SETTINGS and PING, and reading
// frames until the PING is answered. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H2_HELLO_LEN     (24 + 9 + 17)
#define H2_FRAME_LEN_MAX 16384
#define H2_ACK_LEN       9

// What the peer's bytes amount to so far.
enum h2_ping_event {
        H2_PING_WAIT,     // more has to come
        H2_PING_SETTINGS, // its SETTINGS are to be acknowledged (h2_settings_ack)
        H2_PING_ANSWERED,
        H2_PING_REFUSED, // it said GOAWAY
        H2_PING_BROKEN   // it does not speak HTTP/2
};

struct h2_ping {
        uint8_t payload[8];
        uint8_t header[9];
        uint32_t header_len; // bytes of it that are there
        uint32_t body_len;   // of the current frame
        uint32_t body_at;
        bool has_settings; // the first frame must be SETTINGS
        uint8_t answer[8];
};

/** Begin, and write what is sent first. @payload told back by the peer. */
void h2_ping_init(struct h2_ping *ping, const uint8_t payload[8], uint8_t hello[H2_HELLO_LEN]);

/**
 * Take bytes of the peer; call again with what was not used after an event.
 * @used    bytes taken; all of them when more has to come.
 */
enum h2_ping_event h2_ping_take(struct h2_ping *ping, const uint8_t *bytes, size_t len,
                                size_t *used);

/** Write an acknowledgement of SETTINGS. */
void h2_settings_ack(uint8_t out[H2_ACK_LEN]);

#endif
