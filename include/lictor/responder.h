#ifndef LICTOR_RESPONDER_H
#define LICTOR_RESPONDER_H

/**
 * The responder for programs with a DPDK main loop of their own: a burst of received mbufs in,
 * answers ready to send out.
 *
 * One responder per lcore and port; not thread-safe. It answers DNS over UDP, ARP, neighbour
 * solicitations and echo requests for the addresses it is given, each in the mbuf of the query, and
 * hands everything else back. It never receives, sends, allocates, blocks or logs.
 *
 * Ownership. The caller owns every mbuf before and after lictor_responder_process, which only sorts
 * them: those in tx are to be sent, those in rest are the caller's to forward or free. Their data
 * must not be shared with other mbufs, for answers are written there. A query is looked for in the
 * first segment alone; segments behind it are freed when it is answered.
 *
 * Threads. The calling thread must be a registered reader (lictor_reader_register) that reports a
 * quiescent state between bursts, or is offline while it sleeps.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lictor/dataplane.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rte_mbuf;
struct lictor_responder;

#define LICTOR_IDENTITY_ADDRESS_MAX 8 /* of each family */

/* Who the responder is on the wire. */
struct lictor_identity {
        uint8_t mac[6];
        uint16_t mtu;      /* of IP packets: no answer is larger */
        uint16_t dns_port; /* in host byte order */
        const struct lictor_address *addresses;
        size_t address_count;
        bool forwards;        /* the caller takes exceptions; else they are dropped */
        bool fills_checksums; /* the port sends with IPv4 and UDP checksum offload enabled */
};

enum lictor_fate {
        LICTOR_EXCEPTION, /* not ours: for the host's own stack. Only with forwards */
        LICTOR_PUNT,      /* a DNS query only slower code can answer; unchanged */
        LICTOR_DROP       /* malformed, unwanted or never to be answered; counted by reason */
};

/* A packet handed back. */
struct lictor_rest {
        struct rte_mbuf *mbuf;
        enum lictor_fate fate;
};

/**
 * Create a responder.
 * @dp        borrowed until the responder is destroyed.
 * @identity  borrowed for the call.
 * @seed      of the choice and order among instances; differ it from lcore to lcore.
 * returns  0; -EINVAL for no or too many addresses, no MTU or no port; -ENOMEM.
 */
LICTOR_API int lictor_responder_create(const struct lictor_dataplane *dp,
                                       const struct lictor_identity *identity, uint64_t seed,
                                       struct lictor_responder **out);
LICTOR_API void lictor_responder_destroy(struct lictor_responder *take_responder);

/**
 * Process received packets; bursts of 32 are what it is fastest with.
 * @rx          n mbufs; the array is read only.
 * @now_s       Unix time, which becomes the serial of SOA records.
 * @tx          room for n; the answered ones, ready to send with checksums filled or marked.
 * @rest        room for n; all others.
 * @rest_count  set to how many those are.
 * returns  how many are in tx.
 * context  registered reader; never blocks.
 */
LICTOR_API unsigned lictor_responder_process(struct lictor_responder *responder,
                                             struct rte_mbuf *const rx[], unsigned n,
                                             uint32_t now_s, struct rte_mbuf *tx[],
                                             struct lictor_rest rest[], unsigned *rest_count);

struct lictor_counter {
        const char *name; /* "answered", "bad_udp_checksum"; constant, never freed */
        uint64_t value;   /* monotonic since the responder was created */
};

/**
 * Read the counters.
 * @out  room for n.
 * returns  how many there are; out holds the first n of them.
 * context  any thread.
 */
LICTOR_API size_t lictor_responder_counters(const struct lictor_responder *responder,
                                            struct lictor_counter out[], size_t n);

#ifdef __cplusplus
}
#endif

#endif
