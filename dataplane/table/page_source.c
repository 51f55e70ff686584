// Huge pages are asked for with madvise, not taken from the hugetlb pool: that pool is small, set
// aside by the administrator, and EAL needs it for packet buffers; a growing table would starve the
// ports of it. Transparent huge pages are the same pages to the processor, come without being
// reserved, and fall back to small ones by themselves.

#define _DEFAULT_SOURCE

#include "dataplane/table/page_source.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void *map_pages(size_t bytes)
{
        void *memory =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return memory == MAP_FAILED ? NULL : memory;
}

// The kernel promises page alignment only: map with room to spare and give back both ends.
static void *map_huge(size_t bytes)
{
        const size_t spare = PAGE_HUGE_BYTES;
        uint8_t *memory = map_pages(bytes + spare);
        size_t head;

        if (memory == NULL)
                return NULL;
        head = (PAGE_HUGE_BYTES - (uintptr_t)memory % PAGE_HUGE_BYTES) % PAGE_HUGE_BYTES;
        if (head > 0)
                munmap(memory, head);
        if (spare - head > 0)
                munmap(memory + head + bytes, spare - head);
        memory += head;
        // Advice: without it the table is slower, not wrong.
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
        return memory;
}

static void *kernel_map(void *context, size_t bytes)
{
        (void)context;
        return bytes % PAGE_HUGE_BYTES == 0 ? map_huge(bytes) : map_pages(bytes);
}

static void kernel_unmap(void *context, void *take_memory, size_t bytes)
{
        (void)context;
        munmap(take_memory, bytes);
}

// What is there already moves at once where the kernel can (Linux 6.1), else in its own time.
static void kernel_prefer_huge(void *context, void *memory, size_t bytes, bool huge)
{
        (void)context;
        if (madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0 && huge)
                (void)madvise(memory, bytes, MADV_COLLAPSE);
}

struct page_source page_source_kernel(void)
{
        return (struct page_source){
            .map = kernel_map, .unmap = kernel_unmap, .prefer_huge = kernel_prefer_huge};
}

bool page_source_is_huge(bool (*is_ours)(const void *context, uintptr_t start, uintptr_t end),
                         const void *context)
{
        FILE *maps = fopen("/proc/self/smaps", "r");
        uint64_t resident_kb = 0, huge_kb = 0, kb;
        uintptr_t start, end;
        bool ours = false;
        char line[512];

        if (maps == NULL)
                return false;
        while (fgets(line, sizeof(line), maps) != NULL) {
                // A mapping opens with "start-end rwxp ..."; its figures follow as "Name: n kB".
                if (sscanf(line, "%zx-%zx ", &start, &end) == 2)
                        ours = is_ours(context, start, end);
                else if (ours && sscanf(line, "Rss: %zu kB", &kb) == 1)
                        resident_kb += kb;
                else if (ours && sscanf(line, "AnonHugePages: %zu kB", &kb) == 1)
                        huge_kb += kb;
        }
        fclose(maps);
        return resident_kb > 0 && huge_kb * 10 >= resident_kb * 9;
}
