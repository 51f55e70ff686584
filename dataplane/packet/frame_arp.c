#include "dataplane/packet/frame_internal.h"

enum {
        ARP_OPERATION = 6,
        ARP_SENDER_MAC = 8,
        ARP_SENDER_IP = 14,
        ARP_TARGET_MAC = 18,
        ARP_TARGET_IP = 24,
        ARP_REQUEST = 1,
        ARP_REPLY = 2,
};

// Ethernet, IPv4, and their address lengths (RFC 826).
static const uint8_t arp_prefix[6] = {0, 1, 8, 0, 6, 4};

// Zero is a probe (RFC 5227): answered, so that the prober learns that the address is taken.
static bool sender_ip_good(const uint8_t *ip)
{
        static const uint8_t zero[4];

        return memcmp(ip, zero, 4) == 0 || (ip[0] != 0 && ip[0] != 127 && ip[0] < 224);
}

static bool sender_mac_good(const struct frame_host *host, const uint8_t *mac)
{
        static const uint8_t zero[MAC_LENGTH];

        return !frame_mac_is_group(mac) && !frame_mac_equal(mac, zero) &&
               !frame_mac_equal(mac, host->mac);
}

static void answer(const struct frame_host *host, uint8_t *data, uint8_t *arp)
{
        uint8_t our_ip[4];

        memcpy(our_ip, arp + ARP_TARGET_IP, 4);
        memcpy(arp + ARP_TARGET_MAC, arp + ARP_SENDER_MAC, MAC_LENGTH);
        memcpy(arp + ARP_TARGET_IP, arp + ARP_SENDER_IP, 4);
        memcpy(arp + ARP_SENDER_MAC, host->mac, MAC_LENGTH);
        memcpy(arp + ARP_SENDER_IP, our_ip, 4);
        store_be16(arp + ARP_OPERATION, ARP_REPLY);
        frame_send_ether(host, data, arp + ARP_TARGET_MAC);
}

enum frame_verdict frame_classify_arp(const struct frame_packet *p)
{
        uint8_t *arp = p->data + p->info->l2_length;
        uint16_t operation;

        if (p->length - p->info->l2_length < ARP_LENGTH)
                return FRAME_DROP_SHORT;
        operation = load_be16(arp + ARP_OPERATION);
        if (memcmp(arp, arp_prefix, sizeof(arp_prefix)) != 0 ||
            !sender_mac_good(p->host, arp + ARP_SENDER_MAC) ||
            !sender_ip_good(arp + ARP_SENDER_IP) ||
            (operation != ARP_REQUEST && operation != ARP_REPLY))
                return FRAME_DROP_BAD_ARP;
        if (operation == ARP_REPLY)
                return frame_leave(p, FRAME_DROP_UNHANDLED);
        // An announcement, or someone else using our address: for the kernel to note.
        if (memcmp(arp + ARP_SENDER_IP, arp + ARP_TARGET_IP, 4) == 0)
                return frame_leave(p, FRAME_DROP_UNHANDLED);
        if (frame_is_our_ipv4(p->host, arp + ARP_SENDER_IP))
                return frame_leave(p, FRAME_DROP_BAD_SOURCE);
        if (!frame_is_our_ipv4(p->host, arp + ARP_TARGET_IP))
                return frame_leave(p, FRAME_DROP_NOT_FOR_US);
        answer(p->host, p->data, arp);
        p->info->frame_length = (uint16_t)(p->info->l2_length + ARP_LENGTH);
        return FRAME_REPLY;
}
