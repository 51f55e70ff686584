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
#include "dataplane/worker/slow_path.h"
#include "dataplane/worker/worker_counters.h"
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

/** A descriptor that polls readable while punted queries wait. Owned by the runtime. */
int runtime_slow_fd(const struct runtime *rt);

/** Take up to n punted queries. returns how many. */
unsigned runtime_slow_take(struct runtime *rt, struct runtime_slow_query *out[], unsigned n);

/** Give one back: sent when its message's verdict is DNS_ANSWERED, otherwise dropped and counted.
 */
void runtime_slow_reply(struct runtime *rt, struct runtime_slow_query *take_query);

struct runtime_worker_info {
        char name[80]; /* "lcore0", "udp 127.0.0.1:8600 #0" */
        struct runtime_counters counters;
};

/** The address a listener got; tells which port the kernel chose for port 0. returns 0 or -EINVAL.
 */
int runtime_listen_address(const struct runtime *rt, size_t listen_index,
                           struct sockaddr_storage *out);

/**
 * Which driver serves a port: DPDK's name of its own, or "lictor_vhost".
 * @index  of the configuration. returns  NULL from the number of ports on.
 */
const char *runtime_port_driver(const struct runtime *rt, size_t index);

/** Copy every worker's counters. returns  how many workers, at most n. */
unsigned runtime_counters_read(const struct runtime *rt, struct runtime_worker_info out[],
                               unsigned n);

#endif
