#ifndef LICTOR_CONTROL_DNS_MESSAGE_H
#define LICTOR_CONTROL_DNS_MESSAGE_H

/**
 * Whole DNS messages: which host names an answer leaves open, and what others answered added to it.
 * Reads bytes from outside; pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dns/dns_wire.h"

struct dns_zone;

/* Host names looked up for one answer. */
#define DNS_MESSAGE_HOSTS_MAX 8u

struct dns_message_host {
        uint8_t name[DNS_NAME_MAX + 8]; /* written in full */
        uint8_t length;
        bool is_target; /* of an SRV record: what is found goes beside the answer */
};

/* Records to add: each with its names written in full, as many as fit. */
#define DNS_MESSAGE_ADDED_MAX 4096u

struct dns_message_added {
        size_t len;
        uint8_t records[DNS_MESSAGE_ADDED_MAX];
        uint16_t offsets[64];
        bool beside[64]; /* for the additional section */
        unsigned count;
};

/** How an answer may grow. */
struct dns_message_limits {
        size_t size;         /* bytes in all */
        unsigned answer_max; /* records in the answer section */
        bool compress;
};

/**
 * The host names outside the zone that CNAME and SRV records of an answer lead to and that it has
 * no record of. returns  how many, at most DNS_MESSAGE_HOSTS_MAX; 0 for what is no message.
 */
unsigned dns_message_open_hosts(const struct dns_zone *zone, const uint8_t *answer, size_t len,
                                struct dns_message_host hosts[DNS_MESSAGE_HOSTS_MAX]);

/** The size a message's EDNS record states, an answer's being its query's; 0 without one. */
unsigned dns_message_udp_size(const uint8_t *message, size_t len);

/** Write a recursive A question for a host. returns  its length, at most 300 bytes. */
size_t dns_message_ask(const struct dns_message_host *host, uint8_t out[300]);

/** How the records of another name server's answer are taken. */
struct dns_message_taking {
        bool beside; /* for the additional section */
        bool set_ttl;
        uint32_t ttl_s; /* instead of theirs, with set_ttl */
        unsigned max;   /* records */
};

/** What a question's own answer prescribes for what its hosts are answered with. */
void dns_message_taking_init(const struct dns_zone *zone, const uint8_t *answer, size_t len,
                             struct dns_message_taking *out);

/** Take the addresses and aliases out of a name server's answer; what does not fit is left out. */
void dns_message_gather(const uint8_t *answer, size_t len, const struct dns_message_taking *taking,
                        struct dns_message_added *added);

/**
 * Write the answer with what was gathered; what does not fit is left out.
 * @out     limits->size bytes; not @answer.
 * returns  its length, or 0 when @answer is no message, which is then best sent as it is.
 */
size_t dns_message_add(const uint8_t *answer, size_t len, const struct dns_message_added *added,
                       const struct dns_message_limits *limits, uint8_t *out);

#endif
