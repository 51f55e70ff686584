#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

static bool source_good(const struct frame_packet *p, const uint8_t *udp)
{
        const uint8_t *ip = p->data + p->info->l2_length;

        if (load_be16(udp + UDP_SOURCE_PORT) == 0)
                return false;
        if (p->info->ip_version == 4)
                return frame_source_ipv4_good(p->host, ip + IPV4_SOURCE);
        return frame_source_ipv6_good(p->host, ip + IPV6_SOURCE);
}

static bool checksum_good(const struct frame_packet *p, const uint8_t *udp, uint16_t length)
{
        const uint8_t *ip = p->data + p->info->l2_length;
        uint64_t sum;

        // Zero means "none" over IPv4 (RFC 768), whatever a port makes of it, and is not allowed
        // over IPv6 (RFC 8200 8.1).
        if (checksum_load(udp + UDP_CHECKSUM) == 0)
                return p->info->ip_version == 4;
        if (p->checksums.udp != FRAME_CHECKSUM_UNKNOWN)
                return p->checksums.udp == FRAME_CHECKSUM_GOOD;
        sum = checksum_pseudo_header(ip, p->info->ip_version, PROTOCOL_UDP, length);
        return checksum_fold(checksum_add(sum, udp, length)) == 0xffff;
}

static uint16_t message_max(const struct frame_packet *p)
{
        uint32_t headers = (uint32_t)p->info->l3_length + UDP_LENGTH, room = 0;

        if (p->capacity > p->info->l2_length)
                room = (uint32_t)p->capacity - p->info->l2_length;
        if (room > p->host->mtu)
                room = p->host->mtu;
        return (uint16_t)(room > headers ? room - headers : 0);
}

enum frame_verdict frame_classify_udp(const struct frame_packet *p, uint16_t offset,
                                      uint16_t length, enum frame_verdict obstacle)
{
        const uint8_t *udp = p->data + offset;
        uint16_t datagram_length;

        if (length < UDP_LENGTH)
                return FRAME_DROP_BAD_UDP_LENGTH;
        if (load_be16(udp + UDP_DESTINATION_PORT) != p->host->dns_port)
                return frame_leave(p, obstacle == FRAME_DNS ? FRAME_DROP_UNHANDLED : obstacle);
        if (obstacle != FRAME_DNS)
                return obstacle;
        if (!source_good(p, udp))
                return FRAME_DROP_BAD_SOURCE;
        // Shorter than the IP payload is allowed: the rest is UDP options (RFC 9868).
        datagram_length = load_be16(udp + UDP_DATAGRAM_LENGTH);
        if (datagram_length < UDP_LENGTH || datagram_length > length)
                return FRAME_DROP_BAD_UDP_LENGTH;
        if (!checksum_good(p, udp, datagram_length))
                return FRAME_DROP_BAD_UDP_CHECKSUM;
        p->info->message_offset = (uint16_t)(offset + UDP_LENGTH);
        p->info->message_length = (uint16_t)(datagram_length - UDP_LENGTH);
        p->info->message_max = message_max(p);
        return FRAME_DNS;
}
