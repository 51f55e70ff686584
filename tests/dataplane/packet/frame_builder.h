#ifndef LICTOR_TEST_FRAME_BUILDER_H
#define LICTOR_TEST_FRAME_BUILDER_H

/**
 * Frames by hand for tests: each call appends one header, frame_seal fills lengths and checksums
 * with an implementation of its own.
 */

#include <stddef.h>
#include <stdint.h>

#include "dataplane/packet/frame.h"

#define BUILD_CAPACITY 2048u

struct build {
        uint8_t bytes[BUILD_CAPACITY];
        uint16_t length;
        uint16_t l3; /* offsets of the innermost headers; 0 when there is none */
        uint16_t l4;
        uint8_t protocol;
};

#define HOST_MAC   "\x02\0\0\0\0\x02"
#define CLIENT_MAC "\x02\0\0\0\0\x01"
#define OTHER_MAC  "\x02\0\0\0\0\x09"
#define BROADCAST  "\xff\xff\xff\xff\xff\xff"

#define HOST_IP   "\x0a\x63\0\x02"
#define HOST_IP2  "\x0a\x63\0\x03"
#define CLIENT_IP "\x0a\x63\0\x01"
#define OTHER_IP  "\x0a\x63\0\x09"

#define HOST_IP6   "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\xab\xcd\xef"
#define CLIENT_IP6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
#define OTHER_IP6  "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09"
#define SOLICITED6 "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\xab\xcd\xef"
#define ALL_NODES6 "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
#define ZERO6      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define LOOPBACK6  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
#define MAPPED6    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x63\0\x01"

#define DNS_PORT    8600
#define CLIENT_PORT 40000

/** A host with two IPv4 addresses and one IPv6 address. */
struct frame_host test_host(bool has_exception);

/** The client of the builders, as a host that listens on CLIENT_PORT. */
struct frame_host test_client(void);

void build_bytes(struct build *b, const void *bytes, size_t n);
void build_ether(struct build *b, const char *to, const char *from, uint16_t ethertype);
/* Follows build_ether, whose ethertype was the tag's. */
void build_vlan(struct build *b, uint16_t tag, uint16_t ethertype);
void build_arp(struct build *b, uint16_t operation, const char *sender_mac, const char *sender_ip,
               const char *target_mac, const char *target_ip);
void build_ipv4(struct build *b, const char *from, const char *to, uint8_t protocol);
void build_ipv6(struct build *b, const char *from, const char *to, uint8_t next_header);
void build_udp(struct build *b, uint16_t from_port, uint16_t to_port);
/* Type, code, checksum to be filled, and four bytes of body. */
void build_icmp(struct build *b, uint8_t type, uint8_t code, uint32_t body);

/** Fill IP and UDP lengths and all checksums. */
void build_seal(struct build *b);
/** Fill the checksums only, after lengths or fields were spoilt on purpose. */
void build_checksums(struct build *b);

/** The naive one's complement sum over a pseudo-header and data; 0xffff when it checks. */
uint16_t naive_sum(const uint8_t *pseudo, size_t pseudo_length, const uint8_t *data, size_t length);
/** Are all checksums of the sealed or answered frame right? Reads headers by itself. */
bool checksums_right(const uint8_t *frame, uint16_t l2_length);

/** A sealed query of the given payload, from client to host. */
struct build query4(const void *payload, size_t n);
struct build query6(const void *payload, size_t n);

/** Classify with unknown checksums. */
enum frame_verdict classify(const struct frame_host *host, struct build *b,
                            struct frame_info *info);

#endif
