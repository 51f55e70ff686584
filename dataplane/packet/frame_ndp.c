#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

enum {
        NDP_LENGTH = 24, /* of a solicitation or advertisement, without options */
        NDP_FLAGS = 4,
        NDP_TARGET = 8,
        NDP_ADVERTISEMENT = 136,
        NDP_SOLICITED = 0x40,
        NDP_OVERRIDE = 0x20,

        OPTION_UNIT = 8,
        OPTION_SOURCE_MAC = 1,
        OPTION_TARGET_MAC = 2,
};

static const uint8_t unspecified[16];
static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
static const uint8_t all_nodes_mac[MAC_LENGTH] = {0x33, 0x33, 0, 0, 0, 1};

// ff02::1:ffXX:XXXX with the low 24 bits of the address (RFC 4291 2.7.1).
static bool is_solicited_node(const uint8_t *group, const uint8_t *address)
{
        static const uint8_t prefix[13] = {0xff, 2, [11] = 1, [12] = 0xff};

        return memcmp(group, prefix, sizeof(prefix)) == 0 &&
               memcmp(group + 13, address + 13, 3) == 0;
}

// Every option must have a length that is not zero and fits (RFC 4861 7.1.1).
static bool parse_options(const uint8_t *options, uint16_t length, const uint8_t **source_mac)
{
        *source_mac = NULL;
        while (length > 0) {
                uint16_t option_length;

                if (length < OPTION_UNIT)
                        return false;
                option_length = (uint16_t)(options[1] * OPTION_UNIT);
                if (option_length == 0 || option_length > length)
                        return false;
                if (options[0] == OPTION_SOURCE_MAC)
                        *source_mac = options + 2;
                options += option_length;
                length = (uint16_t)(length - option_length);
        }
        return true;
}

// The advertisement, in the solicitation's place. It names our MAC unless the solicitation came
// to our own address and so knows it (RFC 4861 7.2.4).
static uint16_t write_advertisement(const struct frame_host *host, uint8_t *ip, uint8_t *icmp,
                                    bool solicited, bool with_mac)
{
        uint16_t length = with_mac ? NDP_LENGTH + OPTION_UNIT : NDP_LENGTH;

        memcpy(ip + IPV6_DESTINATION, solicited ? ip + IPV6_SOURCE : all_nodes, 16);
        memcpy(ip + IPV6_SOURCE, icmp + NDP_TARGET, 16);
        store_be16(ip + IPV6_PAYLOAD_LENGTH, length);
        ip[IPV6_HOP_LIMIT] = NDP_HOP_LIMIT;
        icmp[0] = NDP_ADVERTISEMENT;
        store_be32(icmp + NDP_FLAGS, 0);
        icmp[NDP_FLAGS] = (uint8_t)(NDP_OVERRIDE | (solicited ? NDP_SOLICITED : 0));
        if (with_mac) {
                icmp[NDP_LENGTH] = OPTION_TARGET_MAC;
                icmp[NDP_LENGTH + 1] = 1;
                memcpy(icmp + NDP_LENGTH + 2, host->mac, MAC_LENGTH);
        }
        checksum_store(icmp + ICMP_CHECKSUM, 0);
        checksum_store(icmp + ICMP_CHECKSUM,
                       (uint16_t)~checksum_fold(checksum_add(
                           checksum_pseudo_header(ip, 6, PROTOCOL_ICMPV6, length), icmp, length)));
        return length;
}

enum frame_verdict frame_answer_solicitation(const struct frame_packet *p, uint16_t offset,
                                             uint16_t length)
{
        uint8_t *ip = p->data + p->info->l2_length, *icmp = p->data + offset;
        bool solicited = memcmp(ip + IPV6_SOURCE, unspecified, 16) != 0;
        bool multicast = ip[IPV6_DESTINATION] == 0xff;
        uint8_t destination[MAC_LENGTH];
        const uint8_t *source_mac;

        if (length < NDP_LENGTH || icmp[1] != 0 || ip[IPV6_HOP_LIMIT] != NDP_HOP_LIMIT ||
            icmp[NDP_TARGET] == 0xff ||
            !parse_options(icmp + NDP_LENGTH, (uint16_t)(length - NDP_LENGTH), &source_mac))
                return FRAME_DROP_BAD_ICMP;
        if (!frame_is_our_ipv6(p->host, icmp + NDP_TARGET) ||
            (multicast && !is_solicited_node(ip + IPV6_DESTINATION, icmp + NDP_TARGET)))
                return frame_leave(p, FRAME_DROP_NOT_FOR_US);
        // Duplicate address detection: to the group, and without a link-layer address.
        if (!solicited && (!multicast || source_mac != NULL))
                return FRAME_DROP_BAD_ICMP;
        if (solicited && !frame_source_ipv6_good(p->host, ip + IPV6_SOURCE))
                return FRAME_DROP_BAD_SOURCE;
        if (source_mac != NULL &&
            (frame_mac_is_group(source_mac) || frame_mac_equal(source_mac, p->host->mac)))
                return FRAME_DROP_BAD_SOURCE;
        if (multicast && p->capacity < offset + NDP_LENGTH + OPTION_UNIT)
                return FRAME_DROP_UNHANDLED;

        if (!solicited)
                source_mac = all_nodes_mac;
        else if (source_mac == NULL)
                source_mac = p->data + ETHER_SOURCE;
        memcpy(destination, source_mac, MAC_LENGTH); // the option is overwritten next
        length = write_advertisement(p->host, ip, icmp, solicited,
                                     multicast || length >= NDP_LENGTH + OPTION_UNIT);
        frame_send_ether(p->host, p->data, destination);
        p->info->frame_length = (uint16_t)(offset + length);
        return FRAME_REPLY;
}
