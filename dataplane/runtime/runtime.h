#ifndef LICTOR_RUNTIME_H
#define LICTOR_RUNTIME_H

/**
 * The running data plane of an agent: EAL, ports, worker threads, counters and the slow path.
 *
 * Started, stopped and asked by the control thread only. Workers read the data plane given at
 * start; the control thread goes on publishing into it.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/packet/frame.h"
#include "lictor/dataplane.h"

#define RUNTIME_LCORE_MAX  64u
#define RUNTIME_PORT_MAX   16u
#define RUNTIME_LISTEN_MAX 8u
#define RUNTIME_WORKER_MAX (RUNTIME_LCORE_MAX + RUNTIME_LISTEN_MAX)

enum runtime_driver { RUNTIME_SOCKET, RUNTIME_DPDK };
enum runtime_idle { RUNTIME_IDLE_ADAPTIVE, RUNTIME_IDLE_POLL };

/* One DPDK port. Strings are borrowed for runtime_start. */
struct runtime_port_config {
        const char *device;           /* devargs of a vdev, or a PCI address */
        const char *mac;              /* NULL: the port's own */
        const char *const *addresses; /* "10.99.0.2/24", "fd00::2/64" */
        size_t address_count;
        const char *gateway;   /* NULL or an address; the kernel interface's default route */
        unsigned queue_count;  /* receive queues, spread over the lcores */
        const char *exception; /* NULL or the name of a kernel interface to make */
};

struct runtime_config {
        enum runtime_driver driver;
        enum runtime_idle idle;
        uint16_t dns_port;
        const char *const *eal_arguments;
        size_t eal_argument_count;
        const unsigned *lcores; /* CPUs that poll */
        size_t lcore_count;
        const struct runtime_port_config *ports;
        size_t port_count;
        const struct sockaddr_storage *listen; /* kernel UDP sockets, with either driver */
        size_t listen_count;
        unsigned socket_worker_count; /* threads per listen address; SO_REUSEPORT spreads */
};

struct runtime;

/**
 * Start everything, or nothing.
 * @error  on failure one line that says what is wrong and how to mend it.
 * returns  0 or a negative errno.
 */
int runtime_start(const struct runtime_config *config, struct lictor_dataplane *dp,
                  struct runtime **out, char *error, size_t error_size);

/** Stop the workers, close the ports, free everything. */
void runtime_stop(struct runtime *take_rt);

/*
 * Slow path. A punted query is borrowed by the control thread between take and reply; the newest
 * comes first, and what is older than RUNTIME_SLOW_DEADLINE_MS is dropped and counted.
 */
#define RUNTIME_SLOW_DEADLINE_MS 2000u

struct runtime_slow_query {
        struct dns_message message;
        uint64_t received_ns; /* CLOCK_MONOTONIC */
        struct sockaddr_storage client;
};

/** A descriptor that polls readable while punted queries wait. Owned by the runtime. */
int runtime_slow_fd(const struct runtime *rt);

/** Take up to n punted queries. returns how many. */
unsigned runtime_slow_take(struct runtime *rt, struct runtime_slow_query *out[], unsigned n);

/** Give one back: sent when its message's verdict is DNS_ANSWERED, otherwise dropped and counted.
 */
void runtime_slow_reply(struct runtime *rt, struct runtime_slow_query *take_query);

/* Written by one worker, read by the control thread; monotonic since start. */
struct runtime_counters {
        uint64_t received;
        uint64_t answered;
        uint64_t answered_by_rcode[16];
        uint64_t dns_dropped[DNS_VERDICT_COUNT];
        uint64_t frames[FRAME_VERDICT_COUNT];
        uint64_t punted;
        uint64_t punt_dropped_full;
        uint64_t punt_dropped_late;
        uint64_t send_dropped;
        uint64_t exception_to_kernel;
        uint64_t exception_from_kernel;
        uint64_t exception_dropped;
        uint64_t bursts;      /* that held at least one packet */
        uint64_t busy_cycles; /* spent in those */
        uint64_t total_cycles;
        uint64_t sleeps;
};

struct runtime_worker_info {
        char name[32]; /* "lcore0", "udp 127.0.0.1:8600 #0" */
        struct runtime_counters counters;
};

/** Copy every worker's counters. returns  how many workers, at most n. */
unsigned runtime_counters_read(const struct runtime *rt, struct runtime_worker_info out[],
                               unsigned n);

#endif
