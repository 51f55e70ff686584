#ifndef LICTOR_FRAME_H
#define LICTOR_FRAME_H

/**
 * Ethernet frames on the fast path: classify, answer ARP, NDP and echo in place, and turn a DNS
 * query's frame into its answer's.
 *
 * Pure: works on one contiguous buffer; knows no mbufs. Ethernet II, one or two VLAN tags, IPv4
 * (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), ARP (RFC 826), NDP (RFC 4861), ICMP (RFC 792, 4443).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_ADDRESS_MAX 8u

/* A port's identity on the wire. All addresses in network byte order. */
struct frame_host {
        uint8_t mac[6];
        uint16_t mtu; /* of IP packets: the largest answer sent */
        uint16_t dns_port;
        bool has_exception; /* a kernel interface takes what is not ours */
        uint8_t ipv4_count;
        uint8_t ipv6_count;
        uint8_t ipv4[FRAME_ADDRESS_MAX][4];
        uint8_t ipv6[FRAME_ADDRESS_MAX][16];
};

enum frame_verdict {
        FRAME_DNS,       /* a query for us; info says where the message lies */
        FRAME_REPLY,     /* answered in place (ARP, NDP, echo); info.frame_length is the answer's */
        FRAME_EXCEPTION, /* for the kernel interface */
        FRAME_DROP_SHORT,
        FRAME_DROP_NOT_FOR_US,
        FRAME_DROP_UNKNOWN_ETHERTYPE,
        FRAME_DROP_BAD_IP_HEADER,
        FRAME_DROP_BAD_IP_CHECKSUM,
        FRAME_DROP_FRAGMENT,
        FRAME_DROP_IP_OPTIONS,
        FRAME_DROP_BAD_SOURCE, /* multicast, loopback, our own, or port 0: never answered */
        FRAME_DROP_BAD_UDP_LENGTH,
        FRAME_DROP_BAD_UDP_CHECKSUM,
        FRAME_DROP_BAD_ARP,
        FRAME_DROP_BAD_ICMP,
        FRAME_DROP_UNHANDLED, /* well-formed, not ours, and no kernel interface */
        FRAME_VERDICT_COUNT
};

/* Text for metrics and logs, e.g. "bad_udp_checksum". */
const char *frame_verdict_name(enum frame_verdict verdict);

/* What the port already knows about a received frame's checksums. */
enum frame_checksum_status { FRAME_CHECKSUM_UNKNOWN, FRAME_CHECKSUM_GOOD, FRAME_CHECKSUM_BAD };

struct frame_checksums {
        uint8_t ip;  /* enum frame_checksum_status */
        uint8_t udp; /* enum frame_checksum_status */
};

struct frame_info {
        uint16_t l2_length;      /* Ethernet header with VLAN tags */
        uint16_t l3_length;      /* IP header */
        uint16_t message_offset; /* DNS message, from the frame's first byte */
        uint16_t message_length;
        uint16_t message_max;  /* largest answer payload that fits the MTU and the capacity */
        uint16_t frame_length; /* of the reply, with FRAME_REPLY */
        uint8_t ip_version;    /* 4 or 6 */
        bool sum_known;        /* the UDP checksum was found right here: frame_finish_changed */
};

/**
 * Classify one frame; ARP, NDP and echo requests for us are rewritten into their replies.
 * No reply is longer than its request, but for an NDP solicitation sent to a group without options:
 * its advertisement must carry our MAC and has eight bytes more. A frame that is not answered in
 * place is not changed.
 * @length    bytes at data; every field inside is checked against it.
 * @capacity  bytes writable at data, at least length.
 */
enum frame_verdict frame_classify(const struct frame_host *host, uint8_t *data, uint16_t length,
                                  uint16_t capacity, struct frame_checksums checksums,
                                  struct frame_info *info);

/**
 * frame_finish_answer without offload for a query whose sum is known, given what the answer adds to
 * it: the answer is not read again.
 * @sum_change  what its message's checksum_add sum exceeds the query's by, folded.
 */
uint16_t frame_finish_changed(const struct frame_host *host, uint8_t *data,
                              const struct frame_info *info, uint16_t message_length,
                              uint16_t sum_change);

/**
 * Turn a query's frame around: addresses and ports swapped, lengths and TTL set, checksums filled.
 * @message_length  of the answer now at info->message_offset; at most info->message_max.
 * @offload         leave the IPv4 header checksum zero and the UDP checksum at its pseudo-header
 *                  sum, as ports with transmit checksum offload want them.
 * returns  the frame's new length.
 */
uint16_t frame_finish_answer(const struct frame_host *host, uint8_t *data,
                             const struct frame_info *info, uint16_t message_length, bool offload);

#endif
