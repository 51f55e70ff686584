#ifndef LICTOR_EAL_H
#define LICTOR_EAL_H

/**
 * DPDK's environment layer, which a process can have once. What it prints is kept from the
 * terminal; what it first complains of goes into our own error lines. context  control thread.
 */

#include <sched.h>
#include <stddef.h>

#include "dataplane/port/port_error.h"

/**
 * Initialise EAL unless it is up already.
 * @arguments  the operator's; what they leave open is set so that several programs can share the
 *             machine: --in-memory, and one lcore that floats over this thread's CPUs.
 */
int eal_start(const char *const arguments[], size_t count, const struct port_error *error);

/** Make the calling thread one EAL knows, with memory pool caches. returns 0 or negative errno. */
int eal_enter_thread(void);
void eal_leave_thread(void);

/** The first complaint since eal_forget_error, without its line feed, or fallback. */
const char *eal_first_error(const char *fallback);
void eal_forget_error(void);

#endif
