#ifndef LICTOR_CONTROL_DNS_TCP_H
#define LICTOR_CONTROL_DNS_TCP_H

/**
 * DNS over TCP on the control thread's loop (RFC 7766): length prefixes, pipelining, and bounds on
 * connections, memory and time.
 *
 * A connection lives as long as a complete query arrives every idle_timeout_ms; single bytes do not
 * prolong it. When all places are taken, the one that has waited longest makes room. A client that
 * does not read its answers is not read from, and is closed when too much is unsent in all.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "lictor/dataplane.h"

struct dns_resolver;
struct dns_tcp;

struct dns_tcp_config {
        const struct sockaddr_storage *addresses; /* port 0 takes a free one */
        size_t address_count;
        unsigned connection_limit;     /* 0: 1024 */
        unsigned idle_timeout_ms;      /* 0: 10000 */
        struct dns_resolver *resolver; /* for what the table cannot answer; borrowed; or NULL */
        size_t unsent_limit; /* bytes of answers not yet taken, of all clients; 0: 64 MiB */
};

struct dns_tcp_stats {
        uint64_t accepted;
        uint64_t evicted;   /* closed to make room */
        uint64_t overrun;   /* closed for not taking answers while unsent_limit was reached */
        uint64_t timed_out; /* closed for want of a complete query */
        uint64_t received;  /* queries */
        uint64_t answered;
        uint64_t dropped; /* queries without an answer; their connection is closed */
};

/**
 * Listen and serve.
 * @dataplane  borrowed until dns_tcp_stop.
 * @error      on failure one line for the operator.
 * returns     0 or a negative errno.
 * context     the control thread, registered as a reader and offline.
 */
int dns_tcp_start(uv_loop_t *loop, const struct lictor_dataplane *dataplane,
                  const struct dns_tcp_config *config, struct dns_tcp **out, char *error,
                  size_t error_size);

/** Close everything; the loop's next turns free it. */
void dns_tcp_stop(struct dns_tcp *take_tcp);

/** Port of the i-th address, in host order. */
uint16_t dns_tcp_port(const struct dns_tcp *tcp, size_t i);

/** Connections open now. */
unsigned dns_tcp_connections(const struct dns_tcp *tcp);

/** Figures since the start. */
void dns_tcp_stats(const struct dns_tcp *tcp, struct dns_tcp_stats *out);

#endif
