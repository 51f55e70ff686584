#include "dataplane/packet/frame_internal.h"

enum {
        ETHERTYPE_IPV4 = 0x0800,
        ETHERTYPE_ARP = 0x0806,
        ETHERTYPE_VLAN = 0x8100,
        ETHERTYPE_QINQ = 0x88a8,
        ETHERTYPE_QINQ_OLD = 0x9100,
        ETHERTYPE_IPV6 = 0x86dd,
};

static bool is_vlan(uint16_t ethertype)
{
        return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ ||
               ethertype == ETHERTYPE_QINQ_OLD;
}

enum frame_verdict frame_classify_any(const struct frame_host *host, uint8_t *data, uint16_t length,
                                      uint16_t capacity, struct frame_checksums checksums,
                                      struct frame_info *info)
{
        struct frame_packet packet = {
            .host = host,
            .data = data,
            .info = info,
            .length = length,
            .capacity = capacity,
            .checksums = checksums,
        };
        uint16_t ethertype, l2_length = ETHER_LENGTH;

        memset(info, 0, sizeof(*info));
        if (length < ETHER_LENGTH)
                return FRAME_DROP_SHORT;
        packet.unicast = frame_mac_equal(data, host->mac);
        if (!packet.unicast && !frame_mac_is_group(data))
                return FRAME_DROP_NOT_FOR_US;
        // Our own MAC as the source is our own frame come back: answering would make a loop.
        if (frame_mac_is_group(data + ETHER_SOURCE) ||
            frame_mac_equal(data + ETHER_SOURCE, host->mac))
                return FRAME_DROP_BAD_SOURCE;

        ethertype = load_be16(data + ETHER_TYPE);
        for (unsigned tags = 0; is_vlan(ethertype) && tags < VLAN_TAGS_MAX; tags++) {
                if (length < l2_length + VLAN_LENGTH)
                        return FRAME_DROP_SHORT;
                ethertype = load_be16(data + l2_length + 2);
                l2_length = (uint16_t)(l2_length + VLAN_LENGTH);
        }
        info->l2_length = l2_length;

        switch (ethertype) {
        case ETHERTYPE_IPV4:
                return frame_classify_ipv4(&packet);
        case ETHERTYPE_IPV6:
                return frame_classify_ipv6(&packet);
        case ETHERTYPE_ARP:
                return frame_classify_arp(&packet);
        default:
                return frame_leave(&packet, FRAME_DROP_UNKNOWN_ETHERTYPE);
        }
}

enum frame_verdict frame_classify(const struct frame_host *host, uint8_t *data, uint16_t length,
                                  uint16_t capacity, struct frame_checksums checksums,
                                  struct frame_info *info)
{
        if (frame_classify_plain(host, data, length, capacity, checksums, info))
                return FRAME_DNS;
        return frame_classify_any(host, data, length, capacity, checksums, info);
}

const char *frame_verdict_name(enum frame_verdict verdict)
{
        static const char *const names[FRAME_VERDICT_COUNT] = {
            [FRAME_DNS] = "dns",
            [FRAME_REPLY] = "reply",
            [FRAME_EXCEPTION] = "exception",
            [FRAME_DROP_SHORT] = "short",
            [FRAME_DROP_NOT_FOR_US] = "not_for_us",
            [FRAME_DROP_UNKNOWN_ETHERTYPE] = "unknown_ethertype",
            [FRAME_DROP_BAD_IP_HEADER] = "bad_ip_header",
            [FRAME_DROP_BAD_IP_CHECKSUM] = "bad_ip_checksum",
            [FRAME_DROP_FRAGMENT] = "fragment",
            [FRAME_DROP_IP_OPTIONS] = "ip_options",
            [FRAME_DROP_BAD_SOURCE] = "bad_source",
            [FRAME_DROP_BAD_UDP_LENGTH] = "bad_udp_length",
            [FRAME_DROP_BAD_UDP_CHECKSUM] = "bad_udp_checksum",
            [FRAME_DROP_BAD_ARP] = "bad_arp",
            [FRAME_DROP_BAD_ICMP] = "bad_icmp",
            [FRAME_DROP_UNHANDLED] = "unhandled",
        };

        return (unsigned)verdict < FRAME_VERDICT_COUNT ? names[verdict] : "unknown";
}
