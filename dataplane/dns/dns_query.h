#ifndef LICTOR_DNS_QUERY_H
#define LICTOR_DNS_QUERY_H

/** A question understood: what is asked, under which key it is found, and how to answer. */

#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_layout.h"
#include "dataplane/dns/dns_zone_fields.h"

enum dns_action {
        DNS_LOOK_UP,     /* key and kind are set */
        DNS_SAY_NOTHING, /* NOERROR without records: types that nodes never have */
        DNS_SAY_NXDOMAIN,
        DNS_SAY_ADDRESS,     /* an addr name; address is set */
        DNS_SAY_UNSUPPORTED, /* NOTIMP with the question: zone transfers */
        DNS_SAY_NO_REVERSE,  /* a reverse name that is no address */
        DNS_SAY_ELSEWHERE,   /* a name of another datacenter, its label before the domain */
        DNS_SAY_FOREIGN,     /* a name in none of our domains */
        DNS_SAY_ERROR,       /* header only; rcode is set */
        DNS_SAY_VERDICT      /* no answer at all; verdict is set */
};

/* RFC 7871 client subnet, as it is sent back. */
struct dns_ecs {
        uint8_t family;
        uint8_t prefix;
        uint8_t length; /* of the address: whole bytes of the prefix */
        uint8_t address[16];
};

struct dns_query {
        uint8_t action; /* enum dns_action */
        uint8_t kind;   /* enum dns_kind */
        uint8_t rcode;
        uint8_t verdict;
        uint16_t type;
        uint16_t end;          /* offset in the message of the first byte behind the question */
        uint16_t udp_size;     /* as the EDNS record says; 0 without one */
        uint8_t name_length;   /* on the wire, root included */
        uint8_t domain_offset; /* where the name's domain starts, inside the name */
        uint8_t ready;         /* enum dns_ready: what answers it where the entry has that */
        bool has_edns;
        bool has_ecs;
        bool main_domain; /* asked under the main domain, not the alternative one */
        uint8_t address_length;
        uint16_t key_length; /* of the key that ends text's margin and begins its name */
        /*
         * The name, lower-cased, from byte DNS_QUERY_NAME on. The margin before it has room for the
         * key's first byte and for the overlapping copy, behind it there is some for whole words.
         */
        uint8_t text[8 + DNS_NAME_MAX + 8];
        uint8_t address[16]; /* of an addr name */
        struct dns_ecs ecs;
};
static_assert(offsetof(struct dns_query, text) <= 24, "short names share the first cache line");

#define DNS_QUERY_NAME 8u

/* The key; its first byte is the kind. */
static inline const uint8_t *dns_query_key(const struct dns_query *query)
{
        return query->text + DNS_QUERY_NAME - 1;
}

/* The label before the domain, where action says that the name is of another datacenter. */
static inline const uint8_t *dns_query_datacenter(const struct dns_query *query)
{
        const uint8_t *name = query->text + DNS_QUERY_NAME;
        unsigned at = 0;

        while (at + name[at] + 1u < query->domain_offset)
                at += name[at] + 1u;
        return name + at;
}

/** Parse a message. Reads nothing behind message->length; changes nothing in it. */
void dns_parse(const struct dns_zone *zone, const struct dns_message *message,
               struct dns_query *query);

/** The same without its short way for plain questions: nothing is ready. */
void dns_parse_any(const struct dns_zone *zone, const struct dns_message *message,
                   struct dns_query *query);

/**
 * Understand one uncompressed name as if an ANY question had asked for it.
 * @name    eight bytes before it must be readable.
 * returns  false when it is outside the zone's domains.
 */
bool dns_parse_target(const struct dns_zone *zone, const uint8_t *name, size_t length,
                      struct dns_query *query);

/** Read the records behind the question for EDNS. returns false when they are broken. */
bool dns_parse_edns(const struct dns_message *message, struct dns_query *query);

/** Turn a name under in-addr.arpa or ip6.arpa into its key. @name  lower-cased. */
void dns_parse_reverse(struct dns_query *query, const uint8_t *name, unsigned label_count);

#endif
