#include "dataplane/dns/dns_reply.h"

#include <string.h>

void dns_reply_edns(struct dns_reply *reply, enum dns_rcode rcode)
{
        const struct dns_query *query = reply->query;
        const struct dns_ecs *ecs = &query->ecs;
        uint8_t *to = reply->data + reply->at;

        memset(to, 0, DNS_OPT_LENGTH);
        store_be16(to + 1, DNS_TYPE_OPT);
        store_be16(to + 3, query->udp_size);
        if (query->has_ecs) {
                // Only what a prepared query answers may depend on the client's subnet.
                bool local = query->action == DNS_LOOK_UP && query->kind == DNS_KIND_QUERY &&
                             rcode == DNS_NOERROR;

                store_be16(to + 9, (uint16_t)(DNS_ECS_HEADER + ecs->length));
                store_be16(to + 11, DNS_OPTION_ECS);
                store_be16(to + 13, (uint16_t)(4 + ecs->length));
                store_be16(to + 15, ecs->family);
                to[17] = ecs->prefix;
                to[18] = local ? ecs->prefix : 0;
                memcpy(to + 19, ecs->address, ecs->length);
        }
        reply->at += reply->edns_length;
        reply->counts[DNS_ADDITIONAL]++;
}

void dns_reply_error(struct dns_message *message, enum dns_rcode rcode)
{
        uint8_t *data = message->data;
        uint16_t flags = load_be16(data + 2) & (DNS_FLAG_OPCODE | DNS_FLAG_RD | DNS_FLAG_CD);

        store_be16(data + 2, (uint16_t)(DNS_FLAG_QR | flags | (unsigned)rcode));
        memset(data + 4, 0, DNS_HEADER_LENGTH - 4);
        message->length = DNS_HEADER_LENGTH;
        message->rcode = (uint8_t)rcode;
        message->verdict = DNS_ANSWERED;
}

// Where the question itself spells the main domain exactly as we do, pointers go there.
static uint32_t find_domain(const struct dns_reply *reply)
{
        const struct dns_domain *domain = dns_zone_main(reply->env->zone);
        uint32_t at = DNS_HEADER_LENGTH + reply->query->domain_offset;

        if (reply->domain_at != 0)
                return reply->domain_at;
        if (reply->query->main_domain &&
            memcmp(reply->data + at, domain->name.wire, domain->length) == 0)
                return at;
        return 0;
}

// A name that ends in the main domain: a prefix, then the domain or a pointer to it.
static uint8_t *put_below_domain(const struct dns_reply *reply, uint8_t *to, const char *prefix,
                                 size_t prefix_length)
{
        const struct dns_domain *domain = dns_zone_main(reply->env->zone);

        memcpy(to, prefix, prefix_length);
        to += prefix_length;
        if (!reply->full_owners) {
                store_be16(to, (uint16_t)(DNS_POINTER | reply->domain_at));
                return to + 2;
        }
        memcpy(to, domain->name.wire, domain->length);
        return to + domain->length;
}

uint32_t dns_reply_domain_owner(struct dns_reply *reply)
{
        const struct dns_domain *domain = dns_zone_main(reply->env->zone);
        uint8_t *to = reply->data + reply->at;

        if (!reply->full_owners)
                reply->domain_at = find_domain(reply);
        if (reply->domain_at != 0) {
                store_be16(to, (uint16_t)(DNS_POINTER | reply->domain_at));
                return 2;
        }
        memcpy(to, domain->name.wire, domain->length);
        if (!reply->full_owners && reply->at < DNS_POINTER_REACH)
                reply->domain_at = reply->at;
        return domain->length;
}

uint32_t dns_reply_domain_owner_size(const struct dns_reply *reply)
{
        if (!reply->full_owners && find_domain(reply) != 0)
                return 2;
        return dns_zone_main(reply->env->zone)->length;
}

void dns_reply_soa(struct dns_reply *reply, enum dns_section section)
{
        static const char mname[] = "\2ns", rname[] = "\12hostmaster";
        const struct lictor_soa *soa = &reply->env->zone->soa;
        uint32_t inner = reply->full_owners ? dns_zone_main(reply->env->zone)->length : 2u;
        uint32_t data_length =
            (uint32_t)(sizeof(mname) - 1 + sizeof(rname) - 1) + 2 * inner + 5 * 4;
        uint8_t *to;

        if (dns_reply_room(reply) < dns_reply_domain_owner_size(reply) + 10 + data_length)
                return;
        to = reply->data + reply->at;
        to += dns_reply_domain_owner(reply);
        store_be16(to, DNS_TYPE_SOA);
        store_be16(to + 2, DNS_CLASS_IN);
        store_be32(to + 4, soa->min_ttl_s);
        store_be16(to + 8, (uint16_t)data_length);
        to = put_below_domain(reply, to + 10, mname, sizeof(mname) - 1);
        to = put_below_domain(reply, to, rname, sizeof(rname) - 1);
        store_be32(to, reply->env->now_s);
        store_be32(to + 4, soa->refresh_s);
        store_be32(to + 8, soa->retry_s);
        store_be32(to + 12, soa->expire_s);
        store_be32(to + 16, soa->min_ttl_s);
        reply->at = (uint32_t)(to + 20 - reply->data);
        reply->counts[section]++;
}
