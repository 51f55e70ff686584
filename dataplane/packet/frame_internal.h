#ifndef LICTOR_FRAME_INTERNAL_H
#define LICTOR_FRAME_INTERNAL_H

/* Shared by the files of this folder: header layouts and the steps of frame_classify. */

#include <string.h>

#include "dataplane/packet/frame.h"
#include "lictor/bytes.h"

enum {
        ETHER_LENGTH = 14,
        ETHER_SOURCE = 6,
        ETHER_TYPE = 12,
        VLAN_LENGTH = 4,
        VLAN_TAGS_MAX = 2,
        MAC_LENGTH = 6,

        ARP_LENGTH = 28,

        IPV4_LENGTH = 20,
        IPV4_TOTAL_LENGTH = 2,
        IPV4_ID = 4,
        IPV4_FRAGMENT = 6,
        IPV4_TTL = 8,
        IPV4_PROTOCOL = 9,
        IPV4_CHECKSUM = 10,
        IPV4_SOURCE = 12,
        IPV4_DESTINATION = 16,

        IPV6_LENGTH = 40,
        IPV6_PAYLOAD_LENGTH = 4,
        IPV6_NEXT_HEADER = 6,
        IPV6_HOP_LIMIT = 7,
        IPV6_SOURCE = 8,
        IPV6_DESTINATION = 24,

        UDP_LENGTH = 8,
        UDP_SOURCE_PORT = 0,
        UDP_DESTINATION_PORT = 2,
        UDP_DATAGRAM_LENGTH = 4,
        UDP_CHECKSUM = 6,

        ICMP_LENGTH = 8,
        ICMP_CHECKSUM = 2,

        PROTOCOL_ICMP = 1,
        PROTOCOL_UDP = 17,
        PROTOCOL_ICMPV6 = 58,

        REPLY_TTL = 64,
        NDP_HOP_LIMIT = 255,
};

/* One frame on its way through the classifier. */
struct frame_packet {
        const struct frame_host *host;
        uint8_t *data;
        struct frame_info *info;
        uint16_t length;
        uint16_t capacity;
        struct frame_checksums checksums;
        bool unicast; /* sent to our MAC, not to a group */
};

/* What is not ours goes to the kernel interface, if there is one. */
static inline enum frame_verdict frame_leave(const struct frame_packet *p,
                                             enum frame_verdict without_exception)
{
        return p->host->has_exception ? FRAME_EXCEPTION : without_exception;
}

static inline bool frame_mac_equal(const uint8_t *a, const uint8_t *b)
{
        return memcmp(a, b, MAC_LENGTH) == 0;
}

static inline bool frame_mac_is_group(const uint8_t *mac)
{
        return (mac[0] & 1) != 0;
}

static inline bool frame_is_our_ipv4(const struct frame_host *host, const uint8_t *address)
{
        for (unsigned i = 0; i < host->ipv4_count; i++) {
                if (memcmp(host->ipv4[i], address, 4) == 0)
                        return true;
        }
        return false;
}

static inline bool frame_is_our_ipv6(const struct frame_host *host, const uint8_t *address)
{
        for (unsigned i = 0; i < host->ipv6_count; i++) {
                if (memcmp(host->ipv6[i], address, 16) == 0)
                        return true;
        }
        return false;
}

/* Send the frame back: to whom it came from, or to the given MAC. */
static inline void frame_turn_ether(const struct frame_host *host, uint8_t *data)
{
        memcpy(data, data + ETHER_SOURCE, MAC_LENGTH);
        memcpy(data + ETHER_SOURCE, host->mac, MAC_LENGTH);
}

static inline void frame_send_ether(const struct frame_host *host, uint8_t *data,
                                    const uint8_t *destination)
{
        memcpy(data, destination, MAC_LENGTH);
        memcpy(data + ETHER_SOURCE, host->mac, MAC_LENGTH);
}

/* May this source be answered? Not group, loopback, unspecified, or our own: 0/8 is "this network",
 * 127/8 loopback, 224/3 multicast, reserved and broadcast (RFC 1122 3.2.1.3). */
static inline bool frame_source_ipv4_good(const struct frame_host *host, const uint8_t *address)
{
        return address[0] != 0 && address[0] != 127 && address[0] < 224 &&
               !frame_is_our_ipv4(host, address);
}
/** May this source be answered? Not group, loopback, unspecified, mapped, or our own. */
bool frame_source_ipv6_good(const struct frame_host *host, const uint8_t *address);

/** Exchange the header's addresses. */
void frame_swap_ipv6(uint8_t *ip);

/**
 * Recognise the frame nearly every query comes in: untagged, IPv4 without options or fragments,
 * nothing wrong with it.
 * returns  whether it is one, with info set as frame_classify sets it for FRAME_DNS; of any other
 *          frame, queries among them, nothing is said.
 */
bool frame_classify_plain(const struct frame_host *host, const uint8_t *data, uint16_t length,
                          uint16_t capacity, struct frame_checksums checksums,
                          struct frame_info *info);

/** Classify any frame; the contract of frame_classify. */
enum frame_verdict frame_classify_any(const struct frame_host *host, uint8_t *data, uint16_t length,
                                      uint16_t capacity, struct frame_checksums checksums,
                                      struct frame_info *info);

/** Classify what follows the Ethernet header. */
enum frame_verdict frame_classify_arp(const struct frame_packet *p);
enum frame_verdict frame_classify_ipv4(const struct frame_packet *p);
enum frame_verdict frame_classify_ipv6(const struct frame_packet *p);

/**
 * Classify an IP payload at data + offset, of which length bytes are in the frame.
 * @obstacle  FRAME_DNS, or why a query in this packet cannot be answered: the IP header has
 *            options, or the packet is a first fragment.
 */
enum frame_verdict frame_classify_udp(const struct frame_packet *p, uint16_t offset,
                                      uint16_t length, enum frame_verdict obstacle);
enum frame_verdict frame_classify_icmp(const struct frame_packet *p, uint16_t offset,
                                       uint16_t length);
enum frame_verdict frame_classify_icmpv6(const struct frame_packet *p, uint16_t offset,
                                         uint16_t length);

/** A neighbour solicitation whose ICMPv6 checksum is right. */
enum frame_verdict frame_answer_solicitation(const struct frame_packet *p, uint16_t offset,
                                             uint16_t length);

#endif
