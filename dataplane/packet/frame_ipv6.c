#include "dataplane/packet/frame_internal.h"

// RFC 8200 names six extension headers, each at most once but one twice: eight is generous.
#define EXTENSION_MAX 8u

enum {
        EXTENSION_HOP_BY_HOP = 0,
        EXTENSION_ROUTING = 43,
        EXTENSION_FRAGMENT = 44,
        EXTENSION_AUTHENTICATION = 51,
        EXTENSION_DESTINATION = 60,
        EXTENSION_MOBILITY = 135,
};

static bool is_extension(uint8_t next_header)
{
        return next_header == EXTENSION_HOP_BY_HOP || next_header == EXTENSION_ROUTING ||
               next_header == EXTENSION_FRAGMENT || next_header == EXTENSION_AUTHENTICATION ||
               next_header == EXTENSION_DESTINATION || next_header == EXTENSION_MOBILITY;
}

static uint16_t extension_length(uint8_t kind, const uint8_t *header)
{
        if (kind == EXTENSION_FRAGMENT)
                return 8;
        if (kind == EXTENSION_AUTHENTICATION)
                return (uint16_t)((header[1] + 2) * 4);
        return (uint16_t)((header[1] + 1) * 8);
}

// Queries behind extension headers are not answered; the walk tells them from what the kernel
// may want.
static enum frame_verdict classify_extended(const struct frame_packet *p, uint8_t next_header,
                                            uint16_t offset, uint16_t length)
{
        enum frame_verdict obstacle = FRAME_DROP_IP_OPTIONS;
        bool later_fragment = false;

        for (unsigned i = 0; is_extension(next_header) && !later_fragment; i++) {
                const uint8_t *header = p->data + offset;
                uint16_t header_length;

                if (i == EXTENSION_MAX)
                        return FRAME_DROP_IP_OPTIONS;
                if (length < 8)
                        return FRAME_DROP_BAD_IP_HEADER;
                header_length = extension_length(next_header, header);
                if (header_length > length)
                        return FRAME_DROP_BAD_IP_HEADER;
                if (next_header == EXTENSION_FRAGMENT) {
                        obstacle = FRAME_DROP_FRAGMENT;
                        later_fragment = (load_be16(header + 2) & 0xfff8u) != 0;
                }
                next_header = header[0];
                offset = (uint16_t)(offset + header_length);
                length = (uint16_t)(length - header_length);
        }
        if (next_header == PROTOCOL_UDP && !later_fragment)
                return frame_classify_udp(p, offset, length, obstacle);
        return frame_leave(p, obstacle);
}

enum frame_verdict frame_classify_ipv6(const struct frame_packet *p)
{
        uint16_t l2_length = p->info->l2_length, offset, length;
        uint16_t available = (uint16_t)(p->length - l2_length);
        const uint8_t *ip = p->data + l2_length;
        uint8_t next_header;

        if (available < IPV6_LENGTH)
                return FRAME_DROP_SHORT;
        length = load_be16(ip + IPV6_PAYLOAD_LENGTH);
        if (ip[0] >> 4 != 6 || length > available - IPV6_LENGTH)
                return FRAME_DROP_BAD_IP_HEADER;

        p->info->ip_version = 6;
        p->info->l3_length = IPV6_LENGTH;
        next_header = ip[IPV6_NEXT_HEADER];
        offset = (uint16_t)(l2_length + IPV6_LENGTH);
        if (ip[IPV6_DESTINATION] == 0xff) {
                // Of all multicast only solicitations of our addresses are ours.
                if (next_header == PROTOCOL_ICMPV6)
                        return frame_classify_icmpv6(p, offset, length);
                return frame_leave(p, FRAME_DROP_NOT_FOR_US);
        }
        if (!frame_is_our_ipv6(p->host, ip + IPV6_DESTINATION))
                return frame_leave(p, FRAME_DROP_NOT_FOR_US);
        if (!p->unicast)
                return FRAME_DROP_NOT_FOR_US;
        if (next_header == PROTOCOL_UDP)
                return frame_classify_udp(p, offset, length, FRAME_DNS);
        if (next_header == PROTOCOL_ICMPV6)
                return frame_classify_icmpv6(p, offset, length);
        if (is_extension(next_header))
                return classify_extended(p, next_header, offset, length);
        return frame_leave(p, FRAME_DROP_UNHANDLED);
}

void frame_swap_ipv6(uint8_t *ip)
{
        uint8_t source[16];

        memcpy(source, ip + IPV6_SOURCE, 16);
        memcpy(ip + IPV6_SOURCE, ip + IPV6_DESTINATION, 16);
        memcpy(ip + IPV6_DESTINATION, source, 16);
}
