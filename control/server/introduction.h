#ifndef CONTROL_SERVER_INTRODUCTION_H
#define CONTROL_SERVER_INTRODUCTION_H

/** What two servers tell each other when they meet, and every so often afterwards. */

#include "control/server/discovery.h"
#include "control/store/msgpack.h"

#define INTRODUCTION_BYTES_MAX 65536u
#define FOUNDER_MAX            16u

/* One server of a first configuration. */
struct founder {
        char node_id[37];
        char address[SERVER_ADDRESS_MAX];
};

struct introduction {
        struct server_info own;
        /* Its first configuration, as long as its log holds nothing else. */
        struct founder founders[FOUNDER_MAX];
        unsigned founder_count;
};

/** Append an introduction's encoding. */
void introduction_encode(const struct introduction *in, struct byte_buffer *out);

/** Read one; its texts are checked to be what they stand for. returns  0 or -EBADMSG. */
int introduction_decode(const uint8_t *bytes, size_t len, struct introduction *out);

/**
 * Read an address "ip:port" or "[ip]:port", or an IP address alone.
 * @default_port  for an address without one; 0: a port is needed.
 * @out           in the one spelling that addresses are compared in.
 * returns  0 or -EINVAL.
 */
int server_address_parse(const char *text, uint16_t default_port, char out[SERVER_ADDRESS_MAX]);

#endif
