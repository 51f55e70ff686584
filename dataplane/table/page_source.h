#ifndef LICTOR_PAGE_SOURCE_H
#define LICTOR_PAGE_SOURCE_H

/**
 * Where the table's memory comes from. Injected, so that tests can refuse the n-th mapping.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_HUGE_BYTES ((size_t)2 << 20)

struct page_source {
        /* Zeroed memory on a page boundary, on a 2 MiB one when bytes is a multiple of 2 MiB; NULL
         * when there is none. */
        void *(*map)(void *context, size_t bytes);
        void (*unmap)(void *context, void *take_memory, size_t bytes);
        /* Whether memory of 2 MiB each is worth huge pages; it is unless said. May be NULL. */
        void (*prefer_huge)(void *context, void *memory, size_t bytes, bool huge);
        void *context;
};

/** Anonymous memory from the kernel, on transparent huge pages where it has them. */
struct page_source page_source_kernel(void);

/**
 * Ask the kernel whether memory lies on huge pages.
 * @is_ours  tells of an address range whether any of it is in question.
 * returns   true when at least nine tenths of what is resident there is on huge pages.
 * context   reads /proc/self/smaps, which takes milliseconds in a large process.
 */
bool page_source_is_huge(bool (*is_ours)(const void *context, uintptr_t start, uintptr_t end),
                         const void *context);

#endif
