#ifndef CONTROL_STORE_MEMORY_H
#define CONTROL_STORE_MEMORY_H

/**
 * Allocation for the replicated state. A server that cannot apply a log entry must stop rather than
 * differ from the others, so these end the process instead of failing.
 */

#include <stddef.h>

/** Never NULL, also for 0 bytes. */
void *memory_get(size_t len);
void *memory_get_zeroed(size_t count, size_t len);
void *memory_resize(void *block, size_t len);

#endif
