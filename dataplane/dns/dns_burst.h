#ifndef LICTOR_DNS_BURST_H
#define LICTOR_DNS_BURST_H

/**
 * The DNS responder: a burst of messages in, their answers out, in the same buffers.
 *
 * Pure: no I/O, no clock, no allocation, no globals. Follows RFC 1035, 2181, 2308, 2782, 3597, 6891
 * and 7871, and Consul's choices where those leave one.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dns/dns_zone.h"
#include "dataplane/table/svc_table.h"

#define DNS_HEADER_LENGTH 12u
#define DNS_UDP_MAX       65535u

enum dns_verdict {
        DNS_ANSWERED,       /* length and rcode are set; send it */
        DNS_PUNT,           /* only the slow path can answer; the message is untouched */
        DNS_DROP_SHORT,     /* less than a header */
        DNS_DROP_NOT_QUERY, /* QR set: answering answers makes loops */
        DNS_DROP_NO_ROOM,   /* the buffer cannot hold even a header-only answer */
        DNS_VERDICT_COUNT
};

enum dns_transport { DNS_UDP, DNS_TCP };

struct dns_message {
        uint8_t *data;     /* the query; overwritten by the answer */
        uint16_t length;   /* of the query, then of the answer */
        uint16_t capacity; /* bytes writable at data */
        uint8_t verdict;   /* enum dns_verdict, set on return */
        uint8_t rcode;     /* of the answer, set with DNS_ANSWERED */
        /*
         * Zero before; afterwards what the answer's checksum_add sum exceeds the query's by, or
         * still zero: not known. Only the length is left to account for.
         */
        uint16_t sum_change;
};
static_assert(sizeof(struct dns_message) == 16, "four messages share a cache line");

/* What to do with what the table knows while the zone says that it is too old. */
enum dns_when_stale { DNS_STALE_PUNT, DNS_STALE_ANSWER, DNS_STALE_FAIL };

/* One per thread; the only state that changes from burst to burst. */
struct dns_random {
        uint64_t state;
};

struct dns_env {
        const struct dns_zone *zone; /* borrowed under the caller's RCU section */
        const struct svc_table *table;
        struct dns_random *random;
        uint32_t now_s; /* Unix time: the SOA serial */
        enum dns_transport transport;
        bool follow_aliases; /* true on the slow path: resolve names inside the zone here */
        bool answer_all;     /* nothing is left to ask: what would be punted has no answer */
        bool unreached;      /* who would know was asked and did not answer */
        enum dns_when_stale when_stale;
        /*
         * Tables of other datacenters, NULL without any: finds the one a label names, lower-cased
         * and with its length in front.
         */
        const struct plane_peers *peers;
        bool (*peer_of)(const struct plane_peers *peers, const uint8_t *label,
                        const struct dns_zone **zone, const struct svc_table **table);
};

/**
 * Answer up to SVC_BURST_MAX messages.
 *
 * A UDP answer never exceeds min(capacity, what the query's EDNS size or 512 allows). Punted are,
 * with recursion, foreign names and unknown addresses; and unless follow_aliases is set, answers
 * that hold a host name inside the zone, or with recursion any host name: with follow_aliases names
 * inside the zone are resolved here, and the others stand alone for the caller to add to. With
 * query_templates unknown prepared queries are punted, with datacenters the names of others
 * that are not among the peers.
 * answer_all is for what nobody could answer: foreign names and unknown addresses get SERVFAIL,
 * unknown queries NXDOMAIN. While the zone is unready, and when unreached, a name that is not found
 * gets SERVFAIL. In a stale zone all that needs the table is punted, answered all the same, or gets
 * SERVFAIL, as when_stale says.
 *
 * context  registered reader.
 */
void dns_respond_burst(const struct dns_env *env, struct dns_message messages[], unsigned n);

#endif
