#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

#define FRAGMENTED    0x3fffu /* more fragments, or an offset */
#define PLAIN_HEADERS (ETHER_LENGTH + IPV4_LENGTH + UDP_LENGTH)

static inline uint64_t mac_word(const uint8_t *mac)
{
        return (uint64_t)checksum_load(mac + 4) << 32 | checksum_load32(mac);
}

// To our MAC, from one station that is not us, and an IPv4 header of twenty bytes behind it.
static inline bool is_plain_ether(const struct frame_host *host, const uint8_t *data)
{
        const uint64_t us = mac_word(host->mac);
        const uint64_t to = mac_word(data), from = mac_word(data + ETHER_SOURCE);
        const uint32_t type = load_be32(data + ETHER_TYPE) & 0xffffff00u;

        return to == us && from != us && !frame_mac_is_group(data + ETHER_SOURCE) &&
               type == 0x08004500u;
}

static inline bool is_plain_ipv4(const struct frame_host *host, const uint8_t *ip, uint16_t status)
{
        if (ip[IPV4_PROTOCOL] != PROTOCOL_UDP || (load_be16(ip + IPV4_FRAGMENT) & FRAGMENTED) != 0)
                return false;
        if (!frame_is_our_ipv4(host, ip + IPV4_DESTINATION) ||
            !frame_source_ipv4_good(host, ip + IPV4_SOURCE))
                return false;
        return status == FRAME_CHECKSUM_GOOD || (status == FRAME_CHECKSUM_UNKNOWN &&
                                                 checksum_fold(checksum_ipv4_header(ip)) == 0xffff);
}

static inline bool is_plain_udp(const struct frame_host *host, const uint8_t *ip,
                                uint16_t udp_length, uint16_t status)
{
        const uint8_t *udp = ip + IPV4_LENGTH;
        uint64_t sum;

        if (load_be16(udp + UDP_DESTINATION_PORT) != host->dns_port ||
            checksum_load(udp + UDP_SOURCE_PORT) == 0)
                return false;
        if (checksum_load(udp + UDP_CHECKSUM) == 0 || status == FRAME_CHECKSUM_GOOD)
                return true;
        sum = checksum_load32(ip + IPV4_SOURCE) + (uint64_t)checksum_load32(ip + IPV4_DESTINATION) +
              checksum_word(PROTOCOL_UDP) + checksum_word(udp_length);
        return status == FRAME_CHECKSUM_UNKNOWN &&
               checksum_fold(checksum_add_long(sum, udp, udp_length)) == 0xffff;
}

bool frame_classify_plain(const struct frame_host *host, const uint8_t *data, uint16_t length,
                          uint16_t capacity, struct frame_checksums checksums,
                          struct frame_info *info)
{
        const uint8_t *ip = data + ETHER_LENGTH;
        unsigned total_length, udp_length, room;

        if (length < PLAIN_HEADERS || !is_plain_ether(host, data))
                return false;
        total_length = load_be16(ip + IPV4_TOTAL_LENGTH);
        udp_length = load_be16(ip + IPV4_LENGTH + UDP_DATAGRAM_LENGTH);
        if (total_length > (unsigned)length - ETHER_LENGTH || udp_length < UDP_LENGTH ||
            udp_length + IPV4_LENGTH > total_length)
                return false;
        if (!is_plain_ipv4(host, ip, checksums.ip) ||
            !is_plain_udp(host, ip, (uint16_t)udp_length, checksums.udp))
                return false;
        room = (unsigned)capacity - ETHER_LENGTH;
        if (room > host->mtu)
                room = host->mtu;
        *info = (struct frame_info){
            .l2_length = ETHER_LENGTH,
            .l3_length = IPV4_LENGTH,
            .message_offset = PLAIN_HEADERS,
            .message_length = (uint16_t)(udp_length - UDP_LENGTH),
            .message_max =
                (uint16_t)(room > IPV4_LENGTH + UDP_LENGTH ? room - (IPV4_LENGTH + UDP_LENGTH) : 0),
            .ip_version = 4,
            // Where a port says that it is right, the field need not hold the sum.
            .sum_known = checksums.udp == FRAME_CHECKSUM_UNKNOWN &&
                         checksum_load(ip + IPV4_LENGTH + UDP_CHECKSUM) != 0,
        };
        return true;
}
