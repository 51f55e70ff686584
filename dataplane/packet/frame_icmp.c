#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

enum {
        ICMP_ECHO_REQUEST = 8,
        ICMP_ECHO_REPLY = 0,
        ICMPV6_ECHO_REQUEST = 128,
        ICMPV6_ECHO_REPLY = 129,
        ICMPV6_NEIGHBOUR_SOLICITATION = 135,
};

// Type and code share the checksum's word, so only that word changes.
static void turn_type(uint8_t *icmp, uint8_t type)
{
        uint16_t from = checksum_load(icmp), checksum = checksum_load(icmp + ICMP_CHECKSUM);

        icmp[0] = type;
        checksum_store(icmp + ICMP_CHECKSUM, checksum_replace(checksum, from, checksum_load(icmp)));
}

// Swapped addresses leave the header's sum as it was; only the TTL's word changes.
static void turn_ipv4(uint8_t *ip)
{
        uint16_t from = checksum_load(ip + IPV4_TTL), checksum = checksum_load(ip + IPV4_CHECKSUM);
        uint8_t source[4];

        memcpy(source, ip + IPV4_SOURCE, 4);
        memcpy(ip + IPV4_SOURCE, ip + IPV4_DESTINATION, 4);
        memcpy(ip + IPV4_DESTINATION, source, 4);
        ip[IPV4_TTL] = REPLY_TTL;
        checksum_store(ip + IPV4_CHECKSUM,
                       checksum_replace(checksum, from, checksum_load(ip + IPV4_TTL)));
}

enum frame_verdict frame_classify_icmp(const struct frame_packet *p, uint16_t offset,
                                       uint16_t length)
{
        uint8_t *ip = p->data + p->info->l2_length, *icmp = p->data + offset;

        if (length < ICMP_LENGTH)
                return FRAME_DROP_BAD_ICMP;
        if (icmp[0] != ICMP_ECHO_REQUEST)
                return frame_leave(p, FRAME_DROP_UNHANDLED);
        if (!frame_source_ipv4_good(p->host, ip + IPV4_SOURCE))
                return FRAME_DROP_BAD_SOURCE;
        if (icmp[1] != 0 || checksum_fold(checksum_add(0, icmp, length)) != 0xffff)
                return FRAME_DROP_BAD_ICMP;
        turn_type(icmp, ICMP_ECHO_REPLY);
        turn_ipv4(ip);
        frame_turn_ether(p->host, p->data);
        p->info->frame_length = (uint16_t)(offset + length);
        return FRAME_REPLY;
}

static enum frame_verdict answer_echo(const struct frame_packet *p, uint16_t offset,
                                      uint16_t length)
{
        uint8_t *ip = p->data + p->info->l2_length, *icmp = p->data + offset;

        // RFC 4443 4.2 lets an echo to a group be answered; that would be an amplifier.
        if (ip[IPV6_DESTINATION] == 0xff)
                return frame_leave(p, FRAME_DROP_NOT_FOR_US);
        if (!frame_source_ipv6_good(p->host, ip + IPV6_SOURCE))
                return FRAME_DROP_BAD_SOURCE;
        if (icmp[1] != 0)
                return FRAME_DROP_BAD_ICMP;
        turn_type(icmp, ICMPV6_ECHO_REPLY);
        frame_swap_ipv6(ip);
        ip[IPV6_HOP_LIMIT] = REPLY_TTL;
        frame_turn_ether(p->host, p->data);
        p->info->frame_length = (uint16_t)(offset + length);
        return FRAME_REPLY;
}

enum frame_verdict frame_classify_icmpv6(const struct frame_packet *p, uint16_t offset,
                                         uint16_t length)
{
        const uint8_t *ip = p->data + p->info->l2_length, *icmp = p->data + offset;
        uint64_t sum;

        if (length < ICMP_LENGTH)
                return FRAME_DROP_BAD_ICMP;
        if (icmp[0] != ICMPV6_ECHO_REQUEST && icmp[0] != ICMPV6_NEIGHBOUR_SOLICITATION)
                return frame_leave(p, FRAME_DROP_UNHANDLED);
        sum = checksum_pseudo_header(ip, 6, PROTOCOL_ICMPV6, length);
        if (checksum_fold(checksum_add(sum, icmp, length)) != 0xffff)
                return FRAME_DROP_BAD_ICMP;
        if (icmp[0] == ICMPV6_NEIGHBOUR_SOLICITATION)
                return frame_answer_solicitation(p, offset, length);
        return answer_echo(p, offset, length);
}
