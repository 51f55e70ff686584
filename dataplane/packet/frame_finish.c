#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

// Sums are built from the words as they are written: reading the headers back in wider pieces would
// stall on the stores just made.
static uint64_t turn_ipv4(uint8_t *ip, uint16_t udp_length, bool offload)
{
        uint32_t source = checksum_load32(ip + IPV4_SOURCE);
        uint32_t destination = checksum_load32(ip + IPV4_DESTINATION);
        uint16_t total_length = (uint16_t)(IPV4_LENGTH + udp_length), checksum = 0;
        uint64_t addresses = (uint64_t)source + destination;

        if (!offload) {
                uint64_t sum = addresses + checksum_word(0x4500) + checksum_word(total_length) +
                               checksum_load(ip + IPV4_ID) +
                               checksum_word(REPLY_TTL << 8 | PROTOCOL_UDP);

                checksum = (uint16_t)~checksum_fold(sum);
        }
        ip[1] = 0;
        store_be16(ip + IPV4_TOTAL_LENGTH, total_length);
        // The query's identification stays: the client chose it, so answers to it differ as its
        // queries did. Routers may fragment.
        store_be16(ip + IPV4_FRAGMENT, 0);
        ip[IPV4_TTL] = REPLY_TTL;
        checksum_store(ip + IPV4_CHECKSUM, checksum);
        memcpy(ip + IPV4_SOURCE, &destination, 4);
        memcpy(ip + IPV4_DESTINATION, &source, 4);
        return addresses;
}

// Zero would say "no checksum" (RFC 768).
static uint16_t udp_checksum(uint64_t sum)
{
        const uint16_t checksum = (uint16_t)~checksum_fold(sum);

        return checksum == 0 ? 0xffff : checksum;
}

static void turn_udp(uint8_t *udp, uint16_t udp_length, uint16_t checksum)
{
        uint16_t client_port = checksum_load(udp + UDP_SOURCE_PORT);
        uint16_t our_port = checksum_load(udp + UDP_DESTINATION_PORT);

        checksum_store(udp + UDP_SOURCE_PORT, our_port);
        checksum_store(udp + UDP_DESTINATION_PORT, client_port);
        store_be16(udp + UDP_DATAGRAM_LENGTH, udp_length);
        checksum_store(udp + UDP_CHECKSUM, checksum);
}

uint16_t frame_finish_changed(const struct frame_host *host, uint8_t *data,
                              const struct frame_info *info, uint16_t message_length,
                              uint16_t sum_change)
{
        uint8_t *ip = data + ETHER_LENGTH, *udp = ip + IPV4_LENGTH;
        uint16_t udp_length = (uint16_t)(UDP_LENGTH + message_length);
        uint16_t asked_length = (uint16_t)(UDP_LENGTH + info->message_length);
        // The length is summed twice, for it stands in the pseudo-header too (RFC 1624).
        uint64_t sum =
            (uint64_t)(uint16_t)~checksum_load(udp + UDP_CHECKSUM) + sum_change +
            2u * ((uint64_t)checksum_word(udp_length) + (uint16_t)~checksum_word(asked_length));

        frame_turn_ether(host, data);
        turn_ipv4(ip, udp_length, false);
        turn_udp(udp, udp_length, udp_checksum(sum));
        return (uint16_t)(ETHER_LENGTH + IPV4_LENGTH + udp_length);
}

static uint64_t turn_ipv6(uint8_t *ip, uint16_t udp_length)
{
        uint64_t addresses = checksum_add(0, ip + IPV6_SOURCE, 32);

        frame_swap_ipv6(ip);
        store_be32(ip, 0x60000000u);
        store_be16(ip + IPV6_PAYLOAD_LENGTH, udp_length);
        ip[IPV6_HOP_LIMIT] = REPLY_TTL;
        return addresses;
}

uint16_t frame_finish_answer(const struct frame_host *host, uint8_t *data,
                             const struct frame_info *info, uint16_t message_length, bool offload)
{
        uint8_t *ip = data + info->l2_length, *udp = ip + info->l3_length;
        uint16_t udp_length = (uint16_t)(UDP_LENGTH + message_length), checksum;
        uint64_t sum, words;

        frame_turn_ether(host, data);
        if (info->ip_version == 4)
                sum = turn_ipv4(ip, udp_length, offload);
        else
                sum = turn_ipv6(ip, udp_length);
        words = (uint64_t)checksum_word(PROTOCOL_UDP) + checksum_word(udp_length);
        if (offload) {
                checksum = checksum_fold(checksum_add_word(sum, words));
        } else {
                words += (uint64_t)checksum_load(udp + UDP_SOURCE_PORT) +
                         checksum_load(udp + UDP_DESTINATION_PORT) + checksum_word(udp_length);
                sum = checksum_add(checksum_add_word(sum, words), udp + UDP_LENGTH, message_length);
                checksum = udp_checksum(sum);
        }
        turn_udp(udp, udp_length, checksum);
        return (uint16_t)(info->l2_length + info->l3_length + udp_length);
}
