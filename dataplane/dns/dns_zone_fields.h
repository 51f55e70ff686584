#ifndef LICTOR_DNS_ZONE_FIELDS_H
#define LICTOR_DNS_ZONE_FIELDS_H

/* The inside of struct dns_zone, for the responder's own files. */

#include "dataplane/dns/dns_name.h"
#include "dataplane/dns/dns_zone.h"

#define DNS_UDP_ANSWERS_MAX 8u /* Consul's ceiling on udp_answer_limit */
#define DNS_NS_MAX          3u /* name servers in one answer */

/* A domain answered for; wire is lower-cased. */
struct dns_domain {
        uint64_t head; /* wire's first eight bytes under head_mask */
        uint64_t head_mask;
        uint8_t length; /* on the wire, root included */
        uint8_t label_count;
        bool main;
        struct dns_name name;
};

struct dns_zone {
        struct dns_domain domains[2]; /* longest first: it decides when one ends in the other */
        uint8_t domain_count;
        uint8_t main_domain; /* index in domains */
        bool enable_truncate;
        bool disable_compression;
        bool node_meta_txt;
        bool recursion;
        bool query_templates;
        bool datacenters;
        bool unready;
        bool stale;
        bool ready_answers;        /* what entries hold ready is right for it */
        uint16_t answer_flags;     /* QR, and RA with recursion */
        uint32_t udp_answer_limit; /* at most DNS_UDP_ANSWERS_MAX */
        uint32_t a_record_limit;   /* UINT32_MAX when there is none */
        uint32_t node_ttl_s;
        struct lictor_soa soa;
        /* What follows the name in a service's plain question: its kind's label and the main
         * domain. Empty where another domain might claim such a question. */
        struct dns_name service_suffix;
        struct dns_name datacenter; /* one lower-cased label, without root */
};

static inline const struct dns_domain *dns_zone_main(const struct dns_zone *zone)
{
        return &zone->domains[zone->main_domain];
}

#endif
