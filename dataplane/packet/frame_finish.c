#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

static void turn_ipv4(uint8_t *ip, uint16_t udp_length, bool offload)
{
        frame_swap_ipv4(ip);
        ip[1] = 0;
        // The query's identification stays: the client chose it, so answers to it differ as its
        // queries did. Routers may fragment.
        store_be16(ip + IPV4_FRAGMENT, 0);
        frame_fill_ipv4(ip, (uint16_t)(IPV4_LENGTH + udp_length), offload);
}

static void turn_ipv6(uint8_t *ip, uint16_t udp_length)
{
        frame_swap_ipv6(ip);
        store_be32(ip, 0x60000000u);
        store_be16(ip + IPV6_PAYLOAD_LENGTH, udp_length);
        ip[IPV6_HOP_LIMIT] = REPLY_TTL;
}

uint16_t frame_finish_answer(const struct frame_host *host, uint8_t *data,
                             const struct frame_info *info, uint16_t message_length, bool offload)
{
        uint8_t *ip = data + info->l2_length, *udp = ip + info->l3_length;
        uint16_t udp_length = (uint16_t)(UDP_LENGTH + message_length);
        uint16_t port = checksum_load(udp + UDP_SOURCE_PORT), checksum;
        uint64_t sum;

        frame_turn_ether(host, data);
        if (info->ip_version == 4)
                turn_ipv4(ip, udp_length, offload);
        else
                turn_ipv6(ip, udp_length);
        checksum_store(udp + UDP_SOURCE_PORT, checksum_load(udp + UDP_DESTINATION_PORT));
        checksum_store(udp + UDP_DESTINATION_PORT, port);
        store_be16(udp + UDP_DATAGRAM_LENGTH, udp_length);

        sum = checksum_pseudo_header(ip, info->ip_version, PROTOCOL_UDP, udp_length);
        if (offload) {
                checksum_store(udp + UDP_CHECKSUM, checksum_fold(sum));
        } else {
                checksum_store(udp + UDP_CHECKSUM, 0);
                checksum = (uint16_t)~checksum_fold(checksum_add(sum, udp, udp_length));
                // Zero would say "no checksum" (RFC 768).
                checksum_store(udp + UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
        }
        return (uint16_t)(info->l2_length + info->l3_length + udp_length);
}
