#ifndef LICTOR_RUNTIME_INTERNAL_H
#define LICTOR_RUNTIME_INTERNAL_H

/** What the runtime's own files share. */

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/port/port_error.h"
#include "dataplane/runtime/runtime.h"
#include "dataplane/worker/worker.h"

/** Check what can be told without touching the machine. @cpus those this process may run on. */
int runtime_config_check(const struct runtime_config *config, const cpu_set_t *cpus,
                         const struct port_error *error);

struct runtime_worker {
        struct worker *worker;
        char name[80];
        int cpu;     /* -1: wherever the scheduler likes */
        bool is_eal; /* needs an EAL lcore id of its own for mempool caches */
        bool is_running;
        pthread_t thread;
        int entered; /* what becoming a worker returned; valid after ready */
        sem_t ready;
};

struct dpdk_port;

struct runtime {
        struct lictor_dataplane *dp;
        int slow_fd;
        unsigned worker_count;
        struct runtime_worker workers[RUNTIME_WORKER_MAX];
        size_t listen_count;
        struct sockaddr_storage listen[RUNTIME_LISTEN_MAX];
        unsigned port_count;
        struct dpdk_port *ports[RUNTIME_PORT_MAX];
        bool has_moved; /* threads were taken off the polling CPUs */
        cpu_set_t cpus_before;
};

/**
 * Add a worker without queues, to be started by runtime_threads_start.
 * @buffer_size  of its slow path's items.
 */
int runtime_worker_add(struct runtime *rt, const struct runtime_config *config, size_t buffer_size,
                       struct runtime_worker **out);

/** Start every worker's thread; on failure those started are left for runtime_threads_stop. */
int runtime_threads_start(struct runtime *rt, const struct port_error *error);
void runtime_threads_stop(struct runtime *rt);

/** Initialise EAL, open the configured ports and give their queues to workers. */
int runtime_dpdk_open(struct runtime *rt, const struct runtime_config *config,
                      const struct port_error *error);
void runtime_dpdk_close(struct runtime *rt);

/** Make the calling thread one EAL knows. returns 0 or a negative errno. */
int runtime_eal_enter(void);
void runtime_eal_leave(void);

/**
 * Take every thread of the process, and those they will start, off the polling CPUs; let them go
 * where the calling one could again. context  no worker runs.
 */
void runtime_leave_polling_cpus(struct runtime *rt, const struct runtime_config *config);
void runtime_restore_cpus(struct runtime *rt);

#endif
