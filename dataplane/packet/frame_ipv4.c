#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

#define FRAGMENT_OFFSET_MASK 0x1fffu
#define FRAGMENT_MORE        0x2000u

static bool header_checksum_good(const struct frame_packet *p, const uint8_t *ip,
                                 uint16_t header_length)
{
        uint64_t sum;

        if (p->checksums.ip != FRAME_CHECKSUM_UNKNOWN)
                return p->checksums.ip == FRAME_CHECKSUM_GOOD;
        sum = checksum_ipv4_header(ip);
        if (header_length > IPV4_LENGTH)
                sum = checksum_add(sum, ip + IPV4_LENGTH, (size_t)(header_length - IPV4_LENGTH));
        return checksum_fold(sum) == 0xffff;
}

enum frame_verdict frame_classify_ipv4(const struct frame_packet *p)
{
        uint16_t l2_length = p->info->l2_length, offset, length;
        uint16_t available = (uint16_t)(p->length - l2_length);
        const uint8_t *ip = p->data + l2_length;
        uint16_t header_length, total_length, fragment;
        enum frame_verdict obstacle = FRAME_DNS;

        if (available < IPV4_LENGTH)
                return FRAME_DROP_SHORT;
        header_length = (uint16_t)((ip[0] & 0x0f) * 4);
        total_length = load_be16(ip + IPV4_TOTAL_LENGTH);
        // What lies behind total_length is Ethernet padding.
        if (ip[0] >> 4 != 4 || header_length < IPV4_LENGTH || total_length < header_length ||
            total_length > available)
                return FRAME_DROP_BAD_IP_HEADER;
        if (!header_checksum_good(p, ip, header_length))
                return FRAME_DROP_BAD_IP_CHECKSUM;
        if (!frame_is_our_ipv4(p->host, ip + IPV4_DESTINATION))
                return frame_leave(p, FRAME_DROP_NOT_FOR_US);
        // Our address in a frame to a group: RFC 1122 3.3.6 wants silence.
        if (!p->unicast)
                return FRAME_DROP_NOT_FOR_US;

        p->info->ip_version = 4;
        p->info->l3_length = header_length;
        offset = (uint16_t)(l2_length + header_length);
        length = (uint16_t)(total_length - header_length);
        fragment = load_be16(ip + IPV4_FRAGMENT);
        if ((fragment & (FRAGMENT_OFFSET_MASK | FRAGMENT_MORE)) != 0)
                obstacle = FRAME_DROP_FRAGMENT;
        else if (header_length > IPV4_LENGTH)
                obstacle = FRAME_DROP_IP_OPTIONS;

        // A first fragment shows its port; later ones are told apart by the kernel's reassembly.
        if (ip[IPV4_PROTOCOL] == PROTOCOL_UDP && (fragment & FRAGMENT_OFFSET_MASK) == 0)
                return frame_classify_udp(p, offset, length, obstacle);
        if (obstacle != FRAME_DNS)
                return frame_leave(p, obstacle);
        if (ip[IPV4_PROTOCOL] == PROTOCOL_ICMP)
                return frame_classify_icmp(p, offset, length);
        return frame_leave(p, FRAME_DROP_UNHANDLED);
}
